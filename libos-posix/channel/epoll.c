/*
 * epoll: a set of files whose readiness is told, by level, by edge, or once.
 *
 * Of each set those are on its ready list that may be ready. A file whose kind tells of changes
 * (file_ops.tells) leaves it when it was found not to be, and comes back by epoll_tell; so who
 * waits for many connections does not ask all of them. Others stay on it.
 */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/channel/event.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/base/user.h"

#define CTL_ADD    1
#define CTL_DEL    2
#define CTL_MOD    3
#define ONESHOT    (1u << 30)
#define EDGE       (1u << 31)
#define ALWAYS     (POLLERR | POLLHUP)
#define DEPTH_MAX  4u /* epolls that watch epolls */
#define EVENTS_MAX ((word_t)INT32_MAX / sizeof(struct linux_epoll_event))

struct __attribute__((packed)) linux_epoll_event {
    uint32_t events;
    uint64_t data;
};
_Static_assert(sizeof(struct linux_epoll_event) == 12, "struct epoll_event of x86-64");

struct ready_link {
    struct ready_link *next, *prev;
};

struct watch {
    struct ready_link ready; /* first; in its epoll's list, or `next` is NULL */
    struct epoll *epoll;
    struct watch *next, *prev;  /* of the same epoll */
    struct watch *next_of_file; /* in file->watches */
    struct file *file;          /* goes with it (epoll_forget) */
    uint32_t fd;
    uint32_t events;
    uint64_t data;
    bool off;          /* ONESHOT has told */
    uint16_t told;     /* EDGE: what was ready the last time */
    uint32_t activity; /* EDGE: and the count of changes */
};

struct epoll {
    struct epoll *next; /* in arena->epolls */
    struct watch *first;
    struct ready_link ready; /* the list's head */
};

static struct watch *watch_of(const struct ready_link *l)
{
    return (struct watch *)(void *)l;
}

static void ready_add(struct watch *w)
{
    struct ready_link *head = &w->epoll->ready, *last = head->prev;

    if (w->ready.next)
        return;
    w->ready = (struct ready_link){head, last};
    head->prev = last->next = &w->ready;
}

static void ready_remove(struct watch *w)
{
    if (!w->ready.next)
        return;
    w->ready.next->prev = w->ready.prev;
    w->ready.prev->next = w->ready.next;
    w->ready.next = NULL;
}

void epoll_tell(const struct file *f)
{
    for (struct watch *w = f->watches; w; w = w->next_of_file)
        ready_add(w);
}

static const void *channel_of(const struct process *p, const struct file *f)
{
    return f->kind == FILE_CONSOLE ? (const void *)p->arena->terminal : f->buffer;
}

static uint16_t ready(const struct file *f, uint32_t events)
{
    uint16_t now = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
    if (file_ops(f)->poll)
        now = file_ops(f)->poll(f);
    return now & (uint16_t)(events | ALWAYS);
}

/* What is to be told of a file now; for an edge only if something is new. */
static uint16_t look(struct process *p, struct watch *w)
{
    if (w->off)
        return 0;
    uint16_t now = ready(w->file, w->events);
    if (!(w->events & EDGE))
        return now;
    uint32_t activity = *activity_of(p->arena, channel_of(p, w->file));
    bool is_new = (now & ~w->told) || (now && activity != w->activity);
    w->told = now;
    w->activity = activity;
    return is_new ? now : 0;
}

/* Does it stay on the list, of which `now` was told? */
static bool may_stay_ready(const struct watch *w, uint16_t now)
{
    return !file_ops(w->file)->tells || (now && !(w->events & (EDGE | ONESHOT)));
}

/* Those that stay go to the end, so that with few places all have their turn. */
static long collect(struct process *p, struct epoll *e, vaddr_t to, word_t most)
{
    const struct ready_link *const end = e->ready.prev;
    word_t count = 0;

    for (struct ready_link *l = e->ready.next, *next; l != &e->ready && count < most; l = next) {
        struct watch *w = watch_of(l);
        const uint16_t before = w->told, now = look(p, w);
        const struct linux_epoll_event event = {now, w->data};
        next = l == end ? &e->ready : l->next;
        if (now && USER_PUT(p, to + count * sizeof event, &event)) {
            w->told = before;
            return count ? (long)count : -EFAULT;
        }
        w->off |= now && (w->events & ONESHOT);
        count += now != 0;
        ready_remove(w);
        if (may_stay_ready(w, now))
            ready_add(w);
    }
    return (long)count;
}

static uint16_t epoll_poll(const struct file *f)
{
    const struct epoll *e = f->buffer;

    for (const struct ready_link *l = e->ready.next; l != &e->ready; l = l->next)
        if (!watch_of(l)->off && ready(watch_of(l)->file, watch_of(l)->events))
            return POLLIN | POLLRDNORM;
    return 0;
}

static void watch_free(struct arena *a, struct watch *w)
{
    struct watch **at = &w->file->watches;

    while (*at != w)
        at = &(*at)->next_of_file;
    *at = w->next_of_file;
    ready_remove(w);
    *(w->prev ? &w->prev->next : &w->epoll->first) = w->next;
    if (w->next)
        w->next->prev = w->prev;
    core_heap_free(&a->heap, w, sizeof *w);
}

static void epoll_close(struct process *p, struct file *f)
{
    struct epoll *e = f->buffer;

    while (e->first)
        watch_free(p->arena, e->first);
    for (struct epoll **at = &p->arena->epolls; *at; at = &(*at)->next)
        if (*at == e) {
            *at = e->next;
            break;
        }
    core_heap_free(&p->arena->heap, e, sizeof *e);
}

void epoll_forget(struct arena *a, const struct file *f)
{
    while (f->watches)
        watch_free(a, f->watches);
}

long call_epoll_create1(struct process *p, word_t flags)
{
    struct arena *a = p->arena;

    if (flags & ~(word_t)O_CLOEXEC)
        return -EINVAL;
    struct epoll *e = core_heap_alloc(&a->heap, sizeof *e);
    struct node *n = e ? node_create(a, 0600) : NULL;
    struct file *f = n ? file_create(a, FILE_EPOLL, n, O_RDWR) : NULL;
    if (!f) {
        if (n)
            node_release(a, n);
        core_heap_free(&a->heap, e, sizeof *e);
        return -ENOMEM;
    }
    e->ready = (struct ready_link){&e->ready, &e->ready};
    e->next = a->epolls;
    a->epolls = e;
    f->buffer = e;
    return file_install(p, f, 0, flags & O_CLOEXEC);
}

long call_epoll_create(struct process *p, word_t size)
{
    return (int)size > 0 ? call_epoll_create1(p, 0) : -EINVAL;
}

/* Would watching `f` make a ring, or a chain that is too long? */
static bool is_too_deep(const struct epoll *top, const struct file *f, unsigned depth)
{
    if (f->kind != FILE_EPOLL)
        return false;
    const struct epoll *e = f->buffer;
    if (e == top || depth == DEPTH_MAX)
        return true;
    for (const struct watch *w = e->first; w; w = w->next)
        if (is_too_deep(top, w->file, depth + 1))
            return true;
    return false;
}

static long add(struct process *p, struct epoll *e, struct file *f, uint32_t fd,
                const struct linux_epoll_event *event)
{
    if (is_too_deep(e, f, 0))
        return -ELOOP;
    struct watch *w = core_heap_alloc(&p->arena->heap, sizeof *w);
    if (!w)
        return -ENOMEM;
    *w = (struct watch){.epoll = e,
                        .next = e->first,
                        .next_of_file = f->watches,
                        .file = f,
                        .fd = fd,
                        .events = event->events,
                        .data = event->data};
    if (e->first)
        e->first->prev = w;
    e->first = w;
    f->watches = w;
    ready_add(w);
    return 0;
}

static void change(struct watch *w, const struct linux_epoll_event *event)
{
    w->events = event->events;
    w->data = event->data;
    w->off = false;
    w->told = 0;
    w->activity = 0;
    ready_add(w);
}

static long epoll_get(const struct process *p, word_t fd, struct epoll **out)
{
    const struct file *f = file_get(p, fd);
    if (!f)
        return -EBADF;
    *out = f->buffer;
    return f->kind == FILE_EPOLL ? 0 : -EINVAL;
}

long call_epoll_ctl(struct process *p, word_t epoll, word_t what, word_t fd, word_t from)
{
    struct linux_epoll_event event = {0, 0};
    struct file *f = file_get(p, fd);
    struct epoll *e;

    if ((int)what != CTL_DEL && USER_GET(p, &event, from))
        return -EFAULT;
    if (!f)
        return -EBADF;
    long error = epoll_get(p, epoll, &e);
    if (error)
        return error;
    if (f->buffer == e)
        return -EINVAL;
    if (f->kind == FILE_REGULAR || f->kind == FILE_DIRECTORY || f->kind == FILE_PATH)
        return -EPERM;
    struct watch *w = f->watches;
    while (w && (w->epoll != e || w->fd != (uint32_t)fd))
        w = w->next_of_file;
    if ((int)what == CTL_ADD) {
        error = w ? -EEXIST : add(p, e, f, (uint32_t)fd, &event);
    } else if (!w) {
        error = (int)what == CTL_DEL || (int)what == CTL_MOD ? -ENOENT : -EINVAL;
    } else if ((int)what == CTL_DEL) {
        watch_free(p->arena, w);
    } else if ((int)what == CTL_MOD) {
        change(w, &event);
    } else {
        error = -EINVAL;
    }
    if (!error)
        task_wake_pollers(p->arena, e);
    return error;
}

static long wait_until(struct process *p, word_t fd, vaddr_t to, word_t most, uint64_t deadline)
{
    struct task *t = task_current();
    struct epoll *e;
    long count = epoll_get(p, fd, &e);

    if (count)
        return count;
    if ((int)most <= 0 || most > EVENTS_MAX)
        return -EINVAL;
    struct file *f = file_get(p, fd);
    file_hold(f);
    while (!(count = collect(p, e, to, most)) && port_monotonic_ns() < deadline) {
        count = task_sleep_poll(t, deadline);
        if (count && count != -ETIMEDOUT)
            break;
    }
    file_release(p, f);
    return count == -RESTART ? -RESTART_NO_HANDLER : count;
}

static uint64_t deadline_of(word_t milliseconds)
{
    int32_t timeout = (int32_t)milliseconds;

    if (timeout < 0)
        return PORT_FOREVER;
    return port_monotonic_ns() + (uint64_t)timeout * NS_PER_MILLISECOND;
}

long call_epoll_wait(struct process *p, word_t fd, word_t to, word_t most, word_t timeout)
{
    return wait_until(p, fd, to, most, deadline_of(timeout));
}

/* The signals that are blocked while it waits; none given: as they are. */
static long block_for_wait(struct process *p, word_t mask, word_t mask_bytes)
{
    uint64_t set;

    if (!mask)
        return 0;
    if (mask_bytes != sizeof set)
        return -EINVAL;
    if (USER_GET(p, &set, mask))
        return -EFAULT;
    signal_block_for_call(task_current(), set);
    return 0;
}

long call_epoll_pwait(struct process *p, word_t fd, word_t to, word_t most, word_t timeout,
                      word_t mask, word_t mask_bytes)
{
    long e = block_for_wait(p, mask, mask_bytes);
    return e ? e : call_epoll_wait(p, fd, to, most, timeout);
}

long call_epoll_pwait2(struct process *p, word_t fd, word_t to, word_t most, word_t timeout,
                       word_t mask, word_t mask_bytes)
{
    uint64_t deadline = PORT_FOREVER;
    struct linux_timespec t;
    long e = 0;

    if (timeout && USER_GET(p, &t, timeout))
        return -EFAULT;
    if (timeout)
        e = clock_deadline(&t, &deadline);
    if (!e)
        e = block_for_wait(p, mask, mask_bytes);
    return e ? e : wait_until(p, fd, to, most, deadline);
}

/* What is in the list of an epoll, which is changed by one store, is put into the others. */
void epoll_restore(const struct arena *a)
{
    for (const struct epoll *e = a->epolls; e; e = e->next)
        for (struct watch *w = e->first; w; w = w->next)
            w->file->watches = NULL;
    for (struct epoll *e = a->epolls; e; e = e->next) {
        e->ready = (struct ready_link){&e->ready, &e->ready};
        for (struct watch *w = e->first, *prev = NULL; w; prev = w, w = w->next) {
            w->prev = prev;
            w->next_of_file = w->file->watches;
            w->file->watches = w;
            w->ready.next = NULL;
            ready_add(w);
        }
    }
}

static bool is_of_file(const struct watch *w)
{
    const struct watch *at = w->file->watches;

    while (at && at != w)
        at = at->next_of_file;
    return at;
}

static const char *check_watch(const struct watch *w)
{
    if ((w->next && w->next->prev != w) || !is_of_file(w))
        return "E1: a watch is not in the lists of its epoll and its file";
    if (w->ready.next && (w->ready.next->prev != &w->ready || w->ready.prev->next != &w->ready))
        return "E2: the ready list is not linked both ways";
    if (!w->ready.next && !w->off && !(w->events & EDGE) && ready(w->file, w->events))
        return "E3: a watched file is ready, and nobody looks at it";
    return NULL;
}

const char *epoll_check(const struct arena *a)
{
    const char *broken = NULL;

    for (const struct epoll *e = a->epolls; e && !broken; e = e->next)
        for (const struct watch *w = e->first; w && !broken; w = w->next)
            broken = w->epoll == e ? check_watch(w) : "E1: a watch does not know its epoll";
    return broken;
}

const struct file_ops file_ops_epoll = {.poll = epoll_poll, .close = epoll_close};
