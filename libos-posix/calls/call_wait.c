/* Calls that wait for children. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/task.h"
#include "libos-posix/base/user.h"

#define WNOHANG    1u
#define WUNTRACED  2u /* waitid calls it WSTOPPED */
#define WEXITED    4u
#define WCONTINUED 8u
#define WNOWAIT    0x01000000u
#define WAIT_KIND  0xe0000000u /* __WNOTHREAD, __WALL, __WCLONE: all children are alike */

#define P_ALL  0
#define P_PID  1
#define P_FILE 3 /* P_PIDFD */
#define P_PGID 2

#define STATUS_CONTINUED 0xffff
#define STATUS_STOPPED   0x7f

struct wish {
    int32_t pid;   /* 0: any */
    int32_t group; /* 0: any */
    uint32_t options;
};

/* What happened to a child. */
struct event {
    struct process *child;
    int status; /* as wait4 gives it */
    int code;   /* CLD_* */
    struct linux_rusage usage;
};

static bool is_meant(const struct process *child, const struct wish *w)
{
    return (!w->pid || child->pid == w->pid) && (!w->group || child->group == w->group);
}

/* Has something happened to this child that was asked for? */
static bool look(struct process *child, const struct wish *w, struct event *out)
{
    *out = (struct event){.child = child};
    if (child->ended && (w->options & WEXITED)) {
        out->status = child->status;
        out->code = child->status & 0x7f ? CLD_KILLED : CLD_EXITED;
        return true;
    }
    if (child->stop_unseen && (w->options & WUNTRACED)) {
        out->status = child->stop_signal << 8 | STATUS_STOPPED;
        out->code = CLD_STOPPED;
        return true;
    }
    if (child->go_on_unseen && (w->options & WCONTINUED)) {
        out->status = STATUS_CONTINUED;
        out->code = CLD_CONTINUED;
        return true;
    }
    return false;
}

static struct linux_timeval timeval_of(uint64_t ns)
{
    return (struct linux_timeval){(int64_t)(ns / NS_PER_SECOND),
                                  (int64_t)(ns % NS_PER_SECOND / 1000)};
}

/* The event is told, so it is over; a child that has ended goes. */
static void consume(struct process *p, struct event *ev, uint32_t options)
{
    struct process *c = ev->child;

    ev->usage.user = timeval_of(c->ended ? c->used_ns + c->children_ns : 0);
    if (options & WNOWAIT)
        return;
    if (ev->code == CLD_STOPPED)
        c->stop_unseen = false;
    else if (ev->code == CLD_CONTINUED)
        c->go_on_unseen = false;
    else {
        p->children_ns += c->used_ns + c->children_ns;
        process_free(c);
    }
}

/* The child's pid, 0 with WNOHANG when nothing happened yet, ECHILD, or what interrupted it. */
static long wait_for(struct process *p, const struct wish *w, struct event *ev)
{
    for (;;) {
        bool any = false;
        for (struct process *c = p->children; c; c = c->sibling) {
            if (!is_meant(c, w))
                continue;
            any = true;
            if (!look(c, w, ev))
                continue;
            int32_t pid = c->pid;
            return pid;
        }
        if (!any)
            return -ECHILD;
        if (w->options & WNOHANG)
            return 0;
        long e = task_sleep(task_current(), &p->children, PORT_FOREVER);
        if (e)
            return e;
    }
}

long call_wait4(struct process *p, word_t pid, word_t status, word_t options, word_t usage)
{
    int32_t whom = (int32_t)pid;
    struct wish w = {.options = (uint32_t)options | WEXITED};
    struct event ev;

    if ((uint32_t)options & ~(WNOHANG | WUNTRACED | WCONTINUED | WAIT_KIND))
        return -EINVAL;
    if (whom == INT32_MIN)
        return -ESRCH;
    if (whom > 0)
        w.pid = whom;
    else if (whom != -1)
        w.group = whom ? -whom : p->group;
    long found = wait_for(p, &w, &ev);
    if (found <= 0)
        return found;
    consume(p, &ev, w.options);
    int32_t told = ev.status;
    if (status && USER_PUT(p, status, &told))
        return -EFAULT;
    return usage && USER_PUT(p, usage, &ev.usage) ? -EFAULT : found;
}

static long wish_of_file(const struct process *p, int32_t id, struct wish *w)
{
    const struct file *f = file_get(p, (word_t)id);

    if (!f || f->kind != FILE_PROCESS)
        return -EBADF;
    if (!process_of_file(p->arena, f))
        return -ECHILD;
    w->pid = (int32_t)f->position;
    if (f->flags & O_NONBLOCK)
        w->options |= WNOHANG;
    return 0;
}

static long wish_get(const struct process *p, word_t kind, int32_t id, struct wish *w)
{
    switch ((int)kind) {
    case P_ALL:
        return 0;
    case P_PID:
        w->pid = id;
        return id > 0 ? 0 : -EINVAL;
    case P_PGID:
        w->group = id ? id : p->group;
        return id >= 0 ? 0 : -EINVAL;
    case P_FILE:
        return wish_of_file(p, id, w);
    default:
        return -EINVAL;
    }
}

long call_waitid(struct process *p, word_t kind, word_t id, word_t to, word_t options, word_t usage)
{
    struct linux_siginfo info = {.number = 0};
    struct wish w = {.options = (uint32_t)options};
    const uint32_t events = WEXITED | WUNTRACED | WCONTINUED;
    struct event ev;

    if ((w.options & ~(events | WNOHANG | WNOWAIT | WAIT_KIND)) || !(w.options & events))
        return -EINVAL;
    long e = wish_get(p, kind, (int32_t)id, &w);
    if (e)
        return e;
    long found = wait_for(p, &w, &ev);
    if (found < 0)
        return found;
    if (found) {
        info.number = (int32_t)SIGCHLD;
        info.code = ev.code;
        info.u.sender.pid = ev.child->pid;
        info.u.sender.uid = ev.child->who.uid;
        info.u.sender.more.child.status = ev.code == CLD_EXITED      ? ev.status >> 8
                                          : ev.code == CLD_CONTINUED ? (int32_t)SIGCONT
                                          : ev.code == CLD_STOPPED   ? ev.status >> 8
                                                                     : ev.status & 0x7f;
        consume(p, &ev, w.options);
    }
    if (found && usage && USER_PUT(p, usage, &ev.usage))
        return -EFAULT;
    return to && USER_PUT(p, to, &info) ? -EFAULT : 0;
}
