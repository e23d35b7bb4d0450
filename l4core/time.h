/* Times of L4 X.2: the system clock in microseconds, periods, and points of that clock. */
#pragma once

#include "exo/abi/types.h"

/* Microseconds since boot. */
uint64_t l4_clock(void);

/* What a Time (16 bits) asks for, by the time-stamp counter: FOREVER for never, 0 when it is over
 * already. */
uint64_t l4_deadline(unsigned time);

/* A period in ticks of the time-stamp counter; FOREVER for never. False: it is none, or zero. */
bool l4_period(unsigned time, uint64_t *ticks);

/* The longest period that is not longer; never for FOREVER. */
unsigned l4_time(uint64_t ticks);

/* So many microseconds in ticks, not less. */
uint64_t l4_ticks(uint64_t micros);
