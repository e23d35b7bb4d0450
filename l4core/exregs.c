/* ExchangeRegisters: reading and changing a thread of one's own space. L4 X.2 reference manual. */
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "l4core/control.h"
#include "l4core/ipc.h"

struct exchange {
    struct thread *thread;
    bool by_itself;
    bool busy; /* it waits for the forest lock: nothing was done */
    word_t control, sp, ip, flags, handle, pager;
};

struct thread *control_find_own(const struct env *e, word_t id)
{
    for (const struct list *l = e->threads.next; l != &e->threads; l = l->next) {
        struct thread *t = LIST_ITEM(l, struct thread, env_link);
        bool named = L4_IS_LOCAL(id) ? t->utcb_va + UTCB_MR == id : t->global_id == id;
        if (named && t->state != THREAD_DEAD && t->utcb_va != UTCB_NONE)
            return t;
    }
    return NULL;
}

static word_t tell_state(const struct thread *t)
{
    word_t halted = t->state == THREAD_STOPPED || t->halted ? EXREGS_HALTED : 0;

    if (t->transfer_with)
        return halted | (t->transfer_sends ? EXREGS_SEND : EXREGS_RECEIVE);
    return halted | (t->state == THREAD_IPC_RECEIVE ? EXREGS_RECEIVE : 0) |
           (t->state == THREAD_IPC_SEND ? EXREGS_SEND : 0);
}

/* Who waits or has a suspended transfer is halted when that is over. */
static void set_halt(struct thread *t, bool halt)
{
    bool runs = !t->transfer_with && (t->state == THREAD_READY || t->state == THREAD_RUNNING);

    if (!halt) {
        t->halted = false;
        if (t->state == THREAD_STOPPED)
            sched_wake(t);
    } else if (runs) {
        sched_block(t, THREAD_STOPPED);
    } else if (t->state != THREAD_STOPPED) {
        t->halted = true;
        t->events = true;
    }
}

static void set_registers(struct thread *t, const struct exchange *x)
{
    struct regs *r = thread_regs(t);

    if (x->control & EXREGS_SP)
        r->rsp = x->sp <= USER_TOP ? x->sp : 0;
    if (x->control & EXREGS_IP)
        r->rip = x->ip < USER_TOP ? x->ip : 0;
    if (x->control & EXREGS_FLAGS)
        r->rflags = (x->flags & FLAGS_USER) | FLAGS_DEFAULT;
    if (x->control & EXREGS_HANDLE)
        *thread_mr(t, TCR_USER_HANDLE) = x->handle;
    if (x->control & EXREGS_PAGER)
        *thread_mr(t, TCR_PAGER) = x->pager;
}

/* On the CPU of the thread, whose registers are saved there. */
static void exchange_here(void *argument)
{
    struct exchange *x = argument;
    struct thread *t = x->thread;
    const struct regs *r = thread_regs(t);
    const struct exchange wanted = *x;

    x->busy = t->state == THREAD_RUNNING && r->vector == VECTOR_CALL && !thread_goes_on(t) &&
              !x->by_itself;
    if (x->busy)
        return;
    x->control = tell_state(t);
    x->sp = r->rsp;
    x->ip = r->rip;
    x->flags = r->rflags;
    x->handle = *thread_mr(t, TCR_USER_HANDLE);
    x->pager = *thread_mr(t, TCR_PAGER);
    ipc_cancel(t, wanted.control & EXREGS_SEND, wanted.control & EXREGS_RECEIVE);
    set_registers(t, &wanted);
    if (wanted.control & EXREGS_SET_HALT)
        set_halt(t, wanted.control & EXREGS_HALTED);
}

static void answer(struct thread *caller, struct regs *r, word_t dest, const struct exchange *x)
{
    const struct thread *t = x->thread;

    if (!t) {
        *thread_mr(caller, TCR_ERROR) = CALL_ERROR_THREAD;
        r->rax = L4_NIL;
        return;
    }
    r->rax = L4_IS_LOCAL(dest) ? t->global_id : t->utcb_va + UTCB_MR;
    r->rsi = x->control;
    r->rdx = x->sp;
    r->r8 = x->ip;
    r->r9 = x->flags;
    r->r10 = x->handle;
    r->rdi = x->pager;
}

void exregs_do(struct thread *caller, struct regs *r)
{
    const word_t dest = r->rax;
    struct exchange x = {.control = r->rsi,
                         .sp = r->rdx,
                         .ip = r->r8,
                         .flags = r->r9,
                         .handle = r->r10,
                         .pager = r->rdi};

    if (!forest_lock_for(caller))
        return;
    x.thread = control_find_own(caller->env, dest);
    x.by_itself = x.thread == caller;
    if (x.thread)
        cpu_call(x.thread->cpu, exchange_here, &x);
    forest_unlock();
    if (x.busy) /* from the user's side, where whoever waits for `caller` meets it */
        regs_call_again(r);
    else
        answer(caller, r, dest, &x);
}
