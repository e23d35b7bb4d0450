/* Pending signals of a process and what their defaults do. */
#pragma once

#include "libos-posix/arena.h"

static inline uint64_t signal_bit(unsigned number)
{
    return (uint64_t)1 << (number - 1);
}

/* Is a signal pending that is not blocked? */
static inline bool signal_is_due(const struct process *p)
{
    return p->signals.pending & ~p->signals.blocked;
}

/* Makes a signal pending; one that is ignored is forgotten. Pre: 1 <= number <= SIGNAL_COUNT. */
void signal_raise(struct process *p, unsigned number);

/* Ends the program with 128 + n if an unblocked pending signal n has a deadly default. */
void signal_end_if_fatal(struct process *p);
