/* Message queues: what they hold, who is told, when they go. */
#include "libos-posix/channel/queue.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/base/user.h"
#include "libos-posix/file/access.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"

/* What Linux counts for a message beside its contents. */
#define MESSAGE_OVERHEAD 96u

static bool same_name(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

struct queue *queue_find(const struct arena *a, const char *name)
{
    for (struct queue *q = a->queues; q; q = q->next)
        if (q->named && same_name(q->name, name))
            return q;
    return NULL;
}

/* Bytes that this user's queues may hold together. */
static uint64_t claimed_by(const struct arena *a, uint32_t uid)
{
    uint64_t bytes = 0;

    for (const struct queue *q = a->queues; q; q = q->next)
        if (q->node->uid == uid)
            bytes += q->most * (q->bytes_most + MESSAGE_OVERHEAD);
    return bytes;
}

long queue_create(struct process *p, const char *name, uint32_t mode, uint64_t most,
                  uint64_t bytes_most, struct queue **out)
{
    struct arena *a = p->arena;

    if (most * (bytes_most + MESSAGE_OVERHEAD) + claimed_by(a, p->who.euid) >
        p->limits[RLIMIT_MSGQUEUE].current)
        return -EMFILE;
    struct queue *q = core_heap_alloc(&a->heap, sizeof *q);
    struct node *n = q ? node_create(a, S_IFREG | (mode & S_IALL & ~p->umask)) : NULL;
    if (!n) {
        core_heap_free(&a->heap, q, sizeof *q);
        return -ENOMEM;
    }
    n->uid = p->who.euid;
    n->gid = p->who.egid;
    node_hold(n);
    q->node = n;
    q->most = most;
    q->bytes_most = bytes_most;
    q->named = true;
    for (size_t i = 0; name[i]; i++)
        q->name[i] = name[i];
    q->next = a->queues;
    a->queues = q;
    *out = q;
    return 0;
}

static size_t block_of(const struct queue_message *m)
{
    return sizeof *m + m->bytes;
}

static void free_unused(struct arena *a, struct queue *q)
{
    struct queue **at = &a->queues;

    if (q->named || q->files)
        return;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    while (q->first) {
        struct queue_message *m = q->first;
        q->first = m->next;
        core_heap_free(&a->heap, m, block_of(m));
    }
    node_drop(a, q->node);
    core_heap_free(&a->heap, q, sizeof *q);
}

void queue_unlink(struct arena *a, struct queue *q)
{
    q->named = false;
    free_unused(a, q);
}

/* The first message for whom nobody waits: who asked for it is told, once. */
static void tell(const struct process *sender, struct queue *q)
{
    struct process *p = q->told_pid ? process_find(sender->arena, q->told_pid) : NULL;
    struct linux_siginfo info = {.number = (int32_t)q->told_with, .code = SI_MESGQ};

    if (q->receivers || !q->told_pid)
        return;
    info.u.sender.pid = sender->pid;
    info.u.sender.uid = sender->who.uid;
    info.u.sender.more.value = q->told_value;
    q->told_pid = 0;
    if (p && !p->ended && q->told_with)
        signal_send(p, NULL, &info);
}

long queue_put(struct process *p, struct queue *q, vaddr_t from, size_t bytes, uint32_t priority)
{
    struct queue_message *m = core_heap_take(&p->arena->heap, sizeof *m + bytes);
    struct queue_message **at = &q->first;

    if (!m)
        return -ENOMEM;
    m->bytes = bytes;
    m->priority = priority;
    if (user_read(p, m->data, from, bytes)) {
        core_heap_free(&p->arena->heap, m, block_of(m));
        return -EFAULT;
    }
    while (*at && (*at)->priority >= priority)
        at = &(*at)->next;
    m->next = *at;
    *at = m;
    if (!q->count++)
        tell(p, q);
    task_wake_pollers(p->arena, q);
    return 0;
}

void queue_process_closes(const struct process *p, struct file *f)
{
    struct queue *q = f->kind == FILE_QUEUE ? f->buffer : NULL;

    if (q && q->told_pid == p->pid)
        q->told_pid = 0;
}

static uint16_t queue_poll(const struct file *f)
{
    const struct queue *q = f->buffer;

    return (uint16_t)((q->count ? POLLIN | POLLRDNORM : 0) |
                      (q->count < q->most ? POLLOUT | POLLWRNORM : 0));
}

static void queue_close(struct process *p, struct file *f)
{
    struct queue *q = f->buffer;

    q->files--;
    free_unused(p->arena, q);
}

const struct file_ops file_ops_queue = {.poll = queue_poll, .close = queue_close};

const char *queue_check(const struct arena *a)
{
    for (const struct queue *q = a->queues; q; q = q->next) {
        uint64_t count = 0;

        for (const struct queue_message *m = q->first; m; m = m->next, count++)
            if (m->next && m->next->priority > m->priority)
                return "Q1: messages are not sorted by priority";
        if (count != q->count || count > q->most)
            return "Q2: a queue's messages are miscounted";
        if (!q->named && !q->files)
            return "Q3: a queue is kept that nobody can reach";
    }
    return NULL;
}
