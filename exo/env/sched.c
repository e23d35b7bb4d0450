/* Who runs on this CPU. */
#include "exo/env/sched.h"

#include "exo/abi/error.h"
#include "exo/abi/syscall.h"
#include "exo/arch/irq.h"
#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/meter.h"
#include "exo/env/ready.h"
#include "exo/env/slice.h"
#include "exo/env/thread.h"
#include "exo/env/upcall.h"
#include "exo/env/wait.h"

struct thread *sched_first_ready(void)
{
    return ready_best(cpu_this());
}

void sched_wake(struct thread *t)
{
    struct cpu *c = cpu_this();

    ASSERT(t->cpu == c->number && t->state != THREAD_READY && t->state != THREAD_RUNNING);
    ready_put(c, t, false);
    if (!c->current || c->current->state != THREAD_RUNNING || t->priority > c->current->priority ||
        slice_owner(c) == t)
        c->choose = true;
}

void sched_block(struct thread *t, unsigned state)
{
    struct cpu *c = cpu_this();

    ready_leave(c, t, state);
    if (c->current == t)
        c->choose = true;
}

void sched_release(struct thread *t)
{
    struct cpu *c = cpu_this();

    if (c->ending == t)
        slice_end_epilogue(c, arch_ticks(), false);
    if (c->chosen == t)
        c->chosen = NULL;
    if (c->deputy == t)
        c->changed_hands = false;
    ready_release(c, t);
    if (c->current != t)
        return;
    meter_switch(c, t, NULL);
    arch_thread_switch(&t->arch, NULL);
    c->current = NULL;
    c->info.thread = 0;
    c->choose = true;
}

void sched_handoff(struct thread *t)
{
    struct cpu *c = cpu_this();

    c->chosen = t;
    c->choose = true;
}

void sched_yield(void)
{
    struct cpu *c = cpu_this();

    if (c->current && c->current->state == THREAD_RUNNING)
        ready_put(c, c->current, false);
    c->choose = true;
}

static struct thread *first_sleeper(const struct cpu *c)
{
    return list_is_empty(&c->sleepers) ? NULL
                                       : LIST_ITEM(c->sleepers.next, struct thread, sleep_link);
}

static struct thread *first_timer(const struct cpu *c)
{
    return list_is_empty(&c->timers) ? NULL : LIST_ITEM(c->timers.next, struct thread, timer_link);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void timer_arm(struct cpu *c)
{
    uint64_t now = arch_ticks(), at = c->ticking ? c->slice_end : FOREVER;
    const struct thread *sleeper = first_sleeper(c), *timer = first_timer(c);

    at = earlier(at, earlier(c->alarm, c->meter_end));
    if (sleeper)
        at = earlier(at, sleeper->deadline);
    if (timer)
        at = earlier(at, timer->timer);
    if (c->ending)
        at = earlier(at, c->ending_until);
    if (at == FOREVER)
        arch_timer_stop();
    else
        arch_timer_set(at > now ? at - now : 1);
}

void sched_arm(void)
{
    timer_arm(cpu_this());
}

void sched_set_deadline(struct thread *t, uint64_t deadline)
{
    struct cpu *c = cpu_this();
    struct list *l = c->sleepers.next;

    while (l != &c->sleepers && LIST_ITEM(l, struct thread, sleep_link)->deadline <= deadline)
        l = l->next;
    t->deadline = deadline;
    t->timed = true;
    list_insert(l, &t->sleep_link);
    if (c->sleepers.next == &t->sleep_link)
        timer_arm(c);
}

void sched_clear_deadline(struct thread *t)
{
    t->timed = false;
    list_remove(&t->sleep_link);
}

uint64_t sched_set_timer(struct thread *t, uint64_t at, uint64_t bits)
{
    struct cpu *c = cpu_number(t->cpu);
    uint64_t before = list_is_empty(&t->timer_link) ? FOREVER : t->timer;
    struct list *l;

    list_remove(&t->timer_link);
    if (at == FOREVER)
        return before;
    for (l = c->timers.next; l != &c->timers; l = l->next)
        if (LIST_ITEM(l, struct thread, timer_link)->timer > at)
            break;
    t->timer = at;
    t->timer_bits = bits;
    list_insert(l, &t->timer_link);
    if (first_timer(c) == t)
        timer_arm(c);
    return before;
}

void sched_alarm(uint64_t at)
{
    struct cpu *c = cpu_this();

    if (at >= c->alarm)
        return;
    c->alarm = at;
    timer_arm(c);
}

/* Under the forest lock, which the waiters of notifications belong to, and under which threads end.
 */
static void wake_sleepers(struct cpu *c, uint64_t now)
{
    const struct thread *first = first_sleeper(c);

    if (!first || first->deadline > now)
        return;
    forest_lock();
    for (struct thread *t = first_sleeper(c); t && t->deadline <= now; t = first_sleeper(c)) {
        sched_clear_deadline(t);
        if (t->state == THREAD_IN_NOTIFY)
            wait_end(t, ERR_TIMEOUT, 0);
        else
            hook_ipc_timeout(t);
    }
    forest_unlock();
}

/* Timers are the thread's own: they need no lock, but to end its wait for a notification. */
static void run_timers(struct cpu *c, uint64_t now)
{
    const struct thread *first = first_timer(c);

    if (!first || first->timer > now)
        return;
    forest_lock();
    for (struct thread *t = first_timer(c); t && t->timer <= now; t = first_timer(c)) {
        list_remove(&t->timer_link);
        __atomic_fetch_or(&thread_exo(t)->notified, t->timer_bits, __ATOMIC_RELAXED);
        upcall_post(t, UPCALL_NOTIFY);
    }
    forest_unlock();
}

void cpu_timer(void)
{
    struct cpu *c = cpu_this();
    uint64_t now = arch_ticks();

    wake_sleepers(c, now);
    run_timers(c, now);
    if (c->alarm <= now)
        c->alarm = hook_alarm();
    slice_check_epilogue(c, now);
    if (c->meter_end <= now)
        meter_tick(c, now);
    if (c->ticking && slice_advance(c, now)) {
        if (meter_keeps(c, now))
            c->choose = true;
        else
            sched_yield();
    }
    timer_arm(c);
}

static bool can_run(const struct thread *t)
{
    return t->state == THREAD_READY || t->state == THREAD_RUNNING;
}

/* Is the preemption of `t`, the current thread, by `best` delayed? */
static bool is_delayed(struct cpu *c, struct thread *t, const struct thread *best)
{
    if (best->priority > t->guard || !meter_delays(c, t, arch_ticks()))
        return false;
    timer_arm(c);
    return true;
}

/* Who should run: who ends its slice, the hand-off, the slice's owner, the running thread, the best
 * of the queue. */
static struct thread *choose(struct cpu *c)
{
    struct thread *owner = slice_owner(c), *current = c->current;
    struct thread *chosen = c->chosen;

    if (c->ending && can_run(c->ending))
        return c->ending;
    c->chosen = NULL;
    if (chosen && can_run(chosen))
        return chosen;
    if (owner && can_run(owner))
        return owner;
    struct thread *best = ready_best(c);
    if (!current || current->state != THREAD_RUNNING)
        return best;
    if (!best || best->priority <= current->priority || is_delayed(c, current, best))
        return current;
    return best;
}

static void switch_from(struct cpu *c, struct thread *previous, struct thread *t)
{
    sched_enter(t, 0);
    if (previous && c->like == t->kind) {
        arch_thread_switch_like(&previous->arch, &t->arch);
        return;
    }
    arch_thread_switch(previous ? &previous->arch : NULL, &t->arch);
    cpu_expect(c, t);
    meter_switch(c, previous, t);
    if (c->meter_end != FOREVER)
        timer_arm(c);
}

static void switch_to(struct cpu *c, struct thread *t)
{
    struct thread *previous = c->current;

    if (previous && previous->state == THREAD_RUNNING)
        ready_put(c, previous, true);
    ready_take(c, t);
    switch_from(c, previous, t);
}

void sched_begin(void)
{
    struct cpu *c = cpu_this();

    slice_begin(c, arch_ticks());
    c->ticking = true;
    timer_arm(c);
}

/* Waits until some thread can run. No slice ticks meanwhile. */
static struct thread *idle(struct cpu *c)
{
    if (c->current) {
        meter_switch(c, c->current, NULL);
        arch_thread_switch(&c->current->arch, NULL);
    }
    c->current = NULL;
    c->info.thread = 0;
    c->ticking = false;
    timer_arm(c);
    while (!choose(c)) {
        arch_idle();
        cpu_mailbox_read();
    }
    c->ticking = true;
    if (slice_advance(c, arch_ticks()))
        sched_yield();
    timer_arm(c);
    return choose(c);
}

/* Of who is dead neither UTCB nor capabilities are there. */
static bool has_deferred(const struct thread *t)
{
    return t && t->state != THREAD_DEAD && thread_exo(t)->deferred_bits;
}

/* What the current thread has deferred is raised before anybody is chosen. */
static void raise_deferred(const struct cpu *c)
{
    forest_lock();
    if (has_deferred(c->current))
        hook_notify_deferred(c->current);
    forest_unlock();
}

static void leave_to_best(struct cpu *c)
{
    if (has_deferred(c->current))
        raise_deferred(c);
    c->choose = false;
    struct thread *t = choose(c);
    if (!t)
        t = idle(c);
    c->choose = false;
    slice_run(c, t);
    if (t != c->current)
        switch_to(c, t);
    else if (t->state == THREAD_READY) {
        ready_take(c, t);
        t->state = THREAD_RUNNING;
    }
}

/* Is a thread ready whose priority is at least that? In line, as is the next one: two paths that
 * are to be short ask. */
static inline __attribute__((always_inline)) bool is_ready_from(const struct cpu *c,
                                                                unsigned priority)
{
    const uint64_t *map = c->ready_map;
    unsigned word = priority / 64;

    _Static_assert(PRIORITIES == 4 * 64, "four words, asked one by one");
    if (map[word] >> priority % 64 || (word < 3 && map[3]) || (word < 2 && map[2]))
        return true;
    return word == 0 && map[1];
}

/* Would `t` be chosen if it were ready, and the current thread not? For sure: no slice is in play,
 * nor was the processor handed to somebody. */
static inline __attribute__((always_inline)) bool is_first(const struct cpu *c,
                                                           const struct thread *t)
{
    return !c->ending && !c->chosen && !c->choose && !c->slices[c->info.position] &&
           !is_ready_from(c, t->priority);
}

bool sched_would_run(const struct cpu *c, const struct thread *t)
{
    return t->readiness == c->awaits_notice && t->priority > c->current->guard && is_first(c, t);
}

void sched_preempt(struct cpu *c, struct thread *t)
{
    struct thread *previous = c->current;

    ready_put(c, previous, true);
    arch_thread_switch_like(&previous->arch, &t->arch);
    sched_enter(t, 0);
}

bool sched_would_follow(const struct cpu *c, const struct thread *from, const struct thread *t)
{
    const uint64_t running = thread_readiness(0, THREAD_RUNNING, 0);
    const uint64_t waiting = thread_readiness(0, THREAD_IN_NOTIFY, 0);

    return t->readiness == (from->readiness ^ running ^ waiting) && !t->limited && !from->limited &&
           is_first(c, t);
}

void sched_follow(struct cpu *c, struct thread *from, struct thread *t)
{
    ready_leave(c, from, THREAD_IN_NOTIFY);
    arch_thread_switch_like(&from->arch, &t->arch);
    arch_thread_code_again(&t->arch);
    sched_enter(t, 0);
}

/* What `t`, the current thread, has to do before it leaves to the user: a step of what was
 * interrupted, and then interrupts; to tell that its time is over; to halt. False: nothing. */
static bool goes_on_in_kernel(struct thread *t)
{
    if (thread_goes_on(t)) {
        hook_go_on(t);
        arch_interrupts_take();
        return true;
    }
    if (t->due) {
        hook_preempted(t);
        return true;
    }
    if (!t->halted)
        return false;
    t->halted = false;
    sched_block(t, THREAD_STOPPED);
    return true;
}

void sched_leave(void)
{
    struct cpu *c = cpu_this();

    do {
        if (c->choose || !c->current)
            leave_to_best(c);
    } while (c->current->events && goes_on_in_kernel(c->current));
    if (c->current->events)
        upcall_deliver_events(c->current);
    c->choose = false;
}

/* A thread of this CPU that is ready and in no queue? */
static bool has_lost_thread(const struct cpu *c)
{
    for (uint32_t n = 0; n < THREAD_MAX; n++) {
        const struct thread *t = thread_by_number(n);
        if (t && t->cpu == c->number && t->state == THREAD_READY && list_is_empty(&t->queue))
            return true;
    }
    return false;
}

static const char *check_times(const struct cpu *c)
{
    uint64_t last = 0;

    for (struct list *l = c->sleepers.next; l != &c->sleepers; l = l->next) {
        const struct thread *t = LIST_ITEM(l, struct thread, sleep_link);
        if (t->cpu != c->number)
            return "S5: a thread sleeps away from home";
        if (t->deadline < last)
            return "S3: sleepers are not sorted";
        last = t->deadline;
    }
    last = 0;
    for (struct list *l = c->timers.next; l != &c->timers; l = l->next) {
        const struct thread *t = LIST_ITEM(l, struct thread, timer_link);
        if (t->cpu != c->number)
            return "S5: a timer is set away from home";
        if (t->timer < last)
            return "S3: timers are not sorted";
        last = t->timer;
    }
    return NULL;
}

const char *sched_check(void)
{
    struct cpu *c = cpu_this();

    const char *broken = ready_check(c);

    if (broken)
        return broken;
    if (c->ending && c->ending != thread_by_number(c->ending->number))
        return "S4: a thread that is gone runs its epilogue";
    if (has_lost_thread(c))
        return "S1: a ready thread is not queued";
    if (c->current && c->current->cpu != c->number)
        return "S5: a thread runs away from home";
    broken = check_times(c);
    return broken ? broken : wait_check(c);
}
