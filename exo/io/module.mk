KERNEL += exo/io/function.c exo/io/msix.c
KERNEL += exo/io/pci.c exo/io/pci_assign.c exo/io/virtio.c exo/io/virtq.c exo/io/virtio_net.c exo/io/virtio_blk.c

HOST_TESTS += virtio virtio_blk virtq
virtq-needs  := exo/io/virtq.c tests/host/fakes/virtq_device.c
virtio-needs := exo/io/virtq.c exo/io/virtio_net.c tests/host/fakes/virtio.c tests/host/fakes/virtq_device.c
virtio_blk-needs := exo/io/virtq.c exo/io/virtio_blk.c tests/host/fakes/virtio.c tests/host/fakes/virtq_device.c
