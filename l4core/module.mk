KERNEL += l4core/calls.c
KERNEL += l4core/fast.c
KERNEL += l4core/ipc.c
KERNEL += l4core/kernel_ipc.c
KERNEL += l4core/kip.c
KERNEL += l4core/map.c
KERNEL += l4core/transfer.c

# STRINGS=0: a kernel to which every string item is a message overflow.
KERNEL += $(if $(filter 0,$(STRINGS)),l4core/no_string.c,l4core/string.c)
