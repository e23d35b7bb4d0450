/* All IPC under the forest lock, on one CPU too: for one variant of the kernel. */
#include "exo/env/cpu.h"
#include "l4core/lock.h"

bool lock_try(void)
{
    return forest_try_lock_slow();
}

void lock_leave(void)
{
    forest_unlock_slow();
}

bool lock_ipc(const struct thread *t, bool needed)
{
    (void)needed;
    return forest_lock_slow_for(t);
}

void lock_ipc_leave(bool needed)
{
    (void)needed;
    forest_unlock_slow();
}
