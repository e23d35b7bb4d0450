/* Notifications: words of bits to wait for. */
#pragma once

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

/* Waits for one of `bits`, up to time-stamp counter value `deadline` (libos/clock.h) or FOREVER,
 * and says in *got, unless NULL, which came. TIMEOUT; errors of notify_wait. */
static inline enum err notify_until(slot_t slot, word_t bits, word_t deadline, word_t *got)
{
    return exo_notify_wait_get(slot, bits, deadline, got);
}
