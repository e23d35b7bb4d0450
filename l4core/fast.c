/* The common IPC: call or reply-and-wait, untyped words, a partner that waits for it; then the
 * caller waits without timeout. Everything else, and whatever is unusual, is left to ipc_do. */
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
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

word_t hook_ipc_fast(word_t to, word_t from, word_t timeouts, word_t tag)
{
    struct cpu *c = cpu_this();
    struct thread *t = c->current;

    if ((uint16_t)timeouts != TIME_NEVER || TAG_TYPED(tag) || c->choose || L4_IS_LOCAL(to))
        return 0;
    if (from != to && (from != L4_ANY || !list_is_empty(&t->senders)))
        return 0;
    struct thread *p = fast_partner(t, to);
    if (!p)
        return 0;
    if (TAG_UNTYPED(tag) >= MR_IN_REGISTERS)
        arch_copy_words(p->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                        t->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                        TAG_UNTYPED(tag) + 1 - MR_IN_REGISTERS);
    t->ipc_from = from;
    t->ipc_timeouts = 0;
    t->state = THREAD_IPC_RECEIVE;
    c->info->entries++;
    sched_direct(c, p);
    return t->env == p->env ? t->utcb_va + UTCB_MR : t->global_id;
}
