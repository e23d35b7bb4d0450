KERNEL += exo/entry/dispatch.c
KERNEL += exo/entry/main.c
KERNEL += exo/entry/trap.c
