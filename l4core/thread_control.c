/* ThreadControl: making, changing and ending threads, and address spaces with their first and last
 * ones. L4 X.2 reference manual. */
#include "bindings/revoke.h"
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "l4core/control.h"
#include "l4core/interrupt.h"
#include "l4core/ipc.h"
#include "l4core/task.h"

struct thread *control_find(word_t id)
{
    struct thread *t = thread_by_number((uint32_t)(id >> 32));

    return t && t->global_id == id && t->state != THREAD_DEAD && t->env ? t : NULL;
}

bool control_answer(struct thread *caller, unsigned error)
{
    if (cpu_this()->current != caller || caller->state == THREAD_DEAD)
        return false;
    if (error)
        *thread_mr(caller, TCR_ERROR) = error;
    thread_regs(caller)->rax = !error;
    return true;
}

static bool is_made_by_l4(const struct thread *t)
{
    return t->memory_node.parent != 0;
}

static bool is_active(const struct thread *t)
{
    return t->utcb_va != UTCB_NONE;
}

/* Does it take a thread that is there to another space? */
static bool moves(const struct thread_control *c)
{
    return c->thread && c->env != c->thread->env;
}

/* Does the call make `c->thread` active? */
static bool activates(const struct thread_control *c)
{
    return c->pager != L4_NIL && !(c->thread && is_active(c->thread));
}

/* Does it move an active one? */
static bool relocates(const struct thread_control *c)
{
    return moves(c) && is_active(c->thread);
}

static unsigned check_dest(struct thread_control *c)
{
    const uint64_t number = c->dest >> 32;

    if (L4_IS_LOCAL(c->dest) || number < THREAD_FIRST || number >= THREAD_MAX)
        return CALL_ERROR_THREAD;
    c->thread = thread_by_number((uint32_t)number);
    if (c->space != L4_NIL)
        return c->thread && c->thread->state == THREAD_DEAD ? CALL_ERROR_THREAD : 0;
    bool ends = c->thread && c->thread != c->caller && is_made_by_l4(c->thread);
    return ends ? 0 : CALL_ERROR_THREAD;
}

static unsigned check_space(struct thread_control *c)
{
    if (c->thread && c->space >> 32 == c->dest >> 32) {
        c->env = c->thread->env;
    } else if (!c->thread && c->space == c->dest) {
        c->env = NULL;
    } else {
        const struct thread *other = control_find(c->space);
        if (!other)
            return CALL_ERROR_SPACE;
        c->env = other->env;
    }
    if (c->env && c->env->ended)
        return CALL_ERROR_SPACE;
    if (moves(c) && !is_made_by_l4(c->thread))
        return CALL_ERROR_THREAD; /* its UTCB is a page of its space */
    bool has_area = c->env && c->env->utcb_area.bytes;
    return activates(c) && !has_area ? CALL_ERROR_SPACE : 0;
}

static unsigned check_scheduler(const struct thread_control *c)
{
    if (c->scheduler == L4_NIL)
        return c->thread ? 0 : CALL_ERROR_SCHEDULER;
    return c->scheduler == c->dest || control_find(c->scheduler) ? 0 : CALL_ERROR_SCHEDULER;
}

/* Where its UTCB is to be: as the call says, or where it is, or as a call before said. */
static vaddr_t location(const struct thread_control *c)
{
    if (c->utcb != NO_LOCATION)
        return c->utcb;
    if (!c->thread)
        return 0;
    return is_active(c->thread) ? c->thread->utcb_va : c->thread->utcb_wanted;
}

static bool is_free_location(const struct thread_control *c, vaddr_t va)
{
    const struct env *e = c->env;

    if (va % UTCB_BYTES || va < e->utcb_area.base || va - e->utcb_area.base >= e->utcb_area.bytes)
        return false;
    for (const struct list *l = e->threads.next; l != &e->threads; l = l->next) {
        const struct thread *t = LIST_ITEM(l, struct thread, env_link);
        if (t != c->thread && (t->utcb_va == va || t->utcb_wanted == va))
            return false;
    }
    return true;
}

/* A location may be given, and changed, until the thread is active, which it is not without; who
 * moves keeps it, and needs it there. */
static unsigned check_utcb(const struct thread_control *c)
{
    const bool given = c->utcb != NO_LOCATION;

    if (given && c->thread && is_active(c->thread))
        return CALL_ERROR_UTCB_AREA;
    if (!given && !activates(c) && !relocates(c))
        return 0;
    return c->env && is_free_location(c, location(c)) ? 0 : CALL_ERROR_UTCB_AREA;
}

/* Makes the thread, and with it the space, inactive. Both at once, so that nothing is left when
 * there is memory for one of them only. */
static unsigned make(struct thread_control *c)
{
    struct cap *region = task_memory(c->caller->env);
    const uint32_t count = (c->env ? 0 : ENV_FRAMES) + L4_THREAD_FRAMES;

    if (!region || (!c->env && !env_number_free()))
        return CALL_ERROR_NO_MEMORY;
    pfn_t base = frame_find(region->base, region->base + region->count, count);
    if (base == PFN_ANY)
        return CALL_ERROR_NO_MEMORY;
    if (!c->env)
        c->env = task_make_space(region, base, c->caller->env->number);
    c->thread = task_make_thread(region, base + count - L4_THREAD_FRAMES, c->env, c->dest);
    return 0;
}

static void forget_here(void *thread)
{
    ipc_forget(thread);
}

static void change(const struct thread_control *c)
{
    struct thread *t = c->thread;

    if (t->global_id != c->dest) {
        cpu_call(t->cpu, forget_here, t);
        t->global_id = c->dest;
        *thread_mr(t, TCR_GLOBAL_ID) = c->dest;
    }
    if (c->scheduler != L4_NIL)
        t->scheduler = c->scheduler;
    if (c->utcb != NO_LOCATION)
        t->utcb_wanted = c->utcb;
    if (t->env != c->env) {
        struct env *left = t->env;
        task_move(t, c->env);
        task_space_left(left);
    }
}

/* Who moves itself has its answer before, for it may run there at once. */
static unsigned relocate(struct thread_control *c, pte_t *utcb)
{
    struct thread *t = c->thread;
    struct env *left = t->env;
    const bool by_itself = t == c->caller;

    if (by_itself)
        thread_regs(t)->rax = 1;
    int error = task_relocate(t, c->env, utcb, by_itself);
    c->again = error == CALL_AGAIN;
    if (error)
        return CALL_ERROR_THREAD; /* in a protected control transfer */
    ipc_left_space(t, left);
    task_space_left(left);
    return 0;
}

/* What can fail is done first: memory for a thread, then for the tables of its UTCB. */
static unsigned perform(struct thread_control *c)
{
    const bool makes = !c->thread, active = activates(c), moved = relocates(c);
    unsigned error = makes ? make(c) : 0;
    pte_t *utcb = (active || moved) && !error ? task_entry(c->env, location(c)) : NULL;

    if (!error && (active || moved) && !utcb) {
        if (makes)
            revoke_all(&c->thread->memory_node, true);
        error = CALL_ERROR_NO_MEMORY;
    }
    if (!error && moved)
        error = relocate(c, utcb);
    if (error)
        return error;
    change(c);
    if (active)
        task_activate(c->thread, utcb, location(c), c->pager);
    else if (c->pager != L4_NIL)
        *thread_mr(c->thread, TCR_PAGER) = c->pager;
    return 0;
}

static unsigned end(const struct thread_control *c)
{
    struct env *e = c->thread->env;

    revoke_all(&c->thread->memory_node, true);
    task_space_left(e);
    return 0;
}

static unsigned control(struct thread_control *c)
{
    if (!c->caller->env->privileged)
        return CALL_ERROR_NO_PRIVILEGE;
    if (interrupt_is_line(c->dest))
        return interrupt_control(c);
    unsigned error = check_dest(c);
    if (error)
        return error;
    if (c->space == L4_NIL)
        return end(c);
    error = check_space(c);
    if (!error)
        error = check_scheduler(c);
    if (!error)
        error = check_utcb(c);
    return error ? error : perform(c);
}

void thread_control_do(struct thread *caller, struct regs *r)
{
    struct thread_control c = {.caller = caller,
                               .dest = r->rdi,
                               .pager = r->rsi,
                               .scheduler = r->rdx,
                               .space = r->r8,
                               .utcb = r->r9};

    if (!forest_lock_for(caller))
        return;
    unsigned error = control(&c);
    if (!c.again)
        control_answer(caller, error);
    forest_unlock();
    if (c.again) /* from the user's side, where whoever waits for `caller` meets it */
        regs_call_again(r);
}
