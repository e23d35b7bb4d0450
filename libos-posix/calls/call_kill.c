/* Calls that send signals. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/base/user.h"

static bool may_signal(const struct process *p, const struct process *to, unsigned number)
{
    const struct credentials *who = &p->who;

    if (!who->euid || who->euid == to->who.suid || who->euid == to->who.uid ||
        who->uid == to->who.suid || who->uid == to->who.uid)
        return true;
    return number == SIGCONT && p->session == to->session;
}

/* Signal 0 only asks whether it would be allowed. */
static long send(const struct process *p, struct process *to, struct task *t, unsigned number)
{
    if (!may_signal(p, to, number))
        return -EPERM;
    if (number)
        signal_raise(to, t, number, p);
    return 0;
}

static bool is_meant(const struct process *p, const struct process *to, int32_t whom)
{
    if (whom == -1)
        return to != p && to != p->arena->first;
    return to->group == (whom ? -whom : p->group);
}

/* A group: done if one could be signalled. The own process comes last, for it may be its end. */
static long send_group(struct process *p, int32_t whom, unsigned number)
{
    long result = -ESRCH;
    bool self = false;

    for (struct process *q = p->arena->processes; q; q = q->next) {
        if (!is_meant(p, q, whom))
            continue;
        self |= q == p;
        if (q == p)
            continue;
        long e = send(p, q, NULL, number);
        if (!e || result == -ESRCH)
            result = e;
    }
    return self ? send(p, p, NULL, number) : result;
}

long call_kill(struct process *p, word_t pid, word_t number)
{
    int32_t whom = (int32_t)pid;

    if ((uint32_t)number > SIGNAL_COUNT)
        return -EINVAL;
    if (whom == INT32_MIN)
        return -ESRCH;
    if (whom <= 0)
        return send_group(p, whom, (uint32_t)number);
    struct process *to = process_find(p->arena, whom);
    return to ? send(p, to, NULL, (uint32_t)number) : -ESRCH;
}

long call_tgkill(struct process *p, word_t group, word_t tid, word_t number)
{
    if ((int32_t)group <= 0 || (int32_t)tid <= 0 || (uint32_t)number > SIGNAL_COUNT)
        return -EINVAL;
    struct task *t = task_find(p->arena, (int32_t)tid);
    if (!t || t->process->pid != (int32_t)group)
        return -ESRCH;
    return send(p, t->process, t, (uint32_t)number);
}

long call_tkill(struct process *p, word_t tid, word_t number)
{
    if ((int32_t)tid <= 0 || (uint32_t)number > SIGNAL_COUNT)
        return -EINVAL;
    struct task *t = task_find(p->arena, (int32_t)tid);
    return t ? send(p, t->process, t, (uint32_t)number) : -ESRCH;
}

/* Only to oneself may a process say what the kernel or kill() would. */
static long queue(struct process *p, struct process *to, struct task *t, word_t number,
                  vaddr_t from)
{
    struct linux_siginfo info;

    if ((uint32_t)number > SIGNAL_COUNT)
        return -EINVAL;
    if (USER_GET(p, &info, from))
        return -EFAULT;
    if (!to)
        return -ESRCH;
    if ((info.code >= 0 || info.code == SI_TKILL) && to != p)
        return -EPERM;
    if (!may_signal(p, to, (uint32_t)number))
        return -EPERM;
    info.number = (int32_t)number;
    return (uint32_t)number ? signal_send(to, t, &info) : 0;
}

long call_rt_sigqueueinfo(struct process *p, word_t pid, word_t number, word_t from)
{
    return queue(p, process_find(p->arena, (int32_t)pid), NULL, number, from);
}

long call_rt_tgsigqueueinfo(struct process *p, word_t group, word_t tid, word_t number, word_t from)
{
    if ((int32_t)group <= 0 || (int32_t)tid <= 0)
        return -EINVAL;
    struct task *t = task_find(p->arena, (int32_t)tid);
    bool fits = t && t->process->pid == (int32_t)group;
    return queue(p, fits ? t->process : NULL, fits ? t : NULL, number, from);
}

/* A file stands for a process as long as nobody has waited for that. */
struct process *process_of_file(const struct arena *a, const struct file *f)
{
    struct process *to = process_find(a, (int32_t)f->position);

    return to && to->started_ns == f->buffer_bytes ? to : NULL;
}

static uint16_t process_poll(const struct file *f)
{
    const struct process *of = process_of_file(arena_get(), f);

    return of && !of->ended ? 0 : POLLIN | POLLRDNORM;
}

static void process_close(struct process *p, struct file *f)
{
    (void)f;
    p->arena->pidfds--;
}

const struct file_ops file_ops_process = {.poll = process_poll, .close = process_close};

long call_pidfd_open(struct process *p, word_t pid, word_t flags)
{
    const struct process *of = process_find(p->arena, (int32_t)pid);

    if ((int32_t)pid <= 0 || flags & ~(word_t)O_NONBLOCK)
        return -EINVAL;
    if (!of)
        return -ESRCH;
    struct node *n = node_create(p->arena, 0600);
    struct file *f =
        n ? file_create(p->arena, FILE_PROCESS, n, O_RDWR | ((uint32_t)flags & O_NONBLOCK)) : NULL;
    if (!f) {
        if (n)
            node_release(p->arena, n);
        return -ENOMEM;
    }
    f->position = (uint64_t)of->pid;
    f->buffer_bytes = of->started_ns;
    p->arena->pidfds++;
    return file_install(p, f, 0, true);
}

long call_pidfd_send_signal(struct process *p, word_t fd, word_t number, word_t info, word_t flags)
{
    const struct file *f = file_get(p, fd);

    if (flags)
        return -EINVAL;
    if (!f || f->kind != FILE_PROCESS)
        return -EBADF;
    if ((uint32_t)number > SIGNAL_COUNT)
        return -EINVAL;
    struct process *to = process_of_file(p->arena, f);
    if (!to || to->ended)
        return -ESRCH;
    return info ? queue(p, to, NULL, number, info) : send(p, to, NULL, (uint32_t)number);
}
