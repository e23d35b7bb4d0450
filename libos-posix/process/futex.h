/*
 * Futexes: words in the program's memory that tasks sleep on.
 *
 * The word lies in memory that other threads change at the same time; only who finds in it what it
 * expects sleeps, and both that look and all wake-ups happen under the arena's lock.
 */
#pragma once

#include "libos-posix/process/task.h"

#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu
#define FUTEX_ALL_BITS   UINT32_MAX

/* Which futex the word at `at` is: the same for all who share its memory. */
struct futex_key futex_key_of(const struct process *p, vaddr_t at);

/* Wakes at most `count` of those who wait for any of `bits`; returns how many. */
long futex_wake(struct arena *a, struct futex_key key, long count, uint32_t bits);

/* The task ends: its robust locks are marked, and those who wait for them wake. */
void futex_give_up(struct task *t);
