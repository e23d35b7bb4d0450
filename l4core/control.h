/*
 * The control calls of L4: threads, spaces, registers, scheduling. Each takes its arguments from the
 * registers of the calling thread and puts its results there.
 *
 * Locking: each takes the forest lock for its caller.
 */
#pragma once

#include "exo/abi/types.h"
#include "exo/arch/cpu.h"

struct thread;

void exregs_do(struct thread *caller, struct regs *r);

/* The thread of any CPU whose global ID that is, and which lives; or NULL. */
struct thread *control_find(word_t id);
