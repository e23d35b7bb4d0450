/* eventfd, timerfd and signalfd. */
#include "libos-posix/channel/event.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/io.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/base/user.h"

#define EFD_SEMAPHORE  1u
#define TFD_ABSTIME    1u
#define TFD_CANCEL     2u
#define EVENT_MOST     (UINT64_MAX - 1)
#define SIGNALFD_BYTES 128u

/* One of eventfd or timerfd, at file->buffer. */
struct counter {
    struct counter *next; /* timerfd: in arena->timer_files */
    uint64_t value;       /* eventfd: the counter; timerfd: expirations that were not read */
    bool one_by_one;      /* EFD_SEMAPHORE */
    bool is_timer;
    bool is_real;   /* set for a moment of the time of day; and:            */
    bool cancels;   /* TFD_TIMER_CANCEL_ON_SET: a read tells that it was set */
    bool cancelled; /* it was, and nobody has read since                     */
    int32_t clock;
    uint64_t next_ns, period_ns; /* monotonic; PORT_FOREVER: not armed */
};

/* A signalfd's set. */
struct watched {
    uint64_t set;
};

/* A file of a kind without a name. EMFILE, ENOMEM. */
static long install(struct process *p, enum file_kind kind, uint32_t flags, void *buffer)
{
    struct node *n = node_create(p->arena, 0600);
    struct file *f = n ? file_create(p->arena, kind, n, O_RDWR | (flags & O_NONBLOCK)) : NULL;

    if (!f) {
        if (n)
            node_release(p->arena, n);
        return -ENOMEM;
    }
    f->buffer = buffer;
    return file_install(p, f, 0, flags & O_CLOEXEC);
}

static void expire(struct arena *a, struct counter *c)
{
    uint64_t now = port_monotonic_ns();

    if (c->next_ns > now)
        return;
    uint64_t times = c->period_ns ? (now - c->next_ns) / c->period_ns + 1 : 1;
    c->value += times;
    c->next_ns = c->period_ns ? c->next_ns + times * c->period_ns : PORT_FOREVER;
    task_wake_pollers(a, c);
}

uint64_t timerfd_run(struct arena *a)
{
    uint64_t first = PORT_FOREVER;

    for (struct counter *c = a->timer_files; c; c = c->next) {
        expire(a, c);
        first = c->next_ns < first ? c->next_ns : first;
    }
    return first;
}

void timerfd_clock_moved(struct arena *a, int64_t by)
{
    for (struct counter *c = a->timer_files; c; c = c->next) {
        if (!c->is_real)
            continue;
        c->next_ns = clock_moved(c->next_ns, by);
        c->cancelled = c->cancels;
        task_wake_pollers(a, c); /* a reader sleeps until the old moment */
    }
}

static long counter_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct counter *c = f->buffer;

    (void)position;
    if (io->left < sizeof c->value)
        return -EINVAL;
    expire(p->arena, c);
    while (!c->value && !c->cancelled) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long e = task_sleep(task_current(), c, c->next_ns);
        if (e && e != -ETIMEDOUT)
            return e;
        expire(p->arena, c);
    }
    if (c->cancelled) {
        c->cancelled = false;
        return -ECANCELED;
    }
    uint64_t got = c->one_by_one ? 1 : c->value;
    c->value -= got;
    task_wake_pollers(p->arena, c);
    return io_put(io, &got, sizeof got);
}

static long counter_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct counter *c = f->buffer;
    uint64_t more;

    (void)position;
    if (c->is_timer || io->left < sizeof more)
        return -EINVAL;
    if (io_get(io, &more, sizeof more) != (long)sizeof more)
        return -EFAULT;
    if (more == UINT64_MAX)
        return -EINVAL;
    while (more > EVENT_MOST - c->value) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long e = task_sleep(task_current(), c, PORT_FOREVER);
        if (e)
            return e;
    }
    c->value += more;
    task_wake_pollers(p->arena, c);
    return (long)sizeof more;
}

static uint16_t counter_poll(const struct file *f)
{
    const struct counter *c = f->buffer;
    bool in = c->value || c->cancelled || (c->is_timer && c->next_ns <= port_monotonic_ns());
    bool out = !c->is_timer && c->value < EVENT_MOST;

    return (uint16_t)((in ? POLLIN | POLLRDNORM : 0) | (out ? POLLOUT | POLLWRNORM : 0));
}

static void counter_close(struct process *p, struct file *f)
{
    struct counter *c = f->buffer;

    for (struct counter **at = &p->arena->timer_files; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    core_heap_free(&p->arena->heap, c, sizeof *c);
}

static struct counter *counter_new(struct process *p)
{
    struct counter *c = core_heap_alloc(&p->arena->heap, sizeof *c);
    if (c)
        c->next_ns = PORT_FOREVER;
    return c;
}

long call_eventfd2(struct process *p, word_t value, word_t flags)
{
    if (flags & ~(word_t)(EFD_SEMAPHORE | O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    struct counter *c = counter_new(p);
    if (!c)
        return -ENOMEM;
    c->value = (uint32_t)value;
    c->one_by_one = flags & EFD_SEMAPHORE;
    return install(p, FILE_COUNTER, (uint32_t)flags, c);
}

long call_eventfd(struct process *p, word_t value)
{
    return call_eventfd2(p, value, 0);
}

long call_timerfd_create(struct process *p, word_t clock, word_t flags)
{
    if ((flags & ~(word_t)(O_NONBLOCK | O_CLOEXEC)) ||
        ((int)clock != CLOCK_REALTIME && (int)clock != CLOCK_MONOTONIC &&
         (int)clock != CLOCK_BOOTTIME))
        return -EINVAL;
    struct counter *c = counter_new(p);
    if (!c)
        return -ENOMEM;
    c->is_timer = true;
    c->clock = (int32_t)clock;
    c->next = p->arena->timer_files;
    p->arena->timer_files = c;
    return install(p, FILE_COUNTER, (uint32_t)flags, c);
}

static long timer_of(const struct process *p, word_t fd, struct counter **out)
{
    struct file *f = file_get(p, fd);
    if (!f)
        return -EBADF;
    *out = f->buffer;
    return f->kind == FILE_COUNTER && (*out)->is_timer ? 0 : -EINVAL;
}

static struct linux_itimerspec spec_of(const struct counter *c)
{
    uint64_t now = port_monotonic_ns();
    uint64_t left = c->next_ns == PORT_FOREVER ? 0 : c->next_ns > now ? c->next_ns - now : 1;

    return (struct linux_itimerspec){clock_split(c->period_ns), clock_split(left)};
}

long call_timerfd_settime(struct process *p, word_t fd, word_t flags, word_t new, word_t old)
{
    struct linux_itimerspec given, before;
    struct counter *c;
    uint64_t now;

    if (USER_GET(p, &given, new))
        return -EFAULT;
    if ((flags & ~(word_t)(TFD_ABSTIME | TFD_CANCEL)) || !clock_is_valid(&given.left) ||
        !clock_is_valid(&given.period))
        return -EINVAL;
    long e = timer_of(p, fd, &c);
    if (e)
        return e;
    before = spec_of(c);
    uint64_t left = clock_join(&given.left), monotonic = port_monotonic_ns();
    if (left && (flags & TFD_ABSTIME) && !clock_read((word_t)c->clock, &now))
        left = left > now ? left - now : 1;
    c->value = 0;
    c->is_real = (flags & TFD_ABSTIME) && c->clock == CLOCK_REALTIME;
    c->cancels = c->is_real && (flags & TFD_CANCEL);
    c->cancelled = false;
    c->period_ns = clock_join(&given.period);
    c->next_ns = !left || left > PORT_FOREVER - monotonic ? PORT_FOREVER : monotonic + left;
    task_wake_pollers(p->arena, c); /* a reader sleeps until the old moment */
    if (port_has_keeper())
        port_wake(p->arena->tasks[0]);
    return old ? USER_PUT(p, old, &before) : 0;
}

long call_timerfd_gettime(struct process *p, word_t fd, word_t to)
{
    struct counter *c;
    long e = timer_of(p, fd, &c);
    if (e)
        return e;
    expire(p->arena, c);
    struct linux_itimerspec now = spec_of(c);
    return USER_PUT(p, to, &now);
}

/* struct signalfd_siginfo. */
static void describe(const struct linux_siginfo *info, uint8_t to[SIGNALFD_BYTES])
{
    struct {
        uint32_t number;
        int32_t error, code;
        uint32_t pid, uid;
        int32_t fd;
        uint32_t tid, band, overrun, trap;
        int32_t status, value;
        uint64_t pointer;
        uint8_t rest[72];
    } out = {
        .number = (uint32_t)info->number,
        .error = info->error,
        .code = info->code,
        .pid = (uint32_t)info->u.sender.pid,
        .uid = info->u.sender.uid,
        .status = info->u.sender.more.child.status,
        .value = (int32_t)info->u.sender.more.value,
        .pointer = info->u.sender.more.value,
    };
    _Static_assert(sizeof out == SIGNALFD_BYTES, "struct signalfd_siginfo");
    __builtin_memcpy(to, &out, sizeof out);
}

static long signal_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    const struct watched *w = f->buffer;
    struct task *t = task_current();
    struct linux_siginfo info;
    uint8_t record[SIGNALFD_BYTES];
    long done = 0;

    (void)position;
    if (io->left < sizeof record)
        return -EINVAL;
    while (io->left >= sizeof record) {
        if (signal_take(t, w->set, &info)) {
            describe(&info, record);
            long n = io_put(io, record, sizeof record);
            if (n < 0)
                return done ? done : n;
            done += n;
            continue;
        }
        if (done)
            break;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        t->awaited = w->set;
        long e = task_sleep(t, &p->pending, PORT_FOREVER);
        t->awaited = 0;
        if (e && !(e == -RESTART && ((t->pending.set | p->pending.set) & w->set)))
            return e;
    }
    return done;
}

/* Signals of the caller, not of who made it: as Linux does it. */
static uint16_t signal_poll(const struct file *f)
{
    const struct watched *w = f->buffer;
    const struct task *t = task_current();
    uint64_t pending = t->pending.set | t->process->pending.set;

    return pending & w->set ? POLLIN | POLLRDNORM : 0;
}

static void signal_close(struct process *p, struct file *f)
{
    core_heap_free(&p->arena->heap, f->buffer, sizeof(struct watched));
}

long call_signalfd4(struct process *p, word_t fd, word_t set_at, word_t set_bytes, word_t flags)
{
    uint64_t set;

    if ((flags & ~(word_t)(O_NONBLOCK | O_CLOEXEC)) || set_bytes != sizeof set)
        return -EINVAL;
    if (USER_GET(p, &set, set_at))
        return -EFAULT;
    set &= ~SIGNALS_UNBLOCKABLE;
    if ((int)fd != -1) {
        struct file *f = file_get(p, fd);
        if (!f || f->kind != FILE_SIGNAL)
            return f ? -EINVAL : -EBADF;
        ((struct watched *)f->buffer)->set = set;
        return (long)(uint32_t)fd;
    }
    struct watched *w = core_heap_alloc(&p->arena->heap, sizeof *w);
    if (!w)
        return -ENOMEM;
    w->set = set;
    return install(p, FILE_SIGNAL, (uint32_t)flags, w);
}

long call_signalfd(struct process *p, word_t fd, word_t set_at, word_t set_bytes)
{
    return call_signalfd4(p, fd, set_at, set_bytes, 0);
}

const struct file_ops file_ops_counter = {
    .read = counter_read, .write = counter_write, .poll = counter_poll, .close = counter_close};
const struct file_ops file_ops_signal = {
    .read = signal_read, .poll = signal_poll, .close = signal_close};
