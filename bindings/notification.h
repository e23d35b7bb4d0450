/*
 * Notifications: a word of bits, and threads that wait for some of them. One frame each.
 *
 * Locking: the forest lock. A waiter is woken on its own CPU.
 */
#pragma once

#include "exo/abi/types.h"
#include "exo/base/list.h"

struct notification {
    uint64_t raised;     /* bits nobody has taken yet                        */
    struct list waiters; /* threads in THREAD_IN_NOTIFY, by queue            */
};

/* Raises bits, and wakes whoever waits for one of them. */
void notification_raise(struct notification *n, uint64_t bits);

/* Ends the wait of everybody with BAD_STATE. */
void notification_destroy(struct notification *n);
