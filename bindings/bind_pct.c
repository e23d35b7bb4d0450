/* Calls: protected control transfer. The register file is the message; no queue, no copy. */
#include "bindings/cap.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"

static enum err check_transfer(struct thread *caller, slot_t slot, struct thread **callee)
{
    rights_t rights = 0;
    struct thread *t = cap_thread(caller->env, slot, &rights);

    if (!t)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_EXEC))
        return ERR_NO_RIGHT;
    if (t->state != THREAD_PCT_IDLE || t->cpu != caller->cpu || t->pct_closed)
        return ERR_BAD_STATE;
    *callee = t;
    return ERR_OK;
}

/* Where transfers enter `t` from now on, for as long as it serves one caller after another. */
static void take_entry(struct thread *t)
{
    volatile struct utcb_exo *x = thread_exo(t);
    uint64_t entry = x->entry[UPCALL_PCT], stack = x->pct_stack;

    t->pct_closed = entry == 0 || entry >= USER_TOP || stack > USER_TOP;
    t->arch.pct_ip = entry;
    t->arch.pct_sp = stack;
}

/* The message: all registers but those that the call itself uses. */
static void copy_message(struct regs *to, const struct regs *from)
{
    uint64_t rip = to->rip, rsp = to->rsp, rflags = to->rflags, rax = to->rax;

    *to = *from;
    to->rip = rip;
    to->rsp = rsp;
    to->rflags = rflags;
    to->rax = rax;
}

static void enter(struct thread *callee, struct thread *caller, slot_t slot)
{
    struct regs *r = thread_regs(callee);

    caller->pct_slot = slot;
    caller->pct_target = callee;
    caller->pct_epoch = thread_epoch;
    copy_message(r, thread_regs(caller));
    r->rip = callee->arch.pct_ip;
    r->rsp = callee->arch.pct_sp;
    r->rflags = FLAGS_DEFAULT;
    r->rax = caller->global_id;
}

/* `t` runs instead of the current thread, which waits in `state`. */
static void transfer(struct thread *current, unsigned state, struct thread *t)
{
    sched_block(current, state);
    sched_wake(t);
    sched_handoff(t);
}

int sys_pct_call(struct thread *caller, const struct sys_pct_call_args *a, word_t *result)
{
    struct thread *callee;
    enum err e = check_transfer(caller, a->thread, &callee);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    callee->pct_caller = caller;
    enter(callee, caller, a->thread);
    transfer(caller, THREAD_PCT_CALLING, callee);
    return CALL_NO_REPLY;
}

int sys_pct_send(struct thread *caller, const struct sys_pct_send_args *a, word_t *result)
{
    struct thread *callee;
    enum err e = check_transfer(caller, a->thread, &callee);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    enter(callee, caller, a->thread);
    sched_wake(callee);
    sched_handoff(callee);
    return ERR_OK;
}

int sys_pct_return(struct thread *caller, const struct sys_pct_return_args *a, word_t *result)
{
    struct thread *client = caller->pct_caller;

    (void)a;
    (void)result;
    caller->pct_caller = NULL;
    if (!client) {
        take_entry(caller);
        sched_block(caller, THREAD_PCT_IDLE);
        return CALL_NO_REPLY;
    }
    copy_message(thread_regs(client), thread_regs(caller));
    thread_regs(client)->rax = ERR_OK;
    transfer(caller, THREAD_PCT_IDLE, client);
    return CALL_NO_REPLY;
}
