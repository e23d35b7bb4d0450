KERNEL += exo/env/cpu.c
KERNEL += exo/env/env.c
KERNEL += exo/env/meter.c
KERNEL += exo/env/move.c
KERNEL += exo/env/sched.c
KERNEL += exo/env/slice.c
KERNEL += exo/env/thread.c
KERNEL += exo/env/upcall.c
