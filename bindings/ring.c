/* Rings: whose packet it is, and moving packets between an environment's slots and the card. */
#include "bindings/ring.h"

#include "bindings/checksum.h"
#include "bindings/filters.h"
#include "bindings/graft.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/object.h"
#include "exo/abi/graft.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"
#include "exo/io/nic.h"
#include "exo/mem/frame.h"

#define DRAIN_LOOKS 1000u /* looks at the card before it is stopped for a packet's sake */
#define SLOT_BITS   8u    /* of a cookie: the slot; above it the ring's index           */
_Static_assert(RING_SLOTS <= 64 && RING_SLOTS <= 1u << SLOT_BITS, "slots fit a word of bits");
_Static_assert(RING_PACKET_MAX == NIC_PACKET_MAX, "a ring's packet is the card's");

static struct ring *rings[RINGS_MAX];
static uint32_t next_served; /* index of the ring that the card's room is offered to first */

/* Bit per ring: what packets have changed since ring_settle. Many come in one interrupt. */
static uint64_t unpublished;
static uint64_t untold, received;   /* of sent packets, and of received ones */
static uint64_t waiting;            /* bit per ring: `waits` */
static uint64_t expecting;          /* bit per ring: the owner is to be told of what is sent */
static bool is_silent;              /* the card does not interrupt for what it has sent */
static struct nic_csum *shown_csum; /* of the packet that hook_nic_received shows, or NULL */
static bool has_answers;            /* and the card has not been told of packets */

const struct ring *ring_at(uint32_t index)
{
    return rings[index];
}

/* The owner's page: it may change at any time, so each word is read once. */
static volatile struct ring_header *header_of(const struct ring *r)
{
    return frame_memory(r->base);
}

static struct cap *parent_cap(const struct node *n)
{
    return (struct cap *)(void *)node_at(n->parent);
}

static void store(volatile uint32_t *counter, uint32_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

/* How far a counter of the owner's is ahead. One that is ahead of its slots counts as no news. */
static uint32_t posted_ahead(const volatile uint32_t *posted, uint32_t done)
{
    uint32_t ahead = __atomic_load_n(posted, __ATOMIC_ACQUIRE) - done;

    return ahead <= RING_SLOTS ? ahead : 0;
}

static uint64_t bit_of(const struct ring *r)
{
    return (uint64_t)1 << r->index;
}

static void tell_owner(const struct ring *r)
{
    const struct cap *c = parent_cap(&r->notify);
    uint64_t bits = c ? header_of(r)->notify_bits : 0;

    if (bits)
        notification_raise(frame_memory(c->base), bits);
}

/* The owner is to be told when what is in flight, or some of it, is sent. Or not. */
static void set_expecting(const struct ring *r)
{
    const uint32_t busy = r->tx_taken - r->tx_done;
    const bool is = busy && (!r->is_quiet || r->tx_wake - r->tx_done - 1 < busy);

    expecting = (expecting & ~bit_of(r)) | (is ? bit_of(r) : 0);
}

/* The card interrupts for what it has sent as long as somebody is to hear of that, or waits for
 * room. What it sent before it learned of that is taken here. */
static void ask_card(void)
{
    const bool silent = !expecting && !waiting;

    if (silent == is_silent)
        return;
    is_silent = silent;
    nic_tell_sent(!silent);
    if (!silent)
        nic_collect();
}

static void set_waits(struct ring *r, bool waits)
{
    r->waits = waits;
    waiting = (waiting & ~bit_of(r)) | (waits ? bit_of(r) : 0);
}

void ring_settle(void)
{
    const uint64_t sent = untold, got = received;

    if (has_answers)
        nic_flush();
    has_answers = false;
    for (uint64_t rest = unpublished; rest; rest &= rest - 1)
        ring_publish(rings[__builtin_ctzll(rest)]);
    unpublished = untold = received = 0;
    if (got) /* the stores of rx_done before the loads of `quiet` */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (uint64_t rest = sent | got; rest; rest &= rest - 1) {
        const struct ring *r = rings[__builtin_ctzll(rest)];
        if ((sent & bit_of(r)) || !(header_of(r)->quiet & RING_QUIET_RECEIVED))
            tell_owner(r);
    }
}

bool ring_has_room(void)
{
    for (unsigned i = 0; i < RINGS_MAX; i++)
        if (!rings[i])
            return true;
    return false;
}

void ring_begin(struct ring *r, struct cap *nic, struct cap *frames, struct cap *notification)
{
    while (rings[r->index])
        r->index++;
    ASSERT(r->index < RINGS_MAX);
    rings[r->index] = r;
    r->base = frames->base;
    r->count = frames->count;
    list_init(&r->tables);
    node_link(&frames->node, &r->memory);
    node_link(&nic->node, &r->card);
    if (notification)
        node_link(&notification->node, &r->notify);
}

/* Puts a packet into the next buffer that its owner posted, with the tag of the filter that took
 * it. Buffers that cannot take it go back. */
static void deliver(struct ring *r, uint32_t tag, uint8_t *packet, uint32_t length)
{
    volatile struct ring_header *h = header_of(r);
    uint32_t ahead = posted_ahead(&h->rx_posted, r->rx_done);
    uint32_t before = r->rx_done, done = RING_DONE | tag << RING_TAG_SHIFT;
    bool taken = false;

    for (; ahead > 0 && !taken; ahead--) {
        volatile struct ring_slot *slot = &h->rx[r->rx_done % RING_SLOTS];
        uint64_t offset = slot->offset;
        uint32_t room = slot->length;

        taken = ring_has_bytes(r, offset, room) && room >= length;
        if (taken) {
            if (__builtin_expect(shown_csum != NULL, 0))
                done |= checksum_tell(packet, length, shown_csum, slot->state);
            memcpy((uint8_t *)frame_memory(r->base) + offset, packet, length);
            slot->length = length;
        }
        slot->state = taken ? done : RING_BAD;
        store(&h->rx_done, ++r->rx_done);
    }
    if (!taken)
        store(&h->rx_dropped, ++r->rx_dropped);
    if (r->rx_done != before)
        received |= bit_of(r);
}

/* A filter can only refuse what a key has matched: its own key, if it is one of a table. */
static bool filter_takes(struct ring_bound *b, struct graft_packet *context)
{
    struct ring *r = b->ring;
    const struct node *filter = b->in_table ? &filter_of(b)->graft : &r->filter;

    store(&header_of(r)->rx_filtered, ++r->rx_filtered);
    if (!filter->parent)
        return b->in_table ? !filter_of(b)->is_lost : !r->filter_lost;
    return graft_call(filter, context, 0) != 0;
}

/* Sends what a handler made of a packet of `length` bytes, if there is room and the ring might send
 * it: a copy is judged, because the packet is the card's. The copy is where the handler has stored
 * what follows the packet's bytes. `bytes` not 0: as many at most. `mine` is what the packet said
 * when no key was asked before the ring's, so that an answer of that flow is the ring's; or NULL.
 */
static void answer(const struct ring *r, struct graft *g, const struct graft_packet *context,
                   uint32_t bytes, const struct flow *mine)
{
    const uint32_t length = context->length;
    uint8_t *copy = graft_answer_room(g), mac[6];
    const uint32_t from = g->stored_to ? g->stored_from : length,
                   end = g->stored_to ? g->stored_to : length;

    bytes = bytes && bytes < end ? bytes : end;
    const uint32_t before = bytes < from ? bytes : from;
    if (!copy || bytes < NIC_PACKET_MIN || before > length)
        return;
    nic_mac(mac);
    memcpy(copy, (const void *)(uintptr_t)context->data, before);
    const struct flow f = flow_read(copy, bytes, true);
    if (flow_bears_mac(copy, bytes, mac) &&
        ((mine && flow_is_same(mine, &f)) || ring_may_send(r, &f)))
        has_answers |= graft_answer(g, copy, bytes);
}

/* A packet that is the ring's alone: the handler's, or the owner's. It says `f`, and so many keys
 * were asked before the ring's. */
static void handle(struct ring *r, uint32_t tag, struct graft_packet *context, const struct flow *f,
                   unsigned before)
{
    uint8_t *packet = (uint8_t *)(uintptr_t)context->data;
    const uint32_t length = context->length;
    struct graft *g = graft_bound(&r->handler);

    g->stored_to = 0;
    const uint64_t verdict = graft_call_it(g, context, GRAFT_PASS);

    if (__builtin_expect((uint32_t)verdict == GRAFT_PASS, true)) {
        deliver(r, tag, packet, length);
        return;
    }
    switch ((uint32_t)verdict) {
    case GRAFT_DROP:
        break;
    case GRAFT_CONSUME:
        r->rx_handled++;
        break;
    case GRAFT_ANSWER:
        r->rx_handled++;
        answer(r, g, context, (uint32_t)(verdict >> 32), before ? NULL : f);
        break;
    default:
        deliver(r, tag, packet, length);
        break;
    }
}

void hook_nic_received(uint8_t *packet, uint32_t length, struct nic_csum *csum)
{
    shown_csum = csum;
    const struct flow f = flow_read(packet, length, false);
    struct graft_packet context = {/* one for all who are asked: none can change it */
                                   .data = (uintptr_t)packet,
                                   .data_end = (uintptr_t)packet + length,
                                   .length = length};
    uint64_t given = 0;   /* rings that two keys of theirs do not get it twice */
    uint64_t refused = 0; /* those whose own keys' filter has refused it       */
    struct ring_bound *b = ring_bound_first(&f);
    _Static_assert(RINGS_MAX <= 64, "rings fit a word of bits");

    for (unsigned i = 0; b && i < RING_KEYS_SHOWN; i++, b = ring_bound_next(b, &f)) {
        struct ring *r = b->ring;
        if (((b->in_table ? 0 : refused) | given) & bit_of(r))
            continue;
        unpublished |= bit_of(r);
        if (!filter_takes(b, &context)) {
            refused |= b->in_table ? 0 : bit_of(r);
            continue;
        }
        given |= bit_of(r);
        if (b->key.flags & RING_KEY_COPY) { /* others get it as it came */
            deliver(r, b->tag, packet, length);
            continue;
        }
        if (!r->handler.parent) {
            deliver(r, b->tag, packet, length);
            return;
        }
        if (__builtin_expect(csum != NULL, 0)) /* what it reads, and answers in, is whole */
            checksum_settle(packet, length, csum);
        shown_csum = NULL; /* and may be another then */
        handle(r, b->tag, &context, &f, i);
        return;
    }
}

/* A slot is done. Counters show it once all earlier ones are. */
static void finish(struct ring *r, uint32_t slot, uint32_t state)
{
    volatile struct ring_header *h = header_of(r);
    const uint32_t before = r->tx_done;

    h->tx[slot].state = state;
    r->finished |= (uint64_t)1 << slot;
    while (r->tx_done != r->tx_taken && (r->finished >> r->tx_done % RING_SLOTS & 1)) {
        r->finished &= ~((uint64_t)1 << r->tx_done % RING_SLOTS);
        r->tx_done++;
    }
    store(&h->tx_done, r->tx_done);
    unpublished |= bit_of(r);
    if (!r->is_quiet || r->tx_wake - before - 1 < r->tx_done - before)
        untold |= bit_of(r);
    if (expecting & bit_of(r))
        set_expecting(r);
    INVARIANT(ring_check(r));
}

void hook_nic_sent(uint32_t cookie)
{
    if (cookie & GRAFT_ANSWER_COOKIE) {
        graft_answer_sent(cookie);
        return;
    }
    struct ring *r = rings[cookie >> SLOT_BITS];
    ASSERT(r && r->in_flight > 0);
    r->in_flight--;
    finish(r, cookie & ((1u << SLOT_BITS) - 1), RING_DONE);
}

/* Copies what a packet begins with, and judges the copy. */
static __attribute__((always_inline)) inline bool take_headers(struct ring *r, uint32_t at,
                                                               uint64_t offset, uint32_t bytes)
{
    uint8_t mac[6];

    nic_mac(mac);
    if (bytes == FLOW_HEADERS) /* the compiler knows it: no call */
        memcpy(r->headers[at], (const uint8_t *)frame_memory(r->base) + offset, FLOW_HEADERS);
    else
        memcpy(r->headers[at], (const uint8_t *)frame_memory(r->base) + offset, bytes);
    const struct flow f = flow_read(r->headers[at], bytes, true);
    return flow_bears_mac(r->headers[at], bytes, mac) && ring_may_send(r, &f);
}

/* A slot that is not taken. */
static bool refuse(struct ring *r, uint32_t at)
{
    r->tx_taken++;
    finish(r, at, RING_BAD);
    return true;
}

/* A packet whose first bytes are copied, in two pieces. */
static inline void find_pieces(const struct ring *r, uint32_t at, uint64_t offset, uint32_t length,
                               struct nic_segment packet[2])
{
    const uint32_t head = length < FLOW_HEADERS ? length : FLOW_HEADERS;
    paddr_t own = ((paddr_t)frame_number(r) << PAGE_BITS) + offsetof(struct ring, headers[0]) +
                  at * FLOW_HEADERS;

    packet[0] = (struct nic_segment){own, head};
    packet[1] =
        (struct nic_segment){((paddr_t)r->base << PAGE_BITS) + offset + head, length - head};
}

/* Takes a slot with work for the card, if the card has what is asked and that does no harm. False:
 * it has no room. Apart from take_slot, which is not to pay for it. */
static __attribute__((noinline)) bool take_work(struct ring *r, uint32_t at, uint64_t offset,
                                                uint32_t length, uint32_t work)
{
    const uint32_t needed = TSO_MSS(work) ? NIC_CSUM | NIC_TSO4 : NIC_CSUM;
    const uint32_t most = TSO_MSS(work) ? TSO_PACKET_MAX : NIC_PACKET_MAX;
    struct nic_segment packet[2];

    find_pieces(r, at, offset, length, packet);
    if (length < NIC_PACKET_MIN || length > most || !ring_has_bytes(r, offset, length) ||
        !take_headers(r, at, offset, packet[0].length))
        return refuse(r, at);
    const uint32_t heads =
        flow_offload(r->headers[at], packet[0].length, length, work, nic_mtu() + NIC_PACKET_MIN);
    if (!heads || needed & ~nic_offloads())
        return refuse(r, at);
    if (!nic_send_offload(packet, packet[1].length ? 2 : 1, work, heads,
                          r->index << SLOT_BITS | at))
        return false;
    r->tx_taken++;
    r->in_flight++;
    return true;
}

/* Takes the next posted slot. False: the card has no room. */
static bool take_slot(struct ring *r)
{
    uint32_t at = r->tx_taken % RING_SLOTS;
    volatile struct ring_slot *slot = &header_of(r)->tx[at];
    uint64_t offset = slot->offset;
    uint32_t length = slot->length, head = length < FLOW_HEADERS ? length : FLOW_HEADERS;
    const uint32_t work = slot->state;

    if (__builtin_expect(work & CSUM_PARTIAL, 0))
        return take_work(r, at, offset, length, work);
    bool good = length >= NIC_PACKET_MIN && length <= NIC_PACKET_MAX &&
                ring_has_bytes(r, offset, length) && take_headers(r, at, offset, head);
    if (!good)
        return refuse(r, at);
    struct nic_segment packet[2];
    find_pieces(r, at, offset, length, packet);
    if (!nic_send(packet, length > head ? 2 : 1, r->index << SLOT_BITS | at))
        return false;
    r->tx_taken++;
    r->in_flight++;
    return true;
}

/* Returns how many slots it took. */
static uint32_t take_posted(struct ring *r)
{
    uint32_t count = 0;
    /* Slots not finished still belong to the kernel, whatever the owner says. */
    uint32_t ahead = posted_ahead(&header_of(r)->tx_posted, r->tx_done);
    uint32_t busy = r->tx_taken - r->tx_done;

    set_waits(r, false);
    for (; ahead > busy && !r->waits; ahead--) {
        if (take_slot(r))
            count++;
        else
            set_waits(r, true);
    }
    if (count)
        nic_flush();
    set_expecting(r);
    return count;
}

uint32_t ring_take(struct ring *r)
{
    const volatile struct ring_header *h = header_of(r);
    const bool was_silent = is_silent;

    if (is_silent) /* nobody else takes what is sent */
        nic_collect();
    r->tx_wake = h->tx_wake;
    r->is_quiet = h->quiet & RING_QUIET_SENT;
    uint32_t count = take_posted(r);
    ask_card();
    if (r->waits && was_silent) /* there may be room that no interrupt told of */
        count += take_posted(r);
    unpublished |= bit_of(r);
    ring_settle();
    INVARIANT(ring_check(r));
    return count;
}

void ring_serve_card(void)
{
    nic_poll();
    ring_settle();
    for (unsigned i = 0; waiting && i < RINGS_MAX; i++) {
        struct ring *r = rings[(next_served + i) % RINGS_MAX];
        if (r && r->waits)
            ring_take(r);
    }
    next_served = (next_served + 1) % RINGS_MAX;
    ask_card();
}

/* On return the card reads no frame of the ring. */
static void drain(struct ring *r)
{
    set_waits(r, false);
    for (unsigned i = 0; i < DRAIN_LOOKS && r->in_flight > 0; i++)
        nic_poll();
    if (r->in_flight > 0)
        nic_restart();
    ring_settle();
    ASSERT(r->in_flight == 0);
}

void ring_drop(struct ring *r, struct node *n)
{
    if (n == &r->memory)
        drain(r);
    if (n == &r->memory || n == &r->card) {
        filters_end_of(r);
        ring_set_keys(r, NULL, 0);
    }
    if (n == &r->filter)
        r->filter_lost = true;
    node_unlink(n);
    ring_publish(r);
}

void ring_destroy(struct ring *r)
{
    if (r->filter.parent)
        node_unlink(&r->filter);
    if (r->handler.parent)
        node_unlink(&r->handler);
    if (r->memory.parent)
        ring_drop(r, &r->memory);
    if (r->card.parent)
        node_unlink(&r->card);
    if (r->notify.parent)
        node_unlink(&r->notify);
    rings[r->index] = NULL;
    object_end(&object_table[OBJECT_RINGS + r->index]);
}
