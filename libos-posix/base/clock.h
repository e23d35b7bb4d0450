/* Arithmetic on times that programs give. */
#pragma once

#include "libos-posix/abi/file.h"

#define NS_PER_SECOND      1000000000u
#define NS_PER_MILLISECOND 1000000u

/* The monotonic time that is `t` from now; PORT_FOREVER when that is out of range. EINVAL: `t` is
 * negative or has nanoseconds outside 0 to 999999999. */
long clock_deadline(const struct linux_timespec *t, uint64_t *out);

struct linux_timespec clock_split(uint64_t ns);

/* Is it not negative, with nanoseconds from 0 to 999999999? */
bool clock_is_valid(const struct linux_timespec *t);

/* In nanoseconds; PORT_FOREVER when that is out of range. Pre: valid. */
uint64_t clock_join(const struct linux_timespec *t);

/* The monotonic time of a moment of the time of day, which was set `by` ns on; at least 1. */
uint64_t clock_moved(uint64_t moment, int64_t by);

/* What a clock (CLOCK_*) says now. EINVAL: there is no such clock. */
long clock_read(word_t clock, uint64_t *out);
