/* epoll: a set of files whose readiness is told, by level, by edge, or once. */
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

struct watch {
    struct watch *next;
    struct file *file; /* goes with it (epoll_forget) */
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
};

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

static long collect(struct process *p, struct epoll *e, vaddr_t to, word_t most)
{
    word_t count = 0;

    for (struct watch *w = e->first; w && count < most; w = w->next) {
        uint16_t before = w->told;
        uint16_t now = look(p, w);
        if (!now)
            continue;
        struct linux_epoll_event event = {now, w->data};
        if (USER_PUT(p, to + count * sizeof event, &event)) {
            w->told = before;
            return count ? (long)count : -EFAULT;
        }
        w->off = w->events & ONESHOT;
        count++;
    }
    return (long)count;
}

/* Those that were told go to the end, so that with few places all have their turn. */
static void rotate(struct epoll *e, long told)
{
    while (told-- > 0 && e->first && e->first->next) {
        struct watch *w = e->first, *last = w;
        while (last->next)
            last = last->next;
        e->first = w->next;
        last->next = w;
        w->next = NULL;
    }
}

static uint16_t epoll_poll(const struct file *f)
{
    const struct epoll *e = f->buffer;

    for (const struct watch *w = e->first; w; w = w->next)
        if (!w->off && ready(w->file, w->events))
            return POLLIN | POLLRDNORM;
    return 0;
}

static void watch_free(struct arena *a, struct watch **at)
{
    struct watch *w = *at;

    *at = w->next;
    w->file->watched--;
    core_heap_free(&a->heap, w, sizeof *w);
}

static void epoll_close(struct process *p, struct file *f)
{
    struct epoll *e = f->buffer;

    while (e->first)
        watch_free(p->arena, &e->first);
    for (struct epoll **at = &p->arena->epolls; *at; at = &(*at)->next)
        if (*at == e) {
            *at = e->next;
            break;
        }
    core_heap_free(&p->arena->heap, e, sizeof *e);
}

void epoll_forget(struct arena *a, const struct file *f)
{
    for (struct epoll *e = a->epolls; e && f->watched; e = e->next)
        for (struct watch **at = &e->first; *at;) {
            if ((*at)->file == f)
                watch_free(a, at);
            else
                at = &(*at)->next;
        }
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
    *w = (struct watch){e->first, f, fd, event->events, event->data, false, 0, 0};
    e->first = w;
    f->watched++;
    return 0;
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
    struct watch **at = &e->first;
    while (*at && ((*at)->file != f || (*at)->fd != (uint32_t)fd))
        at = &(*at)->next;
    if ((int)what == CTL_ADD) {
        error = *at ? -EEXIST : add(p, e, f, (uint32_t)fd, &event);
    } else if (!*at) {
        error = (int)what == CTL_DEL || (int)what == CTL_MOD ? -ENOENT : -EINVAL;
    } else if ((int)what == CTL_DEL) {
        watch_free(p->arena, at);
    } else if ((int)what == CTL_MOD) {
        struct watch *w = *at;
        *w = (struct watch){w->next, f, w->fd, event.events, event.data, false, 0, 0};
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
    rotate(e, count);
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

const struct file_ops file_ops_epoll = {.poll = epoll_poll, .close = epoll_close};
