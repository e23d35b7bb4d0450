/* CPUs: their structures, their mailboxes, the forest lock and TLB shootdown. */
#include "exo/env/cpu.h"

#include "exo/abi/syscall.h"
#include "exo/arch/irq.h"
#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/env/wait.h"

static struct cpu cpus[CPU_MAX];
unsigned cpu_count = 1;

static volatile uint32_t forest;

struct cpu *cpu_number(unsigned number)
{
    ASSERT(number < CPU_MAX);
    return &cpus[number];
}

void cpu_init(unsigned number, void *stack_top, struct node *nodes)
{
    struct cpu *c = cpu_number(number);

    c->number = number;
    c->arch.number = number;
    c->arch.stack = stack_top;
    c->slice_nodes = nodes;
    c->choose = true;
    c->alarm = c->meter_end = FOREVER;
    c->info.number = number;
    c->info.slice_nodes = (uint32_t)(arch_phys_of(nodes) >> PAGE_BITS);
    list_init(&c->sleepers);
    list_init(&c->timers);
    for (unsigned p = 0; p < PRIORITIES; p++)
        list_init(&c->ready[p]);
}

void cpu_expect(struct cpu *c, const struct thread *t)
{
    /* Nobody who waits is dead: IPC of the redirected, the told and the named takes the general
     * path, and whatever switches from those who change places with nobody. */
    const unsigned limited =
        t->kind & (THREAD_REDIRECTED | THREAD_TOLD | THREAD_NAMED | THREAD_ALONE);
    const bool alone = t->kind & THREAD_ALONE;

    c->awaits_message =
        thread_readiness(c->number, limited ? THREAD_DEAD : THREAD_IPC_RECEIVE, t->kind);
    c->awaits_transfer =
        thread_readiness(c->number, alone ? THREAD_DEAD : THREAD_PCT_IDLE, t->kind);
    c->awaits_notice = thread_readiness(c->number, alone ? THREAD_DEAD : THREAD_IN_NOTIFY, t->kind);
    c->like = alone ? KIND_NONE : t->kind;
}

struct arch_cpu *arch_cpu_number(unsigned number)
{
    return &cpu_number(number)->arch;
}

_Noreturn void cpu_main(void)
{
    cpu_this()->info.apic_id = cpu_this()->arch.apic_id;
    cpu_this()->info.online = 1;
    sched_begin();
    sched_leave();
    arch_resume();
}

static void spin_lock(volatile uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
        arch_relax();
}

static void spin_unlock(volatile uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

void cpu_mailbox_read(void)
{
    struct cpu *c = cpu_this();

    wait_end_told();
    while (c->mail_first != __atomic_load_n(&c->mail_end, __ATOMIC_ACQUIRE)) {
        wait_end_told(); /* its sender may have ended waits just before */
        struct mail m = c->mailbox[c->mail_first % MAILBOX_SLOTS];
        __atomic_store_n(&c->mail_first, c->mail_first + 1, __ATOMIC_RELEASE);
        m.run(m.argument);
        __atomic_store_n(m.done, 1, __ATOMIC_RELEASE);
    }
}

static void mailbox_put(struct cpu *c, struct mail m)
{
    spin_lock(&c->mail_lock);
    while (c->mail_end - c->mail_first == MAILBOX_SLOTS)
        arch_relax();
    c->mailbox[c->mail_end % MAILBOX_SLOTS] = m;
    __atomic_store_n(&c->mail_end, c->mail_end + 1, __ATOMIC_RELEASE);
    spin_unlock(&c->mail_lock);
}

void cpu_call(unsigned number, void (*run)(void *), void *argument)
{
    volatile uint32_t done = 0;

    if (number == cpu_this()->number) {
        run(argument);
        return;
    }
    mailbox_put(cpu_number(number), (struct mail){run, argument, &done});
    arch_cpu_kick(number);
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        cpu_mailbox_read();
        arch_relax();
    }
}

void forest_lock_slow(void)
{
    while (__atomic_exchange_n(&forest, 1, __ATOMIC_ACQUIRE)) {
        cpu_mailbox_read();
        arch_relax();
    }
    wait_end_told();
}

bool forest_try_lock_slow(void)
{
    return !__atomic_exchange_n(&forest, 1, __ATOMIC_ACQUIRE);
}

bool forest_lock_slow_for(const struct thread *t)
{
    forest_lock_slow();
    if (cpu_this()->current == t && t->state == THREAD_RUNNING)
        return true;
    forest_unlock_slow();
    return false;
}

void forest_unlock_slow(void)
{
    __atomic_store_n(&forest, 0, __ATOMIC_RELEASE);
}

struct flush {
    struct env *env;
    vaddr_t va;
};

/* Does a change in the tables of `e` concern a CPU that has loaded `space`? Who lends tables does
 * not know whom to: everybody who borrows any. */
static bool is_concerned(const struct env *e, const struct env *space)
{
    return space == e || (e->lends && space && space->borrows);
}

static void flush_here(void *argument)
{
    const struct flush *f = argument;
    struct cpu *c = cpu_this();

    if (!is_concerned(f->env, c->space))
        return;
    f->env->counts[c->number].tlb_flushes++;
    if (f->va == TLB_ALL || f->env->lends) /* shares lie elsewhere */
        arch_tlb_all();
    else
        arch_tlb_page(f->va);
}

__attribute__((noinline)) void cpu_tlb_flush_slow(struct env *e, vaddr_t va)
{
    struct flush f = {e, va};

    /* The entry is changed before the spaces are looked at: a CPU that loads this space now either
     * is seen here or sees the entry. */
    if (cpu_count > 1)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < cpu_count; i++)
        if (is_concerned(e, __atomic_load_n(&cpu_number(i)->space, __ATOMIC_RELAXED))) {
            e->counts[cpu_this()->number].shootdowns += i != cpu_this()->number;
            cpu_call(i, flush_here, &f);
        }
}

static void flush_kernel_here(void *argument)
{
    (void)argument;
    arch_tlb_all();
}

void cpu_tlb_flush_kernel(void)
{
    for (unsigned i = 0; i < cpu_count; i++)
        cpu_call(i, flush_kernel_here, NULL);
}

static void drop_here(void *argument)
{
    struct cpu *c = cpu_this();

    if (c->space != argument)
        return;
    c->space = NULL;
    arch_mmu_switch(arch_mmu_kernel());
}

void cpu_space_drop(struct env *e)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_number(i)->space == e)
            cpu_call(i, drop_here, e);
}
