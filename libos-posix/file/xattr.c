/* Extended attributes of files. */
#include "libos-posix/file/xattr.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/path.h"
#include "libos-posix/base/user.h"

#define VALUE_MOST    ((size_t)65536)
#define XATTR_CREATE  1u
#define XATTR_REPLACE 2u

static size_t block_bytes(size_t name, size_t value)
{
    return sizeof(struct xattr) + name + value;
}

static void drop(struct arena *a, struct xattr **at)
{
    struct xattr *x = *at;

    *at = x->next;
    core_heap_free(&a->heap, x, block_bytes(x->name_bytes, x->value_bytes));
}

void xattr_free(struct arena *a, struct node *n)
{
    while (n->xattrs)
        drop(a, &n->xattrs);
}

static struct xattr **find(struct node *n, const char *name, size_t bytes)
{
    struct xattr **at = &n->xattrs;

    while (*at && ((*at)->name_bytes != bytes || memcmp((*at)->text, name, bytes) != 0))
        at = &(*at)->next;
    return at;
}

static bool begins(const char *name, const char *with)
{
    while (*with)
        if (*name++ != *with++)
            return false;
    return *name; /* and goes on */
}

/* A name of a known kind. EOPNOTSUPP, EPERM, ERANGE: too long; EFAULT. */
static long name_get(struct process *p, const struct node *n, vaddr_t from, char name[NAME_MAX + 1],
                     size_t *bytes)
{
    long length = user_string(p, name, NAME_MAX + 1, from, -ERANGE);

    if (length < 0)
        return length;
    *bytes = (size_t)length;
    if (!length)
        return -ERANGE;
    if (begins(name, "user."))
        return node_is(n, S_IFREG) || node_is(n, S_IFDIR) ? 0 : -EPERM;
    if (begins(name, "trusted."))
        return p->who.euid ? -EPERM : 0;
    return begins(name, "security.") ? 0 : -EOPNOTSUPP;
}

static long set(struct process *p, struct node *n, vaddr_t name_at, vaddr_t value, word_t size,
                word_t flags)
{
    char name[NAME_MAX + 1];
    size_t bytes;

    if (flags & ~(word_t)(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    long e = name_get(p, n, name_at, name, &bytes);
    if (e)
        return e;
    if (size > VALUE_MOST)
        return -E2BIG;
    bool is_there = *find(n, name, bytes) != NULL;
    if (is_there && (flags & XATTR_CREATE))
        return -EEXIST;
    if (!is_there && (flags & XATTR_REPLACE))
        return -ENODATA;
    if (n->stored)
        return -EOPNOTSUPP; /* they would be forgotten */
    struct xattr *x = core_heap_alloc(&p->arena->heap, block_bytes(bytes, size));
    if (!x)
        return -ENOSPC;
    x->name_bytes = bytes;
    x->value_bytes = size;
    memcpy(x->text, name, bytes);
    if (user_read(p, x->text + bytes, value, size)) {
        core_heap_free(&p->arena->heap, x, block_bytes(bytes, size));
        return -EFAULT;
    }
    if (is_there)
        drop(p->arena, find(n, name, bytes));
    x->next = n->xattrs;
    n->xattrs = x;
    n->ctime = arena_now();
    return 0;
}

static long get(struct process *p, struct node *n, vaddr_t name_at, vaddr_t to, word_t room)
{
    char name[NAME_MAX + 1];
    size_t bytes;
    long e = name_get(p, n, name_at, name, &bytes);

    if (e)
        return e == -EPERM ? -ENODATA : e;
    const struct xattr *x = *find(n, name, bytes);
    if (!x)
        return -ENODATA;
    if (!room)
        return (long)x->value_bytes;
    if (room < x->value_bytes)
        return -ERANGE;
    e = user_write(p, to, x->text + bytes, x->value_bytes);
    return e ? e : (long)x->value_bytes;
}

/* All names, each with its zero. */
static long list(struct process *p, const struct node *n, vaddr_t to, word_t room)
{
    size_t whole = 0, done = 0;
    const char zero = 0;

    for (const struct xattr *x = n->xattrs; x; x = x->next)
        whole += x->name_bytes + 1;
    if (!room)
        return (long)whole;
    if (room < whole)
        return -ERANGE;
    for (const struct xattr *x = n->xattrs; x; x = x->next) {
        if (user_write(p, to + done, x->text, x->name_bytes) ||
            USER_PUT(p, to + done + x->name_bytes, &zero))
            return -EFAULT;
        done += x->name_bytes + 1;
    }
    return (long)whole;
}

static long take_away(struct process *p, struct node *n, vaddr_t name_at)
{
    char name[NAME_MAX + 1];
    size_t bytes;
    long e = name_get(p, n, name_at, name, &bytes);

    if (e)
        return e;
    struct xattr **at = find(n, name, bytes);
    if (!*at)
        return -ENODATA;
    drop(p->arena, at);
    n->ctime = arena_now();
    return 0;
}

static long by_path(struct process *p, vaddr_t path, bool follow, struct node **n)
{
    return path_node(p, (word_t)AT_FDCWD, path, follow ? WALK_FOLLOW : 0, n);
}

static long by_file(const struct process *p, word_t fd, struct node **n)
{
    const struct file *f = file_get(p, fd);

    if (!f || f->kind == FILE_PATH)
        return -EBADF;
    *n = f->node;
    return 0;
}

long call_setxattr(struct process *p, word_t path, word_t name, word_t value, word_t size,
                   word_t flags)
{
    struct node *n;
    long e = by_path(p, path, true, &n);
    return e ? e : set(p, n, name, value, size, flags);
}

long call_lsetxattr(struct process *p, word_t path, word_t name, word_t value, word_t size,
                    word_t flags)
{
    struct node *n;
    long e = by_path(p, path, false, &n);
    return e ? e : set(p, n, name, value, size, flags);
}

long call_fsetxattr(struct process *p, word_t fd, word_t name, word_t value, word_t size,
                    word_t flags)
{
    struct node *n;
    long e = by_file(p, fd, &n);
    return e ? e : set(p, n, name, value, size, flags);
}

long call_getxattr(struct process *p, word_t path, word_t name, word_t to, word_t room)
{
    struct node *n;
    long e = by_path(p, path, true, &n);
    return e ? e : get(p, n, name, to, room);
}

long call_lgetxattr(struct process *p, word_t path, word_t name, word_t to, word_t room)
{
    struct node *n;
    long e = by_path(p, path, false, &n);
    return e ? e : get(p, n, name, to, room);
}

long call_fgetxattr(struct process *p, word_t fd, word_t name, word_t to, word_t room)
{
    struct node *n;
    long e = by_file(p, fd, &n);
    return e ? e : get(p, n, name, to, room);
}

long call_listxattr(struct process *p, word_t path, word_t to, word_t room)
{
    struct node *n;
    long e = by_path(p, path, true, &n);
    return e ? e : list(p, n, to, room);
}

long call_llistxattr(struct process *p, word_t path, word_t to, word_t room)
{
    struct node *n;
    long e = by_path(p, path, false, &n);
    return e ? e : list(p, n, to, room);
}

long call_flistxattr(struct process *p, word_t fd, word_t to, word_t room)
{
    struct node *n;
    long e = by_file(p, fd, &n);
    return e ? e : list(p, n, to, room);
}

long call_removexattr(struct process *p, word_t path, word_t name)
{
    struct node *n;
    long e = by_path(p, path, true, &n);
    return e ? e : take_away(p, n, name);
}

long call_lremovexattr(struct process *p, word_t path, word_t name)
{
    struct node *n;
    long e = by_path(p, path, false, &n);
    return e ? e : take_away(p, n, name);
}

long call_fremovexattr(struct process *p, word_t fd, word_t name)
{
    struct node *n;
    long e = by_file(p, fd, &n);
    return e ? e : take_away(p, n, name);
}
