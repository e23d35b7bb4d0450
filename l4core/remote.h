/*
 * Steps of an IPC at the home of the thread that they are about, wherever that is.
 *
 * Locking: the forest lock, when it is another CPU.
 */
#pragma once

#include "exo/env/cpu.h"
#include "exo/env/thread.h"

static inline bool ipc_is_here(const struct thread *t)
{
    return t->cpu == cpu_this()->number;
}

/* Runs `step` for `t` on its home CPU; returns what it returned. */
struct thread *ipc_at_home(struct thread *t, struct thread *(*step)(struct thread *t));

/* How a sender met its receiver: MEET_DONE, MEET_OVER (its receive phase has begun, or the transfer
 * is suspended), MEET_WAITS, or an error of IPC for its send phase. */
#define MEET_DONE  ((word_t)0)
#define MEET_WAITS (~(word_t)1) /* no error with an offset */
#define MEET_OVER  (~(word_t)0)

/* `meet` for `sender` and `receiver` on the home CPU of the receiver. */
word_t ipc_meet_at_home(struct thread *sender, struct thread *receiver, bool waits,
                        word_t (*meet)(struct thread *sender, struct thread *receiver, bool waits));
