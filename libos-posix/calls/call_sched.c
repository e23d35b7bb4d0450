/* Calls about the order in which tasks run: what they set is kept and told, and changes nothing. */
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
#define SCHED_RESET  0x40000000 /* SCHED_RESET_ON_FORK */
#define KEEP_POLICY  (-1)
#define RT_MOST      99
#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2
#define NICE_MOST    19
#define NICE_LEAST   (-20)

static struct task *named(const struct process *p, word_t tid)
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
    const struct task *t = named(p, tid);

    if (bytes < sizeof t->affinity || bytes % sizeof t->affinity)
        return -EINVAL;
    if (!t)
        return -ESRCH;
    const uint64_t mask = t->affinity ? t->affinity : processors();
    return USER_PUT(p, to, &mask) ? -EFAULT : (long)sizeof mask;
}

/* May the caller change what is said of this task? */
static bool owns(const struct process *p, const struct task *t)
{
    const struct credentials *who = &t->process->who;

    return !p->who.euid || p->who.euid == who->euid || p->who.euid == who->uid;
}

long call_sched_setaffinity(struct process *p, word_t tid, word_t bytes, word_t from)
{
    struct task *t = named(p, tid);
    uint64_t mask = 0;

    if (user_read(p, &mask, from, (uint32_t)bytes < sizeof mask ? (uint32_t)bytes : sizeof mask))
        return -EFAULT;
    if (!t)
        return -ESRCH;
    if (!owns(p, t))
        return -EPERM;
    mask &= processors();
    if (!mask)
        return -EINVAL;
    t->affinity = mask;
    return 0;
}

long call_sched_getscheduler(struct process *p, word_t tid)
{
    const struct task *t = named(p, tid);

    if ((int32_t)tid < 0)
        return -EINVAL;
    return t ? t->policy | (t->policy_resets ? SCHED_RESET : 0) : -ESRCH;
}

long call_sched_getparam(struct process *p, word_t tid, word_t to)
{
    const struct task *t = named(p, tid);

    if ((int32_t)tid < 0 || !to)
        return -EINVAL;
    return t ? USER_PUT(p, to, &t->priority) : -ESRCH;
}

static bool is_real_time(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* Who is not the superuser may go back to a policy that is not of real time, and to less. */
static bool may_set(const struct process *p, const struct task *t, int policy, bool resets,
                    int32_t priority)
{
    if (!p->who.euid)
        return true;
    if (!owns(p, t) || (t->policy_resets && !resets))
        return false;
    return !is_real_time(policy) || (policy == t->policy && priority <= t->priority);
}

static long set(struct process *p, word_t tid, int policy, vaddr_t from)
{
    int32_t priority;

    if ((int32_t)tid < 0 || !from)
        return -EINVAL;
    if (USER_GET(p, &priority, from))
        return -EFAULT;
    struct task *t = named(p, tid);
    if (!t)
        return -ESRCH;
    bool resets = policy == KEEP_POLICY ? t->policy_resets : policy & SCHED_RESET;
    policy = policy == KEEP_POLICY ? t->policy : policy & ~SCHED_RESET;
    if (!is_real_time(policy) && policy != SCHED_OTHER && policy != SCHED_BATCH &&
        policy != SCHED_IDLE)
        return -EINVAL;
    if (priority < 0 || priority > RT_MOST || is_real_time(policy) != (priority != 0))
        return -EINVAL;
    if (!may_set(p, t, policy, resets, priority))
        return -EPERM;
    t->policy = (uint8_t)policy;
    t->policy_resets = resets;
    t->priority = priority;
    return 0;
}

long call_sched_setparam(struct process *p, word_t tid, word_t from)
{
    return set(p, tid, KEEP_POLICY, from);
}

long call_sched_setscheduler(struct process *p, word_t tid, word_t policy, word_t from)
{
    return (int)policy < 0 ? -EINVAL : set(p, tid, (int)policy, from);
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
    return priority_limit((int)policy, RT_MOST);
}

long call_sched_get_priority_min(struct process *p, word_t policy)
{
    (void)p;
    return priority_limit((int)policy, 1);
}

long call_sched_rr_get_interval(struct process *p, word_t tid, word_t to)
{
    const struct task *t = named(p, tid);

    if ((int32_t)tid < 0)
        return -EINVAL;
    if (!t)
        return -ESRCH;
    const struct linux_timespec slice = {0, t->policy == SCHED_FIFO ? 0 : 100000000};
    return USER_PUT(p, to, &slice);
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
