/* Threads by number; starting, stopping and ending them from any CPU. */
#include "exo/env/thread.h"

#include "exo/abi/kinfo.h"
#include "exo/abi/kip.h"
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/arch/cpu.h"
#include "exo/base/assert.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/meter.h"
#include "exo/env/sched.h"
#include "exo/env/slice.h"
#include "exo/mem/frame.h"

struct thread *thread_table[THREAD_MAX];
struct thread thread_nobody;
volatile uint64_t thread_epoch = 1; /* not 0: what a new thread says */

static uint32_t version[THREAD_MAX];   /* of the last thread with that number */
static uint64_t used[THREAD_MAX / 64]; /* a bit for each number that a thread has, all CPUs' */

void thread_table_init(void)
{
    for (uint32_t n = 0; n < THREAD_MAX; n++)
        thread_table[n] = &thread_nobody;
    for (uint32_t i = 0; i < THREAD_MAX / 64; i++)
        used[i] = 0;
}

struct thread *thread_by_number(uint32_t number)
{
    struct thread *t = number < THREAD_MAX ? thread_table[number] : &thread_nobody;

    return t == &thread_nobody ? NULL : t;
}

uint32_t thread_number_used(uint32_t from)
{
    for (uint32_t n = from; n < THREAD_MAX; n = (n / 64 + 1) * 64) {
        uint64_t left = __atomic_load_n(&used[n / 64], __ATOMIC_RELAXED) >> n % 64;
        if (left)
            return n + (uint32_t)__builtin_ctzll(left);
    }
    return THREAD_MAX;
}

uint32_t thread_number_free(void)
{
    /* The first numbers after THREAD_FIRST are sigma0's, sigma1's and the root task's by protocol.
     */
    for (uint32_t n = THREAD_FIRST + 3; n < THREAD_MAX; n++)
        if (!thread_by_number(n))
            return n;
    return 0;
}

/* A version's low six bits are never all 0: that would be a local ID. */
static uint32_t next_version(uint32_t number)
{
    uint32_t v = ++version[number];

    if ((v & 63) == 0)
        v = ++version[number];
    return v;
}

/* Fills and enters what a line has, too. */
static struct thread *enter(pfn_t frame, uint32_t number, uint32_t v, vaddr_t utcb_va)
{
    struct thread *t = frame_memory(frame);

    ASSERT(number < THREAD_MAX && !thread_by_number(number));
    t->utcb_va = utcb_va;
    t->number = number;
    t->global_id = (uint64_t)number << 32 | v;
    t->cpu = (uint16_t)cpu_this()->number;
    t->ipc_reply = L4_REPLY(number);
    t->counts = counts_at(0, t->cpu);
    t->priority = 100;
    meter_init(t);
    list_init(&t->queue);
    list_init(&t->sleep_link);
    list_init(&t->timer_link);
    list_init(&t->senders);
    list_init(&t->send_link);
    list_init(&t->bound_link);
    list_init(&t->env_link);
    thread_table[number] = t;
    __atomic_fetch_or(&used[number / 64], (uint64_t)1 << number % 64, __ATOMIC_SEQ_CST);
    return t;
}

struct thread *thread_init(pfn_t frame, uint32_t number, struct env *e, void *utcb, vaddr_t utcb_va)
{
    struct thread *t = enter(frame, number, next_version(number), utcb_va);

    t->env = e;
    t->counts = counts_at(e->number, t->cpu);
    t->utcb = utcb;
    t->kind = (uint8_t)((env_is_redirected(e) ? THREAD_REDIRECTED : 0) |
                        (env_is_judged(e) ? THREAD_JUDGED : 0));
    list_insert(&e->threads, &t->env_link);
    arch_thread_init(&t->arch, utcb_va + UTCB_GS);
    *thread_mr(t, TCR_SELF) = utcb_va + UTCB_MR;
    *thread_mr(t, TCR_IPC_LINK) = LINK_ADDRESS(LINK_IPC);
    *thread_mr(t, TCR_GLOBAL_ID) = t->global_id;
    *thread_mr(t, TCR_PROCESSOR) = t->cpu;
    thread_exo(t)->pending = thread_exo(t)->notified = 0;
    thread_exo(t)->excess_ticks = thread_exo(t)->overruns = 0;
    thread_exo(t)->forfeits = thread_exo(t)->forfeits_ahead = 0;
    thread_exo(t)->env = e->number;
    thread_exo(t)->thread = number;
    e->info->threads++;
    return t;
}

struct thread *thread_init_line(pfn_t frame, uint32_t number)
{
    struct thread *t = enter(frame, number, 1, UTCB_NONE);

    t->kind = THREAD_LINE;
    return t;
}

static void set_kind(struct thread *t, enum thread_kind bit, bool on)
{
    t->kind = (uint8_t)(on ? t->kind | bit : t->kind & ~(unsigned)bit);
}

void thread_set_fpu(struct thread *t, bool on)
{
    struct cpu *c = cpu_this();
    bool runs = c->current == t;

    set_kind(t, THREAD_NO_FPU, !on);
    arch_thread_fpu(&t->arch, on, runs);
    if (runs)
        cpu_expect(c, t);
}

void thread_set_code_only(struct thread *t, bool on)
{
    bool runs = cpu_this()->current == t;

    t->code_only = on;
    arch_thread_code_only(&t->arch, on, runs);
    thread_set_alone(t);
}

void thread_apply_counters(struct thread *t)
{
    struct cpu *c = cpu_this();
    bool runs = c->current == t, on = t->counters >> c->number & 1;

    set_kind(t, THREAD_COUNTERS, on);
    arch_thread_counters(&t->arch, on, runs);
    if (runs)
        cpu_expect(c, t);
}

static void apply_counters_here(void *argument)
{
    thread_apply_counters(argument);
}

void thread_set_counters(struct thread *t, uint16_t cpus)
{
    t->counters = cpus;
    cpu_call(t->cpu, apply_counters_here, t);
}

void thread_set_alone(struct thread *t)
{
    t->limited = meter_is_limited(t);
    set_kind(t, THREAD_ALONE, t->limited || t->code_only);
    if (cpu_this()->current == t)
        cpu_expect(cpu_this(), t);
}

struct unusual {
    struct thread *thread;
    enum thread_kind bit;
    bool on;
};

static void set_unusual_here(void *argument)
{
    const struct unusual *u = argument;
    struct cpu *c = cpu_this();

    set_kind(u->thread, u->bit, u->on);
    if (c->current == u->thread)
        cpu_expect(c, u->thread);
}

void thread_set_unusual(struct thread *t, enum thread_kind bit, bool on)
{
    struct unusual u = {t, bit, on};

    cpu_call(t->cpu, set_unusual_here, &u);
}

static void set_all(struct env *e, enum thread_kind bit, bool on)
{
    for (struct list *l = e->threads.next; l != &e->threads; l = l->next)
        thread_set_unusual(LIST_ITEM(l, struct thread, env_link), bit, on);
}

void thread_set_redirected(struct env *e)
{
    set_all(e, THREAD_REDIRECTED, env_is_redirected(e));
}

void thread_set_judged(struct env *e)
{
    set_all(e, THREAD_JUDGED, env_is_judged(e));
}

void thread_reply(struct thread *t, word_t error, word_t result)
{
    struct regs *r = thread_regs(t);

    r->rax = error;
    r->rdx = result;
    r->rdi = r->rsi = r->r8 = r->r9 = r->r10 = 0;
}

static void start_here(void *argument)
{
    struct thread *t = argument;

    if (t->state == THREAD_STOPPED)
        sched_wake(t);
}

void thread_start(struct thread *t)
{
    cpu_call(t->cpu, start_here, t);
}

/* Ends a protected control transfer that `t` takes part in: a caller whose callee goes is told. No
 * register of its own comes back from a transfer, so none was saved. */
static void leave_pct(struct thread *t)
{
    if (t->state == THREAD_PCT_CALLING)
        t->pct_target->pct_caller = NULL;
    struct thread *caller = t->pct_caller;
    t->pct_caller = NULL;
    if (!caller)
        return;
    thread_reply(caller, ERR_BAD_STATE, 0);
    struct regs *r = thread_regs(caller);
    r->rbx = r->rbp = r->r12 = r->r13 = r->r14 = r->r15 = 0;
    sched_wake(caller);
}

static void leave_all(struct thread *t, bool dies)
{
    hook_thread_stopping(t, dies);
    leave_pct(t);
    sched_clear_deadline(t);
    if (cpu_this()->ending == t)
        slice_end_epilogue(cpu_this(), arch_ticks(), false);
    if (dies)
        sched_set_timer(t, FOREVER, 0);
}

static void stop_here(void *argument)
{
    struct thread *t = argument;

    if (t->state == THREAD_DEAD)
        return;
    leave_all(t, false);
    sched_block(t, THREAD_STOPPED);
}

void thread_stop(struct thread *t)
{
    cpu_call(t->cpu, stop_here, t);
}

static void kill_here(void *argument)
{
    struct thread *t = argument;

    if (t->state == THREAD_DEAD)
        return;
    leave_all(t, true);
    sched_block(t, THREAD_DEAD);
}

void thread_kill(struct thread *t)
{
    cpu_call(t->cpu, kill_here, t);
}

static void forget_here(void *argument)
{
    struct thread *t = argument;
    struct cpu *c = cpu_this();

    for (unsigned i = 0; i < SLICE_COUNT; i++)
        if (c->slices[i] == t)
            c->slices[i] = NULL;
    if (c->chosen == t)
        c->chosen = NULL;
    if (c->deputy == t)
        c->changed_hands = false;
    if (c->ending == t)
        c->ending = NULL;
    if (c->current == t)
        c->current = NULL;
}

void thread_forget(struct thread *t)
{
    ASSERT(t->state == THREAD_DEAD);
    thread_table[t->number] = &thread_nobody;
    __atomic_fetch_and(&used[t->number / 64], ~((uint64_t)1 << t->number % 64), __ATOMIC_SEQ_CST);
    /* Every CPU answers: so none is still looking at what it found by that number before. */
    for (unsigned i = 0; i < cpu_count; i++)
        cpu_call(i, forget_here, t);
    list_remove(&t->env_link);
    if (t->env)
        t->env->info->threads--;
}
