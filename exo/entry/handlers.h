/*
 * One prototype per call, made from syscalls.def. A handler's file includes this, so that the
 * compiler holds the handler against its row. A handler lives with what it acts on.
 *
 * Locking: the forest lock is held. `*result` is 0 on entry and goes to the caller's rdx.
 */
#pragma once

#include "exo/abi/syscall.h"

struct thread;

/* Beyond the errors that users see: the caller waits or is no more, so nothing is written to its
 * registers; or the call is to be entered again, after interrupts. */
enum { CALL_NO_REPLY = 1000, CALL_AGAIN = 1001 };

#define SYSCALL(number, name, args)                                                                \
    int sys_##name(struct thread *caller, const struct sys_##name##_args *a, word_t *result);
#include "exo/abi/syscalls.def"
#undef SYSCALL
