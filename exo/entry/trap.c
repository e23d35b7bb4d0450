/* What the CPU brings: calls, exceptions and interrupts, each to who decides about it. */
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

static void call_exo(struct thread *t, struct regs *r, word_t number)
{
    const word_t args[SYS_MAX_ARGS] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
    word_t result = 0;
    int e = dispatch(t, number, args, &result);

    if (e == CALL_AGAIN)
        r->rip -= 2; /* the length of `syscall`; rax still names the call */
    else if (e != CALL_NO_REPLY)
        thread_reply(t, (word_t)e, result);
}

void trap_call(struct regs *r)
{
    struct thread *t = cpu_this()->current;
    word_t link = r->rip - WINDOW_STUBS;

    if (r->rax - SYS_BASE < 256 && link >= PAGE_SIZE)
        call_exo(t, r, r->rax - SYS_BASE);
    else if (link < PAGE_SIZE)
        hook_l4_call(t, (unsigned)link / 16);
    else if (!upcall_deliver(t, UPCALL_SYSCALL, r->rax, 0, 0))
        thread_reply(t, ERR_BAD_CALL, 0);
    sched_leave();
}

/* Nobody takes the event: the environment ends, and whoever watches it is told. */
static void unhandled(struct thread *t, uint64_t address)
{
    const struct regs *r = thread_regs(t);
    struct env *e = t->env;

    print("env %u ended: exception %lu (error %lx) at %lx, address %lx, thread %u\n", e->number,
          r->vector, r->error, r->rip, address, t->number);
    forest_lock();
    env_end(e, (uint32_t)r->vector, r->rip, address);
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
    if (r->vector < VECTOR_IRQ)
        exception(cpu_this()->current, r);
    else
        arch_interrupt((unsigned)r->vector);
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
