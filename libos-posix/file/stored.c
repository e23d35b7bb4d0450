/* Nodes of mounted file systems: making and forgetting them, their names, and their attributes. */
#include "libos-posix/file/stored.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/mount.h"

struct mount *mount_of(const struct node *n)
{
    return n->stored ? n->stored->mount : NULL;
}

static struct stored **bucket_of(struct mount *m, uint64_t ino)
{
    return &m->nodes[ino % MOUNT_NODES];
}

static void attach(struct mount *m, struct node *n, struct stored *s)
{
    struct stored **bucket = bucket_of(m, n->ino);

    *s = (struct stored){.mount = m, .node = n, .hash_next = *bucket};
    *bucket = s;
    n->stored = s;
}

static struct node *find(struct mount *m, uint64_t ino)
{
    struct stored *s = *bucket_of(m, ino);

    while (s && s->node->ino != ino)
        s = s->hash_next;
    return s ? s->node : NULL;
}

/* The text of a symbolic link. */
static long read_text(struct mount *m, struct node *n)
{
    if (!n->size || n->size >= PATH_MAX)
        return -EIO;
    char *text = core_heap_alloc(&arena_get()->heap, n->size);
    if (!text)
        return -ENOMEM;
    n->archive = (const uint8_t *)text;
    n->archive_bytes = n->size;
    n->text_owned = true;
    return mount_ops(m)->link_text(m->fs, n->ino, text, n->size);
}

static bool is_known(uint32_t mode)
{
    const uint32_t type = mode & S_IFMT;

    return type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFIFO ||
           type == S_IFCHR || type == S_IFBLK || type == S_IFSOCK;
}

static void describe(struct node *n, const struct fs_attributes *a)
{
    n->uid = a->uid;
    n->gid = a->gid;
    n->links = a->links;
    n->size = a->size;
    n->atime = a->atime;
    n->mtime = a->mtime;
    n->ctime = a->ctime;
    n->major = a->major;
    n->minor = a->minor;
    n->stored->sectors = a->sectors;
}

long stored_get(struct mount *m, uint64_t ino, struct node **out)
{
    struct arena *a = arena_get();
    struct fs_attributes attributes;

    *out = find(m, ino);
    if (*out)
        return 0;
    long e = mount_ops(m)->get(m->fs, ino, &attributes);
    if (!e && (!is_known(attributes.mode) || !attributes.links))
        e = -EIO;
    if (e)
        return e;
    struct stored *s = core_heap_alloc(&a->heap, sizeof *s);
    struct node *n = s ? node_create(a, attributes.mode) : NULL;
    if (!n) {
        core_heap_free(&a->heap, s, sizeof *s);
        return -ENOMEM;
    }
    n->ino = ino;
    attach(m, n, s);
    describe(n, &attributes);
    if (node_is(n, S_IFLNK))
        e = read_text(m, n);
    if (e)
        node_forget(a, n);
    else
        *out = n;
    return e;
}

/* What the disk is to know. A directory without a name has none but its own. */
static struct fs_attributes attributes_of(const struct node *n)
{
    const bool nameless = node_is(n, S_IFDIR) && !n->self && n->links == 1;

    return (struct fs_attributes){
        .mode = n->mode,
        .uid = n->uid,
        .gid = n->gid,
        .links = nameless ? 0 : n->links,
        .major = n->major,
        .minor = n->minor,
        .size = n->size,
        .atime = n->atime,
        .mtime = n->mtime,
        .ctime = n->ctime,
    };
}

long stored_make(struct arena *a, const struct node *dir, struct node *n)
{
    struct mount *m = mount_of(dir);
    const struct fs_attributes attributes = attributes_of(n);
    struct stored *s = core_heap_alloc(&a->heap, sizeof *s);
    uint64_t ino;

    mount_look(m);
    long e = s ? mount_begin(m) : -ENOMEM;

    if (e) {
        core_heap_free(&a->heap, s, sizeof *s);
        return e;
    }
    do
        e = mount_ops(m)->make(m->fs, dir->ino, &attributes, (const char *)n->archive,
                               (size_t)n->archive_bytes, &ino);
    while (mount_try_again(m, e));
    mount_end(m);
    if (e) {
        core_heap_free(&a->heap, s, sizeof *s);
        return e;
    }
    n->ino = ino;
    attach(m, n, s);
    s->listed = true;
    stored_change(n);
    return 0;
}

struct listing {
    struct arena *arena;
    struct mount *mount;
    struct node *dir;
};

static long see_entry(void *context, const char *name, size_t bytes, uint64_t ino)
{
    const struct listing *l = context;
    struct node *n;
    long e = stored_get(l->mount, ino, &n);

    if (e)
        return e;
    if (entry_find(l->arena, l->dir, name, bytes) || (node_is(n, S_IFDIR) && n->self) ||
        n == l->mount->root)
        return -EIO; /* damaged: two of one name, or a directory with two */
    struct entry *entry = entry_create(l->arena, name, bytes);
    if (!entry)
        return -ENOMEM;
    entry_attach(l->arena, l->dir, entry, n);
    return 0;
}

long stored_list(struct arena *a, struct node *dir)
{
    struct mount *m = mount_of(dir);

    if (!m || dir->stored->listed)
        return 0;
    struct listing l = {a, m, dir};
    long e = m->broken ? -EIO : mount_ops(m)->list(m->fs, dir->ino, see_entry, &l);
    while (e && dir->first)
        entry_detach(a, dir->first);
    dir->stored->listed = !e;
    return e;
}

/* A directory that got a block more shows it. */
static void refresh(struct node *dir)
{
    struct mount *m = mount_of(dir);
    struct fs_attributes attributes;

    if (mount_ops(m)->get(m->fs, dir->ino, &attributes))
        return;
    dir->size = attributes.size;
    dir->stored->sectors = attributes.sectors;
}

long stored_link(struct node *dir, const char *name, size_t bytes, const struct node *n)
{
    struct mount *m = mount_of(dir);
    long e = mount_begin(m);

    if (e)
        return e;
    do
        e = mount_ops(m)->link(m->fs, dir->ino, name, bytes, n->ino, n->mode);
    while (mount_try_again(m, e));
    refresh(dir);
    mount_end(m);
    return e;
}

long stored_unlink(const struct entry *entry)
{
    struct mount *m = mount_of(entry->parent);

    mount_look(m);
    long e = mount_begin(m);

    if (e)
        return e;
    e = mount_ops(m)->unlink(m->fs, entry->parent->ino, entry->name, entry->bytes);
    mount_end(m);
    return e;
}

/* Takes the old name away, the new one being there. */
static long finish_rename(struct mount *m, const struct entry *old, const struct node *dir)
{
    const struct node *n = old->node;
    long e = mount_ops(m)->is_atomic(m->fs) ? 0 : mount_commit(m); /* never without both */

    if (!e)
        e = mount_ops(m)->unlink(m->fs, old->parent->ino, old->name, old->bytes);
    if (!e && node_is(n, S_IFDIR) && old->parent != dir)
        e = mount_ops(m)->relink(m->fs, n->ino, "..", 2, dir->ino, S_IFDIR);
    return e;
}

long stored_rename(const struct entry *old, struct node *dir, const char *name, size_t bytes,
                   const struct entry *replaced)
{
    struct mount *m = mount_of(dir);
    const struct node *n = old->node;

    mount_look(m);
    long e = mount_begin(m);

    if (e)
        return e;
    do
        e = replaced ? mount_ops(m)->relink(m->fs, dir->ino, name, bytes, n->ino, n->mode)
                     : mount_ops(m)->link(m->fs, dir->ino, name, bytes, n->ino, n->mode);
    while (mount_try_again(m, e));
    if (!e) {
        e = finish_rename(m, old, dir);
        m->broken |= e != 0; /* both names are there, and the tree has one */
    }
    refresh(dir);
    mount_end(m);
    return e;
}

long stored_check(const struct node *n)
{
    const struct mount *m = mount_of(n);

    if (!m)
        return 0;
    return m->broken || m->blocks->failed ? -EIO : m->read_only ? -EROFS : 0;
}

uint64_t stored_sectors(const struct node *n)
{
    struct mount *m = mount_of(n);
    struct fs_attributes now;

    if (n->stored->changed && !mount_ops(m)->get(m->fs, n->ino, &now))
        n->stored->sectors = now.sectors;
    return n->stored->sectors;
}

void stored_change(struct node *n)
{
    struct stored *s = n->stored;

    if (!s || s->changed || s->mount->read_only)
        return;
    s->changed = true;
    s->changed_prev = NULL;
    s->changed_next = s->mount->changed;
    if (s->changed_next)
        s->changed_next->changed_prev = s;
    s->mount->changed = s;
    mount_note(s->mount);
}

static void unchange(struct stored *s)
{
    if (!s->changed)
        return;
    if (s->changed_prev)
        s->changed_prev->changed_next = s->changed_next;
    else
        s->mount->changed = s->changed_next;
    if (s->changed_next)
        s->changed_next->changed_prev = s->changed_prev;
    s->changed = false;
}

long stored_put_changed(struct mount *m)
{
    while (m->changed) {
        struct node *n = m->changed->node;
        const struct fs_attributes attributes = attributes_of(n);
        struct fs_attributes now;
        long e = mount_ops(m)->put(m->fs, n->ino, &attributes);
        if (!e && !mount_ops(m)->get(m->fs, n->ino, &now))
            n->stored->sectors = now.sectors;
        if (e)
            return e;
        unchange(n->stored);
    }
    return 0;
}

void stored_detach(struct arena *a, struct node *n)
{
    struct stored *s = n->stored;
    struct stored **link = bucket_of(s->mount, n->ino);

    mount_drop_pages(n, 0);
    unchange(s);
    s->mount->orphans -= s->orphan;
    s->mount->shown -= s->shown;
    while (*link != s)
        link = &(*link)->hash_next;
    *link = s->hash_next;
    n->stored = NULL;
    core_heap_free(&a->heap, s, sizeof *s);
}

void stored_orphan(struct node *n)
{
    n->stored->mount->orphans += !n->stored->orphan;
    n->stored->orphan = true;
    stored_change(n);
}

void stored_release(struct arena *a, struct node *n)
{
    struct mount *m = mount_of(n);

    /* A volume that is not written any more keeps what it has. One that cannot be freed is damaged.
     */
    if (mount_begin(m) == 0) {
        m->broken |= mount_ops(m)->free(m->fs, n->ino) != 0;
        mount_end(m);
    }
    stored_detach(a, n);
}
