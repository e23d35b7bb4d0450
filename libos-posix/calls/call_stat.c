/* Calls that read and set attributes of files. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/channel/watch.h"
#include "libos-posix/file/access.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/file/mount.h"
#include "libos-posix/file/path.h"
#include "libos-posix/base/user.h"

#define NS_PER_SECOND 1000000000u
#define SECTOR_BYTES  512u
#define RAMFS_MAGIC   0x858458f6 /* statfs(2), RAMFS_MAGIC */

static const word_t cwd = (word_t)AT_FDCWD;

/* Finds a node by path, or by the descriptor itself when the path is empty and that is allowed. */
static long find(struct process *p, word_t dirfd, vaddr_t path, word_t flags, struct node **out)
{
    unsigned how = flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;
    return path_node(p, dirfd, path, how | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), out);
}

/* Device numbers as Linux's user space packs them into 64 bits. */
static uint64_t device_number(uint32_t major, uint32_t minor)
{
    return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12 |
           (uint64_t)(major & ~0xfffu) << 32;
}

static struct linux_timespec time_of(uint64_t ns)
{
    return (struct linux_timespec){(int64_t)(ns / NS_PER_SECOND), (int64_t)(ns % NS_PER_SECOND)};
}

/* Space is counted in whole pages, wherever the bytes are. */
static uint64_t sectors_of(const struct node *n)
{
    if (n->stored)
        return stored_sectors(n);
    if (!node_is(n, S_IFREG) && !node_is(n, S_IFDIR))
        return 0;
    return (n->size + PAGE_SIZE - 1) / PAGE_SIZE * (PAGE_SIZE / SECTOR_BYTES);
}

/* Wherever a program has it. */
typedef struct linux_stat user_stat __attribute__((aligned(1)));

static long stat_put(struct process *p, const struct node *n, vaddr_t to)
{
    user_stat *s = user_place(p, to, sizeof *s, RIGHT_WRITE);

    if (!s)
        return -EFAULT;
    s->dev = n->stored ? device_number(DISK_MAJOR, mount_of(n)->device) : FS_DEVICE;
    s->ino = n->ino;
    s->links = n->links;
    s->mode = n->mode;
    s->uid = n->uid;
    s->gid = n->gid;
    s->pad = 0;
    s->rdev = device_number(n->major, n->minor);
    s->size = (int64_t)n->size;
    s->block_size = PAGE_SIZE;
    s->blocks = (int64_t)sectors_of(n);
    s->atime = time_of(n->atime);
    s->mtime = time_of(n->mtime);
    s->ctime = time_of(n->ctime);
    s->unused[0] = s->unused[1] = s->unused[2] = 0;
    return 0;
}

long call_newfstatat(struct process *p, word_t dirfd, word_t path, word_t to, word_t flags)
{
    struct node *n;

    if (flags & ~(word_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
        return -EINVAL;
    long e = find(p, dirfd, path, flags, &n);
    return e ? e : stat_put(p, n, to);
}

long call_stat(struct process *p, word_t path, word_t to)
{
    return call_newfstatat(p, cwd, path, to, 0);
}

long call_lstat(struct process *p, word_t path, word_t to)
{
    return call_newfstatat(p, cwd, path, to, AT_SYMLINK_NOFOLLOW);
}

long call_fstat(struct process *p, word_t fd, word_t to)
{
    struct file *f = file_get(p, fd);
    return f ? stat_put(p, f->node, to) : -EBADF;
}

static struct linux_statx_time statx_time(uint64_t ns)
{
    return (struct linux_statx_time){(int64_t)(ns / NS_PER_SECOND), (uint32_t)(ns % NS_PER_SECOND),
                                     0};
}

long call_statx(struct process *p, word_t dirfd, word_t path, word_t flags, word_t mask, word_t to)
{
    struct node *n;
    const word_t known = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE;

    if ((flags & ~known) || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
        (mask & STATX_RESERVED))
        return -EINVAL;
    long e = find(p, dirfd, path, flags, &n);
    if (e)
        return e;
    struct linux_statx s = {
        .mask = STATX_BASIC_STATS,
        .block_size = PAGE_SIZE,
        .links = n->links,
        .uid = n->uid,
        .gid = n->gid,
        .mode = (uint16_t)n->mode,
        .ino = n->ino,
        .size = n->size,
        .blocks = sectors_of(n),
        .atime = statx_time(n->atime),
        .ctime = statx_time(n->ctime),
        .mtime = statx_time(n->mtime),
        .rdev_major = n->major,
        .rdev_minor = n->minor,
        .dev_major = n->stored ? DISK_MAJOR : 0,
        .dev_minor = n->stored ? mount_of(n)->device : FS_DEVICE,
    };
    return USER_PUT(p, to, &s);
}

/* Of a mounted file system. */
static long statfs_put_stored(struct process *p, struct mount *m, vaddr_t to)
{
    struct fs_space space;

    mount_ops(m)->space(m->fs, &space);
    const uint64_t kept =
        space.blocks_kept < space.blocks_free ? space.blocks_kept : space.blocks_free;
    struct linux_statfs s = {
        .type = (int64_t)mount_ops(m)->magic,
        .block_size = BLOCK_BYTES,
        .blocks = space.blocks,
        .blocks_free = space.blocks_free,
        .blocks_available = space.blocks_free - kept,
        .files = space.files,
        .files_free = space.files_free,
        .name_max = NAME_MAX,
        .fragment_size = BLOCK_BYTES,
        .flags = m->read_only,
    };
    return USER_PUT(p, to, &s);
}

static long statfs_put(struct process *p, const struct node *n, vaddr_t to)
{
    if (n->stored)
        return statfs_put_stored(p, mount_of(n), to);

    struct port_memory m;

    port_memory_get(&m);
    const uint64_t kept = m.total_bytes / HEAP_KEPT_SHARE;
    struct linux_statfs s = {
        .type = RAMFS_MAGIC,
        .block_size = PAGE_SIZE,
        .blocks = m.total_bytes / PAGE_SIZE,
        .blocks_free = m.free_bytes / PAGE_SIZE,
        .blocks_available = m.free_bytes > kept ? (m.free_bytes - kept) / PAGE_SIZE : 0,
        .files = p->arena->node_count,
        .name_max = NAME_MAX,
        .fragment_size = PAGE_SIZE,
    };
    return USER_PUT(p, to, &s);
}

long call_statfs(struct process *p, word_t path, word_t to)
{
    struct node *n;
    long e = find(p, cwd, path, 0, &n);
    return e ? e : statfs_put(p, n, to);
}

long call_fstatfs(struct process *p, word_t fd, word_t to)
{
    struct file *f = file_get(p, fd);
    return f ? statfs_put(p, f->node, to) : -EBADF;
}

long call_faccessat2(struct process *p, word_t dirfd, word_t path, word_t mode, word_t flags)
{
    struct node *n;

    if ((mode & ~(word_t)7) ||
        (flags & ~(word_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
        return -EINVAL;
    long e = find(p, dirfd, path, flags, &n);
    if (e)
        return e;
    return flags & AT_EACCESS ? access_check(p, n, (uint32_t)mode)
                              : access_check_real(p, n, (uint32_t)mode);
}

long call_faccessat(struct process *p, word_t dirfd, word_t path, word_t mode)
{
    return call_faccessat2(p, dirfd, path, mode, 0);
}

long call_access(struct process *p, word_t path, word_t mode)
{
    return call_faccessat2(p, cwd, path, mode, 0);
}

static long set_mode(const struct process *p, struct node *n, word_t mode)
{
    long e = stored_check(n);
    if (e)
        return e;
    if (!access_is_owner(p, n))
        return -EPERM;
    if (!access_is_super(p) && !access_is_in_group(p, n->gid))
        mode &= ~(word_t)S_ISGID;
    n->mode = (n->mode & S_IFMT) | ((uint32_t)mode & S_IALL);
    node_change(n, false);
    watch_node(p->arena, n, IN_ATTRIB);
    return 0;
}

long call_fchmodat(struct process *p, word_t dirfd, word_t path, word_t mode)
{
    struct node *n;
    long e = find(p, dirfd, path, 0, &n);
    return e ? e : set_mode(p, n, mode);
}

long call_chmod(struct process *p, word_t path, word_t mode)
{
    return call_fchmodat(p, cwd, path, mode);
}

long call_fchmod(struct process *p, word_t fd, word_t mode)
{
    struct file *f = file_get(p, fd);
    return f && f->kind != FILE_PATH ? set_mode(p, f->node, mode) : -EBADF;
}

/* -1 leaves an owner as it is. The owner may give a file to a group of its own, and nothing else.
 */
static long set_owner(const struct process *p, struct node *n, word_t uid, word_t gid)
{
    const bool same_user = (uint32_t)uid == UINT32_MAX || (uint32_t)uid == n->uid;
    const bool own_group = (uint32_t)gid == UINT32_MAX || access_is_in_group(p, (uint32_t)gid);

    long e = stored_check(n);
    if (e)
        return e;
    if (!access_is_super(p) && !(access_is_owner(p, n) && same_user && own_group))
        return -EPERM;
    if (!node_is(n, S_IFDIR))
        n->mode &= ~(S_ISUID | (n->mode & S_IXGRP ? S_ISGID : 0));
    if ((uint32_t)uid != UINT32_MAX)
        n->uid = (uint32_t)uid;
    if ((uint32_t)gid != UINT32_MAX)
        n->gid = (uint32_t)gid;
    node_change(n, false);
    watch_node(p->arena, n, IN_ATTRIB);
    return 0;
}

long call_fchownat(struct process *p, word_t dirfd, word_t path, word_t uid, word_t gid,
                   word_t flags)
{
    struct node *n;

    if (flags & ~(word_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    long e = find(p, dirfd, path, flags, &n);
    return e ? e : set_owner(p, n, uid, gid);
}

long call_chown(struct process *p, word_t path, word_t uid, word_t gid)
{
    return call_fchownat(p, cwd, path, uid, gid, 0);
}

long call_lchown(struct process *p, word_t path, word_t uid, word_t gid)
{
    return call_fchownat(p, cwd, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long call_fchown(struct process *p, word_t fd, word_t uid, word_t gid)
{
    struct file *f = file_get(p, fd);
    return f && f->kind != FILE_PATH ? set_owner(p, f->node, uid, gid) : -EBADF;
}

/* One of the two times of utimensat. */
static long time_get(const struct linux_timespec *t, uint64_t now, uint64_t *out)
{
    if (t->nanoseconds == UTIME_OMIT)
        return 0;
    if (t->nanoseconds == UTIME_NOW) {
        *out = now;
        return 0;
    }
    if (t->nanoseconds < 0 || t->nanoseconds >= NS_PER_SECOND)
        return -EINVAL;
    if (t->seconds < 0 || t->seconds > (int64_t)(UINT64_MAX / NS_PER_SECOND / 2))
        return -EINVAL; /* times are counted in ns from 1970 on */
    *out = (uint64_t)t->seconds * NS_PER_SECOND + (uint64_t)t->nanoseconds;
    return 0;
}

/* The present time may be set by who may write, others by the owner. */
static long check_times(const struct process *p, const struct node *n,
                        const struct linux_timespec given[2])
{
    if (given[0].nanoseconds == UTIME_OMIT && given[1].nanoseconds == UTIME_OMIT)
        return 0;
    if (access_is_owner(p, n))
        return stored_check(n);
    if (given[0].nanoseconds == UTIME_NOW && given[1].nanoseconds == UTIME_NOW)
        return access_check(p, n, MAY_WRITE);
    return -EPERM;
}

static long set_times(struct process *p, struct node *n, const struct linux_timespec given[2])
{
    long e = check_times(p, n, given);

    if (e)
        return e;
    uint64_t now = arena_now(), atime = n->atime, mtime = n->mtime;
    if (time_get(&given[0], now, &atime) || time_get(&given[1], now, &mtime))
        return -EINVAL;
    n->atime = atime;
    n->mtime = mtime;
    node_change(n, false);
    watch_node(p->arena, n, IN_ATTRIB);
    return 0;
}

long call_utimensat(struct process *p, word_t dirfd, word_t path, word_t times, word_t flags)
{
    struct linux_timespec given[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    struct file *f = path ? NULL : file_get(p, dirfd);
    struct node *n;
    long e = 0;

    if (flags & ~(word_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (times && USER_GET(p, &given, times))
        return -EFAULT;
    if (path) /* without one the descriptor itself is meant */
        e = find(p, dirfd, path, flags, &n);
    else if (f)
        n = f->node;
    else
        e = -EBADF;
    if (e)
        return e;

    return set_times(p, n, given);
}

/* utime, utimes and futimesat: whole seconds, or microseconds. */
static long set_times_of(struct process *p, word_t dirfd, word_t path,
                         struct linux_timespec given[2])
{
    struct node *n;
    long e = find(p, dirfd, path, 0, &n);

    return e ? e : set_times(p, n, given);
}

long call_futimesat(struct process *p, word_t dirfd, word_t path, word_t times)
{
    struct linux_timespec given[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    struct linux_timeval t[2];

    if (!path)
        return call_utimensat(p, dirfd, 0, 0, 0);
    if (times && USER_GET(p, &t, times))
        return -EFAULT;
    for (unsigned i = 0; times && i < 2; i++) {
        if (t[i].microseconds < 0 || t[i].microseconds >= 1000000)
            return -EINVAL;
        given[i] = (struct linux_timespec){t[i].seconds, t[i].microseconds * 1000};
    }
    return set_times_of(p, dirfd, path, given);
}

long call_utimes(struct process *p, word_t path, word_t times)
{
    return path ? call_futimesat(p, cwd, path, times) : -EFAULT;
}

long call_utime(struct process *p, word_t path, word_t times)
{
    struct linux_timespec given[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    int64_t t[2];

    if (times && USER_GET(p, &t, times))
        return -EFAULT;
    for (unsigned i = 0; times && i < 2; i++)
        given[i] = (struct linux_timespec){t[i], 0};
    return set_times_of(p, cwd, path, given);
}

long call_umask(struct process *p, word_t mask)
{
    uint32_t old = p->umask;
    p->umask = (uint32_t)mask & 0777;
    return (long)old;
}
