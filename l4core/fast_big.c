/* The common IPC, as in fast.c, under the one lock: for one variant of the kernel. */
#include "exo/env/hooks.h"
#include "l4core/fast.h"
#include "l4core/lock.h"

static inline bool take_lock(void)
{
    arch_call_apart();
    bool taken = lock_try();
    arch_call_apart();
    return taken;
}

static inline void leave_lock(void)
{
    arch_call_apart();
    lock_leave();
    arch_call_apart();
}

word_t hook_ipc_fast(struct thread *t, word_t to, word_t from, word_t ip, word_t timeouts,
                     word_t tag)
{
    struct thread *p = thread_or_nobody(to >> 32);

    (void)ip;
    if (!fast_can(t, p, to, from, timeouts, tag) || !take_lock())
        return fast_decline(t, to, from, timeouts, tag);
    word_t name = fast_send(t, p, from, tag);
    leave_lock();
    return name;
}
