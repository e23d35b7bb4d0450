/*
 * One prototype per call, made from syscalls.def. A handler's file includes this, so that the
 * compiler holds the handler against its row. A handler lives with what it acts on.
 *
 * A handler returns an enum err, CALL_NO_REPLY, CALL_AGAIN or CALL_PREEMPTED (upward.h); if it may
 * return CALL_AGAIN, the call is in trap_saved_calls (dispatch.c), or puts its arguments back.
 *
 * Locking: the forest lock is held. `*result` is 0 on entry and goes to the caller's rdx.
 */
#pragma once

#include "exo/abi/syscall.h"
#include "exo/arch/upward.h"

struct thread;

#define SYSCALL(number, name, args)                                                                \
    int sys_##name(struct thread *caller, const struct sys_##name##_args *a, word_t *result);
#include "exo/abi/syscalls.def"
#undef SYSCALL
