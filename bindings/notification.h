/*
 * Notifications: a word of bits, and threads that wait for some of them. One frame each.
 *
 * Locking: the forest lock. A waiter is woken on its own CPU.
 */
#pragma once

#include "exo/abi/types.h"
#include "exo/base/list.h"

struct thread;

struct notification {
    uint64_t raised; /* bits nobody has taken yet                        */
    struct list
        waiters;       /* threads in THREAD_IN_NOTIFY, or in an IPC with awaited_bits 0, by queue */
    struct list bound; /* threads that get UPCALL_NOTIFY or an IPC, by bound_link */
};

/* Raises bits: those that somebody waits for wake him; what is then left of them goes to the first
 * thread that they are bound to and that takes UPCALL_NOTIFY or waits in an open IPC. */
void notification_raise(struct notification *n, uint64_t bits);

/* `t` gets no more bits from the notification bound to it. */
void notification_unbind(struct thread *t);

/* Another graft judges what `t` waits for, or none: what was refused is judged anew. */
void notification_judge_again(const struct thread *t);

/* None does from now on. Pre: one did. */
void notification_judge_unbind(struct thread *t);

/* Ends the wait of everybody with BAD_STATE. */
void notification_destroy(struct notification *n);
