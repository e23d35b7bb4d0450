/* Endpoints and notifications as partners of L4 IPC: their IDs, and the badge that came with a
 * message. `<l4/ipc.h>` does the rest. */
#pragma once

#include <l4/ipc.h>

#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"

/* What Ipc calls the endpoint or notification in `slot`. */
static inline L4_ThreadId_t endpoint_id(slot_t slot)
{
    return L4_ThreadIdOf(L4_SLOT(slot));
}

/* Whose message the last one by endpoint was, or the bits of the last one by notification. */
static inline word_t endpoint_badge(void)
{
    return book_utcb()->badge;
}

/* Makes an endpoint, in a slot of its own. NO_MEM. Undone by slot_delete(). */
static inline enum err endpoint_new(slot_t *slot)
{
    pfn_t frame;
    enum err e = slot_take(slot);

    if (e)
        return e;
    e = region_find(1, &frame);
    if (e == ERR_OK)
        e = exo_endpoint_create(SLOT_MEMORY, frame, *slot);
    if (e)
        slot_give(*slot);
    return e;
}

/* A server's step: answers `client` (nil: nobody), and waits for the next message of the endpoint
 * in `slot`, whose sender `*client` is then; nil: one that waits for no answer. */
static inline L4_MsgTag_t endpoint_reply_wait(slot_t slot, L4_ThreadId_t *client)
{
    return L4_Ipc(*client, endpoint_id(slot), L4_Timeouts(L4_ZeroTime, L4_Never), client);
}
