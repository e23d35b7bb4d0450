/* SIGIO: who is told of files that have become ready. */
#include "libos-posix/channel/async.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"

struct async {
    struct async *next;
    struct file *file;
};

static bool can_tell(const struct file *f)
{
    switch (f->kind) {
    case FILE_PIPE_READ:
    case FILE_PIPE_WRITE:
    case FILE_PIPE_BOTH:
    case FILE_SOCKET:
    case FILE_INET:
        return true;
    default:
        return false;
    }
}

static struct async **find(struct arena *a, const struct file *f)
{
    struct async **at = &a->asyncs;

    while (*at && (*at)->file != f)
        at = &(*at)->next;
    return at;
}

long async_set(struct arena *a, struct file *f, bool on)
{
    struct async *entry;

    if (!can_tell(f))
        return -ENOTTY;
    if (!on)
        async_forget(a, f);
    if (!on || *find(a, f))
        return 0;
    entry = core_heap_alloc(&a->heap, sizeof *entry);
    if (!entry)
        return -ENOMEM;
    *entry = (struct async){a->asyncs, f};
    a->asyncs = entry;
    f->flags |= O_ASYNC;
    return 0;
}

void async_forget(struct arena *a, struct file *f)
{
    struct async **at = find(a, f), *entry = *at;

    f->flags &= ~O_ASYNC;
    if (!entry)
        return;
    *at = entry->next;
    core_heap_free(&a->heap, entry, sizeof *entry);
}

static void raise_at(struct arena *a, int32_t owner)
{
    struct process *one = owner > 0 ? process_find(a, owner) : NULL;

    if (one && !one->ended)
        signal_raise(one, NULL, SIGIO, NULL);
    for (struct process *p = owner < 0 ? a->processes : NULL; p; p = p->next)
        if (p->group == -owner && !p->ended)
            signal_raise(p, NULL, SIGIO, NULL);
}

void async_tell(struct arena *a, const void *channel)
{
    for (const struct async *e = a->asyncs; e; e = e->next)
        if (e->file->buffer == channel && e->file->owner && file_ops(e->file)->poll(e->file))
            raise_at(a, e->file->owner);
}

const char *async_check(const struct arena *a)
{
    for (const struct async *e = a->asyncs; e; e = e->next)
        if (!(e->file->flags & O_ASYNC) || !can_tell(e->file))
            return "Y1: a file tells of itself without O_ASYNC";
    return NULL;
}
