/* Calls about the order in which tasks run: all have one policy; its numbers are kept or refused.
 */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/task.h"
#include "libos-posix/base/user.h"

#define SCHED_OTHER  0
#define SCHED_FIFO   1
#define SCHED_RR     2
#define SCHED_BATCH  3
#define SCHED_IDLE   5
#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2
#define NICE_MOST    19
#define NICE_LEAST   (-20)

static const struct task *named(const struct process *p, word_t tid)
{
    return (int32_t)tid ? task_find(p->arena, (int32_t)tid) : task_current();
}

long call_sched_yield(struct process *p)
{
    (void)p;
    return 0;
}

/* One bit per processor; Linux answers with the bytes that it wrote. */
static uint64_t processors(void)
{
    unsigned count = port_processors();
    return count < 64 ? ((uint64_t)1 << count) - 1 : UINT64_MAX;
}

long call_sched_getaffinity(struct process *p, word_t tid, word_t bytes, word_t to)
{
    uint64_t mask = processors();

    if (!named(p, tid))
        return -ESRCH;
    if (bytes < sizeof mask || bytes % sizeof mask)
        return -EINVAL;
    return USER_PUT(p, to, &mask) ? -EFAULT : (long)sizeof mask;
}

/* A set is taken when it leaves all processors: tasks cannot be bound to some. */
long call_sched_setaffinity(struct process *p, word_t tid, word_t bytes, word_t from)
{
    uint64_t mask = 0;

    if (!named(p, tid))
        return -ESRCH;
    if (user_read(p, &mask, from, bytes < sizeof mask ? bytes : sizeof mask))
        return -EFAULT;
    return (mask & processors()) == processors() ? 0 : -EINVAL;
}

long call_sched_getscheduler(struct process *p, word_t tid)
{
    if ((int32_t)tid < 0)
        return -EINVAL;
    return named(p, tid) ? SCHED_OTHER : -ESRCH;
}

long call_sched_getparam(struct process *p, word_t tid, word_t to)
{
    const int32_t priority = 0;

    if ((int32_t)tid < 0 || !to)
        return -EINVAL;
    return named(p, tid) ? USER_PUT(p, to, &priority) : -ESRCH;
}

static long set(struct process *p, word_t tid, int policy, vaddr_t from)
{
    int32_t priority;

    if ((int32_t)tid < 0 || !from)
        return -EINVAL;
    if (USER_GET(p, &priority, from))
        return -EFAULT;
    if (!named(p, tid))
        return -ESRCH;
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        return priority < 1 || priority > 99 ? -EINVAL : -EPERM;
    return priority || (policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE)
               ? -EINVAL
               : 0;
}

long call_sched_setparam(struct process *p, word_t tid, word_t from)
{
    return set(p, tid, SCHED_OTHER, from);
}

long call_sched_setscheduler(struct process *p, word_t tid, word_t policy, word_t from)
{
    return set(p, tid, (int)policy, from);
}

static long priority_limit(int policy, long real_time)
{
    switch (policy) {
    case SCHED_FIFO:
    case SCHED_RR:
        return real_time;
    case SCHED_OTHER:
    case SCHED_BATCH:
    case SCHED_IDLE:
        return 0;
    default:
        return -EINVAL;
    }
}

long call_sched_get_priority_max(struct process *p, word_t policy)
{
    (void)p;
    return priority_limit((int)policy, 99);
}

long call_sched_get_priority_min(struct process *p, word_t policy)
{
    (void)p;
    return priority_limit((int)policy, 1);
}

long call_sched_rr_get_interval(struct process *p, word_t tid, word_t to)
{
    const struct linux_timespec slice = {0, 100000000};

    if ((int32_t)tid < 0)
        return -EINVAL;
    return named(p, tid) ? USER_PUT(p, to, &slice) : -ESRCH;
}

static bool is_meant(const struct process *p, const struct process *q, word_t which, int32_t who)
{
    if (q->ended)
        return false;
    switch ((int)which) {
    case PRIO_PROCESS:
        return q->pid == (who ? who : p->pid);
    case PRIO_PGRP:
        return q->group == (who ? who : p->group);
    default:
        return q->who.uid == (who ? (uint32_t)who : p->who.uid);
    }
}

/* Niceness is remembered; how processor time is shared does not depend on it. */
long call_getpriority(struct process *p, word_t which, word_t who)
{
    long best = -ESRCH;

    if ((uint32_t)which > PRIO_USER)
        return -EINVAL;
    for (const struct process *q = p->arena->processes; q; q = q->next)
        if (is_meant(p, q, which, (int32_t)who) && (best < 0 || 20 - q->nice > best))
            best = 20 - q->nice;
    return best;
}

long call_setpriority(struct process *p, word_t which, word_t who, word_t nice)
{
    int wanted = (int)nice > NICE_MOST    ? NICE_MOST
                 : (int)nice < NICE_LEAST ? NICE_LEAST
                                          : (int)nice;
    long result = -ESRCH;

    if ((uint32_t)which > PRIO_USER)
        return -EINVAL;
    for (struct process *q = p->arena->processes; q; q = q->next) {
        if (!is_meant(p, q, which, (int32_t)who))
            continue;
        if (p->who.euid && wanted < q->nice) {
            result = -EACCES;
            continue;
        }
        q->nice = wanted;
        if (result == -ESRCH)
            result = 0;
    }
    return result;
}

long call_getcpu(struct process *p, word_t cpu, word_t node)
{
    const uint32_t zero = 0;

    if (cpu && USER_PUT(p, cpu, &zero))
        return -EFAULT;
    return node && USER_PUT(p, node, &zero) ? -EFAULT : 0;
}
