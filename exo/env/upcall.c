/* Upcalls. */
#include "exo/env/upcall.h"

#include "exo/env/cpu.h"
#include "exo/env/thread.h"

static unsigned class_of(enum upcall u)
{
    if (u == UPCALL_FAULT || u == UPCALL_EXCEPTION)
        return UPCALL_CLASS_FAULT;
    return u == UPCALL_SYSCALL ? UPCALL_CLASS_SYSCALL : UPCALL_CLASS_EVENT;
}

bool upcall_deliver(struct thread *t, enum upcall u, uint64_t vector, uint64_t error,
                    uint64_t address)
{
    volatile struct utcb_exo *x = thread_exo(t);
    unsigned class = class_of(u);
    uint64_t entry = x->entry[u], stack = x->stack[class], mask = x->mask;
    volatile struct upcall_frame *save = &x->save[class];

    if (entry == 0 || entry >= USER_TOP || stack > USER_TOP || (mask >> class & 1))
        return false;
    save->ip = thread_regs(t)->rip;
    save->cs = thread_regs(t)->cs;
    save->flags = thread_regs(t)->rflags;
    save->sp = thread_regs(t)->rsp;
    save->ss = thread_regs(t)->ss;
    save->vector = vector;
    save->error = error;
    save->address = address;
    x->mask = mask | 1u << class;
    thread_regs(t)->rip = entry;
    thread_regs(t)->rsp = stack;
    thread_regs(t)->rflags = FLAGS_DEFAULT;
    return true;
}

struct post {
    struct thread *thread;
    enum upcall upcall;
};

static void post_here(void *argument)
{
    const struct post *p = argument;
    struct cpu *c = cpu_this();
    volatile struct utcb_exo *x = thread_exo(p->thread);

    if (x->entry[p->upcall] == 0)
        return;
    p->thread->posted |= 1u << p->upcall;
    x->pending |= 1u << p->upcall;
    if (c->current == p->thread)
        c->choose = true;
}

void upcall_post(struct thread *t, enum upcall u)
{
    struct post p = {t, u};

    cpu_call(t->cpu, post_here, &p);
}

void upcall_deliver_posted(struct thread *t)
{
    for (unsigned u = 0; u < UPCALL_COUNT; u++) {
        if (!(t->posted >> u & 1) || !upcall_deliver(t, u, 0, 0, 0))
            continue;
        t->posted &= ~(1u << u);
        thread_exo(t)->pending &= ~(uint64_t)(1u << u);
        return;
    }
}
