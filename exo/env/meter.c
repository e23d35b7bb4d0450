/* Slices, quanta and delays of threads: charged as they run, ended by the CPU's timer. */
#include "exo/env/meter.h"

#include "exo/abi/l4.h"
#include "exo/abi/utcb.h"
#include "exo/arch/cpu.h"
#include "exo/env/cpu.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"

/* Others with that bit have no limits, and are charged nothing. */
static bool is_metered(const struct thread *t)
{
    return t->kind & THREAD_ALONE;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t take(uint64_t left, uint64_t ticks)
{
    return left == FOREVER ? FOREVER : left > ticks ? left - ticks : 0;
}

static void set_due(struct thread *t, unsigned bit)
{
    t->due |= (uint8_t)bit;
    t->events = true;
}

/* The byte of flags in the UTCB, which the thread changes at any time that it runs. */
static volatile uint8_t *flags_of(const struct thread *t)
{
    return (volatile uint8_t *)thread_mr(t, TCR_FLAGS);
}

void meter_init(struct thread *t)
{
    t->meter = (struct meter){.slice = FOREVER, .quantum = FOREVER};
    t->slice_left = t->quantum_left = FOREVER;
    t->guard = t->priority;
}

void meter_set_guard(struct thread *t)
{
    bool delays = t->meter.delay && t->meter.sensitive > t->priority;

    t->guard = delays ? t->meter.sensitive : t->priority;
}

/* A slice that is over while its end is delayed has no end any more. */
static void arm(struct cpu *c, const struct thread *t)
{
    uint64_t slice = t->slice_left ? t->slice_left : FOREVER;
    uint64_t left = earlier(slice, t->quantum_left);

    c->meter_end = left == FOREVER ? FOREVER : t->run_from + left;
    if (t->delay_until)
        c->meter_end = earlier(c->meter_end, t->delay_until);
}

static void charge(struct thread *t, uint64_t now)
{
    uint64_t ticks = now - t->run_from;

    t->run_from = now;
    t->slice_left = take(t->slice_left, ticks);
    t->quantum_left = take(t->quantum_left, ticks);
    if (t->quantum_left == 0)
        set_due(t, DUE_QUANTUM);
}

/* If the delay is over: true, and the next is a new one. */
static bool end_delay(struct thread *t, uint64_t now)
{
    const unsigned both = PREEMPT_DELAY | PREEMPT_SIGNAL;

    if (!t->delay_until || now < t->delay_until)
        return false;
    t->delay_until = 0;
    if ((*flags_of(t) & both) == both)
        set_due(t, DUE_DELAY);
    return true;
}

void meter_switch(struct cpu *c, struct thread *from, struct thread *to)
{
    const uint64_t now = arch_ticks();

    c->meter_end = FOREVER;
    if (from && is_metered(from) && from->state != THREAD_DEAD) {
        charge(from, now);
        end_delay(from, now);
        from->delay_until = 0;
        if (from->slice_left == 0)
            from->slice_left = from->meter.slice;
    }
    if (to && is_metered(to)) {
        to->run_from = now;
        arm(c, to);
    }
}

bool meter_delays(struct cpu *c, struct thread *t, uint64_t now)
{
    if (!(*flags_of(t) & PREEMPT_DELAY) || (t->delay_until && now >= t->delay_until))
        return false;
    if (!t->delay_until) {
        t->delay_until = now + t->meter.delay;
        c->meter_end = earlier(c->meter_end, t->delay_until);
    }
    *flags_of(t) |= PREEMPT_PENDING;
    return true;
}

/* The turn of `t` is over; does it delay that others run, if any would? */
static bool delays_turn(struct cpu *c, struct thread *t, uint64_t now)
{
    const struct thread *next = t->meter.delay ? sched_first_ready() : NULL;

    return next && next->priority >= t->priority && next->priority <= t->meter.sensitive &&
           meter_delays(c, t, now);
}

bool meter_keeps(struct cpu *c, uint64_t now)
{
    struct thread *t = c->current;

    if (!t || t->state != THREAD_RUNNING)
        return false;
    return t->meter.own_slice || delays_turn(c, t, now);
}

/* Who is to tell something does so at once, so that it is told before others run. */
void meter_tick(struct cpu *c, uint64_t now)
{
    struct thread *t = c->current;

    c->meter_end = FOREVER;
    if (!t || !is_metered(t) || t->state == THREAD_DEAD)
        return;
    charge(t, now);
    bool turn = end_delay(t, now);
    if (t->slice_left == 0 && (turn || !delays_turn(c, t, now))) {
        t->slice_left = t->meter.slice;
        turn = true;
    }
    arm(c, t);
    if (t->due && t->state == THREAD_RUNNING && !thread_goes_on(t))
        hook_preempted(t);
    if (turn && c->current == t)
        sched_yield();
}

/* Ticks that `t` has run and is not charged for. */
static uint64_t running(const struct thread *t)
{
    return is_metered(t) && cpu_this()->current == t ? arch_ticks() - t->run_from : 0;
}

uint64_t meter_slice_left(const struct thread *t)
{
    return take(t->slice_left, running(t));
}

uint64_t meter_quantum_left(const struct thread *t)
{
    return take(t->quantum_left, running(t));
}

bool meter_is_limited(const struct thread *t)
{
    const struct meter *m = &t->meter;

    return m->slice != FOREVER || m->quantum != FOREVER || m->delay;
}

void meter_set(struct thread *t, const struct meter *m, bool times, bool delay)
{
    struct cpu *c = cpu_this();
    bool runs = c->current == t;

    if (runs)
        meter_switch(c, t, NULL);
    if (times) {
        t->meter.own_slice = true;
        t->meter.slice = t->slice_left = m->slice;
        t->meter.quantum = t->quantum_left = m->quantum;
        t->due &= (uint8_t)~DUE_QUANTUM;
    }
    if (delay) {
        t->meter.delay = m->delay;
        t->meter.sensitive = m->sensitive;
        meter_set_guard(t);
    }
    thread_set_alone(t);
    if (!runs)
        return;
    meter_switch(c, NULL, t);
    sched_arm();
}

const char *meter_check(const struct thread *t)
{
    bool above = t->meter.delay && t->meter.sensitive > t->priority;

    if (is_metered(t) != (t->limited || t->code_only) || t->limited != meter_is_limited(t))
        return "T1: a thread is limited and not metered, or metered and not limited";
    if (t->guard != (above ? t->meter.sensitive : t->priority))
        return "T2: a thread's guard is not its priority, nor its sensitive one";
    return NULL;
}
