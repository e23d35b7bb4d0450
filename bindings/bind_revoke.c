/*
 * Calls: visible revocation. An ask is kept in the environment's frame; what an environment holds
 * is found by walking its own table, or the slice vectors, and climbing the forest from each find.
 */
#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "bindings/ring.h"
#include "exo/abi/revoke.h"
#include "exo/arch/irq.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/env/upcall.h"
#include "exo/mem/frame.h"

#define APPEND_TRIES 4u
#define SCAN_STEPS   4096u /* positions and nodes looked at before interrupts are let in */

/* One thing that counts: its node, and how much of the kind it is. */
struct holding {
    struct node *node; /* NULL: nothing is there */
    uint32_t units;
};

static uint32_t positions(const struct env *e, uint32_t kind)
{
    return kind == REVOKE_SLICES ? cpu_count * SLICE_COUNT : e->captable_count * CAPS_PER_FRAME;
}

static struct holding slice_at(const struct env *e, uint32_t position)
{
    struct cpu *c = cpu_number(position / SLICE_COUNT);
    const struct thread *t = c->slices[position % SLICE_COUNT];

    return t && t->env == e ? (struct holding){&c->slice_nodes[position % SLICE_COUNT], 1}
                            : (struct holding){NULL, 0};
}

static struct holding filter_of(const struct cap *ring)
{
    struct ring *r = frame_memory(ring->base);

    return r->filter.parent ? (struct holding){&r->filter, 1} : (struct holding){NULL, 0};
}

/* Another resource with a capability of its own is one more row. */
static const uint8_t cap_kind_of[REVOKE_KIND_COUNT] = {
    [REVOKE_FRAMES] = CAP_FRAMES, [REVOKE_RINGS] = CAP_RING,     [REVOKE_FILTERS] = CAP_RING,
    [REVOKE_GRAFTS] = CAP_GRAFT,  [REVOKE_EXTENTS] = CAP_EXTENT,
};

/* Objects count where they were made. An extent is no object: of its copies in the environment that
 * one counts which came from outside. */
static bool counts(const struct env *e, const struct cap *c)
{
    if (c->kind != CAP_EXTENT)
        return c->flags & CAP_ORIGIN;
    const struct node *parent = node_at(c->node.parent);
    return parent && frame_of(frame_number(parent))->owner != e->number;
}

/* What `e` made itself, or was given, and has at that position, which any number may be. */
static struct holding holding_at(const struct env *e, uint32_t kind, uint32_t position)
{
    if (position >= positions(e, kind))
        return (struct holding){NULL, 0};
    if (kind == REVOKE_SLICES)
        return slice_at(e, position);
    struct cap *c = cap_find(e, position, cap_kind_of[kind]);
    if (!c || !counts(e, c))
        return (struct holding){NULL, 0};
    if (kind == REVOKE_FILTERS)
        return filter_of(c);
    return (struct holding){&c->node,
                            kind == REVOKE_FRAMES || kind == REVOKE_EXTENTS ? c->count : 1};
}

/* Does `n` come from `from`? Counts the nodes looked at. */
static bool comes_from(const struct node *n, node_t from, uint32_t *steps)
{
    for (; n && n->parent != from; n = node_at(n->parent))
        ++*steps;
    return n != NULL;
}

static void scan_begin(struct revoke_ask *ask, const struct env *e, node_t from, uint32_t kind)
{
    ask->scan_from = from;
    ask->scan_kind = kind;
    ask->scan_at = positions(e, kind);
    ask->scan_held = ask->scan_highest = 0;
}

static void scan_forget(struct revoke_ask *ask)
{
    ask->scan_from = 0;
    ask->scan_kind = ask->scan_at = ask->scan_held = ask->scan_highest = 0;
}

/* Counts what `e` holds of `kind` from `from`, from the highest position down. False: interrupts
 * are due, and the same call goes on from here. Another asker in between makes it begin again. */
static bool scan(struct env *e, node_t from, uint32_t kind)
{
    struct revoke_ask *ask = &e->ask;
    uint32_t steps = 0;

    if (ask->scan_from != from || ask->scan_kind != kind)
        scan_begin(ask, e, from, kind);
    while (ask->scan_at > 0 && steps++ < SCAN_STEPS) {
        struct holding h = holding_at(e, kind, --ask->scan_at);
        if (!h.node || !comes_from(h.node, from, &steps))
            continue;
        ask->scan_held += h.units;
        if (!ask->scan_highest)
            ask->scan_highest = ask->scan_at + 1;
    }
    return ask->scan_at == 0;
}

static struct env *env_asked(const struct thread *caller, uint32_t number)
{
    struct env *e = number < ENV_MAX ? env_by_number[number] : NULL;

    return e && e != caller->env && !e->ended ? e : NULL;
}

/* Who hears of it: the oldest thread that lives. */
static struct thread *listener(const struct env *e)
{
    for (struct list *l = e->threads.next; l != &e->threads; l = l->next) {
        struct thread *t = LIST_ITEM(l, struct thread, env_link);
        if (t->state != THREAD_DEAD)
            return t;
    }
    return NULL;
}

static void tell_ask(const struct env *e, uint32_t count)
{
    struct thread *t = listener(e);

    if (!t)
        return;
    volatile struct utcb_exo *x = thread_exo(t);
    x->revoke_kind = e->ask.kind;
    x->revoke_count = count;
    x->revoke_deadline = e->ask.deadline;
    upcall_post(t, UPCALL_REVOKE);
}

/* The reader of the vector empties it at any time, on any CPU: the count goes from what it was when
 * the word was written, or the word is written again. An owner that never lets it be loses the
 * word. */
static void append(volatile struct utcb_exo *x, uint64_t word)
{
    for (unsigned tries = 0; tries < APPEND_TRIES; tries++) {
        uint64_t at = x->repossessed_count;
        if (at < REPOSSESSED_MAX)
            x->repossessed[at] = word;
        if (__atomic_compare_exchange_n(&x->repossessed_count, &at, at + 1, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
            return;
    }
}

static void tell_taken(const struct env *e, uint32_t kind, uint32_t position)
{
    struct thread *t = listener(e);

    if (!t)
        return;
    append(thread_exo(t), REPOSSESSED(kind, position));
    upcall_post(t, UPCALL_RECLAIMED);
}

static enum err check_ask(const struct thread *caller, const struct sys_revoke_ask_args *a,
                          struct env **env, const struct cap **cap)
{
    uint64_t now = arch_ticks(), patience = REVOKE_PATIENCE_SECONDS * arch_tick_khz() * 1000;

    *env = env_asked(caller, a->env);
    *cap = cap_slot(caller->env, a->cap);
    if (!*env || a->kind == 0 || a->kind >= REVOKE_KIND_COUNT || a->count == 0 ||
        a->deadline <= now || a->deadline - now > patience)
        return ERR_BAD_ARG;
    if (!*cap || (*cap)->kind == CAP_NONE)
        return ERR_BAD_CAP;
    if (!((*cap)->rights & RIGHT_GRANT))
        return ERR_NO_RIGHT;
    return (*env)->ask.from && (*env)->ask.deadline > now ? ERR_IN_USE : ERR_OK;
}

int sys_revoke_ask(struct thread *caller, const struct sys_revoke_ask_args *a, word_t *result)
{
    struct env *env;
    const struct cap *cap;
    enum err e = check_ask(caller, a, &env, &cap);

    if (e != ERR_OK)
        return (int)e;
    node_t from = node_name(&cap->node);
    if (!scan(env, from, a->kind))
        return CALL_AGAIN;
    uint32_t held = env->ask.scan_held, least = env->ask.guarantee[a->kind];
    scan_forget(&env->ask);
    if (held == 0)
        return ERR_NOT_BOUND;
    if (held <= least)
        return ERR_BAD_STATE;
    uint32_t count = a->count < held - least ? a->count : held - least;
    env->ask.from = from;
    env->ask.kind = a->kind;
    env->ask.deadline = a->deadline;
    env->ask.target = held - count;
    env->ask.victim = 0;
    tell_ask(env, count);
    *result = count;
    return ERR_OK;
}

/* What goes next: what the environment would rather lose, else its highest position. */
static uint32_t choose(const struct env *e)
{
    const struct thread *t = listener(e);
    const volatile struct utcb_exo *x = t ? thread_exo(t) : NULL;
    uint64_t count = x ? x->prefer_count : 0;
    uint32_t steps = 0;

    for (uint64_t i = 0; i < count && i < PREFER_MAX; i++) {
        uint64_t word = x->prefer[i];
        struct holding h = holding_at(e, e->ask.kind, REPOSSESSED_NAME(word));
        if (REPOSSESSED_KIND(word) == e->ask.kind && h.node &&
            comes_from(h.node, e->ask.from, &steps))
            return REPOSSESSED_NAME(word) + 1;
    }
    return e->ask.scan_highest;
}

static enum err check_take(const struct thread *caller, const struct sys_revoke_take_args *a,
                           struct env **env, struct cap **cap, struct cap **dst)
{
    enum err slot = ERR_OK;

    *env = env_asked(caller, a->env);
    *cap = cap_slot(caller->env, a->cap);
    *dst = NULL;
    if (a->dst != SLOT_NONE)
        slot = cap_free_slot(caller->env, a->dst, dst);
    if (!*env || slot == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (!*cap || (*cap)->kind == CAP_NONE || (*dst && (*cap)->kind != CAP_REGION))
        return ERR_BAD_CAP;
    if (!(*env)->ask.from || (*env)->ask.from != node_name(&(*cap)->node))
        return ERR_NOT_BOUND;
    return slot;
}

/* The victim's frames from `keep` on change hands in one step, so that nobody takes them between.
 */
static void hand_over(struct cap *region, struct cap *dst, const struct thread *caller, pfn_t base,
                      uint32_t count)
{
    struct object_place p = {region, dst, base, count};

    if (dst && frame_all_free(base, count))
        object_make(&p, FRAME_MEMORY, caller->env->number, CAP_FRAMES);
}

/* Takes the victim, or its part that is above the target. */
static int take(struct thread *caller, struct env *e, struct cap *region, struct cap *dst,
                word_t *result)
{
    struct revoke_ask *ask = &e->ask;
    uint32_t position = ask->victim - 1, rest = ask->rest, steps = 0;
    struct holding h = holding_at(e, ask->kind, position);

    if (!h.node || !comes_from(h.node, ask->from, &steps)) { /* given up between two entries */
        ask->victim = 0;
        return CALL_AGAIN;
    }
    bool whole = h.units <= rest;
    struct cap before = {.kind = CAP_NONE}, *c = (struct cap *)(void *)h.node;
    if (ask->kind == REVOKE_FRAMES)
        before = *c;
    int r = revoke(caller, h.node, whole);
    if (r == CALL_AGAIN)
        return r;
    if (!whole)
        cap_shrink(c, h.units - rest);
    uint32_t kept = whole ? 0 : h.units - rest;
    if (before.kind == CAP_FRAMES && r == ERR_OK)
        hand_over(region, dst, caller, before.base + kept, before.count - kept);
    tell_taken(e, ask->kind, position);
    *result = rest - (h.units - kept);
    ask->victim = ask->rest = 0;
    if (*result == 0)
        ask->from = 0;
    return r;
}

int sys_revoke_take(struct thread *caller, const struct sys_revoke_take_args *a, word_t *result)
{
    struct env *env;
    struct cap *cap, *dst;
    enum err e = check_take(caller, a, &env, &cap, &dst);

    if (e != ERR_OK)
        return (int)e;
    struct revoke_ask *ask = &env->ask;
    if (!ask->victim) {
        if (!scan(env, ask->from, ask->kind))
            return CALL_AGAIN;
        if (ask->scan_held <= ask->target) {
            ask->from = 0;
            scan_forget(ask);
            return ERR_OK;
        }
        if (arch_ticks() < ask->deadline) {
            scan_forget(ask);
            return ERR_BAD_STATE;
        }
        ask->rest = ask->scan_held - ask->target;
        ask->victim = choose(env);
        scan_forget(ask);
    }
    return take(caller, env, cap, dst, result);
}

int sys_revoke_guarantee(struct thread *caller, const struct sys_revoke_guarantee_args *a,
                         word_t *result)
{
    const struct cap *c = cap_find(caller->env, a->env, CAP_ENV);

    (void)result;
    if (a->kind == 0 || a->kind >= REVOKE_KIND_COUNT)
        return ERR_BAD_ARG;
    if (!c)
        return ERR_BAD_CAP;
    if (!(c->flags & CAP_ORIGIN))
        return ERR_NO_RIGHT;
    struct env *e = frame_memory(c->base);
    e->ask.guarantee[a->kind] = a->count;
    return ERR_OK;
}
