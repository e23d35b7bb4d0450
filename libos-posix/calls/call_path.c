/* Calls that make, open, name and remove files. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/channel/watch.h"
#include "libos-posix/file/access.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/stored.h"
#include "libos-posix/file/path.h"
#include "libos-posix/base/user.h"

static const word_t cwd = (word_t)AT_FDCWD;

static bool has_room(const struct process *p, const struct walk *w)
{
    return w->dir->stored || core_heap_has_for_files(&p->arena->heap, PAGE_SIZE);
}

/* NULL: no memory, or none that is for files. */
static struct node *create(const struct process *p, const struct walk *w, uint32_t mode)
{
    return has_room(p, w) ? node_create(p->arena, mode) : NULL;
}

/* Names a new node (NULL: there was no memory for it) where the walk ended, or lets it go.
 * Pre: w->node == NULL. */
static long name(struct process *p, const struct walk *w, struct node *n)
{
    if (!n)
        return -ENOSPC;
    access_own(p, w->dir, n);
    long e = access_add(p, w->dir);
    if (!e)
        e = entry_add(p->arena, w->dir, w->name, w->bytes, n);
    if (e)
        node_release(p->arena, n);
    return e;
}

/* May this process open the node so? Its lack of a part is asked before its contents go. */
static long check_open(const struct process *p, const struct node *n, uint32_t flags)
{
    static const uint32_t wanted[] = {
        [O_RDONLY] = MAY_READ, [O_WRONLY] = MAY_WRITE, [O_RDWR] = MAY_READ | MAY_WRITE, [3] = 6};
    const uint32_t cut = flags & O_TRUNC ? MAY_WRITE : 0;
    const uint32_t all = wanted[flags & O_ACCMODE] | cut;

    if (flags & O_PATH || node_is(n, S_IFLNK))
        return 0;
    if (flags & O_NOATIME && !access_is_owner(p, n))
        return -EPERM;
    const long e = access_check(p, n, all);
    return !e && node_is(n, S_IFREG) && all & MAY_WRITE && n->running ? -ETXTBSY : e;
}

/* The node to open, made if asked for. */
static long open_node(struct process *p, struct walk *w, uint32_t flags, uint32_t mode)
{
    if (!w->node) {
        if (!(flags & O_CREAT))
            return -ENOENT;
        if (w->slash)
            return -EISDIR;
        w->node = create(p, w, S_IFREG | (mode & S_IALL & ~p->umask));
        return name(p, w, w->node);
    }
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if ((flags & O_DIRECTORY) && !node_is(w->node, S_IFDIR))
        return -ENOTDIR;
    if (node_is(w->node, S_IFDIR) && !(flags & O_PATH) &&
        ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT)))
        return -EISDIR;
    long e = check_open(p, w->node, flags);
    if (e || !node_is(w->node, S_IFREG) || !(flags & O_TRUNC) || flags & O_PATH)
        return e;
    access_written(p, w->node);
    watch_node(p->arena, w->node, IN_MODIFY);
    e = data_resize(p->arena, w->node, 0);
    area_cut(p, w->node);
    return e;
}

/* What cannot be opened by its node: another descriptor of the same open file. */
static bool is_shared(const struct file *f)
{
    return f && f->kind != FILE_REGULAR && f->kind != FILE_DIRECTORY && f->kind != FILE_PATH &&
           f->kind != FILE_TEXT;
}

static long share(const struct walk *w, uint32_t flags, struct file **out)
{
    uint32_t mode = flags & O_ACCMODE;

    if ((mode != O_WRONLY && !file_may_read(w->file)) ||
        (mode != O_RDONLY && !file_may_write(w->file)))
        return -EACCES;
    file_hold(w->file);
    *out = w->file;
    return 0;
}

static long open_path(struct process *p, word_t dirfd, const char *path, size_t bytes,
                      uint32_t flags, uint32_t mode)
{
    bool follow = !(flags & O_NOFOLLOW) && !((flags & O_CREAT) && (flags & O_EXCL));
    struct walk w;
    struct file *f;

    long e = path_walk_text(p, dirfd, path, bytes, follow ? WALK_FOLLOW : 0, &w);
    if (!e)
        e = open_node(p, &w, flags, mode);
    if (!e && is_shared(w.file) && !(flags & O_PATH))
        e = share(&w, flags, &f);
    else if (!e)
        e = file_open_node(p, w.node, flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC), &f);
    return e ? e : file_install(p, f, 0, flags & O_CLOEXEC);
}

long call_openat(struct process *p, word_t dirfd, word_t path, word_t flags, word_t mode)
{
    uint32_t bits = (uint32_t)flags;
    char text[PATH_MAX];

    if (bits & O_PATH)
        bits &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (bits & O_TMPFILE)
        return -EOPNOTSUPP;
    long e = user_string(p, text, sizeof text, path, -ENAMETOOLONG);
    return e < 0 ? e : open_path(p, dirfd, text, (size_t)e, bits, (uint32_t)mode);
}

long call_open(struct process *p, word_t path, word_t flags, word_t mode)
{
    return call_openat(p, cwd, path, flags, mode);
}

long call_creat(struct process *p, word_t path, word_t mode)
{
    return call_openat(p, cwd, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long call_close(struct process *p, word_t fd)
{
    return file_close(p, fd);
}

/* Walks to a name that must not exist yet. */
static long walk_to_new(struct process *p, word_t dirfd, vaddr_t path, bool directory, char **text,
                        struct walk *w)
{
    long e = user_path(p, path, text);
    if (e)
        return e;

    e = path_walk(p, dirfd, *text, 0, w);
    if (!e && w->node)
        e = -EEXIST;
    if (!e && w->slash && !directory)
        e = -ENOENT;
    if (e)
        user_path_free(p, *text);
    return e;
}

long call_mkdirat(struct process *p, word_t dirfd, word_t path, word_t mode)
{
    struct walk w;
    char *text;

    long e = walk_to_new(p, dirfd, path, true, &text, &w);
    if (e)
        return e;
    e = name(p, &w, create(p, &w, S_IFDIR | ((uint32_t)mode & 01777 & ~p->umask)));
    user_path_free(p, text);
    return e;
}

/* Devices may be named only; what they do depends on their numbers. */
long call_mknodat(struct process *p, word_t dirfd, word_t path, word_t mode, word_t device)
{
    uint32_t type = (uint32_t)mode & S_IFMT;
    struct walk w;
    char *text;

    if (type && type != S_IFREG && type != S_IFIFO && type != S_IFCHR && type != S_IFBLK &&
        type != S_IFSOCK)
        return type == S_IFDIR ? -EPERM : -EINVAL;
    if ((type == S_IFCHR || type == S_IFBLK) && p->who.euid)
        return -EPERM;
    long e = user_path(p, path, &text);
    if (e)
        return e;
    e = path_walk(p, dirfd, text, 0, &w);
    if (!e && w.node)
        e = -EEXIST;
    if (!e && (w.slash || !w.bytes))
        e = -ENOENT;
    struct node *n = NULL;
    if (!e)
        n = create(p, &w, (type ? type : S_IFREG) | ((uint32_t)mode & S_IALL & ~p->umask));
    if (n && (type == S_IFCHR || type == S_IFBLK)) {
        n->major = (uint32_t)(device >> 8) & 0xfff;
        n->minor = (uint32_t)((device & 0xff) | (device >> 12 & 0xfff00));
    }
    if (!e)
        e = name(p, &w, n);
    user_path_free(p, text);
    return e;
}

long call_mknod(struct process *p, word_t path, word_t mode, word_t device)
{
    return call_mknodat(p, cwd, path, mode, device);
}

long call_mkdir(struct process *p, word_t path, word_t mode)
{
    return call_mkdirat(p, cwd, path, mode);
}

/* A link with its text in a heap block of exactly that many bytes. NULL: no memory. */
static struct node *link_create(const struct process *p, const struct walk *w, const char *target)
{
    size_t bytes = 0;
    while (target[bytes])
        bytes++;

    char *copy = has_room(p, w) ? core_heap_alloc(&p->arena->heap, bytes) : NULL;
    struct node *n = copy ? create(p, w, S_IFLNK | 0777) : NULL;
    if (!n) {
        core_heap_free(&p->arena->heap, copy, bytes);
        return NULL;
    }
    memcpy(copy, target, bytes);
    n->archive = (const uint8_t *)copy;
    n->archive_bytes = n->size = bytes;
    n->text_owned = true;
    return n;
}

long call_symlinkat(struct process *p, word_t target, word_t dirfd, word_t path)
{
    char *to, *text;
    struct walk w;

    long e = user_path(p, target, &to);
    if (e)
        return e;
    e = to[0] ? walk_to_new(p, dirfd, path, false, &text, &w) : -ENOENT;
    if (!e) {
        e = name(p, &w, link_create(p, &w, to));
        user_path_free(p, text);
    }
    user_path_free(p, to);
    return e;
}

long call_symlink(struct process *p, word_t target, word_t path)
{
    return call_symlinkat(p, target, cwd, path);
}

long call_linkat(struct process *p, word_t old_dirfd, word_t old, word_t new_dirfd, word_t new,
                 word_t flags)
{
    if (flags & ~(word_t)AT_SYMLINK_FOLLOW)
        return -EINVAL;

    struct node *n;
    struct walk w;
    char *text;
    long e = path_node(p, old_dirfd, old, flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0, &n);
    if (!e && node_is(n, S_IFDIR))
        e = -EPERM;
    if (!e)
        e = walk_to_new(p, new_dirfd, new, false, &text, &w);
    if (e)
        return e;
    e = access_add(p, w.dir);
    if (!e)
        e = has_room(p, &w) ? entry_add(p->arena, w.dir, w.name, w.bytes, n) : -ENOSPC;
    user_path_free(p, text);
    return e;
}

long call_link(struct process *p, word_t old, word_t new)
{
    return call_linkat(p, cwd, old, cwd, new, 0);
}

/* The entry that a walk ended at. Dots and the root have none that may be taken away. */
static long entry_of(struct process *p, const struct walk *w, struct entry **out)
{
    if (!w->node)
        return -ENOENT;
    if (!w->bytes)
        return w->node == p->root ? -EBUSY : -EINVAL;
    *out = entry_find(p->arena, w->dir, w->name, w->bytes);
    return 0;
}

static long remove_entry(struct process *p, const struct walk *w, bool directory)
{
    struct entry *entry;
    long e = entry_of(p, w, &entry);

    if (e)
        return !directory && w->node ? -EISDIR : e;
    e = access_remove(p, w->dir, w->node);
    if (e)
        return e;
    if (directory && !node_is(w->node, S_IFDIR))
        return -ENOTDIR;
    if (!directory && node_is(w->node, S_IFDIR))
        return -EISDIR;
    if (directory && (e = stored_list(p->arena, w->node)) != 0)
        return e;
    if (directory && w->node->first)
        return -ENOTEMPTY;
    return entry_remove(p->arena, entry);
}

long call_unlinkat(struct process *p, word_t dirfd, word_t path, word_t flags)
{
    struct walk w;
    char *text;

    if (flags & ~(word_t)AT_REMOVEDIR)
        return -EINVAL;
    long e = user_path(p, path, &text);
    if (e)
        return e;
    e = path_walk(p, dirfd, text, 0, &w);
    if (!e)
        e = remove_entry(p, &w, flags & AT_REMOVEDIR);
    user_path_free(p, text);
    return e;
}

long call_unlink(struct process *p, word_t path)
{
    return call_unlinkat(p, cwd, path, 0);
}

long call_rmdir(struct process *p, word_t path)
{
    return call_unlinkat(p, cwd, path, AT_REMOVEDIR);
}
