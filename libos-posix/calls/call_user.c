/* Calls about who a process acts as. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/base/user.h"

#define SAME UINT32_MAX /* -1: stays as it is */

long call_getuid(struct process *p)
{
    return p->who.uid;
}

long call_getgid(struct process *p)
{
    return p->who.gid;
}

long call_geteuid(struct process *p)
{
    return p->who.euid;
}

long call_getegid(struct process *p)
{
    return p->who.egid;
}

static long put_three(struct process *p, uint32_t a, uint32_t b, uint32_t c, const word_t to[3])
{
    return USER_PUT(p, to[0], &a) || USER_PUT(p, to[1], &b) || USER_PUT(p, to[2], &c) ? -EFAULT : 0;
}

long call_getresuid(struct process *p, word_t real, word_t effective, word_t saved)
{
    const word_t to[3] = {real, effective, saved};
    return put_three(p, p->who.uid, p->who.euid, p->who.suid, to);
}

long call_getresgid(struct process *p, word_t real, word_t effective, word_t saved)
{
    const word_t to[3] = {real, effective, saved};
    return put_three(p, p->who.gid, p->who.egid, p->who.sgid, to);
}

static bool is_superuser(const struct process *p)
{
    return p->who.euid == 0;
}

/* Three numbers, each of which others than the superuser may only set to one they have. */
struct identity {
    uint32_t *real, *effective, *saved;
};

static struct identity users(struct process *p)
{
    return (struct identity){&p->who.uid, &p->who.euid, &p->who.suid};
}

static struct identity groups(struct process *p)
{
    return (struct identity){&p->who.gid, &p->who.egid, &p->who.sgid};
}

static bool has(const struct identity *i, uint32_t id)
{
    return id == SAME || id == *i->real || id == *i->effective || id == *i->saved;
}

static long set_three(bool any, struct identity i, uint32_t real, uint32_t effective,
                      uint32_t saved)
{
    if (!any && !(has(&i, real) && has(&i, effective) && has(&i, saved)))
        return -EPERM;
    *i.real = real == SAME ? *i.real : real;
    *i.effective = effective == SAME ? *i.effective : effective;
    *i.saved = saved == SAME ? *i.saved : saved;
    return 0;
}

static long set_one(bool any, struct identity i, uint32_t id)
{
    if (id == SAME)
        return -EINVAL;
    return any ? set_three(any, i, id, id, id) : set_three(any, i, SAME, id, SAME);
}

/* The saved one follows when the real one is set, or the effective one to another than that. */
static long set_two(bool any, struct identity i, uint32_t real, uint32_t effective)
{
    uint32_t old = *i.real;
    bool follows = real != SAME || (effective != SAME && effective != old);

    if (!any && real != SAME && real != *i.real && real != *i.effective)
        return -EPERM;
    long e = set_three(any, i, real, effective, SAME);
    if (!e && follows)
        *i.saved = *i.effective;
    return e;
}

long call_setuid(struct process *p, word_t id)
{
    return set_one(is_superuser(p), users(p), (uint32_t)id);
}

long call_setgid(struct process *p, word_t id)
{
    return set_one(is_superuser(p), groups(p), (uint32_t)id);
}

long call_setreuid(struct process *p, word_t real, word_t effective)
{
    return set_two(is_superuser(p), users(p), (uint32_t)real, (uint32_t)effective);
}

long call_setregid(struct process *p, word_t real, word_t effective)
{
    return set_two(is_superuser(p), groups(p), (uint32_t)real, (uint32_t)effective);
}

long call_setresuid(struct process *p, word_t real, word_t effective, word_t saved)
{
    return set_three(is_superuser(p), users(p), (uint32_t)real, (uint32_t)effective,
                     (uint32_t)saved);
}

long call_setresgid(struct process *p, word_t real, word_t effective, word_t saved)
{
    return set_three(is_superuser(p), groups(p), (uint32_t)real, (uint32_t)effective,
                     (uint32_t)saved);
}

long call_getgroups(struct process *p, word_t capacity, word_t to)
{
    int32_t room = (int32_t)capacity;

    if (room < 0 || (room && (uint32_t)room < p->who.group_count))
        return -EINVAL;
    if (room && user_write(p, to, p->who.groups, p->who.group_count * sizeof p->who.groups[0]))
        return -EFAULT;
    return (long)p->who.group_count;
}

long call_setgroups(struct process *p, word_t count, word_t from)
{
    uint32_t given[GROUPS_MAX];

    if (!is_superuser(p))
        return -EPERM;
    if ((uint32_t)count > GROUPS_MAX)
        return -EINVAL;
    if (user_read(p, given, from, (uint32_t)count * sizeof given[0]))
        return -EFAULT;
    memcpy(p->who.groups, given, sizeof given);
    p->who.group_count = (uint32_t)count;
    return 0;
}
