/*
 * Light system calls: a few instructions around a hook that uses integer registers alone
 * (libos/start/integer.h) and keeps them. What the hook does not answer goes to libos/upcall.h's
 * full handler.
 */
#pragma once

#include "libos/start/cpu.h"

#define SYSCALL_NOT_LIGHT (-1l) /* or any other negative number */

#pragma GCC visibility push(hidden)

/* The result of the system call, which is not negative, or SYSCALL_NOT_LIGHT: nothing has changed,
 * and the full handler shall run. It touches bound memory only and makes no system call. */
typedef long (*syscall_light_fn)(long number) KEEPS_REGISTERS;

/* From now on `hook` is asked first at foreign system calls of the calling thread; NULL: the full
 * handler alone. One hook an environment. Pre: upcall_set_syscall(). */
void syscall_light_set(syscall_light_fn hook);

/* The hook that is asked first, or NULL. */
extern syscall_light_fn syscall_light_hook;

#pragma GCC visibility pop
