/* The simulated machine's entries: what entry.S does, done to the registers saved in a thread. */
#include "exo/abi/graft.h"
#include "exo/abi/kinfo.h"
#include "exo/abi/kip.h"
#include "exo/abi/syscall.h"
#include "exo/arch/cpu.h"
#include "exo/arch/host/machine.h"
#include "exo/arch/upward.h"

#include <setjmp.h>

#define FIRST_IPC (LINK_IPC * LINK_STRIDE)

/* exo/entry/hooks.def; entry.S calls them by name, too. */
struct thread;
word_t hook_ipc_fast(struct thread *t, word_t to, word_t from, word_t ip, word_t timeouts,
                     word_t tag);
word_t hook_pct_call(word_t slot);
word_t hook_pct_return(void);

static jmp_buf leaving;

_Noreturn void arch_resume(void)
{
    longjmp(leaving, 1);
}

/* An IPC whose message goes from register to register. */
static bool ipc_fast(const struct regs *r)
{
    const struct regs m = *r;
    char *current = (char *)arch_cpu_this()->current - ARCH_THREAD_IN_FULL;
    word_t name = hook_ipc_fast((struct thread *)(void *)current, m.rsi, m.rdx, m.rcx, m.r8, m.r9);

    if (!name)
        return false;
    struct arch_thread *next = arch_cpu_this()->current;
    struct regs *to = &next->regs;
    to->rsi = name;
    to->rax = m.rax;
    to->rbx = m.rbx;
    to->r10 = m.r10;
    to->r12 = m.r12;
    to->r13 = m.r13;
    to->r14 = m.r14;
    to->r15 = m.r15;
    to->rdi = next->gs_base + 16;
    return true;
}

/* A protected control transfer whose message stays where it is. */
static bool pct_fast(const struct regs *r, word_t number)
{
    const struct regs message = *r;
    bool calls = number == SYS_pct_call;
    word_t rax = calls ? hook_pct_call(message.rdi) : hook_pct_return();

    if (!rax)
        return false;
    struct arch_thread *next = arch_cpu_this()->current;
    const struct regs own = next->regs;
    next->regs = message;
    next->regs.rip = calls ? next->pct_ip : own.rip;
    next->regs.rsp = calls ? next->pct_sp : own.rsp;
    next->regs.rflags = calls ? FLAGS_DEFAULT : own.rflags;
    next->regs.rax = calls ? rax : 0;
    return true;
}

/* As the CPU's entry asks it. */
static bool may_be_judged(void)
{
    return ((const uint8_t *)arch_cpu_this())[ARCH_CPU_LIKE] & 128;
}

/* A call of another system, that the thread's own handler takes at once. */
static bool reflect_fast(struct regs *r)
{
    struct arch_cpu *c = arch_cpu_this();
    struct graft_system_call call = {
        r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, r->rip, 0, 0};

    c->call_frame = (struct call_frame){.rax = r->rax, .rflags = r->rflags, .rip = r->rip};
    c->user_rsp = r->rsp;
    if (!trap_reflect_fast() && !(may_be_judged() && trap_judge_quickly(&call))) {
        const int answered = may_be_judged() ? trap_judge_call(&call) : 0;
        r->rax = call.number;
        if (answered >= 0)
            return answered;
        if (!trap_reflect_passed())
            return false;
    }
    r->rax = c->call_frame.rax;
    r->rip = c->call_frame.rip;
    r->rflags = c->call_frame.rflags;
    r->rsp = c->user_rsp;
    return true;
}

/* What a call does not keep holds nothing of the kernel's afterwards. */
static void end_call(struct regs *r, struct reply reply)
{
    r->rax = reply.error;
    r->rdx = reply.result;
    r->rdi = r->rsi = r->r8 = r->r9 = r->r10 = 0;
}

static void plain_call(struct regs *r, word_t number)
{
    struct reply reply = {CALL_LOST, 0};

    if (cpu_count == 1 || trap_lock()) {
        reply = trap_calls[number](r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9);
        trap_unlock();
    }
    if (reply.error == CALL_PREEMPTED) {
        struct arch_thread *next = arch_cpu_this()->current;
        end_call(&next->regs, (struct reply){0, next->regs.rdx});
        return;
    }
    if (reply.error >= CALL_NO_REPLY) {
        trap_leave(reply.error);
        return;
    }
    end_call(r, reply);
}

void host_call(struct regs *r)
{
    word_t link = r->rip - WINDOW_LINKS, number = r->rax - SYS_BASE;
    bool transfer = number == SYS_pct_call || number == SYS_pct_return;

    if (setjmp(leaving))
        return;
    if (link < PAGE_SIZE) {
        if (link < FIRST_IPC || host.slow)
            trap_link();
        else if (!ipc_fast(r))
            trap_ipc();
    } else if (number < 256) {
        if (!transfer || host.slow || !pct_fast(r, number))
            plain_call(r, number);
    } else if (host.slow || !reflect_fast(r)) {
        trap_reflect();
    }
}

static bool fault_fast(bool judged)
{
    return trap_fault_fast() || (judged && trap_judge_fault());
}

void host_trap(struct regs *r)
{
    struct trap_frame *f = &arch_cpu_this()->trap_frame;

    *f = (struct trap_frame){r->vector, r->error, r->rip, r->cs, r->rflags, r->rsp, r->ss};
    bool exception = r->vector < VECTOR_IRQ, fault = r->vector == VECTOR_PAGE_FAULT;
    const bool judged = may_be_judged();

    if (!host.slow && exception && (fault ? fault_fast(judged) : trap_exception_fast())) {
        r->rip = f->rip;
        r->rflags = f->rflags;
        r->rsp = f->rsp;
        return;
    }
    if (!host.slow && fault && !judged)
        trap_fault();
    else
        trap_user();
}
