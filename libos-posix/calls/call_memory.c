/* Calls that change the program's memory. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/io.h"
#include "libos-posix/file/node.h"
#include "libos-posix/base/user.h"

/* What mmap proved before it acts. */
struct map_plan {
    vaddr_t start, end;
    rights_t rights;
    struct file *file; /* NULL: anonymous */
    uint64_t offset;
    bool shared;
    bool replaces; /* what is there goes */
};

static rights_t rights_of(word_t protection)
{
    return (protection & PROT_READ ? RIGHT_READ : 0) |
           (protection & PROT_WRITE ? RIGHT_READ | RIGHT_WRITE : 0) | /* no write-only pages */
           (protection & PROT_EXEC ? RIGHT_READ | RIGHT_EXEC : 0);
}

/* Turns an address and a length into whole pages of the program range. False: it does not fit. */
static bool range_get(vaddr_t start, word_t bytes, vaddr_t *end)
{
    const struct port_layout *l = port_layout();

    if (!bytes || start < l->program_low || start >= l->program_high ||
        bytes > l->program_high - start)
        return false;
    *end = page_up(start + bytes);
    return *end <= l->program_high;
}

static long check_file(const struct process *p, word_t fd, word_t protection, word_t flags,
                       word_t offset, struct file **out)
{
    struct file *f = file_get(p, fd);

    if (!f || f->kind == FILE_PATH)
        return -EBADF;
    if (offset % PAGE_SIZE)
        return -EINVAL;
    if (!file_may_read(f))
        return -EACCES;
    if (f->kind != FILE_REGULAR && f->kind != FILE_TEXT && f->kind != FILE_ZERO)
        return -ENODEV;
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    if (shared && (protection & PROT_WRITE) && !file_may_write(f))
        return -EACCES;
    *out = f->kind == FILE_ZERO ? NULL : f;
    return 0;
}

static long check_place(const struct process *p, vaddr_t hint, word_t bytes, word_t flags,
                        struct map_plan *plan)
{
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

    if (fixed && hint % PAGE_SIZE)
        return -EINVAL;
    plan->start = hint & ~(PAGE_SIZE - 1);
    bool fits = range_get(plan->start, bytes, &plan->end);
    if (fixed && !fits)
        return -ENOMEM;
    bool is_free = fits && area_is_free(p, plan->start, plan->end);
    if (fixed && !(flags & MAP_FIXED) && !is_free)
        return -EEXIST;
    plan->replaces = !is_free;
    if (fixed || (hint && is_free))
        return 0;
    plan->replaces = false;

    plan->start = area_find_gap(p, page_up(bytes));
    plan->end = plan->start + page_up(bytes);
    return plan->start ? 0 : -ENOMEM;
}

/* What is shared without a file is a file without a name. */
static long map_shared(struct process *p, const struct map_plan *plan)
{
    size_t bytes = plan->end - plan->start;
    struct node *n = plan->file ? plan->file->node : node_create(p->arena, S_IFREG | 0600);
    if (!n)
        return -ENOMEM;

    node_hold(n);
    long e = plan->file ? 0 : data_resize(p->arena, n, bytes) ? -ENOMEM : 0;
    if (!e && plan->replaces)
        e = area_unmap(p, plan->start, plan->end);
    if (!e)
        e = area_show(p, plan->start, plan->end, plan->rights, n, plan->offset);
    node_drop(p->arena, n);
    return e;
}

/* Files of RAM lend their pages. Those of a disk need the lock, and are copied: what is not lent is
 * writable while it is filled. */
static long map(struct process *p, const struct map_plan *plan)
{
    const struct file *f = plan->file;
    const bool is_lent = f && f->kind == FILE_REGULAR && !f->node->stored;
    long e = plan->replaces ? area_unmap(p, plan->start, plan->end) : 0;

    if (!e && is_lent)
        return area_lend(p, plan->start, plan->end, plan->rights, f->node, plan->offset);
    if (!e)
        e = area_map(p, plan->start, plan->end, f ? RIGHT_READ | RIGHT_WRITE : plan->rights);
    if (e || !f)
        return e;

    struct io io;
    uint64_t at = plan->offset;
    long n = 1;
    io_init_user(&io, p, plan->start, plan->end - plan->start);
    while (io.left && n > 0)
        n = file_read(p, plan->file, &io, &at);
    e = n < 0 ? n : area_protect(p, plan->start, plan->end, plan->rights);
    if (e)
        area_unmap(p, plan->start, plan->end);
    return e;
}

long call_mmap(struct process *p, word_t hint, word_t bytes, word_t protection, word_t flags,
               word_t fd, word_t offset)
{
    struct map_plan plan = {.rights = rights_of(protection), .offset = offset};
    word_t type = flags & MAP_TYPE;

    if (type < MAP_SHARED || type > MAP_SHARED_VALIDATE || !bytes)
        return -EINVAL;
    if (bytes > USER_TOP)
        return -ENOMEM;
    long e = 0;
    if (!(flags & MAP_ANONYMOUS))
        e = check_file(p, fd, protection, flags, offset, &plan.file);
    if (!e)
        e = check_place(p, hint, bytes, flags, &plan);
    plan.shared = type != MAP_PRIVATE && (!plan.file || plan.file->kind == FILE_REGULAR);
    if (!plan.file)
        plan.offset = 0;
    if (!e && type != MAP_PRIVATE && !plan.shared && (protection & PROT_WRITE))
        e = -ENODEV;
    uint64_t limit = p->limits[RLIMIT_AS].current;
    if (!e && limit != RLIM_INFINITY && (bytes > limit || area_total(p) > limit - bytes))
        e = -ENOMEM;
    if (!e)
        e = plan.shared ? map_shared(p, &plan) : map(p, &plan);
    if (!e && plan.file && !plan.file->node->stored)
        plan.file->node->atime = arena_now();
    return e ? e : (long)plan.start;
}

long call_munmap(struct process *p, word_t start, word_t bytes)
{
    vaddr_t end;

    if (start % PAGE_SIZE || !range_get(start, bytes, &end))
        return -EINVAL;
    return area_unmap(p, start, end);
}

long call_mprotect(struct process *p, word_t start, word_t bytes, word_t protection)
{
    vaddr_t end;

    if (start % PAGE_SIZE || (protection & ~(word_t)(PROT_READ | PROT_WRITE | PROT_EXEC)))
        return -EINVAL;
    if (!bytes)
        return 0;
    if (!range_get(start, bytes, &end))
        return -ENOMEM;
    return area_protect(p, start, end, rights_of(protection));
}

/* As in Linux, brk answers with the break that holds, changed or not. A program that the core did
 * not load has none: 0, which C libraries take as the sign to use mmap. */
long call_brk(struct process *p, word_t wanted)
{
    p = process_memory(p);
    const vaddr_t old_end = page_up(p->break_now);

    if (!p->break_low || wanted < p->break_low || wanted > port_layout()->program_high)
        return (long)p->break_now;
    vaddr_t new_end = page_up(wanted);
    long e = 0;
    if (new_end < old_end)
        e = area_unmap(p, new_end, old_end);
    else if (new_end > old_end && !area_is_free(p, old_end, new_end))
        e = -ENOMEM;
    else if (new_end > old_end)
        e = area_map(p, old_end, new_end, RIGHT_READ | RIGHT_WRITE);
    if (!e)
        p->break_now = wanted;
    return (long)p->break_now;
}

/* Moves an area by copying: slow, but a private copy is all that a program can tell. */
static long move(struct process *p, vaddr_t old, vaddr_t old_end, size_t bytes, rights_t rights)
{
    vaddr_t to = area_find_gap(p, bytes);
    if (!to)
        return -ENOMEM;

    long e = area_map(p, to, to + bytes, RIGHT_READ | RIGHT_WRITE);
    if (e)
        return e;
    size_t kept = old_end - old < bytes ? old_end - old : bytes;
    if (rights & RIGHT_READ)
        e = user_copy(p, to, old, kept);
    if (!e)
        e = area_protect(p, to, to + bytes, rights);
    if (!e)
        e = area_unmap(p, old, old_end);
    if (e)
        area_unmap(p, to, to + bytes);
    return e ? e : (long)to;
}

long call_mremap(struct process *p, word_t old, word_t old_bytes, word_t new_bytes, word_t flags,
                 word_t new)
{
    vaddr_t old_end, new_end;

    (void)new; /* used with MREMAP_FIXED only */
    if (old % PAGE_SIZE || !new_bytes || (flags & ~(word_t)MREMAP_MAYMOVE))
        return -EINVAL;
    if (!range_get(old, old_bytes, &old_end))
        return -EINVAL;
    const struct area *area = area_find(p, old);
    if (!area || area->end < old_end)
        return -EFAULT;
    rights_t rights = area->rights;
    bool shared = area->shared != NULL;

    if (new_bytes > USER_TOP)
        return -ENOMEM;
    size_t bytes = page_up(new_bytes);
    bool fits = range_get(old, bytes, &new_end);
    long e = -ENOMEM;
    if (fits && new_end <= old_end)
        e = new_end < old_end ? area_unmap(p, new_end, old_end) : 0;
    else if (shared) /* what is shared does not grow */
        return -ENOMEM;
    else if (fits && area_is_free(p, old_end, new_end))
        e = area_map(p, old_end, new_end, rights);
    if (!e)
        return (long)old;
    return flags & MREMAP_MAYMOVE ? move(p, old, old_end, bytes, rights) : -ENOMEM;
}

long call_madvise(struct process *p, word_t start, word_t bytes, word_t advice)
{
    vaddr_t end;

    if (start % PAGE_SIZE || (int)advice < 0)
        return -EINVAL;
    if (!bytes)
        return 0;
    if (!range_get(start, bytes, &end) || !area_has(p, start, end - start, 0))
        return -ENOMEM;
    if ((int)advice != MADV_DONTNEED)
        return 0;

    for (const struct area *a = process_memory(p)->areas; a && a->start < end; a = a->next) {
        vaddr_t low = a->start > start ? a->start : start, high = a->end < end ? a->end : end;
        if (low < high && !a->shared) /* what is shared stays: others see it */
            port_discard(low, high - low);
    }
    return 0;
}
