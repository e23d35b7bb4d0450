/*
 * What IPC locks. lock_home.c: the forest lock, if the message needs it; between threads of one CPU
 * nothing. lock_big.c stands for it in a variant of the kernel, in which all IPC is under that one
 * lock (decision 31).
 */
#pragma once

#include "exo/abi/types.h"

struct thread;

/* For the fast path by endpoint, and in that variant each. False: somebody else has the lock; the
 * general path will wait for it. */
bool lock_try(void);
void lock_leave(void);

/* For an IPC of `t`, the current thread, on the general path, which is `needed` to be locked or
 * not. False, and not locked: `t` does not run any more. */
bool lock_ipc(const struct thread *t, bool needed);
void lock_ipc_leave(bool needed);
