/* What the keeper of a family does in the arena: timers, input, and the end. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/process/loan.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/file/mount.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/channel/async.h"
#include "libos-posix/channel/event.h"
#include "libos-posix/channel/queue.h"
#include "libos-posix/channel/inet.h"
#include "libos-posix/channel/socket.h"
#include "libos-posix/channel/sysv.h"
#include "libos-posix/channel/watch.h"
#include "libos-posix/channel/terminal.h"
#include "libos-posix/process/timer.h"

#define LINGER_NS ((uint64_t)5 * NS_PER_SECOND)

static bool has_ended(const struct arena *a)
{
    for (const struct process *p = a->processes; p; p = p->next)
        if (!p->ended)
            return false;
    return true;
}

/* What the last process has sent is still to be delivered, for a while. */
static bool lingers(struct arena *a, uint64_t *deadline_ns)
{
    const uint64_t now = port_monotonic_ns();

    if (!inet_ops.is_busy || !inet_ops.is_busy())
        return false;
    if (!a->linger_until)
        a->linger_until = now + LINGER_NS;
    *deadline_ns = a->linger_until < *deadline_ns ? a->linger_until : *deadline_ns;
    return now < a->linger_until;
}

enum posix_keeper posix_keeper_step(uint64_t *deadline_ns)
{
    struct arena *a = arena_get();
    struct task *self = a->tasks[0];

    *deadline_ns = PORT_FOREVER;
    if (!lock_try(self))
        return POSIX_KEEPER_BUSY;
    *deadline_ns = timer_run(a);
    const uint64_t look = mount_look_all(a);
    *deadline_ns = look < *deadline_ns ? look : *deadline_ns;
    bool ended = has_ended(a) && !lingers(a, deadline_ns);
    lock_release(self);
    return ended ? POSIX_KEEPER_ENDED : POSIX_KEEPER_GO_ON;
}

int posix_keeper_status(void)
{
    return arena_get()->end_status;
}

long posix_keeper_input(const void *bytes, size_t count)
{
    struct arena *a = arena_get();
    struct task *self = a->tasks[0];

    if (!lock_try(self))
        return -EAGAIN;
    long taken = terminal_input(a->terminal, bytes, count);
    lock_release(self);
    return taken;
}

bool posix_keeper_resize(uint16_t rows, uint16_t columns)
{
    const struct linux_winsize size = {.rows = rows, .columns = columns};
    struct arena *a = arena_get();
    struct task *self = a->tasks[0];

    if (!lock_try(self))
        return false;
    terminal_resize(a, a->terminal, &size);
    lock_release(self);
    return true;
}

const char *arena_check(const struct arena *a)
{
    const char *broken = task_check(a);

    if (!broken)
        broken = process_check(a);
    if (!broken)
        broken = loan_check(a);
    if (!broken)
        broken = signal_check(a);
    if (!broken)
        broken = terminal_check(a->terminal);
    if (!broken)
        broken = socket_check(a);
    if (!broken)
        broken = async_check(a);
    if (!broken)
        broken = epoll_check(a);
    if (!broken && inet_ops.check)
        broken = inet_ops.check(a);
    if (!broken)
        broken = queue_check(a);
    if (!broken)
        broken = sysv_check(a);
    if (!broken)
        broken = watch_check(a);
    if (!broken)
        broken = node_check(a);
    if (!broken)
        broken = mount_check(a);
    for (const struct process *p = a->processes; p && !broken; p = p->next)
        broken = area_check(p);
    return broken;
}

/* Does a task of the process have the lock, or of one that borrows from it? */
static bool holds_lock(const struct process *p)
{
    for (const struct task *t = p->tasks; t; t = t->next)
        if (lock_is_mine(t) || (t->loan && holds_lock(t->loan->borrower)))
            return true;
    return false;
}

/* Those who borrow from it end before. */
static void end_lost(struct process *p)
{
    p->status = (int)SIGKILL;
    while (p->tasks) {
        struct task *t = p->tasks;
        if (t->loan) {
            end_lost(t->loan->borrower);
            core_heap_free(&p->arena->heap, t->loan, sizeof *t->loan);
            t->loan = NULL;
        }
        lock_forget(t);
        task_forget_sleep(t);
        task_free(t);
    }
    process_finish(p);
}

enum posix_keeper posix_keeper_lost(struct task *task, const char **broken)
{
    struct arena *a = arena_get();
    struct process *p = task->process;

    *broken = NULL;
    if (p && holds_lock(p)) {
        lock_inherit(a->tasks[0]);
        if (task_check(a))
            task_restore_sleepers(a);
        epoll_restore(a);
        *broken = arena_check(a);
        mount_lost(a);
    } else if (!lock_try(a->tasks[0])) {
        return POSIX_KEEPER_BUSY;
    }
    p = task->process; /* NULL: it ended as it should */
    if (p && !*broken)
        end_lost(process_memory(p));
    task_wake_again(a);
    lock_release(a->tasks[0]);
    return POSIX_KEEPER_GO_ON;
}
