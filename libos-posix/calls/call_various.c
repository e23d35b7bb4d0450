/* Calls that a file system in RAM, or a system of this kind, has little to do for. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/node.h"
#include "libos-posix/base/user.h"

#define MCL_CURRENT      1u
#define MCL_FUTURE       2u
#define MCL_ONFAULT      4u
#define MFD_CLOEXEC      1u
#define MFD_SEALING      2u
#define FALLOC_KEEP_SIZE 1u
#define CLOSE_CLOEXEC    4u
#define CLOSE_UNSHARE    2u
#define MEMBARRIER_QUERY 0
#define HOST_NAME_MOST   64u
#define CAPABILITIES_V3  0x20080522u
#define MEMORY_POLICIES  5u /* MPOL_DEFAULT to MPOL_PREFERRED_MANY */

/* Space is taken when it is written; only the size may have to grow. */
long call_fallocate(struct process *p, word_t fd, word_t mode, word_t offset, word_t bytes)
{
    struct file *f = file_get(p, fd);

    if (!f || !file_may_write(f))
        return -EBADF;
    if ((int64_t)offset < 0 || (int64_t)bytes <= 0)
        return -EINVAL;
    if (mode & ~(word_t)FALLOC_KEEP_SIZE)
        return -EOPNOTSUPP;
    if (f->kind != FILE_REGULAR)
        return f->kind == FILE_DIRECTORY ? -EISDIR : file_ops(f)->seekable ? -ENODEV : -ESPIPE;
    if (bytes > (word_t)INT64_MAX - offset)
        return -EFBIG;
    if (mode || offset + bytes <= f->node->size)
        return 0;
    return data_resize(p->arena, f->node, offset + bytes);
}

static long known_file(struct process *p, word_t fd)
{
    return file_get(p, fd) ? 0 : -EBADF;
}

long call_readahead(struct process *p, word_t fd, word_t offset, word_t bytes)
{
    (void)offset, (void)bytes;
    return known_file(p, fd);
}

long call_close_range(struct process *p, word_t first, word_t last, word_t flags)
{
    if ((flags & ~(word_t)(CLOSE_CLOEXEC | CLOSE_UNSHARE)) || (uint32_t)first > (uint32_t)last)
        return -EINVAL;
    for (uint32_t fd = (uint32_t)first; fd <= (uint32_t)last && fd < p->descriptor_end; fd++) {
        if (flags & CLOSE_CLOEXEC)
            p->descriptors[fd].close_on_exec = true;
        else
            file_close(p, fd); /* EBADF: nothing was there */
    }
    return 0;
}

/* A file without a name. Seals cannot be set. */
long call_memfd_create(struct process *p, word_t name, word_t flags)
{
    char *text;

    if (flags & ~(word_t)(MFD_CLOEXEC | MFD_SEALING))
        return -EINVAL;
    long e = user_path(p, name, &text);
    if (e)
        return e;
    user_path_free(p, text);
    struct node *n = node_create(p->arena, S_IFREG | 0777);
    struct file *f = n ? file_create(p->arena, FILE_REGULAR, n, O_RDWR) : NULL;
    if (f)
        return file_install(p, f, 0, flags & MFD_CLOEXEC);
    if (n)
        node_release(p->arena, n);
    return -ENOMEM;
}

/* Memory stays where it is in any case; what is locked is told by msync. */
static long check_memory(struct process *p, word_t start, word_t bytes)
{
    vaddr_t low = start & ~(PAGE_SIZE - 1);
    word_t whole = page_up(start + bytes) - low;

    if (start + bytes < start)
        return -EINVAL;
    return !area_has(p, low, whole, 0) ? -ENOMEM : 0;
}

static long lock(struct process *p, word_t start, word_t bytes, bool locked)
{
    long e = check_memory(p, start, bytes);

    return e || !bytes ? e : area_lock(p, start & ~(PAGE_SIZE - 1), page_up(start + bytes), locked);
}

long call_mlock(struct process *p, word_t start, word_t bytes)
{
    return lock(p, start, bytes, true);
}

long call_munlock(struct process *p, word_t start, word_t bytes)
{
    return lock(p, start, bytes, false);
}

long call_mlock2(struct process *p, word_t start, word_t bytes, word_t flags)
{
    return flags > 1 ? -EINVAL : lock(p, start, bytes, true);
}

long call_mlockall(struct process *p, word_t flags)
{
    if (!flags || flags > (MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
        return -EINVAL;
    process_memory(p)->locks_memory = flags & MCL_FUTURE;
    if (flags & MCL_CURRENT)
        area_lock_all(p, true);
    return 0;
}

long call_munlockall(struct process *p)
{
    process_memory(p)->locks_memory = false;
    area_lock_all(p, false);
    return 0;
}

/* Every page can be had without waiting for a disk. */
long call_mincore(struct process *p, word_t start, word_t bytes, word_t to)
{
    const uint8_t there = 1;

    if (start % PAGE_SIZE)
        return -EINVAL;
    if (check_memory(p, start, bytes))
        return -ENOMEM;
    for (word_t i = 0; i < page_up(bytes) / PAGE_SIZE; i++)
        if (USER_PUT(p, to + i, &there))
            return -EFAULT;
    return 0;
}

long call_personality(struct process *p, word_t wanted)
{
    (void)p;
    return (uint32_t)wanted == UINT32_MAX || !(uint32_t)wanted ? 0 : -EINVAL;
}

long call_membarrier(struct process *p, word_t command, word_t flags, word_t cpu)
{
    (void)p, (void)cpu;
    return (int)command == MEMBARRIER_QUERY && !flags ? 0 : -EINVAL; /* it offers none */
}

static long set_name(struct process *p, char *to, word_t from, word_t bytes)
{
    char name[HOST_NAME_MOST + 1] = {0};

    if (p->who.euid)
        return -EPERM;
    if ((int32_t)bytes < 0 || bytes > HOST_NAME_MOST)
        return -EINVAL;
    if (user_read(p, name, from, bytes))
        return -EFAULT;
    memcpy(to, name, sizeof name);
    return 0;
}

long call_sethostname(struct process *p, word_t from, word_t bytes)
{
    return set_name(p, p->arena->host_name, from, bytes);
}

long call_setdomainname(struct process *p, word_t from, word_t bytes)
{
    return set_name(p, p->arena->domain_name, from, bytes);
}

struct capability_header {
    uint32_t version;
    int32_t pid;
};

/* The superuser has all, others have none. */
long call_capget(struct process *p, word_t header, word_t to)
{
    struct capability_header h;
    uint32_t set = p->who.euid ? 0 : UINT32_MAX;
    const uint32_t sets[6] = {set, set, 0, set & 0x1ff, set & 0x1ff, 0};

    if (USER_GET(p, &h, header))
        return -EFAULT;
    if (h.version != CAPABILITIES_V3) {
        h.version = CAPABILITIES_V3;
        return USER_PUT(p, header, &h) ? -EFAULT : to ? -EINVAL : 0;
    }
    return to ? USER_PUT(p, to, &sets) : 0;
}

/* All memory is in one place, so every policy that names it holds. */
long call_mbind(struct process *p, word_t start, word_t bytes, word_t mode, word_t nodes,
                word_t most, word_t flags)
{
    (void)nodes, (void)most;
    if (start % PAGE_SIZE || (uint32_t)mode > MEMORY_POLICIES || (flags & ~(word_t)7))
        return -EINVAL;
    return bytes && check_memory(p, start, bytes) ? -EFAULT : 0;
}

long call_set_mempolicy(struct process *p, word_t mode, word_t nodes, word_t most)
{
    (void)p, (void)nodes, (void)most;
    return (uint32_t)mode > MEMORY_POLICIES ? -EINVAL : 0;
}

long call_get_mempolicy(struct process *p, word_t mode_to, word_t nodes, word_t most, word_t at,
                        word_t flags)
{
    const int32_t none = 0;
    const uint64_t first = 1;

    (void)at;
    if (flags & ~(word_t)7)
        return -EINVAL;
    if (mode_to && USER_PUT(p, mode_to, &none))
        return -EFAULT;
    if (nodes && most && USER_PUT(p, nodes, &first))
        return -EFAULT;
    return 0;
}

/* Calls begin again by themselves; who makes this one is told that it was interrupted. */
long call_restart_syscall(struct process *p)
{
    (void)p;
    return -EINTR;
}
