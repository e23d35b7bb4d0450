/* Waiting for several descriptors: poll and select in their forms. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/base/user.h"

#define SELECT_BITS  DESCRIPTOR_COUNT
#define SELECT_WORDS (SELECT_BITS / 64u)
#define ALWAYS       (POLLERR | POLLHUP | POLLNVAL) /* told whether asked for or not */

/* What is ready of what is asked for; *console is set when the console could become ready. */
static uint16_t ready(const struct process *p, int fd, uint16_t wanted, bool *console)
{
    const struct file *f = file_get(p, (word_t)fd);

    if (!f || f->kind == FILE_PATH)
        return POLLNVAL;
    if (f->kind == FILE_CONSOLE && (wanted & (POLLIN | POLLRDNORM)))
        *console = true;
    uint16_t now = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
    if (file_ops(f)->poll)
        now = file_ops(f)->poll(f);
    return now & (wanted | ALWAYS);
}

static long poll_once(const struct process *p, struct linux_pollfd *fds, size_t count,
                      bool *console)
{
    long found = 0;

    for (size_t i = 0; i < count; i++) {
        fds[i].revents = fds[i].fd < 0 ? 0 : ready(p, fds[i].fd, fds[i].events, console);
        found += fds[i].revents != 0;
    }
    return found;
}

/* A call that is performed again ends when it would have the first time. */
static uint64_t first_deadline(uint64_t deadline)
{
    struct task *t = task_current();

    if (!t->restarted)
        t->restart_deadline = deadline;
    return t->restart_deadline;
}

/* 0: something may have changed, or the time is over. */
static long wait_more(uint64_t deadline, bool console)
{
    struct task *t = task_current();

    t->wants_console = console;
    long e = task_sleep_poll(t, deadline);
    return e == -RESTART ? -RESTART_SAME_END : e == -ETIMEDOUT ? 0 : e;
}

/* The signals that are blocked during the call; an address of 0 leaves them as they are. */
static long set_mask(struct process *p, vaddr_t at, word_t bytes)
{
    uint64_t set;

    if (!at)
        return 0;
    if (bytes != sizeof set)
        return -EINVAL;
    if (USER_GET(p, &set, at))
        return -EFAULT;
    signal_block_for_call(task_current(), set);
    return 0;
}

static long poll_until(struct process *p, vaddr_t at, word_t count, uint64_t deadline)
{
    size_t bytes = (uint32_t)count * sizeof(struct linux_pollfd);
    struct linux_pollfd *fds = NULL;

    if ((uint32_t)count > DESCRIPTOR_COUNT)
        return -EINVAL;
    if (bytes && !(fds = core_heap_alloc(&p->arena->heap, bytes)))
        return -ENOMEM;

    long found = user_read(p, fds, at, bytes);
    deadline = first_deadline(deadline);
    while (!found) {
        bool console = false;
        found = poll_once(p, fds, (uint32_t)count, &console);
        if (found || port_monotonic_ns() >= deadline)
            break;
        found = wait_more(deadline, console);
    }
    if (found >= 0 && user_write(p, at, fds, bytes))
        found = -EFAULT;
    if (bytes)
        core_heap_free(&p->arena->heap, fds, bytes);
    return found;
}

long call_poll(struct process *p, word_t fds, word_t count, word_t milliseconds)
{
    int32_t timeout = (int32_t)milliseconds;
    uint64_t deadline = PORT_FOREVER;

    if (timeout >= 0)
        deadline = port_monotonic_ns() + (uint64_t)timeout * NS_PER_MILLISECOND;
    return poll_until(p, fds, count, deadline);
}

/* An address of 0 means no time limit. */
static long deadline_get(struct process *p, vaddr_t at, uint64_t *out)
{
    struct linux_timespec t;

    *out = PORT_FOREVER;
    if (!at)
        return 0;
    if (USER_GET(p, &t, at))
        return -EFAULT;
    return clock_deadline(&t, out);
}

long call_ppoll(struct process *p, word_t fds, word_t count, word_t timeout, word_t mask,
                word_t mask_bytes)
{
    uint64_t deadline;
    long e = deadline_get(p, timeout, &deadline);

    if (!e)
        e = set_mask(p, mask, mask_bytes);
    return e ? e : poll_until(p, fds, count, deadline);
}

/* The three sets of select, in and out. */
struct sets {
    uint64_t in[3][SELECT_WORDS];
    uint64_t out[3][SELECT_WORDS];
};

static const uint16_t set_events[3] = {POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM, 0};

/* Linux answers a hang-up as readable and an error as readable and writable. */
static const uint16_t set_answers[3] = {POLLIN | POLLRDNORM | POLLHUP | POLLERR,
                                        POLLOUT | POLLWRNORM | POLLERR, 0};

static long select_once(const struct process *p, struct sets *s, unsigned count, bool *console)
{
    long found = 0;

    memset(s->out, 0, sizeof s->out);
    for (unsigned fd = 0; fd < count; fd++) {
        uint64_t bit = (uint64_t)1 << fd % 64;
        for (unsigned i = 0; i < 3; i++) {
            if (!(s->in[i][fd / 64] & bit))
                continue;
            uint16_t now = ready(p, (int)fd, set_events[i], console);
            if (now & POLLNVAL)
                return -EBADF;
            if (now & set_answers[i]) {
                s->out[i][fd / 64] |= bit;
                found++;
            }
        }
    }
    return found;
}

static long select_sets(struct process *p, struct sets *s, unsigned count, const word_t at[3],
                        uint64_t deadline)
{
    size_t bytes = (count + 63) / 64 * sizeof(uint64_t);
    long found = 0;

    deadline = first_deadline(deadline);
    for (unsigned i = 0; i < 3; i++)
        if (at[i] && user_read(p, s->in[i], at[i], bytes))
            return -EFAULT;
    for (;;) {
        bool console = false;
        found = select_once(p, s, count, &console);
        if (found || port_monotonic_ns() >= deadline)
            break;
        found = wait_more(deadline, console);
        if (found)
            break;
    }
    for (unsigned i = 0; found >= 0 && i < 3; i++)
        if (at[i] && user_write(p, at[i], s->out[i], bytes))
            return -EFAULT;
    return found;
}

static long select_until(struct process *p, word_t count, const word_t at[3], uint64_t deadline)
{
    if ((int)count < 0)
        return -EINVAL;

    struct sets *s = core_heap_alloc(&p->arena->heap, sizeof *s);
    if (!s)
        return -ENOMEM;
    unsigned limit = (uint32_t)count < SELECT_BITS ? (uint32_t)count : SELECT_BITS;
    long found = select_sets(p, s, limit, at, deadline);
    core_heap_free(&p->arena->heap, s, sizeof *s);
    return found;
}

long call_select(struct process *p, word_t count, word_t in, word_t out, word_t other,
                 word_t timeout)
{
    const word_t at[3] = {in, out, other};
    uint64_t deadline = PORT_FOREVER;
    struct linux_timeval t;

    if (timeout) {
        if (USER_GET(p, &t, timeout))
            return -EFAULT;
        if (t.microseconds < 0 || t.microseconds >= 1000000)
            return -EINVAL;
        struct linux_timespec exact = {t.seconds, t.microseconds * 1000};
        long e = clock_deadline(&exact, &deadline);
        if (e)
            return e;
    }
    return select_until(p, count, at, deadline);
}

long call_pselect6(struct process *p, word_t count, word_t in, word_t out, word_t other,
                   word_t timeout, word_t mask)
{
    const word_t at[3] = {in, out, other};
    uint64_t deadline, described[2] = {0, 0}; /* address and size of a signal set */

    if (mask && USER_GET(p, &described, mask))
        return -EFAULT;
    long e = deadline_get(p, timeout, &deadline);
    if (!e)
        e = set_mask(p, described[0], described[1]);
    return e ? e : select_until(p, count, at, deadline);
}
