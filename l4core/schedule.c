/* Schedule: priority, processor, times and preemption of a thread, by its scheduler. L4 X.2
 * reference manual. */
#include "exo/abi/error.h"
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/meter.h"
#include "exo/env/sched.h"
#include "exo/env/slice.h"
#include "exo/env/thread.h"
#include "l4core/control.h"
#include "l4core/time.h"

#define SENSITIVE(preemption) ((preemption) >> 16)
#define MAX_DELAY(preemption) ((preemption)&0xffff) /* microseconds */

struct schedule {
    struct thread *caller, *thread;
    word_t time, processor, priority, preemption;
    struct meter meter; /* what `time` and `preemption` ask for */
    word_t left;        /* of slice and quantum, before         */
};

/* A scheduler that is gone, or was never named: whoever is in the thread's own space. */
static bool may_schedule(const struct env *e, const struct thread *t)
{
    const struct thread *scheduler = control_find(t->scheduler);

    return e->privileged || e == (scheduler ? scheduler->env : t->env);
}

static word_t state_of(const struct thread *t)
{
    if (t->transfer_with)
        return t->transfer_sends ? SCHEDULE_SENDING : SCHEDULE_RECEIVING;
    switch (t->state) {
    case THREAD_DEAD:
        return SCHEDULE_DEAD;
    case THREAD_STOPPED:
        return SCHEDULE_INACTIVE;
    case THREAD_READY:
    case THREAD_RUNNING:
        return SCHEDULE_RUNNING;
    case THREAD_IPC_SEND:
        return SCHEDULE_PENDING_SEND;
    default:
        return SCHEDULE_WAITING;
    }
}

static struct thread *find(const struct env *e, word_t id)
{
    struct thread *t = thread_by_number((uint32_t)(id >> 32));

    return L4_IS_LOCAL(id) ? control_find_own(e, id) : t && t->global_id == id ? t : NULL;
}

/* Is a priority that `word` asks for above the caller's own? Who may not give it is told so first.
 */
static bool is_too_high(const struct schedule *s, word_t priority)
{
    return priority < PRIORITIES && priority > s->caller->priority && !s->caller->env->privileged;
}

static bool decode_times(struct schedule *s)
{
    if (s->time == SCHEDULE_UNCHANGED)
        return true;
    return s->thread->env && !(s->time >> 32) &&
           l4_period((unsigned)(s->time >> 16), &s->meter.slice) &&
           l4_period((unsigned)(s->time & 0xffff), &s->meter.quantum);
}

static bool decode_preemption(struct schedule *s)
{
    if (s->preemption == SCHEDULE_UNCHANGED)
        return true;
    s->meter.sensitive = (uint8_t)SENSITIVE(s->preemption);
    s->meter.delay = l4_ticks(MAX_DELAY(s->preemption));
    return s->thread->env && SENSITIVE(s->preemption) < PRIORITIES;
}

static unsigned check(struct schedule *s, word_t dest)
{
    s->thread = find(s->caller->env, dest);
    if (!s->thread)
        return CALL_ERROR_THREAD;
    const struct thread *t = s->thread;
    if (!may_schedule(s->caller->env, t))
        return CALL_ERROR_NO_PRIVILEGE;
    if (s->priority == SCHEDULE_UNCHANGED)
        s->priority = t->priority;
    else if (is_too_high(s, s->priority))
        return CALL_ERROR_NO_PRIVILEGE;
    if (s->preemption != SCHEDULE_UNCHANGED && is_too_high(s, SENSITIVE(s->preemption)))
        return CALL_ERROR_NO_PRIVILEGE;
    if (s->processor == SCHEDULE_UNCHANGED)
        s->processor = t->cpu;
    bool good = s->priority < PRIORITIES && s->processor < cpu_count && decode_times(s) &&
                decode_preemption(s) && (s->processor == t->cpu || !slice_is_had(t));
    return good ? 0 : CALL_ERROR_PARAMETER;
}

static void answer(struct regs *r, word_t result, word_t left)
{
    r->rax = result;
    r->rdx = left;
}

/* At the thread's home. */
static void set_meter(void *argument)
{
    const struct schedule *s = argument;

    meter_set(s->thread, &s->meter, s->time != SCHEDULE_UNCHANGED,
              s->preemption != SCHEDULE_UNCHANGED);
}

static void look_at_meter(void *argument)
{
    struct schedule *s = argument;

    s->left =
        (word_t)l4_time(meter_slice_left(s->thread)) << 16 | l4_time(meter_quantum_left(s->thread));
}

/* Who moves himself has his answer before, for he may run elsewhere at once. What may have to be
 * tried again comes first, what cannot fail last. */
static int perform(struct schedule *s)
{
    struct thread *t = s->thread;
    bool dead = t->state == THREAD_DEAD;
    bool moves = s->processor != t->cpu || s->priority != t->priority;
    bool metered = s->time != SCHEDULE_UNCHANGED || s->preemption != SCHEDULE_UNCHANGED;

    cpu_call(t->cpu, look_at_meter, s);
    answer(thread_regs(s->caller), state_of(t), s->left);
    int moved = dead || !moves
                    ? ERR_OK
                    : thread_move(t, (uint32_t)s->processor, (uint8_t)s->priority, t == s->caller);
    if (!dead && moved == ERR_OK && metered)
        cpu_call(t->cpu, set_meter, s);
    return moved;
}

/* CALL_AGAIN: the thread waits for the lock, which it gets first. */
static int attempt(struct thread *caller, struct schedule s, word_t dest)
{
    if (!forest_lock_for(caller))
        return ERR_OK;
    s.caller = caller;
    unsigned error = check(&s, dest);
    int moved = error ? ERR_OK : perform(&s);
    if (moved == ERR_BAD_STATE) /* in a protected control transfer */
        error = CALL_ERROR_PARAMETER;
    if (error) {
        *thread_mr(caller, TCR_ERROR) = error;
        answer(thread_regs(caller), SCHEDULE_ERROR, 0);
    }
    forest_unlock();
    return moved;
}

void schedule_do(struct thread *caller, struct regs *r)
{
    const struct schedule wanted = {
        .time = r->rdx, .processor = r->r8, .priority = r->rsi, .preemption = r->r9};
    const word_t dest = r->rdi;

    if (attempt(caller, wanted, dest) == CALL_AGAIN) {
        r->rdx = wanted.time;
        regs_call_again(r); /* from the user's side, where whoever waits for `caller` meets it */
    }
}
