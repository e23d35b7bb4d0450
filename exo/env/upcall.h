/* Upcalls: the kernel tells a thread of an event by continuing it elsewhere (utcb.h). */
#pragma once

#include "exo/abi/utcb.h"
#include "exo/arch/cpu.h"
#include "exo/env/thread.h"

/* What an upcall tells its handler, and where it begins. */
struct upcall_cause {
    uint64_t vector, error, address;
};
struct upcall_start {
    uint64_t entry, stack;
};

/* Where a thread was interrupted, and shall go on. */
struct upcall_place {
    uint64_t *ip, *flags, *sp;
};

/* Does `t` take upcall `u` of `class` now? Not when the entry is 0 or not the user's, or the class
 * is masked. These two are inline for those that must keep all registers (upward.h): what they call
 * would make them save all. */
static inline bool upcall_is_taken(const struct thread *t, enum upcall u, unsigned class,
                                   struct upcall_start *start)
{
    volatile struct utcb_exo *x = thread_exo(t);
    uint64_t top = USER_TOP;

    __asm__("" : "+r"(top)); /* one constant in one register, for two comparisons */
    start->entry = x->entry[u];
    start->stack = x->stack[class];
    if (start->entry == 0 || start->entry >= top || start->stack > top)
        return false;
    return !(((const struct utcb_exo *)x)->mask & (uint64_t)1 << class);
}

/* The upcall begins: from what is at `place`, to there. */
static inline void upcall_begin(const struct thread *t, unsigned class, struct upcall_cause cause,
                                struct upcall_start start, struct upcall_place place)
{
    struct utcb_exo *x = (struct utcb_exo *)thread_exo(t);
    volatile struct upcall_frame *save = &x->save[class];

    save->ip = *place.ip;
    save->cs = SEGMENT_USER_CODE;
    save->flags = *place.flags;
    save->sp = *place.sp;
    save->ss = SEGMENT_USER_DATA;
    save->vector = cause.vector;
    save->error = cause.error;
    save->address = cause.address;
    x->mask |= (uint64_t)1 << class;
    *place.ip = start.entry;
    *place.sp = start.stack;
    *place.flags = FLAGS_DEFAULT;
}

/* Continues `t`, which is about to leave to the user, at its entry for `u`. False, and nothing
 * changed, when the entry is 0 or not the user's, or the class is masked. */
bool upcall_deliver(struct thread *t, enum upcall u, uint64_t vector, uint64_t error,
                    uint64_t address);

/* Lets event `u` (one of UPCALL_EVENTS) happen to `t`, of any CPU; a wait for a notification ends
 * with INTERRUPTED. It is delivered when `t` leaves to the user next, or when its mask allows.
 * False, and nothing changed, when `t` is dead or its entry is 0. Under the forest lock. */
bool upcall_post(struct thread *t, enum upcall u);

/* The same, for a thread of this CPU that waits for no notification. Needs no lock. */
bool upcall_post_here(struct thread *t, enum upcall u);

/* Puts `bits` into the `notified` of `t`, of any CPU, and posts UPCALL_NOTIFY. As upcall_post. */
bool upcall_notify(struct thread *t, uint64_t bits);

/* Is an event of `t`, of this CPU, pending and not masked? */
bool upcall_is_due(const struct thread *t);

/* Has the events of `t`, which runs here, looked at before it leaves. */
void upcall_poll(struct thread *t);

/* Delivers the first event that is due to `t`, which is about to leave to the user. */
void upcall_deliver_events(struct thread *t);
