KERNEL += exo/env/counts.c
KERNEL += exo/env/cpu.c
KERNEL += exo/env/env.c
KERNEL += exo/env/meter.c
KERNEL += exo/env/move.c
KERNEL += exo/env/ready.c
KERNEL += exo/env/sched.c
KERNEL += exo/env/slice.c
KERNEL += exo/env/thread.c
KERNEL += exo/env/upcall.c
KERNEL += exo/env/wait.c

# A variant with the other way of queueing (decision 31).
VARIANTS     += lazy
lazy-without := exo/env/ready.c
lazy-with    := exo/env/ready_lazy.c
