/* Notifications: words of bits to wait for. */
#pragma once

#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"

/* Makes one, in a slot of its own. NO_MEM. Undone by slot_delete(). */
static inline enum err notify_new(slot_t *slot)
{
    pfn_t frame;
    enum err e = slot_take(slot);

    if (e)
        return e;
    e = region_find(1, &frame);
    if (e == ERR_OK)
        e = exo_notification_create(SLOT_MEMORY, frame, *slot);
    if (e)
        slot_give(*slot);
    return e;
}

/* Raises bits as exo_notify does, but not before the calling thread stops running, which is without
 * a call: for a thread of the same CPU and priority, which could not run before. Pre: the slot has
 * a notification that may be raised, and nothing is deferred (notify_is_deferred). */
static inline void notify_defer(slot_t slot, word_t bits)
{
    volatile struct utcb_exo *x = book_utcb();

    x->deferred = slot;
    x->deferred_bits = bits;
}

/* Raises it now. */
void notify_deferred(void);

/* Is something deferred for `slot`? What is for another is raised. */
static inline bool notify_is_deferred(slot_t slot)
{
    const volatile struct utcb_exo *x = book_utcb();

    if (!x->deferred_bits)
        return false;
    if (x->deferred == slot)
        return true;
    notify_deferred();
    return false;
}

/* Waits for one of `bits`, up to time-stamp counter value `deadline` (libos/clock.h) or FOREVER,
 * and says in *got, unless NULL, which came. TIMEOUT; errors of notify_wait. */
static inline enum err notify_until(slot_t slot, word_t bits, word_t deadline, word_t *got)
{
    return exo_notify_wait_get(slot, bits, deadline, got);
}
