/* Rings: their public records, and what holds of each. */
#include "bindings/node.h"
#include "bindings/object.h"
#include "bindings/ring.h"
#include "exo/base/sequence.h"

void ring_publish(const struct ring *r)
{
    struct object_info *o = &object_table[OBJECT_RINGS + r->index];
    const struct cap *filter = (const struct cap *)(const void *)node_at(r->filter.parent);

    sequence_begin(&o->sequence);
    o->state = (uint8_t)((r->memory.parent ? 0 : OBJECT_DEAD) | (r->waits ? OBJECT_WAITS : 0) |
                         (r->filter_lost ? OBJECT_FILTER_LOST : 0));
    o->filter = filter ? filter->base : 0;
    o->keys = r->key_count + r->filter_count;
    o->in_flight = r->in_flight;
    o->counts[COUNT_RECEIVED] = r->rx_done;
    o->counts[COUNT_DROPPED] = r->rx_dropped;
    o->counts[COUNT_MATCHED] = r->rx_filtered;
    o->counts[COUNT_SENT] = r->tx_done;
    o->counts[COUNT_HANDLED] = r->rx_handled;
    sequence_end(&o->sequence);
}

const char *ring_check(const struct ring *r)
{
    uint32_t busy = r->tx_taken - r->tx_done, unfinished = 0;

    if (busy > RING_SLOTS)
        return "G1: tx_taken is not within the slots behind tx_done";
    for (uint32_t i = 0; i < busy; i++)
        unfinished += !(r->finished >> (r->tx_done + i) % RING_SLOTS & 1);
    if (unfinished != r->in_flight)
        return "G2: slots that have not finished are not those in flight";
    if (!r->memory.parent && r->in_flight)
        return "G3: a ring without memory has packets in flight";
    if (!ring_is_whole(r) && r->key_count + r->filter_count)
        return "G3: a ring without memory or card has keys";
    return ring_keys_check(r);
}
