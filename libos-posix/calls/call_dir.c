/* Calls that read directories and links, and the working directory. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/file/access.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/stored.h"
#include "libos-posix/file/path.h"
#include "libos-posix/file/proc.h"
#include "libos-posix/base/user.h"

static const word_t cwd = (word_t)AT_FDCWD;

long call_readlinkat(struct process *p, word_t dirfd, word_t path, word_t to, word_t capacity)
{
    struct node *n;

    if ((int)capacity <= 0)
        return -EINVAL;
    long e = path_node(p, dirfd, path, WALK_EMPTY, &n);
    if (e)
        return e;
    if (!node_is(n, S_IFLNK))
        return -EINVAL;

    size_t bytes;
    const char *text = node_link_text(p, n, &bytes);
    if (bytes > (uint32_t)capacity)
        bytes = (uint32_t)capacity;
    e = user_write(p, to, text, bytes);
    return e ? e : (long)bytes;
}

long call_readlink(struct process *p, word_t path, word_t to, word_t capacity)
{
    return call_readlinkat(p, cwd, path, to, capacity);
}

long call_getcwd(struct process *p, word_t to, word_t capacity)
{
    char *path = core_heap_alloc(&p->arena->heap, PATH_MAX);
    if (!path)
        return -ENOMEM;

    long bytes = path_below(p->root, p->cwd, path, capacity < PATH_MAX ? capacity : PATH_MAX);
    if (bytes == -ERANGE && capacity >= PATH_MAX)
        bytes = -ENAMETOOLONG;
    if (bytes > 0 && user_write(p, to, path, (size_t)bytes))
        bytes = -EFAULT;
    core_heap_free(&p->arena->heap, path, PATH_MAX);
    return bytes;
}

/* Puts `n` in place of a directory that the process holds. */
static long change_directory(struct process *p, struct node **held, struct node *n)
{
    if (!node_is(n, S_IFDIR))
        return -ENOTDIR;
    if (access_check(p, n, MAY_EXECUTE))
        return -EACCES;
    node_hold(n);
    node_drop(p->arena, *held);
    *held = n;
    return 0;
}

long call_chdir(struct process *p, word_t path)
{
    struct node *n;
    long e = path_node(p, cwd, path, WALK_FOLLOW, &n);
    return e ? e : change_directory(p, &p->cwd, n);
}

long call_chroot(struct process *p, word_t path)
{
    struct node *n;
    long e = path_node(p, cwd, path, WALK_FOLLOW, &n);

    if (!e && !access_is_super(p))
        e = node_is(n, S_IFDIR) ? -EPERM : -ENOTDIR;
    return e ? e : change_directory(p, &p->root, n);
}

long call_fchdir(struct process *p, word_t fd)
{
    struct file *f = file_get(p, fd);
    return f ? change_directory(p, &p->cwd, f->node) : -EBADF;
}

/* The type byte of a directory record is the type part of the mode. */
static uint8_t type_of(const struct node *n)
{
    return (uint8_t)((n->mode & S_IFMT) >> 12);
}

/* Where records go: what is left of the caller's buffer, and whether they are of the older form. */
struct records {
    vaddr_t to;
    size_t room;
    bool old;
};

/* Writes one record. Returns its length; 0: no room. The older form has the type in its last byte.
 */
static long record_put(struct process *p, const struct records *out, const struct node *n,
                       uint64_t next, const char *name, size_t bytes)
{
    const size_t at = out->old ? LINUX_DIRENT_OLD_NAME : LINUX_DIRENT_NAME;
    struct {
        struct linux_dirent head;
        char rest[NAME_MAX + 8];
    } record = {0};
    size_t whole = (at + bytes + 1 + out->old + 7) & ~(size_t)7;

    if (whole > out->room)
        return 0;
    record.head = (struct linux_dirent){n->ino, (int64_t)next, (uint16_t)whole, type_of(n)};
    if (out->old) {
        record.head.type = 0;
        ((uint8_t *)&record)[whole - 1] = type_of(n);
    }
    memcpy((char *)&record + at, name, bytes);
    long e = user_write(p, out->to, &record, whole);
    return e ? e : (long)whole;
}

static void records_skip(struct records *out, long bytes)
{
    out->to += (size_t)bytes;
    out->room -= (size_t)bytes;
}

/* The position is the cookie of the next entry: 0 ".", 1 "..", then those of the entries. */
static long records_put(struct process *p, struct file *f, struct records out)
{
    const struct node *dir = f->node;
    const vaddr_t begin = out.to;
    long n = 1;

    for (; f->position < 2; f->position++) {
        const struct node *dot = f->position ? node_parent(p->arena, dir) : dir;
        n = record_put(p, &out, dot, f->position + 1, "..", f->position + 1);
        if (n <= 0)
            break;
        records_skip(&out, n);
    }
    const struct entry *e = n > 0 ? dir->first : NULL;
    while (e && e->cookie < f->position)
        e = e->next;
    for (; e; e = e->next) {
        n = record_put(p, &out, e->node, e->cookie + 1, e->name, e->bytes);
        if (n <= 0)
            break;
        f->position = e->cookie + 1;
        records_skip(&out, n);
    }
    if (out.to != begin)
        return (long)(out.to - begin);
    return n ? (n < 0 ? n : 0) : -EINVAL; /* no room for even one */
}

static long list_directory(struct process *p, word_t fd, struct records out)
{
    struct file *f = file_get(p, fd);

    if (!f || f->kind == FILE_PATH)
        return -EBADF;
    if (f->kind != FILE_DIRECTORY)
        return -ENOTDIR;
    if (f->node != p->arena->root && !f->node->self)
        return -ENOENT;
    long e = stored_list(p->arena, f->node);
    if (e)
        return e;
    if (proc_is_made(p->arena, f->node))
        proc_visit_all(p->arena, f->node);
    return records_put(p, f, out);
}

long call_getdents64(struct process *p, word_t fd, word_t to, word_t bytes)
{
    return list_directory(p, fd, (struct records){to, (uint32_t)bytes, false});
}

long call_getdents(struct process *p, word_t fd, word_t to, word_t bytes)
{
    return list_directory(p, fd, (struct records){to, (uint32_t)bytes, true});
}
