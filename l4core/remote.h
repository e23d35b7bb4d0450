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

/* How a sender met its receiver: MEET_DONE, MEET_OVER (and its receive phase has begun),
 * MEET_WAITS, or an error of IPC for its send phase. */
#define MEET_DONE  0u
#define MEET_WAITS 0x100u
#define MEET_OVER  0x101u

/* `meet` for `sender` and `receiver` on the home CPU of the receiver. */
unsigned ipc_meet_at_home(struct thread *sender, struct thread *receiver, bool waits,
                          unsigned (*meet)(struct thread *sender, struct thread *receiver,
                                           bool waits));
