/* Where messages between spaces go that have grafts, which judge what crosses their borders. */
#include "exo/abi/graft.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "l4core/partner.h"

static bool has_graft(const struct env *e)
{
    return e && e->places[ENV_PLACE_IPC].parent;
}

static uint64_t judge(struct env *e, struct thread *t, const struct thread *p, unsigned phase)
{
    return hook_ipc_judge(e, t->global_id, p->global_id, thread_regs(t)->r9, phase);
}

/* Who gets the message of `t` to `p` as the graft of `t` has it. */
static struct thread *leave_space(struct thread *t, struct thread *p)
{
    switch (judge(t->env, t, p, GRAFT_IPC_SEND)) {
    case GRAFT_IPC_PASS:
        t->ipc_intended = 0;
        return p;
    case GRAFT_IPC_REDIRECT:
        return t->env->redirector ? ipc_redirect(t, p) : NULL;
    case GRAFT_IPC_REFUSE:
        return NULL;
    default:
        return ipc_redirect(t, p);
    }
}

struct thread *ipc_route(struct thread *t, struct thread *p)
{
    if (!((t->kind | p->kind) & THREAD_REDIRECTED) || p->env == t->env)
        return ipc_redirect(t, p);
    struct cpu *c = cpu_this();
    const bool is_refused = c->refused == t;
    c->refused = NULL;
    if (is_refused) {
        t->ipc_intended = 0;
        return NULL;
    }
    struct thread *to = has_graft(t->env) ? leave_space(t, p) : ipc_redirect(t, p);
    if (to && to->env != t->env && has_graft(to->env) &&
        judge(to->env, t, to, GRAFT_IPC_RECEIVE) == GRAFT_IPC_REFUSE)
        to = NULL;
    if (!to)
        t->ipc_intended = 0;
    return to;
}
