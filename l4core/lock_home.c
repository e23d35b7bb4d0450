/* IPC between threads of one CPU without a lock. */
#include "exo/env/cpu.h"
#include "l4core/lock.h"

bool lock_try(void)
{
    return true;
}

void lock_leave(void)
{
}

bool lock_ipc(const struct thread *t, bool needed)
{
    return !needed || forest_lock_for(t);
}

void lock_ipc_leave(bool needed)
{
    if (needed)
        forest_unlock();
}
