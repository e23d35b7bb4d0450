/* The lock of the arena: a word, and the tasks that want it. */
#include "libos-posix/process/lock.h"

#define ONE_WAITING ((uint64_t)1 << 32) /* in the state */

static uint32_t owner_in(uint64_t state)
{
    return (uint32_t)state;
}

/* Takes it if it is free, whoever else wants it. */
static bool grab(struct arena_lock *l, const struct task *self)
{
    uint64_t state = __atomic_load_n(&l->state, __ATOMIC_SEQ_CST);

    while (!owner_in(state))
        if (__atomic_compare_exchange_n(&l->state, &state, state + self->index + 1, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    return false;
}

static void want(struct arena_lock *l, const struct task *self, bool on)
{
    uint64_t bit = (uint64_t)1 << self->index % 64;

    if (on) {
        __atomic_fetch_or(&l->wanted[self->index / 64], bit, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&l->state, ONE_WAITING, __ATOMIC_SEQ_CST);
        return;
    }
    __atomic_fetch_and(&l->wanted[self->index / 64], ~bit, __ATOMIC_SEQ_CST);
    __atomic_fetch_sub(&l->state, ONE_WAITING, __ATOMIC_SEQ_CST);
}

/* Who sets its bit, and then counts in the state, before it looks at the owner once more is either
 * seen by the release that follows, or finds the lock free: so the order matters, here and in
 * lock_release_of, which does both by one change of the state. */
void lock_wait(struct arena_lock *l, struct task *self)
{
    want(l, self, true);
    while (!grab(l, self))
        port_sleep(PORT_FOREVER, false);
    want(l, self, false);
}

/* One of those who want it is woken, and takes it if nobody is quicker. */
void lock_hand_on(struct arena *a)
{
    for (unsigned i = 0; i < TASK_COUNT / 64; i++) {
        uint64_t wanted = __atomic_load_n(&a->lock.wanted[i], __ATOMIC_SEQ_CST);
        if (wanted) {
            port_wake(a->tasks[i * 64 + (unsigned)__builtin_ctzll(wanted)]);
            return;
        }
    }
}

void lock_take(struct task *self)
{
    lock_take_of(arena_get(), self);
}

void lock_release(const struct task *self)
{
    if (!lock_is_mine(self))
        __builtin_trap();
    lock_release_of(arena_get(), self);
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

bool lock_is_mine(const struct task *self)
{
    return owner_in(__atomic_load_n(&arena_get()->lock.state, __ATOMIC_SEQ_CST)) == self->index + 1;
}

void lock_inherit(const struct task *self)
{
    uint64_t *state = &arena_get()->lock.state;

    __atomic_fetch_add(state, self->index + 1 - owner_in(*state), __ATOMIC_SEQ_CST);
}

void lock_forget(struct task *lost)
{
    struct arena_lock *l = &arena_get()->lock;

    if (l->wanted[lost->index / 64] & (uint64_t)1 << lost->index % 64)
        want(l, lost, false);
}
