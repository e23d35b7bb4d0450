KERNEL += exo/mem/boot_mem.c
KERNEL += exo/mem/frame.c
KERNEL += exo/mem/space.c
