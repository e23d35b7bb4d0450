/* Calls: protected control transfer. The register file is the message; no queue, no copy. */
#include "bindings/cap.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
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
    uint64_t entry = thread_exo(t)->entry[UPCALL_PCT];
    if (t->state != THREAD_PCT_IDLE || t->cpu != caller->cpu || entry == 0 || entry >= USER_TOP ||
        thread_exo(t)->pct_stack > USER_TOP)
        return ERR_BAD_STATE;
    *callee = t;
    return ERR_OK;
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

static void enter(struct thread *callee, const struct thread *caller)
{
    volatile struct utcb_exo *x = thread_exo(callee);
    struct regs *r = thread_regs(callee);
    uint64_t entry = x->entry[UPCALL_PCT], stack = x->pct_stack;

    /* Another CPU may have changed the words since they were checked: then they fault at 0. */
    r->rip = entry < USER_TOP ? entry : 0;
    r->rsp = stack <= USER_TOP ? stack : 0;
    r->rflags = FLAGS_DEFAULT;
    r->rax = caller->global_id;
    x->pct_caller = caller->global_id;
}

/* `t` runs instead of the current thread, which waits in `state`. */
static void transfer(struct thread *current, unsigned state, struct thread *t)
{
    struct cpu *c = cpu_this();

    if (c->choose) { /* something else may have to run: an interrupt came between */
        sched_block(current, state);
        sched_wake(t);
        sched_handoff(t);
        return;
    }
    current->state = (uint8_t)state;
    sched_direct(c, t);
}

int sys_pct_call(struct thread *caller, const struct sys_pct_call_args *a, word_t *result)
{
    struct thread *callee;
    enum err e = check_transfer(caller, a->thread, &callee);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    caller->pct_callee = callee;
    callee->pct_caller = caller;
    copy_message(thread_regs(callee), thread_regs(caller));
    enter(callee, caller);
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
    copy_message(thread_regs(callee), thread_regs(caller));
    enter(callee, caller);
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
        sched_block(caller, THREAD_PCT_IDLE);
        return CALL_NO_REPLY;
    }
    client->pct_callee = NULL;
    copy_message(thread_regs(client), thread_regs(caller));
    thread_regs(client)->rax = ERR_OK;
    transfer(caller, THREAD_PCT_IDLE, client);
    return CALL_NO_REPLY;
}

word_t hook_pct_call(word_t slot)
{
    struct cpu *c = cpu_this();
    struct thread *caller = c->current, *callee;

    if (c->choose || slot != (slot_t)slot || !forest_try_lock())
        return 0;
    enum err e = check_transfer(caller, (slot_t)slot, &callee);
    forest_unlock();
    if (e != ERR_OK || callee->events)
        return 0;
    c->info->entries++;
    caller->pct_callee = callee;
    callee->pct_caller = caller;
    enter(callee, caller);
    caller->state = THREAD_PCT_CALLING;
    sched_direct(c, callee);
    return 1 + caller->global_id;
}

word_t hook_pct_return(void)
{
    struct cpu *c = cpu_this();
    struct thread *callee = c->current, *client = callee->pct_caller;

    if (c->choose || !client || client->events)
        return 0;
    c->info->entries++;
    callee->pct_caller = NULL;
    client->pct_callee = NULL;
    callee->state = THREAD_PCT_IDLE;
    sched_direct(c, client);
    return 1 + ERR_OK;
}
