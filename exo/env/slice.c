/* The slice vector: which position runs, the upcalls at both ends of a thread's slices, and what
 * running over the end costs. */
#include "exo/env/slice.h"

#include "exo/abi/graft.h"
#include "exo/arch/irq.h"
#include "exo/base/print.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/env/upcall.h"

static uint64_t slice_ticks(void)
{
    return arch_tick_khz() * SLICE_MICROS / 1000;
}

uint64_t slice_epilogue_ticks(void)
{
    return arch_tick_khz() * EPILOGUE_MICROS / 1000;
}

void slice_begin(struct cpu *c, uint64_t now)
{
    c->slice_end = now + slice_ticks();
    c->info.position = 0;
    c->begun = c->changed_hands = false;
    c->ending = NULL;
}

/* A deputy serves as long as the position is its environment's. */
struct thread *slice_owner(const struct cpu *c)
{
    struct thread *bound = c->slices[c->info.position], *deputy = c->deputy;

    if (!c->changed_hands || !bound)
        return bound;
    return deputy && deputy->env != bound->env ? bound : deputy;
}

/* One of the two replaces the other where the other has not been delivered. */
static bool post(struct thread *t, enum upcall u, enum upcall stale)
{
    if (!upcall_post_here(t, u))
        return false;
    __atomic_fetch_and(&thread_exo(t)->pending, ~((uint64_t)1 << stale), __ATOMIC_RELAXED);
    return true;
}

void slice_run(struct cpu *c, struct thread *t)
{
    if (c->begun || c->ending || t != slice_owner(c))
        return;
    c->begun = true;
    t->counts->slices++;
    post(t, UPCALL_SLICE_BEGIN, UPCALL_SLICE_END);
}

/* The position just entered may have to be given up by its owner. */
static void pay_forfeit(struct cpu *c)
{
    struct thread *t = slice_owner(c);

    if (!t || !t->forfeits)
        return;
    c->changed_hands = true;
    c->deputy = NULL;
    t->forfeits--;
    thread_exo(t)->forfeits++;
    thread_exo(t)->forfeits_ahead = t->forfeits;
}

/* The thread that runs has reached the end of its own slices. It is charged from when it is told.
 */
static void begin_epilogue(struct cpu *c, struct thread *t, uint64_t now)
{
    if (c->ending || t->state != THREAD_RUNNING || !post(t, UPCALL_SLICE_END, UPCALL_SLICE_BEGIN))
        return;
    c->ending = t;
    c->ending_from = now;
    c->ending_until = now + slice_epilogue_ticks();
}

struct thread *slice_deputy(const struct cpu *c, const struct thread *bound, uint64_t number)
{
    if (number == 0 || number >= THREAD_MAX)
        return NULL;
    struct thread *t = thread_by_number((uint32_t)number);
    return t && t->env == bound->env && t->cpu == c->number && t->state != THREAD_DEAD ? t : NULL;
}

/* Which of the threads of `bound` had the position before: a graft is told that. */
static uint32_t number_before(const struct thread *last, const struct thread *bound)
{
    return last && last->env == bound->env ? last->number : 0;
}

/* What a graft says that needs no lock. */
static uint64_t ask(const struct env_quick *q, const struct cpu *c, const struct thread *bound,
                    const struct thread *last, uint64_t now)
{
    ++*q->runs;
    if (q->kind == QUICK_BLIND)
        return q->code(0);
    const struct graft_slice context = {.time = now,
                                        .position = c->info.position,
                                        .cpu = c->number,
                                        .thread = bound->number,
                                        .last = number_before(last, bound)};
    return q->code((uintptr_t)&context);
}

/* The position just entered is its owner's, or of whom a graft names. */
static void find_deputy(struct cpu *c, const struct thread *last, uint64_t now)
{
    const struct thread *bound = c->slices[c->info.position];

    c->changed_hands = false;
    c->deputy = NULL;
    if (!bound || !bound->env->places[ENV_PLACE_SLICE].parent)
        return;
    const struct env_quick *q = &bound->env->quick[ENV_PLACE_SLICE];
    if (q->kind == QUICK_NOT) {
        c->deputy = hook_slice_deputy(c->info.position, number_before(last, bound), now);
    } else {
        const uint64_t number = ask(q, c, bound, last, now);
        if (!number) /* the common answer: nobody else */
            return;
        c->deputy = slice_deputy(c, bound, number);
    }
    c->changed_hands = c->deputy != NULL;
}

bool slice_advance(struct cpu *c, uint64_t now)
{
    struct thread *owner = slice_owner(c);
    bool ran = owner && c->begun && owner == c->current;
    uint64_t end = c->slice_end;

    if (now < end)
        return false;
    uint64_t steps = (now - end) / slice_ticks() + 1;
    c->slice_end += steps * slice_ticks();
    c->info.position = (uint32_t)((c->info.position + steps) % SLICE_COUNT);
    c->info.slices_run++;
    find_deputy(c, owner, now);
    ran = ran && owner == c->current; /* it may have ended meanwhile */
    pay_forfeit(c);
    struct thread *next = slice_owner(c);
    if (owner != next || next == NULL)
        c->begun = false;
    if (ran && owner != next)
        begin_epilogue(c, owner, now);
    return true;
}

static void charge(struct thread *t, uint64_t ticks, bool overrun)
{
    volatile struct utcb_exo *x = thread_exo(t);

    t->excess += ticks;
    t->forfeits += (uint32_t)(t->excess / slice_ticks()) + overrun;
    t->excess %= slice_ticks();
    t->overruns = overrun ? t->overruns + 1 : 0;
    x->excess_ticks += ticks;
    x->overruns += overrun;
    x->forfeits_ahead = t->forfeits;
}

bool slice_end_epilogue(struct cpu *c, uint64_t now, bool overrun)
{
    struct thread *t = c->ending;

    if (!t)
        return false;
    c->ending = NULL;
    c->choose = true;
    if (t->state == THREAD_DEAD)
        return true;
    charge(t, now - c->ending_from, overrun);
    if (t->overruns < OVERRUNS_MAX)
        return true;
    uint32_t number = t->number;
    uint64_t id = t->global_id;
    forest_lock(); /* `t` may go while it is waited for */
    if (thread_by_number(number) == t && t->global_id == id) {
        print("env %u ended: thread %u ran over the end of its slices\n", t->env->number, number);
        env_end(t->env, DEATH_OVERRUNS, thread_regs(t)->rip, 0);
    }
    forest_unlock();
    return true;
}

void slice_check_epilogue(struct cpu *c, uint64_t now)
{
    const struct thread *t = c->ending;

    if (t && t->state != THREAD_RUNNING && t->state != THREAD_READY)
        slice_end_epilogue(c, now, false); /* it waits: that ends it as well */
    else if (t && now >= c->ending_until)
        slice_end_epilogue(c, now, true);
}

bool slice_is_had(const struct thread *t)
{
    const struct cpu *c = cpu_number(t->cpu);

    for (unsigned i = 0; i < SLICE_COUNT; i++)
        if (c->slices[i] == t)
            return true;
    return false;
}

void slice_publish(struct cpu *c, unsigned position, const struct thread *t)
{
    const struct slice_info info = {t ? t->number : 0, t ? t->env->number : 0};

    __atomic_store(&c->info.slices[position], &info, __ATOMIC_RELAXED);
}
