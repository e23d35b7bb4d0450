/*
 * Timers of processes: alarm and setitimer, and those of timer_create.
 *
 * timer_run fires what is due. The keeper calls it; where there is none a task that sleeps does.
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/base/arena.h"

/* One of timer_create. */
struct timer {
    struct timer *next; /* of the process */
    int32_t id;
    int32_t clock;
    uint64_t next_ns; /* monotonic; PORT_FOREVER: not armed */
    uint64_t period_ns;
    unsigned number; /* signal; 0: none */
    int32_t tid;     /* of the task that gets it; 0: any */
    uint64_t value;
    int32_t overrun;
    bool is_real; /* set for a moment of the time of day */
};

/* Fires all timers that are due, and tells when the next one will be; PORT_FOREVER: none. */
uint64_t timer_run(struct arena *a);

/* A timer was set to an earlier moment: whoever runs them must know. */
void timer_changed(struct arena *a);

/* The time of day was set `by` ns on: what is to happen at a moment of it happens then. */
void timer_clock_moved(struct arena *a, int64_t by);

void timer_forget_all(struct process *p);
