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

#include "libos-posix/base/arena.h"

/* Waits until the lock is free, then takes it. */
void lock_take(struct task *self);

/* False: somebody has it, who will wake `self` when it is released. */
bool lock_try(struct task *self);

/* Pre: the caller has it. */
void lock_release(struct task *self);
bool lock_is_mine(const struct task *self);

/* From a task that ended while it had the lock; and for one that ended while it wanted it. */
void lock_inherit(struct task *self);
void lock_forget(struct task *lost);
