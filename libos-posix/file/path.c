/* Path resolution. */
#include "libos-posix/file/path.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/file/access.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/proc.h"
#include "libos-posix/file/stored.h"
#include "libos-posix/base/user.h"

#define LINKS_FOLLOWED_MAX 40u

/* One part of a path and what follows it. */
struct part {
    const char *name;
    size_t bytes;
    uint32_t hash;    /* of the name */
    bool last, slash; /* slash: at least one follows */
};

static const char *skip_slashes(const char *at, const char *end)
{
    while (at < end && *at == '/')
        at++;
    return at;
}

/* Takes the next part off *text, which begins with it. False: there is none. */
static inline bool part_take(const char **text, const char *end, struct part *out)
{
    const char *at = *text;

    if (at == end)
        return false;
    out->name = at;
    out->hash = NAME_HASH_FIRST;
    for (; at < end && *at != '/'; at++)
        out->hash = name_hash_add(out->hash, *at);
    out->bytes = (size_t)(at - out->name);
    out->slash = at < end;
    at = skip_slashes(at, end);
    out->last = at == end;
    *text = at;
    return true;
}

static bool part_is_dots(const struct part *part)
{
    return part->name[0] == '.' && (part->bytes == 1 || (part->bytes == 2 && part->name[1] == '.'));
}

static long walk_text(struct process *p, struct walk *w, const char *text, size_t bytes,
                      unsigned how);

/* Goes from directory w->node to what `part` names there. */
static long step(struct process *p, struct walk *w, const struct part *part, unsigned how)
{
    struct node *dir = w->node;

    if (!node_is(dir, S_IFDIR))
        return -ENOTDIR;
    if (!access_is_super(p) && access_check(p, dir, MAY_EXECUTE)) /* who may go through any */
        return -EACCES;
    if (part->bytes > NAME_MAX)
        return -ENAMETOOLONG;
    w->dir = dir;
    w->name = part->name;
    w->bytes = part->bytes;
    w->slash = part->last && part->slash;
    w->file = NULL;
    if (part_is_dots(part)) {
        w->bytes = 0;
        if (part->bytes == 2 && dir != p->root)
            w->node = node_parent(p->arena, dir);
        return 0;
    }

    long error = dir->stored ? stored_list(p->arena, dir) : 0;
    if (error)
        return error;
    if (proc_is_made(p->arena, dir))
        proc_visit(p->arena, dir, part->name, part->bytes);
    struct entry *e = entry_find_hashed(p->arena, dir, part->name, part->bytes, part->hash);
    w->node = e ? e->node : NULL;
    if (!w->node || !node_is(w->node, S_IFLNK))
        return 0;
    if (part->last && !part->slash && !(how & WALK_FOLLOW))
        return 0;

    w->file = proc_open_file(p->arena, w->node);
    if (w->file) { /* it leads to the file itself, whatever its name is now */
        w->node = w->file->node;
        w->bytes = 0;
        return 0;
    }
    size_t length;
    const char *text = node_link_text(p, w->node, &length);
    bool slash = w->slash;
    if (++w->links > LINKS_FOLLOWED_MAX)
        return -ELOOP;
    if (!length)
        return -ENOENT;
    w->node = dir;
    error = walk_text(p, w, text, length, WALK_FOLLOW);
    w->slash |= slash;
    return error;
}

/* Recursion is as deep as links stand in links: LINKS_FOLLOWED_MAX at most. */
static long walk_text(struct process *p, struct walk *w, const char *text, size_t bytes,
                      unsigned how)
{
    const char *end = text + bytes;
    struct part part;

    if (bytes && text[0] == '/') {
        w->node = w->dir = p->root;
        w->bytes = 0;
        text = skip_slashes(text, end);
    }
    while (part_take(&text, end, &part)) {
        long e = step(p, w, &part, how);
        if (e)
            return e;
        if (!w->node && !part.last)
            return -ENOENT;
    }
    if (w->node && w->slash && !node_is(w->node, S_IFDIR))
        return -ENOTDIR;
    return 0;
}

static long start_of(struct process *p, word_t dirfd, struct node **out)
{
    if ((int)dirfd == AT_FDCWD) {
        *out = p->cwd;
        return 0;
    }
    struct file *f = file_get(p, dirfd);
    if (!f)
        return -EBADF;
    *out = f->node;
    return 0;
}

long path_walk_text(struct process *p, word_t dirfd, const char *path, size_t bytes, unsigned how,
                    struct walk *out)
{
    *out = (struct walk){.node = p->root};
    if (!bytes && !(how & WALK_EMPTY))
        return -ENOENT;
    if (!bytes || path[0] != '/') {
        long e = start_of(p, dirfd, &out->node);
        if (e)
            return e;
    }
    out->dir = out->node;
    return walk_text(p, out, path, bytes, how);
}

long path_walk(struct process *p, word_t dirfd, const char *path, unsigned how, struct walk *out)
{
    size_t bytes = 0;
    while (path[bytes])
        bytes++;
    return path_walk_text(p, dirfd, path, bytes, how, out);
}

long path_node(struct process *p, word_t dirfd, vaddr_t path, unsigned how, struct node **out)
{
    char text[PATH_MAX];
    long e = user_string(p, text, sizeof text, path, -ENAMETOOLONG);
    if (e < 0)
        return e;

    struct walk w;
    e = path_walk_text(p, dirfd, text, (size_t)e, how, &w);
    if (!e && !w.node)
        e = -ENOENT;
    *out = w.node;
    return e;
}

long path_below(const struct node *root, const struct node *dir, char *to, size_t capacity)
{
    size_t bytes = dir == root ? 2 : 1; /* "/" and the zero, or only the zero */

    for (const struct node *n = dir; n != root; n = n->self->parent) {
        if (!n->self)
            return -ENOENT;
        bytes += n->self->bytes + 1;
    }
    if (bytes > capacity)
        return -ERANGE;

    size_t at = bytes - 1;
    to[at] = 0;
    for (const struct node *n = dir; n != root; n = n->self->parent) {
        at -= n->self->bytes;
        memcpy(to + at, n->self->name, n->self->bytes);
        to[--at] = '/';
    }
    if (dir == root)
        to[0] = '/';
    return (long)bytes;
}

long path_of(const struct arena *a, const struct node *dir, char *to, size_t capacity)
{
    return path_below(a->root, dir, to, capacity);
}
