/* Loans: lending thread and memory to a child of vfork, and their return. */
#include "libos-posix/process/loan.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/base/user.h"
#include "libos-posix/calls/trace.h"
#include "libos-posix/process/futex.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"

/* A borrower that is to leave has this pending, which SIGKILL never is (S3): nobody can block it,
 * and all who look for signals see it. */
#define CALLED_IN signal_bit(SIGKILL)

long loan_begin(struct task *self, struct task *child)
{
    struct heap *h = &self->process->arena->heap;
    struct loan *loan = core_heap_take(h, sizeof *loan);

    if (!loan)
        return -ENOMEM;
    loan->regs = *self->regs;
    memcpy(loan->vectors, self->vectors, VECTORS_BYTES);
    loan->fs_base = port_get_fs();
    loan->borrower = child->process;
    loan->pid = child->process->pid;
    loan->cpu_ns = port_cpu_ns();
    child->regs = self->regs;
    child->vectors = self->vectors;
    child->process->cpu_before_ns = loan->cpu_ns;
    self->regs = NULL;
    self->vectors = NULL;
    self->loan = loan;
    lock_inherit(child);
    port_set_self(child);
    return 0;
}

void loan_wait(struct task *t, int32_t pid)
{
    while (!t->vfork_done && !t->ending && !t->process->ending) {
        if (loan_is_called_in(t))
            loan_leave(t, NULL);
        t->only_end_wakes = true;
        task_sleep(t, &t->vfork_done, PORT_FOREVER);
    }
    struct process *child = process_find(t->process->arena, pid);
    if (child && child->vfork_waiter == t)
        child->vfork_waiter = NULL;
}

_Noreturn void loan_end(struct task *lender)
{
    uint8_t vectors[VECTORS_BYTES] __attribute__((aligned(16)));
    struct loan *loan = lender->loan;
    struct posix_regs regs = loan->regs;
    const int32_t pid = loan->pid;

    lock_inherit(lender);
    port_set_self(lender);
    port_set_fs(loan->fs_base);
    memcpy(vectors, loan->vectors, VECTORS_BYTES);
    lender->process->cpu_before_ns += port_cpu_ns() - loan->cpu_ns;
    lender->loan = NULL;
    core_heap_free(&lender->process->arena->heap, loan, sizeof *loan);
    loan_wait(lender, pid);
    lock_release(lender);
    if (lender->process->arena->traces)
        trace_leave(lender->call, lender->arguments, pid);
    regs.rax = (word_t)pid;
    posix_trampoline_go_on(&regs, vectors);
    port_go_on(&regs, vectors);
}

/* As at the end of a task: its memory is still used by others, so it is told that the number is
 * gone. */
static void clear_number(struct process *memory, vaddr_t at)
{
    const uint32_t zero = 0;

    if (at && !USER_PUT(memory, at, &zero))
        futex_wake(memory->arena, futex_key_of(memory, at), 1, FUTEX_ALL_BITS);
}

long loan_leave(struct task *self, const struct node *program)
{
    struct process *p = self->process, *lender = p->lender;
    struct task *waiter = p->vfork_waiter;

    self->pending.set &= ~CALLED_IN;
    if (!program && !process_copy_memory(p))
        return -ENOMEM;
    lock_inherit(waiter); /* whose thread this is, in the environment that stays */
    const uint64_t before = p->cpu_before_ns;
    p->cpu_before_ns = waiter->loan->cpu_ns - port_cpu_ns(); /* what it has used already */
    const long side = port_fork(self, program);
    if (side > 0) {
        p->lender = NULL;
        if (program) {
            clear_number(lender, self->clear_tid);
            process_end_vfork(p);
        }
        loan_end(waiter);
    }
    if (side < 0) {
        p->cpu_before_ns = before;
        area_forget_all(p);
        lock_inherit(self);
        return side;
    }
    lock_take(self);
    return 0;
}

void loan_call_in(struct task *t)
{
    while (t && t->loan) {
        t = t->loan->borrower->tasks; /* NULL: it has just ended */
        if (t)
            t->pending.set |= CALLED_IN;
    }
}

bool loan_is_called_in(const struct task *t)
{
    return t->process->lender && (t->pending.set & CALLED_IN);
}

static const char *check_borrower(const struct process *p)
{
    const struct task *waiter = p->vfork_waiter;

    if (p->task_count != 1 || p->areas || p->lender->ended)
        return "O1: a process that borrows has more than a task, or areas, or a lender that ended";
    if (!waiter || waiter->process != p->lender || !waiter->loan || waiter->loan->borrower != p)
        return "O2: a process that borrows holds up no task of its lender";
    return NULL;
}

const char *loan_check(const struct arena *a)
{
    const char *broken = NULL;
    size_t borrowers = 0, loans = 0;

    for (const struct process *p = a->processes; p && !broken; p = p->next) {
        if (p->lender && !p->ended) {
            broken = check_borrower(p);
            borrowers++;
        }
        for (const struct task *t = p->tasks; t; t = t->next)
            loans += t->loan != NULL;
    }
    return broken || borrowers == loans ? broken : "O3: a task has a loan, and nobody borrows";
}
