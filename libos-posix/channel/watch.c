/* inotify: watches, and the events that wait to be read. */
#include "libos-posix/channel/watch.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/process/task.h"

#define EVENTS_MOST  16384u
#define WATCHES_MOST 8192u

struct linux_inotify_event {
    int32_t number;
    uint32_t mask, cookie, name_bytes;
};

struct happening {
    struct happening *next;
    size_t name_bytes; /* with zeros: a multiple of 16 */
    struct linux_inotify_event event;
    char name[];
};

struct inotify {
    struct inotify *next; /* of all in the arena */
    struct watch *watches;
    struct happening *first, *last;
    uint32_t count;
    int32_t last_number;
};

struct inotify *inotify_create(struct arena *a)
{
    struct inotify *file = core_heap_alloc(&a->heap, sizeof *file);

    if (!file)
        return NULL;
    file->next = a->inotifies;
    a->inotifies = file;
    return file;
}

static size_t block_of(const struct happening *h)
{
    return sizeof *h + h->name_bytes;
}

static bool is_same(const struct happening *h, const struct linux_inotify_event *event,
                    const char *name, size_t bytes)
{
    return h && !memcmp(&h->event, event, sizeof *event) &&
           (!bytes || !memcmp(h->name, name, bytes));
}

/* One event more, unless the last one says the same already. What cannot be kept is told as lost.
 */
static void put(struct arena *a, struct inotify *file, int32_t number, uint32_t mask,
                uint32_t cookie, const struct entry *named)
{
    size_t bytes = named ? named->bytes : 0, padded = named ? (bytes + 16) & ~(size_t)15 : 0;
    struct linux_inotify_event event = {number, mask, cookie, (uint32_t)padded};

    if (is_same(file->last, &event, named ? named->name : NULL, bytes) || file->count > EVENTS_MOST)
        return;
    if (file->count == EVENTS_MOST) {
        event = (struct linux_inotify_event){-1, IN_Q_OVERFLOW, 0, 0};
        padded = bytes = 0;
    }
    struct happening *h = core_heap_alloc(&a->heap, sizeof *h + padded);
    if (!h)
        return;
    h->event = event;
    h->name_bytes = padded;
    if (bytes)
        memcpy(h->name, named->name, bytes);
    *(file->first ? &file->last->next : &file->first) = h;
    file->last = h;
    file->count++;
    task_wake_pollers(a, file);
}

static struct watch *watch_of(const struct inotify *file, const struct node *n)
{
    struct watch *w = file->watches;

    while (w && w->node != n)
        w = w->of_file;
    return w;
}

long watch_add(struct arena *a, struct inotify *file, struct node *n, uint32_t mask)
{
    struct watch *w = watch_of(file, n);
    uint32_t wanted = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);

    if (w && mask & IN_MASK_CREATE)
        return -EEXIST;
    if (w) {
        w->mask = mask & IN_MASK_ADD ? w->mask | wanted : wanted;
        return w->number;
    }
    w = a->watch_count < WATCHES_MOST ? core_heap_take(&a->heap, sizeof *w) : NULL;
    if (!w)
        return -ENOSPC;
    *w = (struct watch){n->watches, file->watches, file, n, ++file->last_number, wanted};
    n->watches = w;
    file->watches = w;
    a->watch_count++;
    return w->number;
}

static void watch_free(struct arena *a, struct watch *w)
{
    struct watch **at = &w->node->watches;

    while (*at != w)
        at = &(*at)->of_node;
    *at = w->of_node;
    at = &w->file->watches;
    while (*at != w)
        at = &(*at)->of_file;
    *at = w->of_file;
    core_heap_free(&a->heap, w, sizeof *w);
    a->watch_count--;
}

static void watch_end(struct arena *a, struct watch *w)
{
    put(a, w->file, w->number, IN_IGNORED, 0, NULL);
    watch_free(a, w);
}

long watch_remove(struct arena *a, struct inotify *file, int32_t number)
{
    struct watch *w = file->watches;

    while (w && w->number != number)
        w = w->of_file;
    if (!w)
        return -EINVAL;
    watch_end(a, w);
    return 0;
}

static void tell(struct arena *a, const struct node *to, uint32_t mask, uint32_t cookie,
                 const struct entry *named)
{
    for (struct watch *w = to->watches, *next; w; w = next) {
        next = w->of_node;
        if (!(w->mask & mask & IN_ALL_EVENTS))
            continue;
        put(a, w->file, w->number, mask, cookie, named);
        if (w->mask & IN_ONESHOT)
            watch_end(a, w);
    }
}

static uint32_t kind_of(const struct node *n)
{
    return node_is(n, S_IFDIR) ? IN_ISDIR : 0;
}

void watch_tell_name(struct arena *a, const struct node *dir, const struct entry *e, uint32_t mask,
                     uint32_t cookie)
{
    tell(a, dir, mask | kind_of(e->node), cookie, e);
}

/* Only directories that are watched are looked through. */
void watch_tell_node(struct arena *a, const struct node *n, uint32_t mask)
{
    for (const struct inotify *file = a->inotifies; file; file = file->next)
        for (struct watch *w = file->watches, *next; w; w = next) {
            next = w->of_file;
            for (const struct entry *e = w->node->first; e && w->mask & mask; e = e->next)
                if (e->node == n) {
                    put(a, w->file, w->number, mask | kind_of(n), 0, e);
                    if (w->mask & IN_ONESHOT)
                        watch_end(a, w);
                    break;
                }
        }
    tell(a, n, mask | kind_of(n), 0, NULL);
}

void watch_moved(struct arena *a, const struct node *n)
{
    tell(a, n, IN_MOVE_SELF, 0, NULL);
}

void watch_node_goes(struct arena *a, struct node *n)
{
    bool removed = n->links <= (node_is(n, S_IFDIR) ? 1u : 0u);

    tell(a, n, removed ? IN_DELETE_SELF : 0, 0, NULL);
    while (n->watches) {
        if (!removed)
            put(a, n->watches->file, n->watches->number, IN_UNMOUNT, 0, NULL);
        watch_end(a, n->watches);
    }
}

size_t inotify_waiting(const struct inotify *file)
{
    size_t bytes = 0;

    for (const struct happening *h = file->first; h; h = h->next)
        bytes += sizeof h->event + h->name_bytes;
    return bytes;
}

static void first_free(struct arena *a, struct inotify *file)
{
    struct happening *h = file->first;

    file->first = h->next;
    if (!file->first)
        file->last = NULL;
    file->count--;
    core_heap_free(&a->heap, h, block_of(h));
}

static long inotify_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct inotify *file = f->buffer;
    long done = 0;

    (void)position;
    while (!file->first) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long e = task_sleep(task_current(), file, PORT_FOREVER);
        if (e)
            return e;
    }
    while (file->first && sizeof file->first->event + file->first->name_bytes <= io->left) {
        const struct happening *h = file->first;
        size_t bytes = sizeof h->event + h->name_bytes;
        if (io_put(io, &h->event, sizeof h->event) < 0 ||
            (h->name_bytes && io_put(io, h->name, h->name_bytes) < 0))
            return done ? done : -EFAULT;
        done += (long)bytes;
        first_free(p->arena, file);
    }
    return done ? done : -EINVAL;
}

static uint16_t inotify_poll(const struct file *f)
{
    return ((const struct inotify *)f->buffer)->first ? POLLIN | POLLRDNORM : 0;
}

static void inotify_close(struct process *p, struct file *f)
{
    struct arena *a = p->arena;
    struct inotify *file = f->buffer, **at = &a->inotifies;

    while (file->watches)
        watch_free(a, file->watches);
    while (file->first)
        first_free(a, file);
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    core_heap_free(&a->heap, file, sizeof *file);
}

const struct file_ops file_ops_inotify = {
    .read = inotify_read, .poll = inotify_poll, .close = inotify_close};

static bool is_listed(const struct watch *w)
{
    const struct watch *at = w->node->watches;

    while (at && at != w)
        at = at->of_node;
    return at != NULL;
}

const char *watch_check(const struct arena *a)
{
    uint32_t count = 0;

    for (const struct inotify *file = a->inotifies; file; file = file->next)
        for (const struct watch *w = file->watches; w; w = w->of_file, count++) {
            if (w->file != file || !is_listed(w))
                return "W1: a watch is not in its node's list";
            for (const struct watch *other = w->of_file; other; other = other->of_file)
                if (other->number == w->number || other->node == w->node)
                    return "W2: two watches of a file have one number or node";
        }
    return count == a->watch_count ? NULL : "W1: watches are miscounted";
}
