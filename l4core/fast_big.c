/* The common IPC, as in fast.c, under the one lock: for one variant of the kernel. */
#include "exo/env/hooks.h"
#include "l4core/fast.h"
#include "l4core/lock.h"

static word_t take_lock(void *unused)
{
    (void)unused;
    return lock_try();
}

static word_t give_lock(void *unused)
{
    (void)unused;
    lock_leave();
    return 0;
}

word_t hook_ipc_fast(struct thread *t, word_t to, word_t from, word_t ip, word_t timeouts,
                     word_t tag)
{
    struct thread *p = thread_or_nobody(to >> 32);

    (void)ip;
    if ((tag & TAG_UNUSUAL) || !fast_can(t, p, to, from, timeouts) ||
        !arch_call_aside(take_lock, NULL))
        return fast_decline(t, to, from, timeouts, tag);
    if (tag & TAG_LONG)
        fast_copy(t, p, tag);
    word_t name = fast_send(t, p, from);
    arch_call_aside(give_lock, NULL);
    return arch_ipc_leave(&p->arch, name, from, timeouts, tag);
}
