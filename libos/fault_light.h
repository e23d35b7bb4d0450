/*
 * The light fault handler: a few instructions around a hook that uses integer registers alone
 * (libos/start/integer.h) and keeps those it does not name. What the hook does not repair goes to
 * libos/upcall.h's full handler.
 */
#pragma once

#include "libos/start/cpu.h"

#include "exo/abi/utcb.h"

#pragma GCC visibility push(hidden)

/* Looks at the interrupted code's frame, `save[UPCALL_CLASS_FAULT]` in the thread's UTCB, which it
 * may change. It touches bound memory only and
 * calls only functions that keep to integer registers. True: go on with the frame. False: nothing
 * has changed, and the full handler shall try. */
typedef bool (*fault_light_fn)(void) KEEPS_REGISTERS;

/* From now on `hook` is asked first at faults of the calling thread; NULL: the full handler alone.
 * One hook an environment. Pre: upcall_init(). */
void fault_light_set(fault_light_fn hook);

/* The hook that is asked first, or NULL. */
extern fault_light_fn fault_light_hook;

#pragma GCC visibility pop
