/* The tree of the RAM file system: nodes and directory entries. */
#include "libos-posix/file/node.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/channel/watch.h"
#include "libos-posix/file/proc.h"
#include "libos-posix/file/stored.h"
#include "libos-posix/file/xattr.h"

#define LINKS_MAX 65000u

/* By all bits of both: the multiplier is that of Knuth's multiplicative hashing. */
static struct entry **bucket_of(struct arena *a, const struct node *dir, uint32_t hash)
{
    const uint64_t mixed = (dir->ino + hash) * 0x9e3779b97f4a7c15u;

    return &a->names[mixed >> 32 & (NAME_BUCKETS - 1)];
}
_Static_assert((NAME_BUCKETS & (NAME_BUCKETS - 1)) == 0, "a power of two");

uint32_t name_hash(const char *name, size_t bytes)
{
    uint32_t hash = NAME_HASH_FIRST;

    for (size_t i = 0; i < bytes; i++)
        hash = name_hash_add(hash, name[i]);
    return hash;
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

void node_forget(struct arena *a, struct node *n)
{
    if (n->watches)
        watch_node_goes(a, n);
    if (n->stored)
        stored_detach(a, n);
    data_free(a, n);
    xattr_free(a, n);
    if (n->text_owned)
        core_heap_free(&a->heap, (void *)(uintptr_t)n->archive, n->archive_bytes);
    core_heap_free(&a->heap, n, sizeof *n);
    a->node_count--;
}

void node_release(struct arena *a, struct node *n)
{
    if (is_held(a, n))
        return;
    if (n->stored)
        stored_release(a, n);
    node_forget(a, n);
}

void node_change(struct node *n, bool contents)
{
    n->ctime = arena_now();
    if (contents)
        n->mtime = n->ctime;
    stored_change(n);
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

struct entry *entry_find_hashed(struct arena *a, const struct node *dir, const char *name,
                                size_t bytes, uint32_t hash)
{
    struct entry *e = *bucket_of(a, dir, hash);

    while (e && (e->hash != hash || e->parent != dir || e->bytes != bytes ||
                 !mem_is_same(e->name, name, bytes)))
        e = e->hash_next;
    return e;
}

struct entry *entry_find(struct arena *a, const struct node *dir, const char *name, size_t bytes)
{
    return entry_find_hashed(a, dir, name, bytes, name_hash(name, bytes));
}

struct entry *entry_create(struct arena *a, const char *name, size_t bytes)
{
    struct entry *e = core_heap_alloc(&a->heap, sizeof *e + bytes);

    if (!e)
        return NULL;
    *e = (struct entry){.bytes = (uint32_t)bytes, .hash = name_hash(name, bytes)};
    memcpy(e->name, name, bytes);
    return e;
}

void entry_attach(struct arena *a, struct node *dir, struct entry *e, struct node *n)
{
    struct entry **bucket = bucket_of(a, dir, e->hash);

    e->hash_next = *bucket;
    *bucket = e;
    e->parent = dir;
    e->node = n;
    e->cookie = dir->next_cookie++;
    e->prev = dir->last;
    if (dir->last)
        dir->last->next = e;
    else
        dir->first = e;
    dir->last = e;
    if (node_is(n, S_IFDIR))
        n->self = e;
}

void entry_detach(struct arena *a, struct entry *e)
{
    struct node *dir = e->parent;
    struct entry **link = bucket_of(a, dir, e->hash);

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
    if (node_is(e->node, S_IFDIR) && e->node->self == e)
        e->node->self = NULL;
    core_heap_free(&a->heap, e, sizeof *e + e->bytes);
}

/* The name counts in both. */
static void count(struct node *dir, struct node *n, int by)
{
    n->links += (uint32_t)by;
    if (node_is(n, S_IFDIR))
        dir->links += (uint32_t)by; /* the ".." of n */
    node_change(n, false);
    node_change(dir, true);
}

static long check_add(const struct arena *a, const struct node *dir, const struct node *n)
{
    if (n->links >= LINKS_MAX || dir->links >= LINKS_MAX)
        return -EMLINK;
    if (!dir->links || (dir != a->root && !dir->self))
        return -ENOENT; /* removed, and only held open */
    return n->stored && mount_of(n) != mount_of(dir) ? -EXDEV : 0;
}

/* The same on the disk, where the node may have to be made first. */
static long add_stored(struct arena *a, struct node *dir, const char *name, size_t bytes,
                       struct node *n)
{
    long e = n->stored ? 0 : stored_make(a, dir, n);

    return e ? e : stored_link(dir, name, bytes, n);
}

long entry_add(struct arena *a, struct node *dir, const char *name, size_t bytes, struct node *n)
{
    long e = check_add(a, dir, n);
    if (e)
        return e;

    struct entry *new = entry_create(a, name, bytes);
    if (!new)
        return -ENOSPC;
    if (dir->stored && (e = add_stored(a, dir, name, bytes, n)) != 0) {
        core_heap_free(&a->heap, new, sizeof *new + bytes);
        return e;
    }
    entry_attach(a, dir, new, n);
    count(dir, n, 1);
    watch_name(a, dir, new, IN_CREATE, 0);
    return 0;
}

/* Its node goes, too, or waits for who has it open. */
static void take_away(struct arena *a, struct entry *e)
{
    struct node *dir = e->parent, *n = e->node;

    entry_detach(a, e);
    count(dir, n, -1);
    if (n->stored && n->opens && n->links == (node_is(n, S_IFDIR) ? 1 : 0))
        stored_orphan(n);
    node_release(a, n);
}

static bool is_mounted(const struct entry *e)
{
    return mount_of(e->node) != mount_of(e->parent);
}

long entry_remove(struct arena *a, struct entry *e)
{
    long error = is_mounted(e) ? -EBUSY : e->parent->stored ? stored_unlink(e) : 0;

    if (error)
        return error;
    watch_name(a, e->parent, e, IN_DELETE, 0);
    if (e->node->watches)
        watch_node(a, e->node, IN_ATTRIB); /* it has a name less */
    take_away(a, e);
    return 0;
}

long entry_rename(struct arena *a, struct entry *old, struct node *dir, const char *name,
                  size_t bytes, struct entry *replaced)
{
    struct node *n = old->node;
    long e = check_add(a, dir, n);

    if (!e && (is_mounted(old) || (replaced && is_mounted(replaced))))
        e = -EBUSY;
    if (!e && mount_of(n) != mount_of(dir))
        e = -EXDEV;
    struct entry *new = e ? NULL : entry_create(a, name, bytes);
    if (!new)
        return e ? e : -ENOSPC;
    if (dir->stored && (e = stored_rename(old, dir, name, bytes, replaced)) != 0) {
        core_heap_free(&a->heap, new, sizeof *new + bytes);
        return e;
    }
    count(dir, n, 1);
    if (replaced)
        take_away(a, replaced);
    watch_name(a, old->parent, old, IN_MOVED_FROM, ++a->last_move);
    take_away(a, old);
    entry_attach(a, dir, new, n);
    watch_name(a, dir, new, IN_MOVED_TO, a->last_move);
    if (n->watches)
        watch_moved(a, n);
    return 0;
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
    if (dir->stored && !dir->stored->listed)
        return NULL; /* its count is the disk's */
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
