/* What the CPU brings: calls, exceptions and interrupts, each to who decides about it. */
#include "exo/abi/graft.h"
#include "exo/abi/kip.h"
#include "exo/arch/cpu.h"
#include "exo/arch/irq.h"
#include "exo/arch/upward.h"
#include "exo/base/assert.h"
#include "exo/base/print.h"
#include "exo/entry/handlers.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/env/upcall.h"

#define CODE_KERNEL_INTERFACE 0x90f0u /* lock; nop: hook_kernel_interface knows it */

#define FAULT_WRITE 2u /* bits of a page fault's error code */
#define FAULT_FETCH 16u

/* What the user made happen, but for calls (dispatch.c), where the lock is held anyway. Not after
 * interrupts: a check may take as long as from one to the next. */
static void check(void)
{
    if (!CHECKED_BUILD)
        return;
    forest_lock();
    INVARIANT(hook_check());
    forest_unlock();
}

void trap_leave(word_t error)
{
    if (error == CALL_AGAIN)
        regs_call_again(thread_regs(cpu_this()->current));
    sched_leave();
}

void trap_ipc(void)
{
    if (hook_ipc_map(cpu_this()->current))
        check();
    else
        trap_link();
}

void trap_link(void)
{
    struct cpu *c = cpu_this();

    c->current->counts->links++;
    hook_l4_call(c->current, (unsigned)(thread_regs(c->current)->rip - WINDOW_LINKS) / LINK_STRIDE);
    check();
    if (c->choose)
        sched_leave();
}

/* True: its graft has answered the call, or it does not run any more. */
static bool is_answered(struct thread *t)
{
    struct cpu *c = cpu_this();
    struct regs *r = thread_regs(t);
    struct graft_system_call call = {
        r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, r->rip, t->number, 0};
    const enum fault_outcome known = (enum fault_outcome)c->judged;

    c->judged = FAULT_UNJUDGED;
    if (known != FAULT_UNJUDGED)
        return known == FAULT_OVER;
    if (!forest_lock_for(t))
        return true;
    const bool answered = hook_call_judge(t, &call);
    forest_unlock();
    if (answered)
        r->rax = call.number;
    return answered;
}

void trap_reflect(void)
{
    struct cpu *c = cpu_this();
    struct thread *t = c->current;

    t->counts->foreign++;
    if (t->kind & THREAD_JUDGED && is_answered(t))
        check();
    else if (!upcall_deliver(t, UPCALL_SYSCALL, thread_regs(t)->rax, 0, 0))
        thread_reply(t, ERR_BAD_CALL, 0);
    if (c->choose)
        sched_leave();
}

/* What a graft has said is remembered for when all is saved, unless that is not needed. */
int trap_judge_call(struct graft_system_call *call)
{
    struct cpu *c = cpu_this();
    struct thread *t = c->current;

    if (t->events || !(t->kind & THREAD_JUDGED) || c->judged != FAULT_UNJUDGED ||
        !forest_try_lock())
        return 0;
    call->thread = t->number;
    const bool answered = hook_call_judge(t, call);
    forest_unlock();
    if (!answered || c->choose) {
        c->judged = answered ? FAULT_OVER : FAULT_DEFAULT;
        return answered || c->choose ? 0 : -1;
    }
    t->counts->foreign++;
    check();
    return 1;
}

static rights_t access_of(word_t error)
{
    return error & FAULT_FETCH ? RIGHT_EXEC : error & FAULT_WRITE ? RIGHT_WRITE : RIGHT_READ;
}

/* The fast entries leave at once whatever is more than the upcall: pending events, too. */
static inline __attribute__((always_inline)) word_t fault_upcall(const struct thread *t)
{
    struct upcall_start start;

    if (!upcall_is_taken(t, UPCALL_FAULT, UPCALL_CLASS_FAULT, &start))
        return 0;
    struct trap_frame *f = arch_trap_frame();
    t->counts->fault_upcalls++;
    volatile struct upcall_frame *save =
        upcall_begin(t, UPCALL_CLASS_FAULT, VECTOR_PAGE_FAULT, start,
                     (struct upcall_place){&f->rip, &f->rflags, &f->rsp});
    save->error = f->error;
    save->address = arch_fault_address();
    return start.entry;
}

/* Asks a graft that keeps registers. On one CPU, so one context does. What it says is remembered
 * when more is to be done of it than the upcall. */
static inline __attribute__((always_inline)) word_t fault_judged(const struct thread *t)
{
    static struct graft_page_fault context;
    const struct env_quick *q = &t->env->quick[ENV_PLACE_FAULT];

    if (t->events || q->kind == QUICK_NOT)
        return 0;
    if (q->kind != QUICK_BLIND) {
        const struct trap_frame *f = arch_trap_frame();
        context.address = arch_fault_address();
        context.ip = f->rip;
        context.access = access_of(f->error);
        context.thread = t->number;
    }
    ++*q->runs;
    const uint64_t said = arch_code_call(q->code, &context);
    if ((uint8_t)said != GRAFT_FAULT_DEFAULT) {
        CPU_SET(said, said);
        CPU_SET_HALF(judged, FAULT_SAID);
        return 0;
    }
    const word_t entry = fault_upcall(t);
    if (!entry)
        CPU_SET_HALF(judged, FAULT_DEFAULT);
    return entry;
}

word_t trap_fault_fast(void)
{
    const struct thread *t = cpu_this()->current;

    return t->trapping & TRAPS_SLOWLY ? fault_judged(t) : fault_upcall(t);
}

/* What a graft has said is remembered for when all is saved, unless that is not needed. */
word_t trap_judge_fault(void)
{
    struct cpu *c = cpu_this();
    struct thread *t = c->current;
    const struct trap_frame *f = arch_trap_frame();

    if (c->judged == FAULT_SAID) { /* on one CPU */
        c->judged = hook_fault_said(t, arch_fault_address(), access_of(f->error), c->said);
    } else {
        if (c->judged != FAULT_UNJUDGED || t->events || !(t->kind & THREAD_JUDGED) ||
            !forest_try_lock())
            return 0;
        c->judged = hook_fault_judge(t, arch_fault_address(), access_of(f->error), f->rip);
        forest_unlock();
    }
    word_t done = c->judged == FAULT_DEFAULT ? fault_upcall(t) : c->judged == FAULT_OVER;
    if (c->choose || !done)
        return 0;
    c->judged = FAULT_UNJUDGED;
    check();
    return done;
}

word_t trap_exception_fast(void)
{
    const struct thread *t = cpu_this()->current;
    struct trap_frame *f = arch_trap_frame();
    struct upcall_start start;

    if (f->vector == VECTOR_UNDEFINED && arch_user_code(f->rip) == CODE_KERNEL_INTERFACE)
        return 0;
    if (t->events || !upcall_is_taken(t, UPCALL_EXCEPTION, UPCALL_CLASS_FAULT, &start))
        return 0;
    t->counts->exception_upcalls++;
    volatile struct upcall_frame *save =
        upcall_begin(t, UPCALL_CLASS_FAULT, f->vector, start,
                     (struct upcall_place){&f->rip, &f->rflags, &f->rsp});
    save->error = f->error;
    save->address = 0;
    return start.entry;
}

static inline __attribute__((always_inline)) word_t call_upcall(struct cpu *c,
                                                                const struct thread *t)
{
    struct upcall_start start;

    if (!upcall_is_taken(t, UPCALL_SYSCALL, UPCALL_CLASS_SYSCALL, &start))
        return 0;
    struct call_frame *f = arch_call_frame(&c->arch);
    t->counts->foreign++;
    volatile struct upcall_frame *save =
        upcall_begin(t, UPCALL_CLASS_SYSCALL, f->rax, start,
                     (struct upcall_place){&f->rip, &f->rflags, &c->arch.user_rsp});
    save->error = save->address = 0;
    return start.entry;
}

/* As with faults. */
static inline __attribute__((always_inline)) word_t call_judged(struct cpu *c,
                                                                const struct thread *t,
                                                                const struct env_quick *q,
                                                                struct graft_system_call *call)
{
    ++*q->runs;
    const uint64_t answer = arch_code_call(q->code, call);
    if (answer != GRAFT_CALL_PASS) {
        arch_call_frame(&c->arch)->rax = answer;
        t->counts->foreign++;
        return 1;
    }
    const word_t entry = call_upcall(c, t);
    if (!entry)
        c->judged = FAULT_DEFAULT;
    return entry;
}

word_t trap_reflect_fast(void)
{
    struct cpu *c = cpu_this();
    const struct thread *t = c->current;

    if (!(t->trapping & TRAPS_SLOWLY))
        return call_upcall(c, t);
    const struct env_quick *q = &t->env->quick[ENV_PLACE_CALL];
    return t->events || q->kind != QUICK_BLIND ? 0 : call_judged(c, t, q, NULL);
}

/* Of those that need a context it is made from registers (entry.S). */
word_t trap_judge_quickly(struct graft_system_call *call)
{
    struct cpu *c = cpu_this();
    const struct thread *t = c->current;
    const struct env_quick *q = &t->env->quick[ENV_PLACE_CALL];

    if (t->events || q->kind != QUICK_SEEING)
        return 0;
    call->thread = t->number;
    return call_judged(c, t, q, call);
}

word_t trap_reflect_passed(void)
{
    struct cpu *c = cpu_this();
    const word_t entry = call_upcall(c, c->current);

    if (entry)
        c->judged = FAULT_UNJUDGED;
    return entry;
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

/* What its graft makes of a page fault, unless a fast entry has asked it. */
static enum fault_outcome judge(struct thread *t, const struct regs *r, vaddr_t address)
{
    struct cpu *c = cpu_this();
    enum fault_outcome outcome = (enum fault_outcome)c->judged;

    c->judged = FAULT_UNJUDGED;
    if (outcome != FAULT_UNJUDGED)
        return outcome;
    if (!forest_lock_for(t))
        return FAULT_OVER;
    outcome = hook_fault_judge(t, address, access_of(r->error), r->rip);
    forest_unlock();
    return outcome;
}

static void page_fault(struct thread *t, struct regs *r, vaddr_t address)
{
    const enum fault_outcome outcome =
        t->kind & THREAD_JUDGED ? judge(t, r, address) : FAULT_DEFAULT;

    if (outcome == FAULT_OVER)
        return;
    if (outcome == FAULT_DEFAULT && upcall_deliver(t, UPCALL_FAULT, r->vector, r->error, address)) {
        t->counts->fault_upcalls++;
        return;
    }
    t->counts->faults++;
    if (!hook_page_fault(t, address, access_of(r->error)))
        unhandled(t, address);
}

/* A string instruction's page fault is known by the kernel, and not by the CPU. */
static void protection(struct thread *t, struct regs *r)
{
    vaddr_t address = 0;
    enum port_outcome outcome = r->error ? PORT_REFUSED : hook_port_access(t, &address);

    if (outcome == PORT_MEMORY) {
        t->counts->exceptions--; /* it is a fault now */
        r->vector = VECTOR_PAGE_FAULT;
        page_fault(t, r, address);
    } else if (outcome == PORT_REFUSED && !hook_exception(t)) {
        unhandled(t, 0);
    }
}

static void exception(struct thread *t, struct regs *r)
{
    if (r->vector == VECTOR_PAGE_FAULT) {
        page_fault(t, r, arch_fault_address());
        return;
    }
    t->counts->exceptions++; /* now, for the thread may be gone afterwards */
    if (r->vector == VECTOR_UNDEFINED && hook_kernel_interface(t))
        return;
    if (upcall_deliver(t, UPCALL_EXCEPTION, r->vector, r->error, 0)) {
        t->counts->exceptions--;
        t->counts->exception_upcalls++;
        return;
    }
    if (r->vector == VECTOR_PROTECTION)
        protection(t, r);
    else if (!hook_exception(t))
        unhandled(t, 0);
}

void trap_user(void)
{
    struct thread *t = cpu_this()->current;
    struct regs *r = thread_regs(t);

    if (r->vector < VECTOR_IRQ) {
        exception(t, r);
        check();
    } else {
        cpu_this()->current->counts->interrupts++;
        arch_interrupt((unsigned)r->vector);
    }
    sched_leave();
}

void trap_fault(void)
{
    struct thread *t = cpu_this()->current;

    if (hook_page_fault_fast(t, arch_fault_address(), access_of(thread_regs(t)->error)))
        check();
    else
        trap_user();
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
