/* What the CPU brings: calls, exceptions and interrupts, each to who decides about it. */
#include "exo/abi/kip.h"
#include "exo/arch/cpu.h"
#include "exo/arch/irq.h"
#include "exo/arch/upward.h"
#include "exo/base/assert.h"
#include "exo/base/print.h"
#include "exo/entry/dispatch.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/env/upcall.h"

#define FAULT_WRITE 2u /* bits of a page fault's error code */
#define FAULT_FETCH 16u

/* What the user made happen, but for calls of dispatch(), where the lock is held anyway. Not after
 * interrupts: a check may take as long as from one to the next. */
static void check(void)
{
    if (!CHECKED_BUILD)
        return;
    forest_lock();
    INVARIANT(hook_check());
    forest_unlock();
}

struct reply trap_call(struct regs *r, word_t number)
{
    struct cpu *c = cpu_this();
    struct thread *t = c->current;
    struct reply reply = {.result = 0};
    int e = dispatch(t, number, r, &reply.result);

    c->info->entries++;
    reply.error = (word_t)e;
    if (!c->choose && e < CALL_NO_REPLY)
        return reply;
    if (e == CALL_AGAIN)
        r->rip -= 2; /* the length of `syscall`; rax still names the call */
    else if (e != CALL_NO_REPLY && c->current == t)
        thread_reply(t, reply.error, reply.result);
    sched_leave();
    arch_resume();
}

void trap_link(struct regs *r, unsigned offset)
{
    struct cpu *c = cpu_this();

    (void)r;
    hook_l4_call(c->current, offset / LINK_STRIDE);
    check();
    c->info->entries++;
    if (c->choose)
        sched_leave();
}

void trap_reflect(struct regs *r)
{
    struct cpu *c = cpu_this();

    c->info->entries++;
    if (!upcall_deliver(c->current, UPCALL_SYSCALL, r->rax, 0, 0))
        thread_reply(c->current, ERR_BAD_CALL, 0);
}

/* Nobody takes the event: the environment ends, and whoever watches it is told. */
static void unhandled(struct thread *t, uint64_t address)
{
    const struct regs *r = thread_regs(t);

    if (!forest_lock_for(t))
        return;
    print("env %u ended: exception %lu (error %lx) at %lx, address %lx, thread %u\n",
          t->env->number, r->vector, r->error, r->rip, address, t->number);
    env_end(t->env, (uint32_t)r->vector + 1, r->rip, address);
    forest_unlock();
}

static void page_fault(struct thread *t, struct regs *r)
{
    vaddr_t address = arch_fault_address();
    rights_t access = r->error & FAULT_FETCH   ? RIGHT_EXEC
                      : r->error & FAULT_WRITE ? RIGHT_WRITE
                                               : RIGHT_READ;

    if (!upcall_deliver(t, UPCALL_FAULT, r->vector, r->error, address) &&
        !hook_page_fault(t, address, access))
        unhandled(t, address);
}

static void exception(struct thread *t, struct regs *r)
{
    if (r->vector == VECTOR_PAGE_FAULT)
        page_fault(t, r);
    else if (r->vector == VECTOR_UNDEFINED && hook_kernel_interface(t))
        return;
    else if (!upcall_deliver(t, UPCALL_EXCEPTION, r->vector, r->error, 0))
        unhandled(t, 0);
}

void trap_user(struct regs *r)
{
    if (r->vector < VECTOR_IRQ) {
        exception(cpu_this()->current, r);
        check();
    } else
        arch_interrupt((unsigned)r->vector);
    cpu_this()->info->entries++;
    sched_leave();
}

static _Noreturn void dead(const struct regs *r)
{
    print("exception %lu (error %lx) in the kernel at %lx, stack %lx, address %lx\n", r->vector,
          r->error, r->rip, r->rsp, arch_fault_address());
    panic(__FILE__, __LINE__, "the kernel met an exception");
}

void trap_kernel(struct regs *r)
{
    if (r->vector < VECTOR_IRQ)
        dead(r);
    arch_interrupt((unsigned)r->vector);
}

_Noreturn void trap_fatal(struct regs *r)
{
    dead(r);
}
