/* Filling the RAM file system from the boot archive. */
#include "libos-posix/file/unpack.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/file/cpio.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/node.h"

#define NS_PER_SECOND 1000000000u

/* Files of one archive that have several names, found by their number there. */
struct hard_link {
    struct hard_link *next;
    uint32_t ino, dev_major, dev_minor;
    struct node *node;
};

#define LINK_BUCKETS ((size_t)512)

struct unpack {
    struct arena *arena;
    struct hard_link **links; /* [LINK_BUCKETS] */
};

/* Is every part of the name one that a path can reach? */
static bool name_is_good(const char *name, size_t bytes)
{
    size_t start = 0;

    for (size_t i = 0; i <= bytes; i++) {
        if (i < bytes && !name[i])
            return false;
        if (i < bytes && name[i] != '/')
            continue;
        size_t part = i - start;
        if (!part || part > NAME_MAX)
            return false;
        if (name[start] == '.' && (part == 1 || (part == 2 && name[start + 1] == '.')))
            return false;
        start = i + 1;
    }
    return true;
}

struct node *unpack_directory(struct arena *a, const char *path, size_t bytes)
{
    struct node *dir = a->root;

    for (size_t at = 0; at < bytes;) {
        size_t end = at;
        while (end < bytes && path[end] != '/')
            end++;
        if (end == at) {
            at++;
            continue;
        }
        struct entry *e = entry_find(a, dir, path + at, end - at);
        struct node *next = e ? e->node : node_create(a, S_IFDIR | 0755);
        if (!next || !node_is(next, S_IFDIR))
            return NULL;
        if (!e && entry_add(a, dir, path + at, end - at, next)) {
            node_release(a, next);
            return NULL;
        }
        dir = next;
        at = end;
    }
    return dir;
}

static void node_describe(struct node *n, const struct cpio_entry *c)
{
    n->mode = (n->mode & S_IFMT) | (c->mode & S_IALL);
    n->uid = c->uid;
    n->gid = c->gid;
    n->atime = n->mtime = n->ctime = (uint64_t)c->mtime * NS_PER_SECOND;
    n->major = c->rdev_major;
    n->minor = c->rdev_minor;
    if (c->data_bytes && (node_is(n, S_IFREG) || node_is(n, S_IFLNK))) {
        n->archive = c->data;
        n->archive_bytes = n->size = c->data_bytes;
    }
}

static struct hard_link **link_bucket(struct unpack *u, const struct cpio_entry *c)
{
    uint32_t hash = (c->ino ^ c->dev_major << 7 ^ c->dev_minor << 3) * 2654435761u;
    return &u->links[(hash >> 16) % LINK_BUCKETS];
}

static struct node *link_find(struct unpack *u, const struct cpio_entry *c)
{
    for (struct hard_link *l = *link_bucket(u, c); l; l = l->next)
        if (l->ino == c->ino && l->dev_major == c->dev_major && l->dev_minor == c->dev_minor)
            return l->node;
    return NULL;
}

static bool link_remember(struct unpack *u, const struct cpio_entry *c, struct node *n)
{
    struct hard_link *l = core_heap_alloc(&u->arena->heap, sizeof *l);
    struct hard_link **bucket = link_bucket(u, c);

    if (!l)
        return false;
    *l = (struct hard_link){*bucket, c->ino, c->dev_major, c->dev_minor, n};
    *bucket = l;
    node_hold(n);
    return true;
}

/* Numbers are unique only within one archive, so each trailer ends what they mean. */
static void links_forget(struct unpack *u)
{
    for (size_t i = 0; i < LINK_BUCKETS; i++) {
        while (u->links[i]) {
            struct hard_link *l = u->links[i];
            u->links[i] = l->next;
            node_drop(u->arena, l->node);
            core_heap_free(&u->arena->heap, l, sizeof *l);
        }
    }
}

/* The node that the entry is a name of. NULL: no memory. */
static struct node *node_for(struct unpack *u, const struct cpio_entry *c)
{
    bool shared = c->links > 1 && (c->mode & S_IFMT) != S_IFDIR;
    struct node *n = shared ? link_find(u, c) : NULL;

    if (n) {
        if (c->data_bytes) /* cpio stores the data with the last name only */
            node_describe(n, c);
        return n;
    }
    n = node_create(u->arena, c->mode & (S_IFMT | S_IALL));
    if (!n)
        return NULL;
    node_describe(n, c);
    if (shared && !link_remember(u, c, n)) {
        node_release(u->arena, n);
        return NULL;
    }
    return n;
}

static bool type_is_known(uint32_t mode)
{
    uint32_t type = mode & S_IFMT;
    return type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFCHR;
}

static long add(struct unpack *u, const struct cpio_entry *c)
{
    struct arena *a = u->arena;

    if (c->name_bytes == 1 && c->name[0] == '.') {
        node_describe(a->root, c);
        return 0;
    }
    if (cpio_is_hidden(c) || !type_is_known(c->mode) || !name_is_good(c->name, c->name_bytes))
        return 0;

    size_t base = c->name_bytes;
    while (base && c->name[base - 1] != '/')
        base--;
    uint64_t nodes = a->node_count;
    struct node *dir = unpack_directory(a, c->name, base);
    if (!dir)
        return a->node_count == nodes ? 0 : -ENOMEM; /* 0: a file stands in the way */

    struct entry *old = entry_find(a, dir, c->name + base, c->name_bytes - base);
    if (old && node_is(old->node, S_IFDIR)) {
        if ((c->mode & S_IFMT) == S_IFDIR)
            node_describe(old->node, c);
        return 0;
    }
    if (old)
        entry_remove(a, old);

    struct node *n = node_for(u, c);
    if (!n)
        return -ENOMEM;
    if (entry_add(a, dir, c->name + base, c->name_bytes - base, n)) {
        node_release(a, n);
        return -ENOMEM;
    }
    return 0;
}

long unpack_archive(struct arena *a, const void *archive, size_t bytes)
{
    size_t table = LINK_BUCKETS * sizeof(struct hard_link *);
    struct unpack u = {a, core_heap_alloc(&a->heap, table)};
    struct cpio_reader r = {archive, bytes};
    struct cpio_entry c;
    long e;

    if (!u.links)
        return -ENOMEM;
    while ((e = cpio_next(&r, &c)) == 1) {
        if (c.is_trailer)
            links_forget(&u);
        else if ((e = add(&u, &c)) != 0)
            break;
    }
    links_forget(&u);
    core_heap_free(&a->heap, u.links, table);
    return e;
}
