/* A log of calls, with names, arguments and results, and the numbers that have no handler. */
#pragma once

#include "libos-posix/base/arena.h"

/* Lines go to the console's stream of errors. Need no lock. Pre: posix_trace(true) holds. */
void trace_enter(long number, const word_t a[6]);
void trace_leave(long number, const word_t a[6], long result);

/* Counts a call without a handler. */
void trace_missing(struct arena *a, long number);
