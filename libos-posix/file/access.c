/* Permissions of files. */
#include "libos-posix/file/access.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/stored.h"

#define GROUP_SHIFT 3u
#define OWNER_SHIFT 6u
#define MODE_RUN    0111u

bool access_is_owner(const struct process *p, const struct node *n)
{
    return access_is_super(p) || p->who.euid == n->uid;
}

static bool is_member(const struct process *p, uint32_t first, uint32_t gid)
{
    if (first == gid)
        return true;
    for (uint32_t i = 0; i < p->who.group_count; i++)
        if (p->who.groups[i] == gid)
            return true;
    return false;
}

bool access_is_in_group(const struct process *p, uint32_t gid)
{
    return is_member(p, p->who.egid, gid);
}

/* Only one of the three parts counts, whatever the others say. */
static bool is_allowed(const struct process *p, const struct node *n, uint32_t wanted, uint32_t uid,
                       uint32_t gid)
{
    uint32_t mode = n->mode;

    if (!uid)
        return !(wanted & MAY_EXECUTE) || node_is(n, S_IFDIR) || (mode & MODE_RUN);
    if (uid == n->uid)
        mode >>= OWNER_SHIFT;
    else if (is_member(p, gid, n->gid))
        mode >>= GROUP_SHIFT;
    return (mode & wanted) == wanted;
}

static bool has_contents(const struct node *n)
{
    return node_is(n, S_IFREG) || node_is(n, S_IFDIR) || node_is(n, S_IFLNK);
}

static long check(const struct process *p, const struct node *n, uint32_t wanted, uint32_t uid,
                  uint32_t gid)
{
    long e = wanted & MAY_WRITE && has_contents(n) ? stored_check(n) : 0;

    return e ? e : is_allowed(p, n, wanted, uid, gid) ? 0 : -EACCES;
}

long access_check(const struct process *p, const struct node *n, uint32_t wanted)
{
    return check(p, n, wanted, p->who.euid, p->who.egid);
}

long access_check_real(const struct process *p, const struct node *n, uint32_t wanted)
{
    return check(p, n, wanted, p->who.uid, p->who.gid);
}

long access_add(const struct process *p, const struct node *dir)
{
    return access_check(p, dir, MAY_WRITE | MAY_EXECUTE);
}

long access_remove(const struct process *p, const struct node *dir, const struct node *n)
{
    long e = access_add(p, dir);

    if (!e && dir->mode & S_ISVTX && !access_is_owner(p, dir) && !access_is_owner(p, n))
        e = -EPERM;
    return e;
}

void access_own(const struct process *p, const struct node *dir, struct node *n)
{
    n->uid = p->who.euid;
    n->gid = p->who.egid;
    if (!(dir->mode & S_ISGID))
        return;
    n->gid = dir->gid;
    if (node_is(n, S_IFDIR))
        n->mode |= S_ISGID;
}

void access_written(const struct process *p, struct node *n)
{
    const uint32_t group = n->mode & S_IXGRP ? S_ISGID : 0;

    if (!access_is_super(p))
        n->mode &= ~(S_ISUID | group);
}
