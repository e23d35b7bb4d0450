/* Locks of files: taking, testing and giving up. */
#include "libos-posix/file/lockf.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/task.h"
#include "libos-posix/base/user.h"

#define END_OF_ALL INT64_MAX /* what reaches to the end of any file */

static bool overlaps(const struct record *a, const struct record *b)
{
    return a->is_flock == b->is_flock && a->start < b->end && b->start < a->end;
}

/* The lock that stands in the way and begins first, or NULL. */
static const struct record *conflict(const struct node *n, const struct record *wanted)
{
    const struct record *first = NULL;

    for (const struct record *r = n->locks; r; r = r->next)
        if (r->owner != wanted->owner && overlaps(r, wanted) &&
            (r->exclusive || wanted->exclusive) && (!first || r->start < first->start))
            first = r;
    return first;
}

static void drop(struct arena *a, struct record **at)
{
    struct record *r = *at;

    *at = r->next;
    core_heap_free(&a->heap, r, sizeof *r);
}

static struct record *add(struct arena *a, struct node *n, const struct record *from)
{
    struct record *r = core_heap_alloc(&a->heap, sizeof *r);
    if (!r)
        return NULL;
    *r = *from;
    r->next = n->locks;
    n->locks = r;
    return r;
}

/* Takes [start, end) out of what the owner has. ENOLCK: one has to be cut in two, and there is no
 * memory; then nothing has changed. */
static long cut(struct arena *a, struct node *n, const struct record *out)
{
    for (struct record *r = n->locks; r; r = r->next)
        if (r->owner == out->owner && overlaps(r, out) && r->start < out->start &&
            r->end > out->end) {
            struct record upper = *r;
            upper.start = out->end;
            if (!add(a, n, &upper))
                return -ENOLCK;
            r->end = out->start;
            return 0; /* nothing else of this owner lies in the range */
        }
    for (struct record **at = &n->locks; *at;) {
        struct record *r = *at;
        if (r->owner != out->owner || !overlaps(r, out)) {
            at = &r->next;
            continue;
        }
        if (r->start < out->start)
            r->end = out->start;
        else if (r->end > out->end)
            r->start = out->end;
        if (r->start >= out->start && r->end <= out->end)
            drop(a, at);
        else
            at = &r->next;
    }
    return 0;
}

/* For whom a task of this process waits that holds a record, or NULL. Who was woken looks again. */
static const struct process *waits_for(const struct process *p)
{
    for (const struct task *t = p->tasks; t; t = t->next)
        if (t->lock_holder && t->channel && !t->woken)
            return t->lock_holder;
    return NULL;
}

/* Do those that wait for one another end at `p`? */
static bool is_deadlock(const struct process *p, const struct process *holder)
{
    for (unsigned i = 0; holder && i < TASK_COUNT; i++) {
        if (holder == p)
            return true;
        holder = waits_for(holder);
    }
    return false;
}

static long set(struct process *p, struct node *n, const struct record *wanted, bool wait)
{
    const struct record *other;

    while ((other = conflict(n, wanted)) != NULL) {
        struct task *t = task_current();
        if (!wait)
            return -EAGAIN;
        if (wanted->pid > 0 && other->pid > 0) {
            t->lock_holder = other->owner;
            if (is_deadlock(p, t->lock_holder)) {
                t->lock_holder = NULL;
                return -EDEADLK;
            }
        }
        long e = task_sleep(t, &n->locks, PORT_FOREVER);
        t->lock_holder = NULL;
        if (e)
            return e;
    }
    struct record *r = add(p->arena, n, wanted);
    if (!r)
        return -ENOLCK;
    n->locks = r->next; /* not seen while the old ones are cut */
    long e = cut(p->arena, n, wanted);
    r->next = n->locks;
    n->locks = r;
    if (e)
        drop(p->arena, &n->locks);
    task_wake(p->arena, &n->locks); /* a lock that became shared lets others in */
    return e;
}

static long unset(struct process *p, struct node *n, const struct record *out)
{
    long e = cut(p->arena, n, out);

    task_wake(p->arena, &n->locks);
    return e;
}

long call_flock(struct process *p, word_t fd, word_t operation)
{
    const word_t shared = 1, exclusive = 2, do_not_wait = 4, unlock = 8;
    word_t what = operation & ~do_not_wait;
    struct file *f = file_get(p, fd);

    if (what != shared && what != exclusive && what != unlock)
        return -EINVAL;
    if (!f || f->kind == FILE_PATH)
        return -EBADF;
    const struct record r = {
        .owner = f, .pid = -1, .is_flock = true, .exclusive = what == exclusive, .end = END_OF_ALL};
    if (what == unlock)
        return unset(p, f->node, &r);
    file_hold(f);
    long e = set(p, f->node, &r, !(operation & do_not_wait));
    file_release(p, f);
    return e;
}

static long record_of(struct process *p, const struct file *f, int command,
                      const struct linux_flock *l, struct record *out)
{
    bool by_file = command >= F_OFD_GETLK;
    int64_t base = l->whence == SEEK_CUR   ? (int64_t)f->position
                   : l->whence == SEEK_END ? (int64_t)f->node->size
                                           : 0;

    if (l->whence < SEEK_SET || l->whence > SEEK_END || (by_file && l->pid))
        return -EINVAL;
    int64_t start = base + l->start, end = l->bytes ? start + l->bytes : END_OF_ALL;
    if (l->bytes < 0) {
        end = start;
        start += l->bytes;
    }
    if (start < 0 || end < start)
        return -EINVAL;
    *out = (struct record){
        .owner = by_file ? (const void *)f : p,
        .pid = by_file ? -1 : p->pid,
        .exclusive = l->type == F_WRLCK,
        .start = (uint64_t)start,
        .end = (uint64_t)end,
    };
    return 0;
}

static long test(struct process *p, const struct node *n, const struct record *wanted,
                 struct linux_flock *l, vaddr_t to)
{
    const struct record *r = conflict(n, wanted);

    l->type = (int16_t)F_UNLCK;
    if (r) {
        l->type = (int16_t)(r->exclusive ? F_WRLCK : F_RDLCK);
        l->whence = SEEK_SET;
        l->start = (int64_t)r->start;
        l->bytes = r->end == END_OF_ALL ? 0 : (int64_t)(r->end - r->start);
        l->pid = r->pid;
    }
    return USER_PUT(p, to, l);
}

long lockf_fcntl(struct process *p, struct file *f, int command, vaddr_t at)
{
    struct linux_flock l;
    struct record wanted;

    if (USER_GET(p, &l, at))
        return -EFAULT;
    if (l.type != F_RDLCK && l.type != F_WRLCK && l.type != F_UNLCK)
        return -EINVAL;
    long e = record_of(p, f, command, &l, &wanted);
    if (e)
        return e;
    if (command == F_GETLK || command == F_OFD_GETLK)
        return l.type == F_UNLCK ? -EINVAL : test(p, f->node, &wanted, &l, at);
    if (l.type == F_UNLCK)
        return unset(p, f->node, &wanted);
    if (l.type == F_RDLCK ? !file_may_read(f) : !file_may_write(f))
        return -EBADF;
    file_hold(f);
    e = set(p, f->node, &wanted, command == F_SETLKW || command == F_OFD_SETLKW);
    file_release(p, f);
    return e;
}

static void drop_all(struct arena *a, struct node *n, const void *owner)
{
    bool any = false;

    for (struct record **at = &n->locks; *at;) {
        if ((*at)->owner != owner) {
            at = &(*at)->next;
            continue;
        }
        drop(a, at);
        any = true;
    }
    if (any)
        task_wake(a, &n->locks);
}

void lockf_process_closes(struct process *p, struct node *n)
{
    if (n->locks)
        drop_all(p->arena, n, p);
}

void lockf_file_goes(struct arena *a, struct file *f)
{
    if (f->node->locks)
        drop_all(a, f->node, f);
}

const char *lockf_check(const struct node *n)
{
    for (const struct record *r = n->locks; r; r = r->next) {
        if (r->start >= r->end)
            return "K1: a lock of nothing";
        for (const struct record *q = r->next; q; q = q->next)
            if (overlaps(r, q) && (r->owner == q->owner || r->exclusive || q->exclusive))
                return "K2: two locks overlap that may not";
    }
    return NULL;
}
