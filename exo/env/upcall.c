/* Upcalls. */
#include "exo/env/upcall.h"

#include "exo/abi/error.h"
#include "exo/base/assert.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/thread.h"
#include "exo/env/wait.h"

static unsigned class_of(enum upcall u)
{
    if (u == UPCALL_FAULT || u == UPCALL_EXCEPTION)
        return UPCALL_CLASS_FAULT;
    return u == UPCALL_SYSCALL ? UPCALL_CLASS_SYSCALL : UPCALL_CLASS_EVENT;
}

bool upcall_deliver(struct thread *t, enum upcall u, uint64_t vector, uint64_t error,
                    uint64_t address)
{
    struct regs *r = thread_regs(t);
    unsigned class = class_of(u);
    struct upcall_start start;

    if (!upcall_is_taken(t, u, class, &start))
        return false;
    volatile struct upcall_frame *save =
        upcall_begin(t, class, vector, start, (struct upcall_place){&r->rip, &r->rflags, &r->rsp});
    save->error = error;
    save->address = address;
    return true;
}

static uint64_t pending_now(const struct thread *t)
{
    return __atomic_load_n(&thread_exo(t)->pending, __ATOMIC_RELAXED) & UPCALL_EVENTS;
}

bool upcall_is_due(const struct thread *t)
{
    return pending_now(t) && !(thread_exo(t)->mask >> UPCALL_CLASS_EVENT & 1);
}

/* A masked thread keeps `events`, so that the mask is looked at again whenever it is scheduled. */
void upcall_deliver_events(struct thread *t)
{
    uint64_t pending;

    while ((pending = pending_now(t)) != 0) {
        if (thread_exo(t)->mask >> UPCALL_CLASS_EVENT & 1)
            return;
        enum upcall u = (enum upcall)(63 - __builtin_clzll(pending));
        __atomic_fetch_and(&thread_exo(t)->pending, ~((uint64_t)1 << u), __ATOMIC_RELAXED);
        if (upcall_deliver(t, u, u, 0, 0)) {
            t->counts->events++;
            break;
        }
    }
    t->events = pending_now(t) != 0;
}

void upcall_poll(struct thread *t)
{
    t->events = true;
    cpu_this()->choose = true;
}

bool upcall_post_here(struct thread *t, enum upcall u)
{
    ASSERT(UPCALL_EVENTS >> u & 1);
    if (t->state == THREAD_DEAD || thread_exo(t)->entry[u] == 0)
        return false;
    __atomic_fetch_or(&thread_exo(t)->pending, (uint64_t)1 << u, __ATOMIC_RELAXED);
    t->events = true;
    if (t->state == THREAD_RUNNING)
        cpu_this()->choose = true;
    return true;
}

struct post {
    struct thread *thread;
    enum upcall upcall;
    bool taken;
};

static void post_here(void *argument)
{
    struct post *p = argument;
    struct thread *t = p->thread;

    p->taken = upcall_post_here(t, p->upcall);
    if (p->taken && t->state == THREAD_IN_NOTIFY && upcall_is_due(t))
        wait_end(t, ERR_INTERRUPTED, 0);
}

bool upcall_post(struct thread *t, enum upcall u)
{
    struct post p = {t, u, false};

    cpu_call(t->cpu, post_here, &p);
    return p.taken;
}

bool upcall_notify(struct thread *t, uint64_t bits)
{
    if (t->state == THREAD_DEAD || thread_exo(t)->entry[UPCALL_NOTIFY] == 0)
        return false;
    __atomic_fetch_or(&thread_exo(t)->notified, bits, __ATOMIC_RELAXED);
    return upcall_post(t, UPCALL_NOTIFY);
}
