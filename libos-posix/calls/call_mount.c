/* Calls that join file systems of disks to the tree and part them, and those that ask for what was
 * written to be durable. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/file/mount.h"
#include "libos-posix/file/path.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/task.h"
#include "libos-posix/base/text.h"
#include "libos-posix/base/user.h"

#define MOUNT_MAGIC      0xc0ed0000u /* in the upper half, from old programs */
#define MOUNT_MAGIC_MASK 0xffff0000u
#define MOUNT_KNOWN      (MOUNT_HARMLESS | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define MOUNT_HARMLESS   (MS_NOATIME | MS_NODIRATIME | MS_SILENT | MS_RELATIME | MS_STRICTATIME)
#define UNMOUNT_FORCE    1u
#define UNMOUNT_NOFOLLOW 8u
#define OPTION_BYTES     256u

static const word_t cwd = (word_t)AT_FDCWD;

/* A number after `name` at the beginning of *text, which then stands behind it. */
static bool option_take(const char **text, const char *name, uint64_t *out)
{
    const char *at = *text;
    uint64_t value = 0;

    while (*name && *at == *name)
        at++, name++;
    if (*name || *at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    *out = value;
    *text = at;
    return true;
}

/* "first=N,blocks=N": the extent, in blocks of 4096 bytes. */
static long options_parse(const char *at, struct mount_request *r)
{
    while (*at) {
        if (!option_take(&at, "first=", &r->first) && !option_take(&at, "blocks=", &r->count))
            return -EINVAL;
        if (*at && *at++ != ',')
            return -EINVAL;
    }
    return 0;
}

static long options_read(struct process *p, vaddr_t data, struct mount_request *r)
{
    char text[OPTION_BYTES];

    if (!data)
        return 0;
    long e = user_string(p, text, sizeof text, data, -EINVAL);
    return e < 0 ? e : options_parse(text, r);
}

static long source_find(struct process *p, vaddr_t source, struct mount_request *r)
{
    struct node *n;
    long e = path_node(p, cwd, source, WALK_FOLLOW, &n);

    if (e)
        return e;
    if (!node_is(n, S_IFBLK))
        return -ENOTBLK;
    return device_is_disk(n, &r->disk) ? 0 : -ENXIO;
}

/* Says on the console why a disk was refused: the number alone helps nobody. */
static void tell(const char *source, const char *why)
{
    char line[160];
    struct text t = {.at = line, .capacity = sizeof line - 1};

    text_add(&t, "exo4: mount: ");
    text_add(&t, source);
    text_add(&t, ": ");
    text_add(&t, why);
    line[t.bytes++] = '\n';
    port_console_write(2, line, t.bytes);
}

static long mount_at(struct process *p, struct mount_request *r, vaddr_t target)
{
    const char *why;
    struct node *at;
    long e = path_node(p, cwd, target, WALK_FOLLOW, &at);

    if (e)
        return e;
    e = mount_add(p->arena, r, at, &why);
    if (e && why)
        tell(r->source, why);
    return e;
}

long call_mount(struct process *p, word_t source, word_t target, word_t kind, word_t flags,
                word_t data)
{
    struct mount_request r = {.kind = NULL};
    char kind_text[8];
    char *source_text;

    if ((flags & MOUNT_MAGIC_MASK) == MOUNT_MAGIC)
        flags &= ~(word_t)MOUNT_MAGIC_MASK;
    if (p->who.euid)
        return -EPERM;
    if (flags & ~(word_t)MOUNT_KNOWN)
        return -EINVAL;
    long e = user_string(p, kind_text, sizeof kind_text, kind, -ENODEV);
    if (e >= 0)
        e = options_read(p, data, &r);
    if (!e)
        e = source_find(p, source, &r);
    if (!e)
        e = user_path(p, source, &source_text);
    if (e)
        return e;
    r.kind = kind_text;
    r.source = source_text;
    r.read_only = flags & MS_RDONLY;
    r.no_exec = flags & MS_NOEXEC;
    r.no_suid = flags & MS_NOSUID;
    e = mount_at(p, &r, target);
    user_path_free(p, source_text);
    return e;
}

/* A directory of the root file system, made if there is none. */
static long directory_at(struct process *p, const char *path, struct node **out)
{
    struct walk w;
    long e = path_walk(p, cwd, path, WALK_FOLLOW, &w);

    if (!e && !w.node) {
        w.node = node_create(p->arena, S_IFDIR | 0755);
        e = w.node ? entry_add(p->arena, w.dir, w.name, w.bytes, w.node) : -ENOMEM;
    }
    *out = w.node;
    return e;
}

static long mount_first(struct process *p, const char *at, const char *options)
{
    struct mount_request r = {.kind = "ext4", .source = "/dev/vda"};
    const char *why = NULL;
    struct node *n;

    if (options[0] == 'r' && options[1] == 'o' && (!options[2] || options[2] == ',')) {
        r.read_only = true;
        options += options[2] ? 3 : 2;
    }
    long e = options_parse(options, &r);
    if (!e)
        e = directory_at(p, at, &n);
    if (!e)
        e = mount_add(p->arena, &r, n, &why);
    if (e && why)
        tell(r.source, why);
    return e;
}

long posix_mount(const char *at, const char *options)
{
    struct task *t = task_current();

    lock_take(t);
    long e = mount_first(t->process, at, options);
    lock_release(t);
    return e;
}

long call_umount2(struct process *p, word_t target, word_t flags)
{
    struct node *n;

    if (p->who.euid)
        return -EPERM;
    if (flags & ~(word_t)(UNMOUNT_FORCE | UNMOUNT_NOFOLLOW))
        return -EINVAL;
    long e = path_node(p, cwd, target, flags & UNMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW, &n);
    if (e)
        return e;
    struct mount *m = mount_of(n);
    return m && m->root == n ? mount_remove(p->arena, m) : -EINVAL;
}

static long store(const struct file *f)
{
    struct mount *m = mount_of(f->node);

    return m ? mount_commit(m) : 0;
}

long call_fsync(struct process *p, word_t fd)
{
    const struct file *f = file_get(p, fd);

    if (!f || f->kind == FILE_PATH)
        return -EBADF;
    return f->kind == FILE_REGULAR || f->kind == FILE_DIRECTORY ? store(f) : -EINVAL;
}

long call_fdatasync(struct process *p, word_t fd)
{
    return call_fsync(p, fd);
}

/* Errors are for those who ask about a file. */
long call_sync(struct process *p)
{
    mount_commit_all(p->arena);
    return 0;
}

long call_syncfs(struct process *p, word_t fd)
{
    const struct file *f = file_get(p, fd);

    return f ? store(f) : -EBADF;
}

long call_sync_file_range(struct process *p, word_t fd, word_t offset, word_t bytes, word_t flags)
{
    const word_t known = 7;
    const struct file *f = file_get(p, fd);

    if (!f)
        return -EBADF;
    if ((int64_t)offset < 0 || (int64_t)bytes < 0 || (flags & ~known))
        return -EINVAL;
    return flags ? store(f) : 0;
}

long call_msync(struct process *p, word_t start, word_t bytes, word_t flags)
{
    const word_t async = 1, invalidate = 2, sync = 4;
    long e = 0;

    if (start % PAGE_SIZE || (flags & ~(async | invalidate | sync)) ||
        (flags & async && flags & sync))
        return -EINVAL;
    if (!area_has(p, start, page_up(bytes), 0))
        return -ENOMEM;
    if (flags & invalidate && area_is_locked(p, start, start + bytes))
        return -EBUSY;
    for (const struct area *a = process_memory(p)->areas; a && a->start < start + bytes && !e;
         a = a->next) {
        struct node *n = a->shared;
        if (a->end <= start || !n || !(n->stored ? n->stored->shown : a->rights & RIGHT_WRITE))
            continue;
        node_change(n, true);
        if (flags & sync && n->stored)
            e = mount_commit(mount_of(a->shared));
    }
    return e;
}
