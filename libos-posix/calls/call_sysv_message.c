/* Calls of System V queues of messages. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/user.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/channel/sysv.h"
#include "libos-posix/file/access.h"
#include "libos-posix/process/task.h"

#define MESSAGE_MOST 8192u /* bytes */
#define QUEUE_MOST   16384u
#define MSG_NOERROR  010000u
#define MSG_EXCEPT   020000u

struct linux_msqid {
    struct linux_ipc_perm perm;
    int64_t sent, received, changed;
    uint64_t bytes, count, bytes_most;
    int32_t last_sender, last_receiver;
    uint64_t unused[2];
};
_Static_assert(sizeof(struct linux_msqid) == 120, "struct msqid64_ds of x86-64");

static const void *channel(const struct arena *a)
{
    return &a->sysv[SYSV_MESSAGES];
}

long call_msgget(struct process *p, word_t key, word_t flags)
{
    struct sysv *o;
    long e = sysv_look(p, SYSV_MESSAGES, key, flags, &o);

    if (e || o)
        return e ? e : o->id;
    struct message_queue *q = core_heap_alloc(&p->arena->heap, sizeof *q);
    if (!q)
        return -ENOMEM;
    q->bytes_most = QUEUE_MOST;
    return sysv_enter(p, SYSV_MESSAGES, key, flags, &q->object);
}

static void message_free(struct arena *a, struct sysv_message *m)
{
    core_heap_free(&a->heap, m, sizeof *m + m->bytes);
}

/* The queue again after a sleep; EIDRM: it went. */
static long wait(struct process *p, int32_t id)
{
    long e = task_sleep(task_current(), channel(p->arena), PORT_FOREVER);

    if (!sysv_find(p->arena, SYSV_MESSAGES, id))
        return -EIDRM;
    return e == -RESTART ? -RESTART_NO_HANDLER : e;
}

static struct sysv_message *message_make(struct process *p, word_t from, size_t bytes, long *e)
{
    struct sysv_message *m = core_heap_take(&p->arena->heap, sizeof *m + bytes);

    if (!m) {
        *e = -ENOMEM;
        return NULL;
    }
    m->next = NULL;
    m->bytes = bytes;
    *e = USER_GET(p, &m->type, from) || user_read(p, m->data, from + sizeof m->type, bytes)
             ? -EFAULT
         : m->type < 1 ? -EINVAL
                       : 0;
    if (!*e)
        return m;
    message_free(p->arena, m);
    return NULL;
}

static long room_for(struct process *p, word_t id, size_t bytes, word_t flags,
                     struct message_queue **out)
{
    struct sysv *o;
    long e = sysv_get(p, SYSV_MESSAGES, id, 0200, &o);

    while (!e) {
        struct message_queue *q = (struct message_queue *)o;
        *out = q;
        if (q->bytes + bytes <= q->bytes_most && q->count < q->bytes_most)
            return 0;
        e = flags & IPC_NOWAIT ? -EAGAIN : wait(p, (int32_t)id);
        if (!e)
            e = sysv_get(p, SYSV_MESSAGES, id, 0200, &o);
    }
    return e;
}

long call_msgsnd(struct process *p, word_t id, word_t from, word_t bytes, word_t flags)
{
    struct message_queue *q;
    long e;

    if (bytes > MESSAGE_MOST || (int32_t)id < 0)
        return -EINVAL;
    struct sysv_message *m = message_make(p, from, bytes, &e);
    if (!m)
        return e;
    e = room_for(p, id, bytes, flags, &q);
    if (e) {
        message_free(p->arena, m);
        return e;
    }
    *(q->first ? &q->last->next : &q->first) = m;
    q->last = m;
    q->bytes += bytes;
    q->count++;
    q->sent = arena_now();
    q->last_sender = p->pid;
    task_wake(p->arena, channel(p->arena));
    return 0;
}

/* The first of that type; of any type below the negative one's value the least; all but one. */
static struct sysv_message **choose(struct message_queue *q, int64_t type, word_t flags)
{
    struct sysv_message **best = NULL;

    for (struct sysv_message **at = &q->first; *at; at = &(*at)->next) {
        int64_t has = (*at)->type;
        bool fits = !type || (type > 0 ? (has == type) != ((flags & MSG_EXCEPT) != 0)
                                       : has <= (type == INT64_MIN ? INT64_MAX : -type));
        if (fits && (!best || has < (*best)->type))
            best = at;
        if (best && type >= 0)
            break;
    }
    return best;
}

static void take_out(struct message_queue *q, struct sysv_message **at)
{
    struct sysv_message *m = *at;

    *at = m->next;
    if (q->last == m) {
        q->last = q->first;
        while (q->last && q->last->next)
            q->last = q->last->next;
    }
    q->bytes -= m->bytes;
    q->count--;
}

static long deliver(struct process *p, struct message_queue *q, struct sysv_message **at, word_t to,
                    word_t capacity, word_t flags)
{
    struct sysv_message *m = *at;
    size_t bytes = m->bytes;

    if (bytes > capacity && !(flags & MSG_NOERROR))
        return -E2BIG;
    if (bytes > capacity)
        bytes = capacity;
    take_out(q, at);
    q->received = arena_now();
    q->last_receiver = p->pid;
    task_wake(p->arena, channel(p->arena));
    bool bad = USER_PUT(p, to, &m->type) || user_write(p, to + sizeof m->type, m->data, bytes);
    message_free(p->arena, m);
    return bad ? -EFAULT : (long)bytes;
}

long call_msgrcv(struct process *p, word_t id, word_t to, word_t capacity, word_t type,
                 word_t flags)
{
    struct sysv *o;

    if ((int64_t)capacity < 0 || (int32_t)id < 0)
        return -EINVAL;
    for (;;) {
        long e = sysv_get(p, SYSV_MESSAGES, id, 0400, &o);
        if (e)
            return e;
        struct message_queue *q = (struct message_queue *)o;
        struct sysv_message **at = choose(q, (int64_t)type, flags);
        if (at)
            return deliver(p, q, at, to, capacity, flags);
        e = flags & IPC_NOWAIT ? -ENOMSG : wait(p, (int32_t)id);
        if (e)
            return e;
    }
}

static long stat(struct process *p, word_t id, word_t to)
{
    struct sysv *o;
    long e = sysv_get(p, SYSV_MESSAGES, id, 0400, &o);

    if (e)
        return e;
    const struct message_queue *q = (struct message_queue *)o;
    const struct linux_msqid out = {
        .perm = sysv_perm(o),
        .sent = (int64_t)(q->sent / NS_PER_SECOND),
        .received = (int64_t)(q->received / NS_PER_SECOND),
        .changed = (int64_t)(o->changed / NS_PER_SECOND),
        .bytes = q->bytes,
        .count = q->count,
        .bytes_most = q->bytes_most,
        .last_sender = q->last_sender,
        .last_receiver = q->last_receiver,
    };
    return USER_PUT(p, to, &out);
}

static void queue_free(struct arena *a, struct message_queue *q)
{
    sysv_leave(a, SYSV_MESSAGES, &q->object);
    while (q->first) {
        struct sysv_message *m = q->first;
        q->first = m->next;
        message_free(a, m);
    }
    core_heap_free(&a->heap, q, sizeof *q);
}

long call_msgctl(struct process *p, word_t id, word_t command, word_t at)
{
    struct linux_msqid given;
    struct sysv *o;

    if (command == IPC_STAT)
        return stat(p, id, at);
    if (command != IPC_SET && command != IPC_RMID)
        return -EINVAL;
    if (command == IPC_SET && USER_GET(p, &given, at))
        return -EFAULT;
    long e = sysv_own(p, SYSV_MESSAGES, id, &o);
    if (e)
        return e;
    struct message_queue *q = (struct message_queue *)o;
    if (command == IPC_RMID) {
        queue_free(p->arena, q);
        return 0;
    }
    if (given.bytes_most > QUEUE_MOST && !access_is_super(p))
        return -EPERM;
    sysv_set(o, &given.perm);
    q->bytes_most = given.bytes_most;
    task_wake(p->arena, channel(p->arena));
    return 0;
}
