/* Futexes: waiting, waking, moving waiters, and locks that know their owner. */
#include "libos-posix/process/futex.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/user.h"

#define ROBUST_MAX 2048u /* locks of one task, as in Linux: a list with a loop ends too */

/* What those sleep on who wait for that futex, and perhaps some others: odd, as no address of a
 * channel is. */
static const void *channel(struct futex_key key)
{
    return (const void *)(((uintptr_t)key.space + key.offset) | 1);
}

struct futex_key futex_key_of(const struct process *p, vaddr_t at)
{
    const struct area *area = area_find(p, at);

    if (area && area->shared)
        return (struct futex_key){area->shared, area->offset + (at - area->start)};
    return (struct futex_key){process_memory_of(p), at};
}

/* The same as the program names it: who says that the memory is its own alone is believed. */
static struct futex_key key_named(const struct process *p, vaddr_t at, word_t operation)
{
    return operation & FUTEX_PRIVATE ? (struct futex_key){process_memory_of(p), at}
                                     : futex_key_of(p, at);
}

static bool is_same(struct futex_key a, struct futex_key b)
{
    return a.space == b.space && a.offset == b.offset;
}

/* Pre: `t` sleeps. The channel and one part of the key say the other one. */
static bool waits_for(const struct task *t, struct futex_key key, uint32_t bits)
{
    return t->channel == channel(key) && t->futex_offset == key.offset && (t->futex_bits & bits);
}

long futex_wake(struct arena *a, struct futex_key key, long count, uint32_t bits)
{
    struct sleep_link *head = task_sleepers(a, channel(key)), *next;
    long done = 0;

    if (count <= 0)
        return 0;
    for (struct sleep_link *l = head->next; l != head; l = next) {
        next = l->next;
        if (!waits_for(task_of_sleep(l), key, bits))
            continue;
        task_wake_one(task_of_sleep(l));
        if (++done == count)
            break;
    }
    return done;
}

/* When a wait ends: monotonic; and the moment of the time of day that this is, if that is what was
 * named. */
struct limit {
    uint64_t deadline, real;
};

/* Plain WAIT counts from now, the others name a moment. */
static long deadline_get(struct process *p, word_t operation, vaddr_t at, struct limit *out)
{
    uint32_t command = operation & FUTEX_COMMAND;
    struct linux_timespec t;

    *out = (struct limit){PORT_FOREVER, 0};
    if (!at)
        return 0;
    if (USER_GET(p, &t, at))
        return -EFAULT;
    if (command == FUTEX_WAIT)
        return clock_deadline(&t, &out->deadline);
    if (!clock_is_valid(&t))
        return -EINVAL;
    bool real = (operation & FUTEX_REALTIME) || command == FUTEX_LOCK_PI;
    const uint64_t now = real ? arena_now() : port_monotonic_ns(), moment = clock_join(&t);
    if (moment != PORT_FOREVER)
        out->deadline = port_monotonic_ns() + (moment > now ? moment - now : 0);
    out->real = real ? moment : 0;
    return 0;
}

static long sleep_on(struct task *t, struct futex_key key, uint32_t bits, struct limit limit)
{
    t->futex_offset = key.offset;
    t->futex_bits = bits;
    t->until_real = limit.real;
    return task_sleep(t, channel(key), limit.deadline);
}

/* Who changes the word after it was read needs the lock to wake anybody. */
static long wait(struct process *p, vaddr_t at, word_t operation, bool is_expected, vaddr_t timeout,
                 uint32_t bits)
{
    struct task *t = task_current();
    struct limit limit;

    long e = deadline_get(p, operation, timeout, &limit);
    if (e)
        return e;
    if (t->restarted)
        limit.deadline = t->restart_deadline;
    t->restart_deadline = limit.deadline;
    if (!bits)
        return -EINVAL;
    if (!is_expected)
        return -EAGAIN;
    e = sleep_on(t, key_named(p, at, operation), bits, limit);
    return e == -RESTART && timeout ? -RESTART_SAME_END : e;
}

static void move_waiter(struct arena *a, struct task *t, struct futex_key to)
{
    t->futex_offset = to.offset;
    task_move_sleeper(a, t, channel(to));
}

/* Wakes some and lets others wait for the second futex instead. */
static long requeue(struct process *p, vaddr_t at, vaddr_t at2, word_t operation, long wake,
                    long move)
{
    struct futex_key from = key_named(p, at, operation), to = key_named(p, at2, operation);
    long done = futex_wake(p->arena, from, wake, FUTEX_ALL_BITS);
    uint32_t present;

    if (USER_GET(p, &present, at2))
        return -EFAULT;
    struct sleep_link *head = task_sleepers(p->arena, channel(from)), *next;
    for (struct sleep_link *l = head->next; l != head && move > 0; l = next) {
        next = l->next;
        if (!waits_for(task_of_sleep(l), from, FUTEX_ALL_BITS))
            continue;
        if (!is_same(from, to))
            move_waiter(p->arena, task_of_sleep(l), to);
        move--;
        done++;
    }
    return done;
}

static bool compares(uint32_t kind, int32_t old, int32_t with)
{
    switch (kind) {
    case 0:
        return old == with;
    case 1:
        return old != with;
    case 2:
        return old < with;
    case 3:
        return old <= with;
    case 4:
        return old > with;
    default:
        return old >= with;
    }
}

/* FUTEX_WAKE_OP: changes the second word, and wakes its waiters too if it was as described. */
static long wake_op(struct process *p, vaddr_t at, vaddr_t at2, word_t operation, long count,
                    long count2, uint32_t op)
{
    int32_t operand = (int32_t)(op << 8) >> 20, with = (int32_t)(op << 20) >> 20;
    uint32_t kind = op >> 28 & 7, compare = op >> 24 & 15, old, tried, new;
    long e;

    if (kind > 4 || compare > 5)
        return -ENOSYS;
    if (op >> 31) /* the operand is a shift */
        operand = (int32_t)(1u << (operand & 31));
    if (USER_GET(p, &old, at2))
        return -EFAULT;
    do {
        const uint32_t results[5] = {(uint32_t)operand, old + (uint32_t)operand,
                                     old | (uint32_t)operand, old & ~(uint32_t)operand,
                                     old ^ (uint32_t)operand};
        new = results[kind];
        tried = old;
        e = user_exchange(p, at2, &old, new);
    } while (!e && old != tried);
    if (e)
        return e;
    long done = futex_wake(p->arena, key_named(p, at, operation), count, FUTEX_ALL_BITS);
    if (compares(compare, (int32_t)old, with))
        done += futex_wake(p->arena, key_named(p, at2, operation), count2, FUTEX_ALL_BITS);
    return done;
}

/* A lock whose word holds its owner: taken here when the program could not. The one who unlocks
 * hands it to a waiter, so a waiter finds its own number in it. */
static long lock_pi(struct process *p, vaddr_t at, word_t operation, vaddr_t timeout, bool wait)
{
    struct task *t = task_current();
    uint32_t tid = (uint32_t)t->tid, old = 0, new;
    struct limit limit;

    long e = deadline_get(p, operation, timeout, &limit);
    while (!e) {
        bool is_free = !(old & FUTEX_TID_MASK);
        uint32_t tried = old;
        if ((old & FUTEX_TID_MASK) == tid)
            return t->futex_bits ? -EDEADLK : 0;
        if (!is_free && !wait)
            return -EAGAIN;
        new = is_free ? tid | (old & (FUTEX_WAITERS | FUTEX_OWNER_DIED)) : old | FUTEX_WAITERS;
        e = user_exchange(p, at, &old, new);
        if (e || old != tried)
            continue;
        if (is_free)
            return 0;
        if (!task_find(p->arena, (int32_t)(old & FUTEX_TID_MASK)))
            return -ESRCH;
        e = sleep_on(t, key_named(p, at, operation), FUTEX_ALL_BITS, limit);
        t->futex_bits = 0;
        if (!e && USER_GET(p, &old, at))
            e = -EFAULT;
    }
    return e;
}

static long unlock_pi(struct process *p, vaddr_t at, word_t operation)
{
    struct futex_key key = key_named(p, at, operation);
    struct task *next = NULL;
    uint32_t old, tried;
    bool more = false;

    if (USER_GET(p, &old, at))
        return -EFAULT;
    if ((old & FUTEX_TID_MASK) != (uint32_t)task_current()->tid)
        return -EPERM;
    struct sleep_link *head = task_sleepers(p->arena, channel(key));
    for (struct sleep_link *l = head->next; l != head; l = l->next)
        if (waits_for(task_of_sleep(l), key, FUTEX_ALL_BITS)) {
            more |= next != NULL;
            next = next ? next : task_of_sleep(l);
        }
    uint32_t new = next ? (uint32_t)next->tid | (more ? FUTEX_WAITERS : 0) : 0;
    long e;
    do {
        tried = old;
        e = user_exchange(p, at, &old, new);
    } while (!e && old != tried);
    if (!e && next)
        task_wake_one(next);
    return e;
}

/* Others leave anything in the register. */
static bool has_second(word_t command)
{
    return command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE || command == FUTEX_WAKE_OP;
}

long call_futex(struct process *p, word_t at, word_t operation, word_t value, word_t timeout,
                word_t at2, word_t value3)
{
    uint32_t present, bits = (uint32_t)value3;
    long count = (int32_t)value, count2 = (int32_t)timeout;

    if (at % sizeof present || (has_second(operation & FUTEX_COMMAND) && at2 % sizeof present))
        return -EINVAL;
    if (USER_GET(p, &present, at))
        return -EFAULT;
    task_current()->futex_bits = FUTEX_ALL_BITS;
    switch (operation & FUTEX_COMMAND) {
    case FUTEX_WAIT:
        return wait(p, at, operation, present == (uint32_t)value, timeout, FUTEX_ALL_BITS);
    case FUTEX_WAIT_BITSET:
        return wait(p, at, operation, present == (uint32_t)value, timeout, bits);
    case FUTEX_WAKE:
        return futex_wake(p->arena, key_named(p, at, operation), count, FUTEX_ALL_BITS);
    case FUTEX_WAKE_BITSET:
        return bits ? futex_wake(p->arena, key_named(p, at, operation), count, bits) : -EINVAL;
    case FUTEX_CMP_REQUEUE:
        if (present != bits)
            return -EAGAIN;
        return requeue(p, at, at2, operation, count, count2);
    case FUTEX_REQUEUE:
        return requeue(p, at, at2, operation, count, count2);
    case FUTEX_WAKE_OP:
        return wake_op(p, at, at2, operation, count, count2, bits);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return lock_pi(p, at, operation, timeout, true);
    case FUTEX_TRYLOCK_PI:
        return lock_pi(p, at, operation, 0, false);
    case FUTEX_UNLOCK_PI:
        return unlock_pi(p, at, operation);
    default:
        return -ENOSYS;
    }
}

long call_set_robust_list(struct process *p, word_t head, word_t bytes)
{
    const word_t head_bytes = 24;

    (void)p;
    if (bytes != head_bytes)
        return -EINVAL;
    task_current()->robust_list = head;
    return 0;
}

long call_get_robust_list(struct process *p, word_t tid, word_t head_to, word_t bytes_to)
{
    const uint64_t head_bytes = 24;
    const struct task *t = (int32_t)tid ? task_find(p->arena, (int32_t)tid) : task_current();

    if (!t)
        return -ESRCH;
    if (USER_PUT(p, bytes_to, &head_bytes))
        return -EFAULT;
    return USER_PUT(p, head_to, &t->robust_list);
}

static void mark_dead(struct task *t, vaddr_t at)
{
    struct process *p = t->process;
    uint32_t old, tried;

    if (at % sizeof old || USER_GET(p, &old, at))
        return;
    do {
        if ((old & FUTEX_TID_MASK) != (uint32_t)t->tid)
            return;
        tried = old;
        if (user_exchange(p, at, &old, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
            return;
    } while (old != tried);
    if (old & FUTEX_WAITERS)
        futex_wake(p->arena, futex_key_of(p, at), 1, FUTEX_ALL_BITS);
}

void futex_give_up(struct task *t)
{
    struct process *p = t->process;
    struct {
        uint64_t next, offset, pending;
    } head;
    uint64_t entry;

    if (!t->robust_list || USER_GET(p, &head, t->robust_list))
        return;
    entry = head.next;
    for (unsigned i = 0; i < ROBUST_MAX && entry && (entry & ~1ull) != t->robust_list; i++) {
        vaddr_t lock = (entry & ~1ull) + head.offset;
        uint64_t next;
        if (USER_GET(p, &next, entry & ~1ull))
            break;
        if ((entry & ~1ull) != (head.pending & ~1ull))
            mark_dead(t, lock);
        entry = next;
    }
    if (head.pending)
        mark_dead(t, (head.pending & ~1ull) + head.offset);
}
