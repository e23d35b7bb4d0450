KERNEL += exo/io/pci.c exo/io/virtio.c exo/io/virtq.c exo/io/virtio_net.c exo/io/virtio_blk.c

HOST_TESTS += virtio virtq
virtq-needs  := exo/io/virtq.c
virtio-needs := exo/io/virtq.c exo/io/virtio_net.c
