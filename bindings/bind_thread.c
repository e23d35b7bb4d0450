/* Calls: threads, where they run, and the slice vectors. */
#include "bindings/cap.h"
#include "bindings/guarantee.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/page.h"
#include "bindings/revoke.h"
#include "exo/arch/mmu.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/slice.h"
#include "exo/env/thread.h"
#include "exo/env/upcall.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

struct create_plan {
    struct object_place place;
    struct env *env;
    pte_t *utcb; /* the binding of the UTCB's page */
    uint32_t number;
};

static enum err check_number(uint32_t wanted, uint32_t *number)
{
    *number = wanted ? wanted : thread_number_free();
    if (!*number)
        return ERR_NO_MEM;
    return thread_by_number(*number) ? ERR_IN_USE : ERR_OK;
}

/* Two threads with one UTCB would each write over what the kernel left there for the other. */
static bool is_utcb(const struct env *e, vaddr_t va)
{
    const pte_t *at = space_entry(e->root, va, 1);

    return at && arch_pte_present(*at) && page_is_utcb(at);
}

static enum err check_create(const struct env *caller, const struct sys_thread_create_args *a,
                             struct create_plan *p)
{
    rights_t rights = 0;
    enum err e = object_check(caller, a->region, a->base, 1, a->dst, true, &p->place);
    bool named = a->number != 0;

    p->env = cap_env(caller, a->env, &rights);
    if (a->utcb % PAGE_SIZE || a->utcb >= USER_TOP || e == ERR_BAD_ARG ||
        (named && (a->number < THREAD_FIRST || a->number >= THREAD_MAX)))
        return ERR_BAD_ARG;
    if (!p->env || e == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if ((e == ERR_OK || e == ERR_NO_MEM) && is_utcb(p->env, a->utcb))
        return ERR_IN_USE;
    if (e == ERR_OK)
        e = check_number(a->number, &p->number);
    if (e != ERR_OK)
        return e;
    if (!space_user(p->env->root, a->utcb, RIGHT_WRITE) || p->env->ended)
        return ERR_NOT_BOUND;
    p->utcb = space_entry(p->env->root, a->utcb, 1);
    return p->utcb ? ERR_OK : ERR_NOT_BOUND; /* the UTCB's node belongs to a page of its own */
}

int sys_thread_create(struct thread *caller, const struct sys_thread_create_args *a, word_t *result)
{
    struct create_plan p;
    enum err e = check_create(caller->env, a, &p);

    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_THREAD, p.env->number, CAP_THREAD);
    struct thread *t =
        thread_init(p.place.base, p.number, p.env, arch_phys(arch_pte_address(*p.utcb)), a->utcb);
    page_derive(p.utcb);
    node_link(entry_node(p.utcb), &t->utcb_node);
    *result = t->global_id;
    return ERR_OK;
}

int sys_thread_start(struct thread *caller, const struct sys_thread_start_args *a, word_t *result)
{
    rights_t rights = 0;
    struct thread *t = cap_thread(caller->env, a->thread, &rights);

    (void)result;
    if (a->ip >= USER_TOP || a->sp > USER_TOP)
        return ERR_BAD_ARG;
    if (!t)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (t->state != THREAD_STOPPED || t->env->ended)
        return ERR_BAD_STATE;
    *thread_regs(t) = (struct regs){.rip = a->ip,
                                    .rsp = a->sp,
                                    .rdi = a->value,
                                    .cs = SEGMENT_USER_CODE,
                                    .ss = SEGMENT_USER_DATA,
                                    .rflags = FLAGS_DEFAULT};
    thread_start(t);
    return ERR_OK;
}

int sys_thread_stop(struct thread *caller, const struct sys_thread_stop_args *a, word_t *result)
{
    rights_t rights = 0;
    struct thread *t = cap_thread(caller->env, a->thread, &rights);

    (void)result;
    if (!t)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    thread_stop(t);
    return t == caller ? CALL_NO_REPLY : ERR_OK;
}

/* `cpu` includes `number` and lets its vector be changed. */
static enum err check_cpu(const struct env *e, slot_t cpu, uint32_t number, struct cap **out)
{
    *out = cap_find(e, cpu, CAP_CPU);
    if (*out && (number < (*out)->base || number - (*out)->base >= (*out)->count))
        return ERR_BAD_ARG;
    return *out ? ERR_OK : ERR_BAD_CAP;
}

int sys_thread_place(struct thread *caller, const struct sys_thread_place_args *a, word_t *result)
{
    rights_t rights = 0;
    struct cap *cpu;
    struct thread *t = cap_thread(caller->env, a->thread, &rights);
    enum err e = check_cpu(caller->env, a->cpu, a->number, &cpu);

    (void)result;
    if (a->priority >= PRIORITIES || e == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (!t || e != ERR_OK)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE) || !(cpu->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (t->state == THREAD_DEAD || (t->cpu != a->number && slice_is_had(t)))
        return ERR_BAD_STATE;
    if (t == caller)
        thread_reply(t, ERR_OK, 0); /* for wherever it goes on */
    int moved = thread_move(t, a->number, (uint8_t)a->priority, t == caller);
    return moved == ERR_OK && t == caller ? CALL_NO_REPLY : moved;
}

static void slice_give(struct cpu *c, uint32_t position, struct cap *cpu, struct thread *t)
{
    slice_publish(c, position, t);
    c->slices[position] = t;
    node_link(&cpu->node, &c->slice_nodes[position]);
}

void slice_unbind(struct node *n)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *c = cpu_number(i);
        long position = n - c->slice_nodes;
        if (position < 0 || position >= (long)SLICE_COUNT)
            continue;
        c->slices[position] = NULL;
        slice_publish(c, (uint32_t)position, NULL);
    }
    node_unlink(n);
}

int sys_slice_bind(struct thread *caller, const struct sys_slice_bind_args *a, word_t *result)
{
    rights_t rights = 0;
    struct cap *cpu;
    struct thread *t = cap_thread(caller->env, a->thread, &rights);
    enum err e = check_cpu(caller->env, a->cpu, a->number, &cpu);

    (void)result;
    if (a->position >= SLICE_COUNT || e == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (e != ERR_OK || (a->thread != SLOT_NONE && !t))
        return ERR_BAD_CAP;
    if (!(cpu->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    struct cpu *c = cpu_number(a->number);
    if (t ? t->cpu != a->number
          : guarantee_keeps(&c->slice_nodes[a->position], &cpu->node, caller->env))
        return ERR_BAD_STATE;
    if (t && c->slices[a->position])
        return ERR_IN_USE;
    if (!t && !c->slices[a->position])
        return ERR_NOT_BOUND;
    if (t)
        slice_give(c, a->position, cpu, t);
    else
        revoke_all(&c->slice_nodes[a->position], true);
    return ERR_OK;
}

int sys_yield(struct thread *caller, const struct sys_yield_args *a, word_t *result)
{
    rights_t rights = 0;
    struct thread *t = cap_thread(caller->env, a->thread, &rights);

    (void)result;
    if (a->thread != SLOT_NONE && !t)
        return ERR_BAD_CAP;
    if (t && (t->cpu != caller->cpu || (t->state != THREAD_READY && t != caller)))
        return ERR_BAD_STATE;
    bool epilogue = slice_end_epilogue(cpu_this(), arch_ticks(), false);
    sched_yield();
    if (t && !epilogue)
        sched_handoff(t);
    return ERR_OK;
}

int sys_timer_set(struct thread *caller, const struct sys_timer_set_args *a, word_t *result)
{
    if (!a->bits != (a->deadline == FOREVER))
        return ERR_BAD_ARG;
    *result = sched_set_timer(caller, a->deadline, a->bits);
    return ERR_OK;
}

int sys_upcall_poll(struct thread *caller, const struct sys_upcall_poll_args *a, word_t *result)
{
    (void)a;
    (void)result;
    upcall_poll(caller);
    return ERR_OK;
}

/* What is switched on or off for a thread is that of the caller, or of one that is stopped. */
static enum err check_switch(const struct thread *caller, slot_t thread, word_t on,
                             struct thread **out)
{
    rights_t rights = 0;
    struct thread *t = cap_thread(caller->env, thread, &rights);

    *out = t;
    if (on > 1)
        return ERR_BAD_ARG;
    if (!t)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    return t == caller || t->state == THREAD_STOPPED ? ERR_OK : ERR_BAD_STATE;
}

int sys_thread_fpu(struct thread *caller, const struct sys_thread_fpu_args *a, word_t *result)
{
    struct thread *t;
    enum err e = check_switch(caller, a->thread, a->on, &t);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    thread_set_fpu(t, a->on);
    return ERR_OK;
}

int sys_thread_code_only(struct thread *caller, const struct sys_thread_code_only_args *a,
                         word_t *result)
{
    struct thread *t;
    enum err e = check_switch(caller, a->thread, a->on, &t);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    if (!arch_has_code_only())
        return ERR_NO_DEVICE;
    thread_set_code_only(t, a->on);
    return ERR_OK;
}

void counters_unbind(struct thread *t)
{
    node_unlink(&t->counters_node);
    thread_set_counters(t, 0);
}

static enum err check_counters(const struct env *e, const struct sys_thread_counters_args *a,
                               struct cap **cpus, struct thread **t)
{
    rights_t rights = 0;
    bool unbind = a->cpu == SLOT_NONE;

    *t = cap_thread(e, a->thread, &rights);
    *cpus = unbind ? NULL : cap_find(e, a->cpu, CAP_CPU);
    if (!*t || (!unbind && !*cpus))
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE) || (!unbind && !((*cpus)->rights & RIGHT_READ)))
        return ERR_NO_RIGHT;
    if (unbind)
        return (*t)->counters_node.parent ? ERR_OK : ERR_NOT_BOUND;
    return (*t)->counters_node.parent ? ERR_IN_USE : ERR_OK;
}

int sys_thread_counters(struct thread *caller, const struct sys_thread_counters_args *a,
                        word_t *result)
{
    struct cap *cpus;
    struct thread *t;
    enum err e = check_counters(caller->env, a, &cpus, &t);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    if (!cpus) {
        counters_unbind(t);
        return ERR_OK;
    }
    node_link(&cpus->node, &t->counters_node);
    thread_set_counters(t, (uint16_t)(((1u << cpus->count) - 1) << cpus->base));
    return ERR_OK;
}

void thread_destroy(struct thread *t)
{
    struct cpu *c = cpu_number(t->cpu);

    thread_kill(t);
    node_walk_end(&t->unmap.walk);
    for (unsigned i = 0; i < SLICE_COUNT; i++)
        if (c->slices[i] == t) {
            node_unlink(&c->slice_nodes[i]);
            slice_publish(c, i, NULL);
        }
    if (t->utcb_node.parent)
        node_unlink(&t->utcb_node);
    if (t->notify_node.parent)
        notification_unbind(t);
    if (t->wake_node.parent)
        node_unlink(&t->wake_node);
    if (t->counters_node.parent)
        counters_unbind(t);
    thread_forget(t);
}
