/* The common IPC: call or reply-and-wait, untyped words, a partner that waits for it; then the
 * caller waits without timeout. Everything else, and whatever is unusual, is left to ipc_do. */
#include "exo/env/hooks.h"
#include "l4core/fast.h"

/* Reached by jumps: the registers are as the hook had them. */
#define ASIDE __attribute__((noipa))

static ASIDE word_t decline(struct thread *t, word_t to, word_t from, word_t ip, word_t timeouts,
                            word_t tag)
{
    (void)ip;
    return fast_decline(t, to, from, timeouts, tag);
}

/* By local ID, to a thread that was found by it before, and with no more words than registers. */
static ASIDE word_t send_local(struct thread *t, word_t to, word_t from, word_t ip, word_t timeouts,
                               word_t tag)
{
    (void)ip;
    struct thread *p = thread_or_nobody(*env_local(t->env, to));

    if ((tag & (TAG_UNUSUAL | TAG_LONG)) || !fast_can_local(t, p, to, from, timeouts))
        return decline(t, to, from, 0, timeouts, tag);
    word_t name = fast_send(t, p, from == to ? p->global_id : from);
    return arch_ipc_leave(&p->arch, name, from, timeouts, tag);
}

/* A tag with flags, items, or more words than registers: in the last case alone, as below. */
static inline __attribute__((always_inline)) word_t
send_long(struct thread *t, word_t to, word_t from, word_t ip, word_t timeouts, word_t tag)
{
    struct thread *p = thread_or_nobody(to >> 32);

    if ((tag & TAG_UNUSUAL) || !fast_can(t, p, to, from, timeouts))
        return decline(t, to, from, ip, timeouts, tag);
    fast_copy(t, p, tag);
    t = (struct thread *)CPU_GET(current); /* again: that costs less than to keep its register */
    word_t name = fast_send(t, p, from);
    return arch_ipc_leave(&p->arch, name, from, timeouts, tag);
}

word_t hook_ipc_fast(struct thread *t, word_t to, word_t from, word_t ip, word_t timeouts,
                     word_t tag)
{
    if (tag & (TAG_UNUSUAL | TAG_LONG))
        return send_long(t, to, from, ip, timeouts, tag);
    struct thread *p = thread_or_nobody(to >> 32);
    if (!fast_can(t, p, to, from, timeouts))
        return L4_IS_LOCAL(to) ? send_local(t, to, from, ip, timeouts, tag)
                               : decline(t, to, from, ip, timeouts, tag);
    word_t name = fast_send(t, p, from);
    return arch_ipc_leave(&p->arch, name, from, timeouts, tag);
}
