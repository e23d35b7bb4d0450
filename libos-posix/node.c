/* The tree of the RAM file system: nodes and directory entries. */
#include "libos-posix/node.h"

#include "libos-posix/abi_errno.h"
#include "libos-posix/mem.h"
#include "libos-posix/proc.h"
#include "libos-posix/xattr.h"

#define LINKS_MAX 65000u

static struct entry **bucket_of(struct arena *a, const struct node *dir, const char *name,
                                size_t bytes)
{
    uint64_t hash = dir->ino; /* FNV-1a */
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3u;
    return &a->names[(hash ^ hash >> 32) % NAME_BUCKETS];
}

struct node *node_create(struct arena *a, uint32_t mode)
{
    struct node *n = core_heap_alloc(&a->heap, sizeof *n);
    if (!n)
        return NULL;

    uint64_t now = arena_now();
    n->ino = a->next_inode++;
    n->mode = mode;
    n->atime = n->mtime = n->ctime = now;
    n->next_cookie = 2; /* 0 and 1 are "." and ".." */
    if (node_is(n, S_IFDIR)) {
        n->size = PAGE_SIZE;
        n->links = 1; /* its own "." */
    }
    a->node_count++;
    return n;
}

/* Does the tree or a process still need it? A directory's "." does not count. */
static bool is_held(const struct arena *a, const struct node *n)
{
    uint32_t own = node_is(n, S_IFDIR) ? 1 : 0;
    return n == a->root || n->links > own || n->opens;
}

void node_release(struct arena *a, struct node *n)
{
    if (is_held(a, n))
        return;
    data_free(a, n);
    xattr_free(a, n);
    if (n->text_owned)
        core_heap_free(&a->heap, (void *)(uintptr_t)n->archive, n->archive_bytes);
    core_heap_free(&a->heap, n, sizeof *n);
    a->node_count--;
}

void node_hold(struct node *n)
{
    n->opens++;
}

void node_drop(struct arena *a, struct node *n)
{
    n->opens--;
    node_release(a, n);
}

struct entry *entry_find(struct arena *a, const struct node *dir, const char *name, size_t bytes)
{
    struct entry *e = *bucket_of(a, dir, name, bytes);

    while (e && (e->parent != dir || e->bytes != bytes || memcmp(e->name, name, bytes) != 0))
        e = e->hash_next;
    return e;
}

static void append(struct node *dir, struct entry *e)
{
    e->parent = dir;
    e->cookie = dir->next_cookie++;
    e->prev = dir->last;
    if (dir->last)
        dir->last->next = e;
    else
        dir->first = e;
    dir->last = e;
    dir->mtime = dir->ctime = arena_now();
}

long entry_add(struct arena *a, struct node *dir, const char *name, size_t bytes, struct node *n)
{
    if (n->links >= LINKS_MAX || dir->links >= LINKS_MAX)
        return -EMLINK;
    if (!dir->links || (dir != a->root && !dir->self))
        return -ENOENT; /* removed, and only held open */

    struct entry *e = core_heap_alloc(&a->heap, sizeof *e + bytes);
    if (!e)
        return -ENOSPC;

    struct entry **bucket = bucket_of(a, dir, name, bytes);
    *e = (struct entry){.node = n, .bytes = bytes, .hash_next = *bucket};
    memcpy(e->name, name, bytes);
    *bucket = e;
    append(dir, e);
    n->links++;
    if (node_is(n, S_IFDIR)) {
        n->self = e;
        dir->links++; /* the ".." of n */
    }
    return 0;
}

void entry_remove(struct arena *a, struct entry *e)
{
    struct node *dir = e->parent, *n = e->node;
    struct entry **link = bucket_of(a, dir, e->name, e->bytes);

    while (*link != e)
        link = &(*link)->hash_next;
    *link = e->hash_next;
    if (e->prev)
        e->prev->next = e->next;
    else
        dir->first = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        dir->last = e->prev;

    dir->mtime = dir->ctime = n->ctime = arena_now();
    n->links--;
    if (node_is(n, S_IFDIR)) {
        n->self = NULL;
        dir->links--;
    }
    core_heap_free(&a->heap, e, sizeof *e + e->bytes);
    node_release(a, n);
}

struct node *node_parent(const struct arena *a, const struct node *dir)
{
    return dir->self ? dir->self->parent : a->root;
}

const char *node_link_text(const struct process *p, const struct node *n, size_t *bytes)
{
    if (n->made_up)
        return proc_link(p, n, bytes);
    *bytes = (size_t)n->archive_bytes;
    return (const char *)n->archive;
}

static const char *check_directory(const struct arena *a, const struct node *dir)
{
    uint32_t links = dir == a->root ? 1 : 2;
    const struct entry *before = NULL;

    for (const struct entry *e = dir->first; e; before = e, e = e->next) {
        if (e->prev != before || e->parent != dir || (before && before->cookie >= e->cookie))
            return "N3: a directory's list is broken or out of order";
        if (!node_is(e->node, S_IFDIR))
            continue;
        links++;
        if (e->node->self != e)
            return "N2: a directory has an entry that is not its self";
    }
    if (dir->last != before)
        return "N3: a directory's last entry is not at the end";
    return dir->links == links ? NULL : "N1: a directory's links are not its entries";
}

/* Goes through the tree without recursion: down to the first subdirectory, else to the next one
 * beside it, else up. */
const char *node_check(const struct arena *a)
{
    const struct node *dir = a->root;

    while (dir) {
        const char *broken = check_directory(a, dir);
        if (broken)
            return broken;

        const struct entry *e = dir->first;
        for (;;) {
            while (e && !node_is(e->node, S_IFDIR))
                e = e->next;
            if (e || dir == a->root)
                break;
            e = dir->self->next;
            dir = dir->self->parent;
        }
        dir = e ? e->node : NULL;
    }
    return NULL;
}
