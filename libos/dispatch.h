/*
 * An application's own processor scheduling: a dispatcher holds slices of the processor, and at the
 * beginning of each gives it, by directed yield, to the thread that its scheduler picks.
 */
#pragma once

#include "libos/sched.h"

struct dispatch_thread {
    struct sched_entity entity; /* first: the scheduler's view */
    slot_t thread;              /* CAP_THREAD on this CPU, of lower priority and without slices */
};

/* Binds `count` slices of this CPU that are free to the calling thread. In *got: how many it has
 * now. BAD_CAP: no capability for the CPU. IN_USE: fewer were free. */
enum err dispatch_take_slices(uint32_t count, uint32_t *got);

/* Frees all slices that the calling thread has. */
void dispatch_give_slices(void);

/* Dispatches for `quanta` turns of the calling thread. A turn for which nobody is picked is given
 * to whoever is next in the system. What a thread is charged with is one quantum, or, when
 * `measured`, the time-stamp counter's ticks until the dispatcher had the processor again.
 * Errors of yield but BAD_STATE: a thread that cannot run has had its turn. */
enum err dispatch_run(struct scheduler *s, uint64_t quanta, bool measured);
