/*
 * Interrupt lines as threads: associated by ThreadControl, they call their handlers. Decision 25.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/types.h"

struct thread;
struct thread_control;

/* Is `id` that of a line? */
bool interrupt_is_line(word_t id);

/* ThreadControl for a line, whose caller is privileged: the error, or 0. */
unsigned interrupt_control(const struct thread_control *c);

/* Is `line` an interrupt line whose message waits for `handler`? */
bool interrupt_is_for(const struct thread *line, const struct thread *handler);

/* The handler of `line`, which is at home here, has acknowledged. */
void interrupt_acknowledged(struct thread *line);
