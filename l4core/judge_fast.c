/* The common IPC, as in fast.c, between spaces with grafts that judge it and need nothing but its
 * context. On one CPU, where they need no lock. */
#include "exo/abi/graft.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "l4core/fast.h"

#define KINDS_SLOW (THREAD_TOLD | THREAD_NAMED | THREAD_ALONE)

/* Does `p` wait for `t`, and may they change places? Their spaces may differ in who is judged. */
static bool is_ready(const struct cpu *c, const struct thread *t, const struct thread *p,
                     const struct regs *r)
{
    const unsigned differ = (unsigned)t->kind ^ p->kind;

    return p->global_id == r->rsi && !(differ & ~(unsigned)THREAD_REDIRECTED) &&
           !(t->kind & KINDS_SLOW) &&
           p->readiness == thread_readiness(c->number, THREAD_IPC_RECEIVE, p->kind) &&
           (p->ipc_from == t->global_id || p->ipc_from == L4_ANY) && fast_waits(t, r->rsi, r->rdx);
}

/* Is there a graft that cannot be asked here? */
static bool is_slow(const struct env *e)
{
    return e->places[ENV_PLACE_IPC].parent && e->quick[ENV_PLACE_IPC].kind == QUICK_NOT;
}

static uint64_t ask(const struct env_quick *q, const struct thread *t, const struct thread *p,
                    word_t tag, unsigned phase)
{
    ++*q->runs;
    if (q->kind == QUICK_BLIND)
        return arch_code_call(q->code, NULL);
    const struct graft_ipc context = {.from = t->global_id,
                                      .to = p->global_id,
                                      .label = tag >> 16,
                                      .untyped = TAG_UNTYPED(tag),
                                      .phase = phase};
    return arch_code_call(q->code, &context);
}

/* Nobody is redirected here, so that what the sender's graft would have redirected is refused. */
static bool is_refused(const struct thread *t, const struct thread *p, word_t tag)
{
    const struct env_quick *from = &t->env->quick[ENV_PLACE_IPC];
    const struct env_quick *to = &p->env->quick[ENV_PLACE_IPC];

    if (from->kind != QUICK_NOT) {
        const uint64_t said = ask(from, t, p, tag, GRAFT_IPC_SEND);
        if (said == GRAFT_IPC_REFUSE || said == GRAFT_IPC_REDIRECT)
            return true;
    }
    return to->kind != QUICK_NOT && ask(to, t, p, tag, GRAFT_IPC_RECEIVE) == GRAFT_IPC_REFUSE;
}

word_t judge_fast(struct cpu *c, struct thread *t)
{
    const struct regs *r = thread_regs(t);
    struct thread *p = thread_or_nobody(r->rsi >> 32);

    if (!is_ready(c, t, p, r) || t->env->redirector || is_slow(t->env) || is_slow(p->env))
        return 0;
    if (p->env != t->env && is_refused(t, p, r->r9)) {
        c->refused = t;
        return 0;
    }
    if (r->r9 & TAG_LONG)
        fast_copy(t, p, r->r9);
    if (p->kind != t->kind)
        cpu_expect(c, p);
    return fast_send(t, p, r->rdx);
}
