/* Calls of System V semaphores. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/base/user.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/channel/sysv.h"
#include "libos-posix/process/task.h"

#define SET_MOST        8192u /* semaphores in a set */
#define OPERATIONS_MOST 500u
#define SEM_UNDO        0x1000
#define GETPID          11
#define GETVAL          12
#define GETALL          13
#define GETNCNT         14
#define GETZCNT         15
#define SETVAL          16
#define SETALL          17

struct linux_sembuf {
    uint16_t number;
    int16_t by, flags;
};

struct linux_semid {
    struct linux_ipc_perm perm;
    int64_t used, unused1, changed, unused2;
    uint64_t count, unused3[2];
};
_Static_assert(sizeof(struct linux_semid) == 104, "struct semid64_ds of x86-64");

static const void *channel(const struct arena *a)
{
    return &a->sysv[SYSV_SEMAPHORES];
}

static size_t undo_bytes(const struct semaphore_set *s)
{
    return sizeof(struct semaphore_undo) + s->count * sizeof(int32_t);
}

static size_t set_bytes(uint32_t count)
{
    return sizeof(struct semaphore_set) + count * sizeof(struct semaphore);
}

long call_semget(struct process *p, word_t key, word_t wanted, word_t flags)
{
    uint32_t count = (uint32_t)wanted;
    struct sysv *o;

    if (count > SET_MOST)
        return -EINVAL;
    long e = sysv_look(p, SYSV_SEMAPHORES, key, flags, &o);
    if (e)
        return e;
    if (o)
        return count > ((struct semaphore_set *)o)->count ? -EINVAL : o->id;
    if (!count)
        return -EINVAL;
    struct semaphore_set *s = core_heap_alloc(&p->arena->heap, set_bytes(count));
    if (!s)
        return -ENOMEM;
    s->count = count;
    return sysv_enter(p, SYSV_SEMAPHORES, key, flags, &s->object);
}

static void set_free(struct arena *a, struct semaphore_set *s)
{
    sysv_leave(a, SYSV_SEMAPHORES, &s->object);
    while (s->undos) {
        struct semaphore_undo *u = s->undos;
        s->undos = u->next;
        core_heap_free(&a->heap, u, undo_bytes(s));
    }
    core_heap_free(&a->heap, s, set_bytes(s->count));
}

static struct semaphore_undo *undo_of(struct process *p, struct semaphore_set *s)
{
    struct semaphore_undo *u = s->undos;

    while (u && u->pid != p->pid)
        u = u->next;
    if (u)
        return u;
    u = core_heap_alloc(&p->arena->heap, undo_bytes(s));
    if (!u)
        return NULL;
    u->pid = p->pid;
    u->next = s->undos;
    s->undos = u;
    return u;
}

/* Performs all operations, or none: then *stopped is the one that has to wait (EAGAIN) or cannot be
 * (ERANGE). */
static long perform(struct process *p, struct semaphore_set *s, const struct linux_sembuf *ops,
                    size_t count, size_t *stopped)
{
    size_t i;
    long e = 0;

    for (i = 0; i < count && !e; i++) {
        int32_t *value = &s->at[ops[i].number].value, after = *value + ops[i].by;
        if (ops[i].by ? after < 0 : *value != 0)
            e = -EAGAIN;
        else if (after > SEMAPHORE_MOST)
            e = -ERANGE;
        else
            *value = after;
    }
    if (e) {
        *stopped = --i;
        while (i-- > 0)
            s->at[ops[i].number].value -= ops[i].by;
        return e;
    }
    for (i = 0; i < count; i++) {
        s->at[ops[i].number].last_pid = p->pid;
        if (ops[i].flags & SEM_UNDO)
            undo_of(p, s)->by[ops[i].number] -= ops[i].by; /* it was made before */
    }
    s->used = arena_now();
    task_wake(p->arena, channel(p->arena));
    return 0;
}

/* The set may be gone afterwards: EIDRM. */
static long wait(struct process *p, int32_t id, struct semaphore *on, bool zero, uint64_t deadline,
                 struct semaphore_set **s)
{
    size_t index = (size_t)(on - (*s)->at);

    *(zero ? &on->wait_zero : &on->wait_more) += 1;
    long e = task_sleep(task_current(), channel(p->arena), deadline);
    *s = (struct semaphore_set *)sysv_find(p->arena, SYSV_SEMAPHORES, id);
    if (!*s)
        return -EIDRM;
    on = &(*s)->at[index];
    *(zero ? &on->wait_zero : &on->wait_more) -= 1;
    return e == -ETIMEDOUT ? -EAGAIN : e == -RESTART ? -RESTART_NO_HANDLER : e;
}

static long check(const struct semaphore_set *s, const struct linux_sembuf *ops, size_t count,
                  bool *undoes)
{
    for (size_t i = 0; i < count; i++) {
        if (ops[i].number >= s->count)
            return -EFBIG;
        *undoes |= ops[i].flags & SEM_UNDO;
    }
    return 0;
}

static long operate(struct process *p, word_t id, const struct linux_sembuf *ops, size_t count,
                    uint64_t deadline)
{
    bool changes = false, undoes = false;
    struct sysv *o;
    size_t stopped;

    for (size_t i = 0; i < count; i++)
        changes |= ops[i].by != 0;
    long e = sysv_get(p, SYSV_SEMAPHORES, id, changes ? 0200 : 0400, &o);
    struct semaphore_set *s = (struct semaphore_set *)o;
    if (!e)
        e = check(s, ops, count, &undoes);
    if (!e && undoes && !undo_of(p, s))
        e = -ENOMEM;
    while (!e) {
        e = perform(p, s, ops, count, &stopped);
        if (e != -EAGAIN || ops[stopped].flags & (int16_t)IPC_NOWAIT)
            return e;
        e = wait(p, (int32_t)id, &s->at[ops[stopped].number], !ops[stopped].by, deadline, &s);
    }
    return e;
}

long call_semtimedop(struct process *p, word_t id, word_t from, word_t count, word_t timeout)
{
    struct linux_timespec t;
    uint64_t deadline = PORT_FOREVER;
    long e = 0;

    if (!count)
        return -EINVAL;
    if (count > OPERATIONS_MOST)
        return -E2BIG;
    if (timeout && USER_GET(p, &t, timeout))
        return -EFAULT;
    if (timeout && (e = clock_deadline(&t, &deadline)) != 0)
        return e;
    size_t bytes = count * sizeof(struct linux_sembuf);
    struct linux_sembuf *ops = core_heap_take(&p->arena->heap, bytes);
    if (!ops)
        return -ENOMEM;
    e = user_read(p, ops, from, bytes);
    if (!e)
        e = operate(p, id, ops, count, deadline);
    core_heap_free(&p->arena->heap, ops, bytes);
    return e;
}

long call_semop(struct process *p, word_t id, word_t from, word_t count)
{
    return call_semtimedop(p, id, from, count, 0);
}

/* A value that is set makes what was to be taken back void. */
static void set_value(struct process *p, struct semaphore_set *s, uint32_t number, int32_t value)
{
    s->at[number].value = value;
    s->at[number].last_pid = p->pid;
    for (struct semaphore_undo *u = s->undos; u; u = u->next)
        u->by[number] = 0;
    s->object.changed = arena_now();
    task_wake(p->arena, channel(p->arena));
}

static long all_values(struct process *p, struct semaphore_set *s, bool sets, word_t at)
{
    uint16_t value;

    for (unsigned pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < s->count; i++) {
            vaddr_t place = at + i * sizeof value;
            value = (uint16_t)s->at[i].value;
            if (sets ? USER_GET(p, &value, place) : USER_PUT(p, place, &value))
                return -EFAULT;
            if (sets && value > SEMAPHORE_MOST)
                return -ERANGE;
            if (sets && pass) /* all are good */
                set_value(p, s, i, value);
        }
    return 0;
}

static long one_value(struct process *p, struct semaphore_set *s, word_t number, word_t command,
                      word_t value)
{
    if ((uint32_t)number >= s->count)
        return -EINVAL;
    const struct semaphore *one = &s->at[(uint32_t)number];
    switch (command) {
    case GETVAL:
        return one->value;
    case GETPID:
        return one->last_pid;
    case GETNCNT:
        return one->wait_more;
    case GETZCNT:
        return one->wait_zero;
    default: /* SETVAL */
        if ((int32_t)value < 0 || (int32_t)value > SEMAPHORE_MOST)
            return -ERANGE;
        set_value(p, s, (uint32_t)number, (int32_t)value);
        return 0;
    }
}

static long stat(struct process *p, const struct semaphore_set *s, word_t to)
{
    const struct linux_semid out = {.perm = sysv_perm(&s->object),
                                    .used = (int64_t)(s->used / NS_PER_SECOND),
                                    .changed = (int64_t)(s->object.changed / NS_PER_SECOND),
                                    .count = s->count};
    return USER_PUT(p, to, &out);
}

static long change(struct process *p, word_t id, word_t command, word_t at)
{
    struct linux_semid given;
    struct sysv *o;

    if (command == IPC_SET && USER_GET(p, &given, at))
        return -EFAULT;
    long e = sysv_own(p, SYSV_SEMAPHORES, id, &o);
    if (e)
        return e;
    if (command == IPC_SET)
        sysv_set(o, &given.perm);
    else
        set_free(p->arena, (struct semaphore_set *)o);
    return 0;
}

long call_semctl(struct process *p, word_t id, word_t number, word_t command, word_t at)
{
    bool sets = command == SETVAL || command == SETALL;
    struct sysv *o;

    if (command == IPC_SET || command == IPC_RMID)
        return change(p, id, command, at);
    if (command != IPC_STAT && (command < GETPID || command > SETALL))
        return -EINVAL;
    long e = sysv_get(p, SYSV_SEMAPHORES, id, sets ? 0200 : 0400, &o);
    if (e)
        return e;
    struct semaphore_set *s = (struct semaphore_set *)o;
    if (command == IPC_STAT)
        return stat(p, s, at);
    if (command == GETALL || command == SETALL)
        return all_values(p, s, sets, at);
    return one_value(p, s, number, command, at);
}

static void take_back(struct process *p, struct semaphore_set *s, const struct semaphore_undo *u)
{
    for (uint32_t i = 0; i < s->count; i++) {
        int32_t after = s->at[i].value + u->by[i];
        if (!u->by[i])
            continue;
        s->at[i].value = after < 0 ? 0 : after > SEMAPHORE_MOST ? SEMAPHORE_MOST : after;
        s->at[i].last_pid = p->pid;
    }
    task_wake(p->arena, channel(p->arena));
}

void sysv_process_ends(struct process *p)
{
    struct arena *a = p->arena;

    for (struct sysv *o = a->sysv[SYSV_SEMAPHORES]; o; o = o->next) {
        struct semaphore_set *s = (struct semaphore_set *)o;
        for (struct semaphore_undo **at = &s->undos, *u; (u = *at) != NULL;) {
            if (u->pid != p->pid) {
                at = &u->next;
                continue;
            }
            *at = u->next;
            take_back(p, s, u);
            core_heap_free(&a->heap, u, undo_bytes(s));
        }
    }
}
