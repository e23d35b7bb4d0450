/* Joining and parting file systems of disks, and committing. */
#include "libos-posix/file/mount.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"

#define COMMIT_AFTER_NS 5000000000u
#define COMMIT_BLOCKS   512u /* changed: about what a journal of the least size takes at once */
#define PAGES_SHARE     8u   /* of all memory, in the cache of one mount */
#define PAGES_LEAST     64u

/* A journal is written if there is one, by whichever name. */
static const char *const kind_names[] = {"ext2", "ext3", "ext4"};

const struct fs_ops *mount_ops(const struct mount *m)
{
    return fs_kinds[m->kind];
}

static bool text_is(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static void text_copy(char *to, size_t room, const char *from)
{
    size_t i = 0;

    for (; i + 1 < room && from[i]; i++)
        to[i] = from[i];
    to[i] = 0;
}

static bool is_known_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++)
        if (text_is(name, kind_names[i]))
            return fs_kinds[FS_EXT2];
    return false;
}

static bool is_taken(const struct arena *a, const struct mount_request *r, uint64_t count)
{
    for (const struct mount *m = a->mounts; m; m = m->next)
        if (m->blocks->disk == r->disk && r->first < m->blocks->first + m->blocks->count &&
            m->blocks->first < r->first + count)
            return true;
    return false;
}

static long check(const struct arena *a, const struct mount_request *r, const struct node *at,
                  uint64_t *count, bool *read_only)
{
    struct port_disk disk;

    if (!is_known_kind(r->kind))
        return -ENODEV;
    if (!node_is(at, S_IFDIR))
        return -ENOTDIR;
    if (!at->self || mount_of(at->self->parent) != mount_of(at))
        return -EBUSY; /* the root of something */
    if (!port_disk_get(r->disk, &disk) || r->first >= disk.blocks)
        return -ENXIO;
    *count = r->count ? r->count : disk.blocks - r->first;
    if (*count > disk.blocks - r->first)
        return -ENXIO;
    *read_only = r->read_only || disk.read_only;
    if (disk.read_only && !r->read_only)
        return -EACCES;
    return is_taken(a, r, *count) ? -EBUSY : 0;
}

/* The root stands in the entry of what it covers. */
static void cover(struct mount *m, struct node *at)
{
    struct entry *e = at->self;

    m->covered = at;
    node_hold(at);
    at->self = NULL;
    e->node = m->root;
    m->root->self = e;
}

static void uncover(struct arena *a, struct mount *m)
{
    struct entry *e = m->root->self;

    e->node = m->covered;
    m->covered->self = e;
    m->root->self = NULL;
    node_drop(a, m->covered);
}

static void destroy(struct arena *a, struct mount *m)
{
    if (m->fs)
        mount_ops(m)->close(m->fs);
    blocks_free(m->blocks);
    core_heap_free(&a->heap, m, sizeof *m);
}

static uint32_t pages_most(void)
{
    struct port_memory memory;

    port_memory_get(&memory);
    const uint64_t share = memory.total_bytes / PAGES_SHARE / PAGE_SIZE;
    return share < PAGES_LEAST ? PAGES_LEAST : share > 1u << 20 ? 1u << 20 : (uint32_t)share;
}

long mount_add(struct arena *a, const struct mount_request *r, struct node *at, const char **why)
{
    uint64_t count;
    bool read_only;

    *why = NULL;
    long e = check(a, r, at, &count, &read_only);
    if (e)
        return e;
    struct mount *m = core_heap_alloc(&a->heap, sizeof *m);
    if (!m)
        return -ENOMEM;
    m->read_only = read_only;
    m->no_exec = r->no_exec;
    m->no_suid = r->no_suid;
    m->device = 1 + (a->mounts ? a->mounts->device : 0);
    m->pages_most = pages_most();
    text_copy(m->source, sizeof m->source, r->source);
    text_copy(m->kind_name, sizeof m->kind_name, r->kind);
    m->blocks = blocks_create(r->disk, r->first, count, read_only);
    e = m->blocks ? mount_ops(m)->open(m->blocks, read_only, &m->fs, why) : -ENOMEM;
    if (!e)
        e = stored_get(m, mount_ops(m)->root(m->fs), &m->root);
    if (!e && !node_is(m->root, S_IFDIR))
        e = -EIO;
    if (e) {
        if (m->root)
            node_forget(a, m->root);
        destroy(a, m);
        return e;
    }
    cover(m, at);
    m->next = a->mounts;
    a->mounts = m;
    return 0;
}

/* Is a file open, a directory somebody's, memory shown, or something mounted in it? */
static bool is_used(const struct arena *a, const struct mount *m)
{
    for (size_t i = 0; i < MOUNT_NODES; i++)
        for (const struct stored *s = m->nodes[i]; s; s = s->hash_next)
            if (s->node->opens || s->node->shown)
                return true;
    for (const struct mount *other = a->mounts; other; other = other->next)
        if (other != m && mount_of(other->root->self->parent) == m)
            return true;
    return false;
}

static void forget_nodes(struct arena *a, struct mount *m)
{
    for (size_t i = 0; i < MOUNT_NODES; i++)
        while (m->nodes[i]) {
            struct node *n = m->nodes[i]->node;
            while (node_is(n, S_IFDIR) && n->first)
                entry_detach(a, n->first);
            if (n->self)
                entry_detach(a, n->self);
            node_forget(a, n);
        }
}

long mount_remove(struct arena *a, struct mount *m)
{
    struct mount **link = &a->mounts;

    if (is_used(a, m))
        return -EBUSY;
    long e = m->read_only ? 0 : mount_commit(m);
    if (!e && !m->read_only)
        e = mount_ops(m)->finish(m->fs);
    uncover(a, m);
    forget_nodes(a, m);
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    destroy(a, m);
    return e;
}

long mount_begin(struct mount *m)
{
    if (m->broken || m->blocks->failed)
        return -EIO;
    if (m->read_only)
        return -EROFS;
    m->busy++;
    mount_note(m);
    return 0;
}

void mount_end(struct mount *m)
{
    m->busy--;
}

void mount_note(struct mount *m)
{
    if (!m->changed_ns)
        m->changed_ns = port_monotonic_ns() + 1;
}

bool mount_try_again(struct mount *m, long error)
{
    /* What was freed since the last commit can be used after the next. */
    return error == -ENOSPC && m->changed_ns && mount_commit(m) == 0;
}

static long put_orphans(struct mount *m)
{
    uint64_t *list = m->orphans ? blocks_memory(m->orphans * sizeof *list) : NULL;
    size_t count = 0;

    if (m->orphans && !list)
        return -ENOMEM;
    for (size_t i = 0; i < MOUNT_NODES && count < m->orphans; i++)
        for (const struct stored *s = m->nodes[i]; s; s = s->hash_next)
            if (s->orphan)
                list[count++] = s->node->ino;
    long e = mount_ops(m)->orphans(m->fs, list, count);
    blocks_memory_free(list);
    return e;
}

long mount_commit(struct mount *m)
{
    if (m->read_only)
        return 0;
    if (m->broken || m->blocks->failed)
        return -EIO;
    if (!m->changed_ns && !m->shown)
        return 0;
    m->changed_ns = 0;
    m->busy++;
    long e = mount_write_pages(m) ? 0 : -EIO;
    if (!e)
        e = stored_put_changed(m);
    if (!e)
        e = put_orphans(m);
    if (!e)
        e = mount_ops(m)->commit(m->fs);
    m->busy--;
    m->broken |= e != 0;
    return e;
}

long mount_commit_all(struct arena *a)
{
    long first = 0;

    for (struct mount *m = a->mounts; m; m = m->next) {
        long e = mount_commit(m);
        first = first ? first : e;
    }
    return first;
}

void mount_look(struct mount *m)
{
    if (m->changed_ns && !m->broken &&
        (m->blocks->changed > COMMIT_BLOCKS ||
         port_monotonic_ns() > m->changed_ns + COMMIT_AFTER_NS))
        mount_commit(m);
}

uint64_t mount_look_all(struct arena *a)
{
    uint64_t next = PORT_FOREVER;

    for (struct mount *m = a->mounts; m; m = m->next) {
        mount_look(m);
        if (m->changed_ns && m->changed_ns + COMMIT_AFTER_NS < next)
            next = m->changed_ns + COMMIT_AFTER_NS + 1;
    }
    return next;
}

void mount_lost(struct arena *a)
{
    for (struct mount *m = a->mounts; m; m = m->next)
        m->broken |= m->busy != 0;
}

void mount_end_all(struct arena *a)
{
    for (struct mount *m = a->mounts; m; m = m->next)
        if (!m->read_only && mount_commit(m) == 0)
            mount_ops(m)->finish(m->fs);
}

static const char *check_nodes(const struct mount *m)
{
    uint32_t changed = 0, listed = 0;

    for (size_t i = 0; i < MOUNT_NODES; i++)
        for (const struct stored *s = m->nodes[i]; s; s = s->hash_next) {
            if (s->mount != m || s->node->stored != s || s->node->ino % MOUNT_NODES != i)
                return "M1: a node is in a wrong bucket or mount";
            changed += s->changed;
        }
    for (const struct stored *s = m->changed; s; s = s->changed_next) {
        if (!s->changed || (s->changed_next && s->changed_next->changed_prev != s))
            return "M2: the list of changed nodes is broken";
        listed++;
    }
    return listed == changed ? NULL : "M2: a changed node is not in the list of those";
}

static const char *check_pages(const struct mount *m)
{
    uint32_t pages = 0, changed = 0;
    const struct page *before = NULL;

    for (const struct page *p = m->newest; p; before = p, p = p->older) {
        if (p->newer != before || mount_of(p->node) != m)
            return "M3: the list of pages is broken";
        pages++;
        changed += p->changed;
    }
    if (m->oldest != before || pages != m->page_count || changed != m->pages_changed)
        return "M3: a count of pages is wrong";
    for (size_t i = 0; i < MOUNT_PAGES; i++)
        for (const struct page *p = m->pages[i]; p; p = p->hash_next)
            pages--;
    return pages ? "M3: a page is in no bucket" : NULL;
}

const char *mount_check(const struct arena *a)
{
    const char *broken = NULL;

    for (const struct mount *m = a->mounts; m && !broken; m = m->next) {
        broken = check_nodes(m);
        if (!broken)
            broken = check_pages(m);
        if (!broken)
            broken = blocks_check(m->blocks);
    }
    return broken;
}
