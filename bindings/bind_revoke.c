/*
 * Calls: visible revocation. An ask is kept in the environment's frame; what an environment holds
 * is found by walking its own table, or the slice vectors, and climbing the forest from each find.
 * After the deadline the CPU that took the ask does what is due, a step at each alarm.
 */
#include "bindings/cap.h"
#include "bindings/env_place.h"
#include "bindings/guarantee.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/arch/irq.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/env/upcall.h"
#include "exo/mem/frame.h"

#define APPEND_TRIES 4u
#define SCAN_STEPS   4096u /* positions and nodes looked at before interrupts are let in */

static void scan_begin(struct revoke_ask *ask, const struct env *e, node_t from, uint32_t kind)
{
    ask->scan_from = from;
    ask->scan_kind = kind;
    ask->scan_at = holding_positions(e, kind);
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
        if (!h.node || !holding_comes_from(h.node, from, &steps))
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

struct ask_plan {
    struct env *env;
    struct cap *cap;
};

/* Is the slot good to receive frames taken for `c`? */
static enum err check_dst(const struct env *e, const struct sys_revoke_ask_args *a,
                          const struct cap *c)
{
    struct cap *dst;

    if (a->dst == SLOT_NONE)
        return ERR_OK;
    if (a->kind != REVOKE_FRAMES || c->kind != CAP_REGION)
        return ERR_BAD_CAP;
    return cap_free_slot(e, a->dst, &dst);
}

static enum err check_ask(const struct thread *caller, const struct sys_revoke_ask_args *a,
                          struct ask_plan *p)
{
    uint64_t now = arch_ticks(), patience = REVOKE_PATIENCE_SECONDS * arch_tick_khz() * 1000;

    p->env = env_asked(caller, a->env);
    p->cap = cap_slot(caller->env, a->cap);
    if (!p->env || a->kind == 0 || a->kind >= REVOKE_KIND_COUNT || a->count == 0 ||
        a->deadline <= now || a->deadline - now > patience ||
        (a->dst != SLOT_NONE && !cap_slot(caller->env, a->dst)))
        return ERR_BAD_ARG;
    if (!p->cap || p->cap->kind == CAP_NONE)
        return ERR_BAD_CAP;
    enum err dst = check_dst(caller->env, a, p->cap);
    if (dst == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!(p->cap->rights & RIGHT_GRANT))
        return ERR_NO_RIGHT;
    return p->env->ask.from ? ERR_IN_USE : dst;
}

static void open_ask(const struct sys_revoke_ask_args *a, const struct ask_plan *p, uint32_t held,
                     uint32_t count)
{
    p->env->ask = (struct revoke_ask){.from = node_name(&p->cap->node),
                                      .kind = a->kind,
                                      .deadline = a->deadline,
                                      .cpu = cpu_this()->number,
                                      .target = held - count,
                                      .left = count,
                                      .dst = a->dst};
    p->cap->flags |= CAP_NAMED;
    sched_alarm(a->deadline);
    tell_ask(p->env, count);
}

int sys_revoke_ask(struct thread *caller, const struct sys_revoke_ask_args *a, word_t *result)
{
    struct ask_plan p;
    enum err e = check_ask(caller, a, &p);

    if (e != ERR_OK)
        return (int)e;
    if (!scan(p.env, node_name(&p.cap->node), a->kind))
        return CALL_AGAIN;
    uint32_t held = p.env->ask.scan_held, count = held;
    uint32_t room = guarantee_room(p.env, a->kind, &p.cap->node);
    scan_forget(&p.env->ask);
    if (held == 0)
        return ERR_NOT_BOUND;
    if (room == 0)
        return ERR_BAD_STATE;
    count = count > room ? room : count;
    count = count > a->count ? a->count : count;
    open_ask(a, &p, held, count);
    *result = count;
    return ERR_OK;
}

static enum err check_look(const struct thread *caller, const struct sys_revoke_look_args *a,
                           struct env **env)
{
    const struct cap *cap = cap_slot(caller->env, a->cap);

    *env = env_asked(caller, a->env);
    if (!*env)
        return ERR_BAD_ARG;
    if (!cap || cap->kind == CAP_NONE)
        return ERR_BAD_CAP;
    if (!(*env)->ask.from || (*env)->ask.from != node_name(&cap->node))
        return ERR_NOT_BOUND;
    return arch_ticks() < (*env)->ask.deadline ? ERR_OK : ERR_BAD_STATE;
}

int sys_revoke_look(struct thread *caller, const struct sys_revoke_look_args *a, word_t *result)
{
    struct env *env;
    enum err e = check_look(caller, a, &env);

    if (e != ERR_OK)
        return (int)e;
    struct revoke_ask *ask = &env->ask;
    if (!scan(env, ask->from, ask->kind))
        return CALL_AGAIN;
    *result = ask->scan_held > ask->target ? ask->scan_held - ask->target : 0;
    scan_forget(ask);
    if (*result == 0)
        ask->from = 0;
    return ERR_OK;
}

/* What the environment would rather lose, else its highest position; 1 + it. */
static uint32_t preferred(struct env *e)
{
    const struct thread *t = listener(e);
    const volatile struct utcb_exo *x = t ? thread_exo(t) : NULL;
    uint64_t count = x ? x->prefer_count : 0;
    uint32_t steps = 0;

    for (uint64_t i = 0; i < count && i < PREFER_MAX; i++) {
        uint64_t word = x->prefer[i];
        struct holding h = holding_at(e, e->ask.kind, REPOSSESSED_NAME(word));
        if (REPOSSESSED_KIND(word) == e->ask.kind && h.node &&
            holding_comes_from(h.node, e->ask.from, &steps))
            return REPOSSESSED_NAME(word) + 1;
    }
    return e->ask.scan_highest;
}

/* What goes next: what its graft says, if that may go. */
static uint32_t choose(struct env *e)
{
    const struct revoke_ask *ask = &e->ask;
    uint32_t otherwise = preferred(e), steps = 0;

    if (!otherwise)
        return 0;
    uint32_t position = env_place_reclaim(e, otherwise - 1, holding_positions(e, ask->kind));
    struct holding h = holding_at(e, ask->kind, position);
    bool may = h.node && holding_comes_from(h.node, ask->from, &steps);
    return may ? position + 1 : otherwise;
}

/* Frames that were taken change hands in the same step, so that nobody takes them between. Those
 * for which the asker's next slot is not free are free. */
static void hand_over(struct revoke_ask *ask, pfn_t base, uint32_t count)
{
    struct cap *region = (struct cap *)(void *)node_at(ask->from), *dst;
    const struct env *asker = env_by_number[frame_of(frame_number(region))->owner];

    if (ask->dst == SLOT_NONE || !frame_all_free(base, count) ||
        cap_free_slot(asker, ask->dst, &dst) != ERR_OK)
        return;
    const struct object_place p = {region, dst, base, count};
    object_make(&p, FRAME_MEMORY, asker->number, CAP_FRAMES);
    ask->dst++;
}

/* Decides what goes next and how much of it. False: not yet, or nothing does. */
static bool find_victim(struct env *e)
{
    struct revoke_ask *ask = &e->ask;

    if (!scan(e, ask->from, ask->kind))
        return false;
    ask->rest = ask->scan_held > ask->target ? ask->scan_held - ask->target : 0;
    if (ask->rest > ask->left)
        ask->rest = ask->left;
    ask->victim = ask->rest ? choose(e) : 0;
    scan_forget(ask);
    if (!ask->victim)
        ask->from = 0;
    return ask->victim != 0;
}

/* Books what was taken of the victim, all or its end, and tells its owner. */
static void take_end(struct env *e, const struct holding *h, const struct cap *before,
                     uint32_t count)
{
    struct revoke_ask *ask = &e->ask;
    uint32_t kept = h->units - count, position = ask->victim - 1;

    if (kept)
        cap_shrink((struct cap *)(void *)h->node, kept);
    ask->left -= count;
    ask->victim = 0;
    if (ask->kind == REVOKE_FRAMES)
        hand_over(ask, before->base + kept, count);
    tell_taken(e, ask->kind, position);
}

/* A step of what is due to `e`: its victim, found again each time, for interrupts were let in. */
static void take_step(struct env *e)
{
    struct revoke_ask *ask = &e->ask;
    uint32_t steps = 0;

    if (!ask->victim && !find_victim(e))
        return;
    struct holding h = holding_at(e, ask->kind, ask->victim - 1);
    if (!h.node || !holding_comes_from(h.node, ask->from, &steps)) { /* given up meanwhile */
        ask->victim = 0;
        return;
    }
    uint32_t room = guarantee_room(e, ask->kind, node_at(ask->from));
    uint32_t count = h.units < ask->rest ? h.units : ask->rest;
    count = count < room ? count : room;
    struct cap before = {.kind = CAP_NONE};
    if (ask->kind == REVOKE_FRAMES)
        before = *(struct cap *)(void *)h.node;
    struct taking t = {.root = h.node, .itself = count == h.units, .by = node_at(ask->from)};
    enum taken done = count ? revoke_some(&t) : TAKEN_OPEN;
    if (done == TAKEN_ALL)
        take_end(e, &h, &before, count);
    else if (done == TAKEN_OPEN) /* what stays was guaranteed, to it or to who has it from it */
        ask->from = 0;
}

static bool is_mine(const struct env *e, const struct cpu *c)
{
    return e && e->ask.from && e->ask.cpu == c->number;
}

static uint64_t next_deadline(const struct cpu *c)
{
    uint64_t next = FOREVER;

    for (unsigned i = 1; i < ENV_MAX; i++)
        if (is_mine(env_by_number[i], c) && env_by_number[i]->ask.deadline < next)
            next = env_by_number[i]->ask.deadline;
    return next;
}

/* One step of what was left over, and one for whose deadline passed first; the next after as long
 * as these took, so that users have half of the CPU. */
uint64_t hook_alarm(void)
{
    struct cpu *c = cpu_this();
    uint64_t begin = arch_ticks(), next;

    forest_lock();
    bool more = revoke_go_on();
    uint64_t due = next_deadline(c);
    for (unsigned i = 1; i < ENV_MAX && due <= begin; i++)
        if (is_mine(env_by_number[i], c) && env_by_number[i]->ask.deadline == due) {
            take_step(env_by_number[i]);
            break;
        }
    next = more ? begin : next_deadline(c);
    forest_unlock();
    uint64_t end = arch_ticks();
    return next > end ? next : end + (end - begin) + 1;
}

struct guarantee_plan {
    struct env *env;
    struct cap *cap;
};

static enum err check_guarantee(const struct env *e, const struct sys_revoke_guarantee_args *a,
                                struct guarantee_plan *p)
{
    const struct cap *env = cap_find(e, a->env, CAP_ENV);

    p->cap = cap_slot(e, a->cap);
    if (a->kind == 0 || a->kind >= REVOKE_KIND_COUNT)
        return ERR_BAD_ARG;
    if (!env || !p->cap || p->cap->kind == CAP_NONE)
        return ERR_BAD_CAP;
    if (!(env->flags & CAP_ORIGIN) || !(p->cap->rights & RIGHT_GRANT))
        return ERR_NO_RIGHT;
    p->env = frame_memory(env->base);
    return ERR_OK;
}

int sys_revoke_guarantee(struct thread *caller, const struct sys_revoke_guarantee_args *a,
                         word_t *result)
{
    struct guarantee_plan p;
    enum err e = check_guarantee(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    return guarantee_set(p.env, a->kind, p.cap, a->count) ? ERR_OK : CALL_AGAIN;
}
