/* Places of environments: where their messages go, which of their threads has a position of the
 * slice vector, and what is taken from them first. */
#include "bindings/env_place.h"

#include "bindings/graft.h"
#include "bindings/node.h"
#include "exo/abi/l4.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/slice.h"
#include "exo/env/thread.h"

struct node *env_place(struct env *e, uint32_t hook)
{
    switch (hook) {
    case GRAFT_HOOK_IPC:
        return &e->places[ENV_PLACE_IPC];
    case GRAFT_HOOK_SLICE_END:
        return &e->places[ENV_PLACE_SLICE];
    case GRAFT_HOOK_RECLAIM:
        return &e->places[ENV_PLACE_RECLAIM];
    case GRAFT_HOOK_PAGE_FAULT:
        return &e->places[ENV_PLACE_FAULT];
    case GRAFT_HOOK_SYSTEM_CALL:
        return &e->places[ENV_PLACE_CALL];
    default:
        return NULL;
    }
}

bool env_place_is(const struct env *e, const struct node *n)
{
    return n >= e->places && n < e->places + ENV_PLACES;
}

/* Where a slice begins code is called as any function is; elsewhere it keeps registers. */
static struct env_quick quick_of(const struct node *binding, unsigned place)
{
    const struct graft *g = binding->parent ? graft_bound(binding) : NULL;

    if (!g || !g->quick || (!g->keeps && place != ENV_PLACE_SLICE) || cpu_count != 1)
        return (struct env_quick){0};
    return (struct env_quick){g->quick, &g->info->counts[COUNT_RUNS],
                              g->is_blind ? QUICK_BLIND : QUICK_SEEING};
}

static void set_quick(struct env *e)
{
    static unsigned judging; /* environments with a quick graft at their messages */

    judging -= e->quick[ENV_PLACE_IPC].kind != QUICK_NOT;
    for (unsigned i = 0; i < ENV_PLACES; i++)
        e->quick[i] = quick_of(&e->places[i], i);
    judging += e->quick[ENV_PLACE_IPC].kind != QUICK_NOT;
    env_ipc_quick = judging ? (word_t)1 << 63 : 0;
}

void env_place_changed(struct env *e)
{
    set_quick(e);
    thread_set_redirected(e);
    thread_set_judged(e);
}

void env_places_end(struct env *e)
{
    for (unsigned i = 0; i < ENV_PLACES; i++)
        if (e->places[i].parent)
            node_unlink(&e->places[i]);
    set_quick(e);
}

uint64_t hook_ipc_judge(struct env *e, uint64_t from, uint64_t to, word_t tag, unsigned phase)
{
    struct graft_ipc context = {.from = from,
                                .to = to,
                                .label = tag >> 16,
                                .untyped = TAG_UNTYPED(tag),
                                .typed = TAG_TYPED(tag),
                                .phase = phase,
                                .redirector = e->redirector != 0};

    return graft_call(&e->places[ENV_PLACE_IPC], &context, GRAFT_IPC_DEFAULT);
}

struct thread *hook_slice_deputy(unsigned position, uint32_t last, uint64_t now)
{
    struct cpu *c = cpu_this();
    struct thread *t = NULL;

    forest_lock();
    const struct thread *bound = c->slices[position];
    if (bound && bound->env->places[ENV_PLACE_SLICE].parent) {
        struct graft_slice context = {.time = now,
                                      .position = position,
                                      .cpu = c->number,
                                      .thread = bound->number,
                                      .last = last};
        t = slice_deputy(c, bound, graft_call(&bound->env->places[ENV_PLACE_SLICE], &context, 0));
    }
    forest_unlock();
    return t;
}

uint32_t env_place_reclaim(struct env *e, uint32_t position, uint32_t end)
{
    struct graft_reclaim context = {
        .kind = e->ask.kind, .count = e->ask.rest, .position = position, .end = end};
    uint64_t chosen;

    if (!e->places[ENV_PLACE_RECLAIM].parent)
        return position;
    chosen = graft_call(&e->places[ENV_PLACE_RECLAIM], &context, position);
    return chosen < end ? (uint32_t)chosen : position;
}
