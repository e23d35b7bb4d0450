/*
 * The slice vector of this CPU. A run of adjacent positions of one thread is one slice to it: it
 * gets UPCALL_SLICE_BEGIN when it first runs in it, UPCALL_SLICE_END when it runs at its end, and
 * then EPILOGUE_MICROS to yield (kinfo.h).
 */
#pragma once

#include "exo/abi/types.h"

struct cpu;
struct thread;

/* Position 0 begins. */
void slice_begin(struct cpu *c, uint64_t now);

/* Whose position it is, and not forfeited; or NULL. */
struct thread *slice_owner(const struct cpu *c);

/* The thread with that number, if it may have a position of `bound`'s environment; or NULL. Under
 * the forest lock. */
struct thread *slice_deputy(const struct cpu *c, const struct thread *bound, uint64_t number);

/* `t` is about to run. */
void slice_run(struct cpu *c, struct thread *t);

/* Moves to the position that `now` falls into: positions follow time, whether or not somebody ran
 * in those between. False: it is the same as before. */
bool slice_advance(struct cpu *c, uint64_t now);

/* Ends the epilogue, if there is one, and charges it. True: there was. Takes the forest lock when
 * `overrun`. */
bool slice_end_epilogue(struct cpu *c, uint64_t now, bool overrun);

/* The same when its time is over or its thread waits. */
void slice_check_epilogue(struct cpu *c, uint64_t now);

/* Has `t` slices? They belong to the CPU that it lives on: with them it cannot move. */
bool slice_is_had(const struct thread *t);

/* Says in the public vector that a position is `t`'s, or nobody's when that is NULL. */
void slice_publish(struct cpu *c, unsigned position, const struct thread *t);

uint64_t slice_epilogue_ticks(void);
