/* The lock of the arena: a word, and the tasks that want it. */
#include "libos-posix/process/lock.h"

#include "libos-posix/process/task.h"

static bool grab(struct arena_lock *l, const struct task *self)
{
    uint32_t nobody = 0;
    return __atomic_compare_exchange_n(&l->owner, &nobody, self->index + 1, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void want(struct arena_lock *l, const struct task *self, bool on)
{
    uint64_t bit = (uint64_t)1 << self->index % 64;

    if (on) {
        __atomic_fetch_or(&l->wanted[self->index / 64], bit, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&l->waiting, 1, __ATOMIC_SEQ_CST);
        return;
    }
    __atomic_fetch_and(&l->wanted[self->index / 64], ~bit, __ATOMIC_SEQ_CST);
    __atomic_fetch_sub(&l->waiting, 1, __ATOMIC_SEQ_CST);
}

/* Who sets its bit before it looks at the owner once more is either seen by the release that
 * follows, or finds the lock free: so the order matters, here and in lock_release. */
void lock_take(struct task *self)
{
    struct arena_lock *l = &arena_get()->lock;

    if (grab(l, self))
        return;
    want(l, self, true);
    while (!grab(l, self))
        port_sleep(PORT_FOREVER, false);
    want(l, self, false);
}

bool lock_try(struct task *self)
{
    struct arena_lock *l = &arena_get()->lock;
    bool wanted = l->wanted[self->index / 64] & (uint64_t)1 << self->index % 64;

    if (!wanted)
        want(l, self, true);
    if (!grab(l, self))
        return false;
    want(l, self, false);
    return true;
}

void lock_release(struct task *self)
{
    struct arena *a = arena_get();
    struct arena_lock *l = &a->lock;

    if (!lock_is_mine(self))
        __builtin_trap();
    __atomic_store_n(&l->owner, 0, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&l->waiting, __ATOMIC_SEQ_CST))
        return;
    for (unsigned i = 0; i < TASK_COUNT / 64; i++) {
        uint64_t wanted = __atomic_load_n(&l->wanted[i], __ATOMIC_SEQ_CST);
        if (wanted) {
            port_wake(a->tasks[i * 64 + (unsigned)__builtin_ctzll(wanted)]);
            return;
        }
    }
}

bool lock_is_mine(const struct task *self)
{
    return arena_get()->lock.owner == self->index + 1;
}

void lock_inherit(struct task *self)
{
    arena_get()->lock.owner = self->index + 1;
}

void lock_forget(struct task *lost)
{
    struct arena_lock *l = &arena_get()->lock;

    if (l->wanted[lost->index / 64] & (uint64_t)1 << lost->index % 64)
        want(l, lost, false);
}
