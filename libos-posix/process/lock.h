/*
 * The lock of the arena: one task at a time performs a call.
 *
 * It is given up while a task sleeps (task.h). Who finds it taken sleeps too, by the semaphore of
 * its task; a wake-up that was meant for something else is not lost by that, since a sleeper looks
 * at what it waits for after it took the lock again. Nobody is ended while holding it, so its owner
 * is always a task that will release it, but for a process that ends without a word: then the
 * keeper takes it over (posix_keeper_lost).
 */
#pragma once

#include "libos-posix/process/task.h"

/* Parts of those below: who comes when others have it or want it, and who leaves others behind. */
void lock_wait(struct arena_lock *l, struct task *self);
void lock_hand_on(struct arena *a);

/* Takes it if nobody has it, nor wants it. */
static inline bool lock_take_free(struct arena *a, const struct task *self)
{
    uint64_t nobody = 0;

    return __atomic_compare_exchange_n(&a->lock.state, &nobody, self->index + 1, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Waits until the lock is free, then takes it. */
static inline void lock_take_of(struct arena *a, struct task *self)
{
    if (!lock_take_free(a, self))
        lock_wait(&a->lock, self);
}

/* Pre: the caller has it, which lock_release looks at. */
static inline void lock_release_of(struct arena *a, const struct task *self)
{
    if (__atomic_sub_fetch(&a->lock.state, self->index + 1, __ATOMIC_SEQ_CST) != 0)
        lock_hand_on(a);
}

/* The same, of this family's arena. */
void lock_take(struct task *self);
void lock_release(const struct task *self);

/* False: somebody has it, who will wake `self` when it is released. */
bool lock_try(struct task *self);
bool lock_is_mine(const struct task *self);

/* From a task that ended while it had the lock; and for one that ended while it wanted it. */
void lock_inherit(const struct task *self);
void lock_forget(struct task *lost);
