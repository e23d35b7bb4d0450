/* Renaming: one name goes, another comes, and nobody sees a moment with neither. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/file/access.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/path.h"
#include "libos-posix/file/stored.h"
#include "libos-posix/base/user.h"

/* Is `dir` the node or somewhere below it? */
static bool is_below(const struct arena *a, const struct node *dir, const struct node *above)
{
    while (dir != above && dir != a->root)
        dir = node_parent(a, dir);
    return dir == above;
}

/* May what `to` names now be replaced by what `from` names? */
static long check_target(struct arena *a, const struct walk *from, const struct walk *to,
                         word_t flags)
{
    bool directory = node_is(from->node, S_IFDIR);

    if (!to->node)
        return to->slash && !directory ? -ENOTDIR : 0;
    if (flags & RENAME_NOREPLACE)
        return -EEXIST;
    if (directory && !node_is(to->node, S_IFDIR))
        return -ENOTDIR;
    if (!directory && node_is(to->node, S_IFDIR))
        return -EISDIR;
    long e = directory ? stored_list(a, to->node) : 0;
    return e ? e : directory && to->node->first ? -ENOTEMPTY : 0;
}

/* Names go from one directory and come to another; a directory that gets another above it is
 * changed itself. */
static long check_access(const struct process *p, const struct walk *from, const struct walk *to)
{
    long e = access_remove(p, from->dir, from->node);

    if (!e)
        e = to->node ? access_remove(p, to->dir, to->node) : access_add(p, to->dir);
    if (!e && node_is(from->node, S_IFDIR) && from->dir != to->dir)
        e = access_check(p, from->node, MAY_WRITE);
    return e;
}

static long check(struct arena *a, const struct walk *from, const struct walk *to, word_t flags)
{
    if (!from->node)
        return -ENOENT;
    if (!from->bytes || !to->bytes)
        return -EBUSY; /* ".", ".." or the root */
    if (node_is(from->node, S_IFDIR) && is_below(a, to->dir, from->node))
        return -EINVAL;
    if (mount_of(from->node) != mount_of(to->dir) || mount_of(from->node) != mount_of(from->dir))
        return mount_of(from->node) != mount_of(from->dir) ? -EBUSY : -EXDEV;
    return check_target(a, from, to, flags);
}

static long perform(struct arena *a, const struct walk *from, const struct walk *to)
{
    struct entry *old = entry_find(a, from->dir, from->name, from->bytes);
    struct entry *replaced = to->node ? entry_find(a, to->dir, to->name, to->bytes) : NULL;

    if (replaced && replaced->node == from->node)
        return 0; /* two names of one file: nothing to do */

    return entry_rename(a, old, to->dir, to->name, to->bytes, replaced);
}

static long rename_paths(struct process *p, word_t old_dirfd, const char *old, word_t new_dirfd,
                         const char *new, word_t flags)
{
    struct walk from, to;

    long e = path_walk(p, old_dirfd, old, 0, &from);
    if (!e)
        e = path_walk(p, new_dirfd, new, 0, &to);
    if (!e)
        e = check(p->arena, &from, &to, flags);
    if (!e)
        e = check_access(p, &from, &to);
    return e ? e : perform(p->arena, &from, &to);
}

long call_renameat2(struct process *p, word_t old_dirfd, word_t old, word_t new_dirfd, word_t new,
                    word_t flags)
{
    char *old_text, *new_text;

    if (flags & ~(word_t)RENAME_NOREPLACE)
        return -EINVAL;
    long e = user_path(p, old, &old_text);
    if (e)
        return e;
    e = user_path(p, new, &new_text);
    if (!e) {
        e = rename_paths(p, old_dirfd, old_text, new_dirfd, new_text, flags);
        user_path_free(p, new_text);
    }
    user_path_free(p, old_text);
    return e;
}

long call_renameat(struct process *p, word_t old_dirfd, word_t old, word_t new_dirfd, word_t new)
{
    return call_renameat2(p, old_dirfd, old, new_dirfd, new, 0);
}

long call_rename(struct process *p, word_t old, word_t new)
{
    return call_renameat2(p, (word_t)AT_FDCWD, old, (word_t)AT_FDCWD, new, 0);
}
