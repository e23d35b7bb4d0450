/* Calls of message queues: mq_open and its kin. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/user.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/channel/queue.h"
#include "libos-posix/file/access.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/task.h"

#define DEFAULT_MESSAGES    10
#define DEFAULT_BYTES       8192
#define SUPERUSERS_MESSAGES 65536

struct linux_mq_attributes {
    int64_t flags, most, bytes_most, count, reserved[4];
};
_Static_assert(sizeof(struct linux_mq_attributes) == 64, "struct mq_attr");

/* A name without a slash, which the C library has taken off. */
static long name_get(struct process *p, word_t from, char **out)
{
    long e = user_path(p, from, out);
    size_t bytes = 0;

    if (e)
        return e;
    const char *name = *out;
    bool slash = false;
    for (; name[bytes]; bytes++)
        slash |= name[bytes] == '/';
    bool dots = name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
    e = !bytes ? -ENOENT : bytes > NAME_MAX ? -ENAMETOOLONG : slash || dots ? -EACCES : 0;
    if (e)
        user_path_free(p, *out);
    return e;
}

static long create(struct process *p, const char *name, word_t mode, word_t attributes,
                   struct queue **out)
{
    struct linux_mq_attributes a = {.most = DEFAULT_MESSAGES, .bytes_most = DEFAULT_BYTES};
    bool super = access_is_super(p);

    if (attributes && USER_GET(p, &a, attributes))
        return -EFAULT;
    if (a.most <= 0 || a.bytes_most <= 0 ||
        a.most > (super ? SUPERUSERS_MESSAGES : DEFAULT_MESSAGES) ||
        a.bytes_most > (super ? (int64_t)QUEUE_MESSAGE_MOST : DEFAULT_BYTES))
        return -EINVAL;
    return queue_create(p, name, (uint32_t)mode, (uint64_t)a.most, (uint64_t)a.bytes_most, out);
}

static long check_open(const struct process *p, const struct queue *q, word_t flags)
{
    static const uint32_t wanted[] = {
        [O_RDONLY] = MAY_READ, [O_WRONLY] = MAY_WRITE, [O_RDWR] = MAY_READ | MAY_WRITE};

    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    return access_check(p, q->node, wanted[flags & O_ACCMODE]);
}

static long open_queue(struct process *p, const char *name, word_t flags, word_t mode,
                       word_t attributes)
{
    struct queue *q = queue_find(p->arena, name);
    bool made = !q;
    long e;

    if (q)
        e = check_open(p, q, flags);
    else
        e = flags & O_CREAT ? create(p, name, mode, attributes, &q) : -ENOENT;
    if (e)
        return e;
    struct file *f =
        file_create(p->arena, FILE_QUEUE, q->node, (uint32_t)flags & (O_ACCMODE | O_NONBLOCK));
    if (!f) {
        if (made)
            queue_unlink(p->arena, q);
        return -ENOMEM;
    }
    f->buffer = q;
    q->files++;
    return file_install(p, f, 0, flags & O_CLOEXEC);
}

long call_mq_open(struct process *p, word_t name, word_t flags, word_t mode, word_t attributes)
{
    char *text;

    if ((flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    long e = name_get(p, name, &text);
    if (e)
        return e;
    e = open_queue(p, text, flags, mode, attributes);
    user_path_free(p, text);
    return e;
}

long call_mq_unlink(struct process *p, word_t name)
{
    char *text;
    long e = name_get(p, name, &text);

    if (e)
        return e;
    struct queue *q = queue_find(p->arena, text);
    user_path_free(p, text);
    if (!q)
        return -ENOENT;
    if (!access_is_super(p) && !access_is_owner(p, q->node))
        return -EACCES; /* its directory is sticky */
    queue_unlink(p->arena, q);
    return 0;
}

/* The moment of the time of day when a wait shall end. */
static long deadline_get(struct process *p, word_t at, uint64_t *out)
{
    struct linux_timespec t;

    *out = PORT_FOREVER;
    if (!at)
        return 0;
    if (USER_GET(p, &t, at))
        return -EFAULT;
    if (!clock_is_valid(&t))
        return -EINVAL;
    *out = clock_join(&t);
    return 0;
}

static long sleep_until(const struct queue *q, uint64_t moment)
{
    task_current()->until_real = moment == PORT_FOREVER ? 0 : moment;
    return task_sleep(task_current(), q, moment ? PORT_FOREVER : 0);
}

static struct file *queue_file(const struct process *p, word_t fd)
{
    struct file *f = file_get(p, fd);
    return f && f->kind == FILE_QUEUE ? f : NULL;
}

static long send(struct process *p, struct file *f, word_t from, size_t bytes, uint32_t priority,
                 uint64_t deadline)
{
    struct queue *q = f->buffer;

    while (q->count >= q->most) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long e = sleep_until(q, deadline);
        if (e)
            return e;
    }
    return queue_put(p, q, from, bytes, priority);
}

long call_mq_timedsend(struct process *p, word_t fd, word_t from, word_t bytes, word_t priority,
                       word_t at)
{
    uint64_t deadline;
    long e = deadline_get(p, at, &deadline);

    if (e)
        return e;
    if ((uint32_t)priority >= QUEUE_PRIORITIES)
        return -EINVAL;
    struct file *f = queue_file(p, fd);
    if (!f || !file_may_write(f))
        return -EBADF;
    if (bytes > ((struct queue *)f->buffer)->bytes_most)
        return -EMSGSIZE;
    file_hold(f);
    e = send(p, f, from, bytes, (uint32_t)priority, deadline);
    file_release(p, f);
    return e;
}

static long receive(struct process *p, struct file *f, word_t to, word_t priority,
                    uint64_t deadline)
{
    struct queue *q = f->buffer;

    while (!q->first) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        q->receivers++;
        long e = sleep_until(q, deadline);
        q->receivers--;
        if (e)
            return e;
    }
    struct queue_message *m = q->first;
    q->first = m->next;
    q->count--;
    long bytes = (long)m->bytes;
    if (user_write(p, to, m->data, m->bytes) || (priority && USER_PUT(p, priority, &m->priority)))
        bytes = -EFAULT;
    core_heap_free(&p->arena->heap, m, sizeof *m + m->bytes);
    task_wake_pollers(p->arena, q);
    return bytes;
}

long call_mq_timedreceive(struct process *p, word_t fd, word_t to, word_t bytes, word_t priority,
                          word_t at)
{
    uint64_t deadline;
    long e = deadline_get(p, at, &deadline);

    if (e)
        return e;
    struct file *f = queue_file(p, fd);
    if (!f || !file_may_read(f))
        return -EBADF;
    if (bytes < ((struct queue *)f->buffer)->bytes_most)
        return -EMSGSIZE;
    file_hold(f);
    e = receive(p, f, to, priority, deadline);
    file_release(p, f);
    return e;
}

long call_mq_notify(struct process *p, word_t fd, word_t event)
{
    struct linux_sigevent e = {.notify = SIGEV_NONE};

    if (event && USER_GET(p, &e, event))
        return -EFAULT;
    if ((e.notify != SIGEV_NONE && e.notify != SIGEV_SIGNAL) ||
        (e.notify == SIGEV_SIGNAL && (e.number < 0 || e.number > (int32_t)SIGNAL_COUNT)))
        return -EINVAL;
    struct file *f = queue_file(p, fd);
    if (!f)
        return -EBADF;
    struct queue *q = f->buffer;
    if (!event) {
        queue_process_closes(p, f);
        return 0;
    }
    if (q->told_pid)
        return -EBUSY;
    q->told_pid = p->pid;
    q->told_with = e.notify == SIGEV_SIGNAL ? (uint32_t)e.number : 0;
    q->told_value = e.value;
    return 0;
}

long call_mq_getsetattr(struct process *p, word_t fd, word_t new, word_t old)
{
    struct linux_mq_attributes wanted, now;

    if (new &&USER_GET(p, &wanted, new))
        return -EFAULT;
    if (new && (wanted.flags & ~(int64_t)O_NONBLOCK))
        return -EINVAL;
    struct file *f = queue_file(p, fd);
    if (!f)
        return -EBADF;
    const struct queue *q = f->buffer;
    now = (struct linux_mq_attributes){
        .flags = f->flags & O_NONBLOCK,
        .most = (int64_t)q->most,
        .bytes_most = (int64_t)q->bytes_most,
        .count = (int64_t)q->count,
    };
    if (new)
        f->flags = (f->flags & ~O_NONBLOCK) | ((uint32_t)wanted.flags & O_NONBLOCK);
    return old ? USER_PUT(p, old, &now) : 0;
}
