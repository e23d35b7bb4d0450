/* The common IPC: call or reply-and-wait, untyped words, a partner that waits for it; then the
 * caller waits without timeout. Everything else, and whatever is unusual, is left to ipc_do. */
#include "exo/env/hooks.h"
#include "l4core/fast.h"

word_t hook_ipc_fast(struct thread *t, word_t to, word_t from, word_t ip, word_t timeouts,
                     word_t tag)
{
    struct thread *p = thread_or_nobody(to >> 32);

    (void)ip;
    if (!fast_can(t, p, to, from, timeouts, tag))
        return fast_decline(t, to, from, timeouts, tag);
    return fast_send(t, p, from, tag);
}
