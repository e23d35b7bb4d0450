/* The common IPC: call or reply-and-wait, untyped words, a partner that waits for it; then the
 * caller waits without timeout. Everything else, and whatever is unusual, is left to ipc_do. */
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "l4core/ipc.h"

/* The partner, when nothing but the message needs doing for it; else NULL. */
static struct thread *fast_partner(const struct thread *t, word_t to)
{
    struct thread *p = thread_by_number((uint32_t)(to >> 32));

    if (!p || p->global_id != to || p->cpu != t->cpu || p->state != THREAD_IPC_RECEIVE)
        return NULL;
    if (p->ipc_from != L4_ANY && p->ipc_from != t->global_id)
        return NULL;
    return p->ipc_fault || !list_is_empty(&p->sleep_link) ? NULL : p;
}

static void fast_message(struct thread *from, struct thread *to, word_t tag)
{
    const struct regs *f = thread_regs(from);
    struct regs *r = thread_regs(to);

    r->r9 = tag & ~TAG_FLAGS;
    r->rax = f->rax;
    r->rbx = f->rbx;
    r->r10 = f->r10;
    r->r12 = f->r12;
    r->r13 = f->r13;
    r->r14 = f->r14;
    r->r15 = f->r15;
    r->rsi = from->env == to->env ? from->utcb_va + UTCB_MR : from->global_id;
    for (unsigned i = 8; i <= TAG_UNTYPED(tag); i++)
        *thread_mr(to, (int)i) = *thread_mr(from, (int)i);
}

bool ipc_fast(struct thread *t, word_t to, word_t from, word_t timeouts)
{
    word_t tag = thread_regs(t)->r9;
    struct cpu *c = cpu_this();

    if ((uint16_t)timeouts != TIME_NEVER || TAG_TYPED(tag) || c->choose || L4_IS_LOCAL(to))
        return false;
    if (from != to && (from != L4_ANY || !list_is_empty(&t->senders)))
        return false;
    struct thread *p = fast_partner(t, to);
    if (!p)
        return false;
    fast_message(t, p, tag);
    t->ipc_from = from;
    t->ipc_timeouts = 0;
    t->state = THREAD_IPC_RECEIVE;
    sched_direct(c, p);
    return true;
}
