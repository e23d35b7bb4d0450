/* The common IPC: call or reply-and-wait, untyped words, a partner that waits for it; then the
 * caller waits without timeout. Everything else, and whatever is unusual, is left to ipc_do. */
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "l4core/fast.h"

#define TAG_UNUSUAL (TAG_FLAGS | 0xfc0) /* flags, or typed items */

/* What the hook was given of the registers, for the general path. */
static word_t decline(struct thread *t, word_t to, word_t from, word_t timeouts, word_t tag)
{
    struct regs *r = thread_regs(t);

    r->rdi = t->utcb_va + UTCB_MR;
    r->rsi = to;
    r->rdx = from;
    r->r8 = timeouts;
    r->r9 = tag;
    return 0;
}

word_t hook_ipc_fast(struct thread *t, word_t to, word_t from, word_t ip, word_t timeouts,
                     word_t tag)
{
    struct thread *p = thread_or_nobody(to >> 32);

    (void)ip;
    if (TIMEOUT_RECEIVE(timeouts) != TIME_NEVER || (tag & TAG_UNUSUAL) ||
        !fast_waits(t, to, from) || !fast_is_ready(t, p, to))
        return decline(t, to, from, timeouts, tag);
    t->ipc_from = from;
    t->state = THREAD_IPC_RECEIVE;
    if (TAG_UNTYPED(tag) >= MR_IN_REGISTERS)
        arch_copy_words_aside(p->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                              t->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                              TAG_UNTYPED(tag) + 1 - MR_IN_REGISTERS);
    return sched_direct(cpu_this_again(), t, p) ? t->global_id : t->utcb_va + UTCB_MR;
}
