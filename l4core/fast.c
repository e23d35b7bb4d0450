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
#include "l4core/lock.h"

/* Does `p`, which may be nobody, wait for `t`, the current thread of `c`, and need nothing else? No
 * ID that names no thread is a thread's: their low bits are never all 0. */
static inline bool is_ready(const struct cpu *c, const struct thread *t, const struct thread *p,
                            word_t id)
{
    return p->global_id == id && p->readiness == c->awaits_message &&
           (p->ipc_from == t->global_id || p->ipc_from == L4_ANY);
}

/* What the hook was given of the registers is for the general path, but for an IPC by capability
 * that is done at once. */
static word_t decline(struct thread *t, word_t rdi, word_t to, word_t from, word_t timeouts,
                      word_t tag)
{
    struct regs *r = thread_regs(t);

    r->rdi = rdi;
    r->rsi = to;
    r->rdx = from;
    r->r8 = timeouts;
    r->r9 = tag;
    return to >> 63 ? endpoint_fast(t) : 0; /* no thread's ID has that bit */
}

word_t hook_ipc_fast(word_t rdi, word_t to, word_t from, word_t ip, word_t timeouts, word_t tag)
{
    struct cpu *c = cpu_this();
    struct thread *t = c->current, *p = thread_or_nobody(to >> 32);
    bool waits = from == to || (from == L4_ANY && list_is_empty(&t->senders));

    (void)ip;
    if (TIMEOUT_RECEIVE(timeouts) != TIME_NEVER || (tag & TAG_UNUSUAL) || !waits ||
        !is_ready(c, t, p, to) || !lock_try())
        return decline(t, rdi, to, from, timeouts, tag);
    t->ipc_from = from;
    t->state = THREAD_IPC_RECEIVE;
    ipc_copy_fast(t, p, tag);
    word_t name = sched_direct(c, t, p) ? t->global_id : t->utcb_va + UTCB_MR;
    lock_leave();
    return name;
}
