KERNEL += l4core/calls.c
KERNEL += l4core/exregs.c
KERNEL += l4core/fast.c
KERNEL += l4core/ipc.c
KERNEL += l4core/kernel_ipc.c
KERNEL += l4core/kip.c
KERNEL += l4core/map.c
KERNEL += l4core/transfer.c
