/* Split virtqueues: offering chains of buffers to a device and taking them back. */
#include "exo/io/virtq.h"

#include "exo/base/assert.h"

void virtq_init(struct virtq *q, void *memory, uint16_t size)
{
    ASSERT(size > 0 && size <= VIRTQ_MAX && (size & (size - 1)) == 0);

    uint8_t *base = memory;
    for (unsigned i = 0; i < VIRTQ_FRAMES * PAGE_SIZE; i++)
        base[i] = 0;
    *q = (struct virtq){
        .desc = (volatile struct virtq_desc *)(base + VIRTQ_AT_DESC),
        .avail = (volatile struct virtq_avail *)(base + VIRTQ_AT_AVAIL),
        .used = (const volatile struct virtq_used *)(base + VIRTQ_AT_USED),
        .size = size,
        .free = 0,
        .free_count = size,
    };
    for (unsigned i = 0; i < size; i++)
        q->records[i].next = (uint16_t)(i + 1 < size ? i + 1 : VIRTQ_END);
    INVARIANT(virtq_check(q));
}

/* Fills one descriptor from the free list and returns it, still linked to the free one behind. */
static uint16_t fill_next(struct virtq *q, const struct virtq_piece *piece, unsigned flags)
{
    uint16_t at = q->free;

    ASSERT(at < q->size);
    q->free = q->records[at].next;
    q->free_count--;
    q->desc[at].address = piece->address;
    q->desc[at].length = piece->length;
    q->desc[at].flags = (uint16_t)flags;
    q->desc[at].next = (flags & VIRTQ_DESC_NEXT) ? q->free : 0;
    return at;
}

bool virtq_offer(struct virtq *q, const struct virtq_piece *pieces, unsigned readable,
                 unsigned writable, uint32_t cookie)
{
    unsigned count = readable + writable;

    ASSERT(count > 0);
    if (count > q->free_count)
        return false;

    uint16_t head = q->free;
    uint16_t last = head;
    uint32_t bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        bool writes = i >= readable;
        last = fill_next(q, &pieces[i],
                         (writes ? VIRTQ_DESC_WRITE : 0u) | (i + 1 < count ? VIRTQ_DESC_NEXT : 0u));
        bytes += writes ? pieces[i].length : 0;
    }
    q->records[last].next = VIRTQ_END;
    q->records[head].chained = (uint16_t)count;
    q->records[head].writable = bytes;
    q->records[head].cookie = cookie;
    q->in_flight++;

    q->avail->ring[q->offered & (q->size - 1u)] = head;
    q->offered++;
    /* The device may look as soon as it sees the index: all above must be there before. */
    __atomic_store_n(&q->avail->index, q->offered, __ATOMIC_RELEASE);
    INVARIANT(virtq_check(q));
    return true;
}

/* Puts the chain that begins at `head` in front of the free list. Walks the driver's own links: the
 * descriptors themselves lie in memory that the device can reach. */
static void free_chain(struct virtq *q, uint16_t head)
{
    uint16_t last = head;

    for (unsigned i = 1; i < q->records[head].chained; i++)
        last = q->records[last].next;
    q->free_count = (uint16_t)(q->free_count + q->records[head].chained);
    q->records[last].next = q->free;
    q->records[head].chained = 0;
    q->free = head;
    q->in_flight--;
}

enum virtq_result virtq_take(struct virtq *q, struct virtq_done *out)
{
    /* Acquire: the entry, and what the device wrote into the buffers, are read after the index. */
    uint16_t index = __atomic_load_n(&q->used->index, __ATOMIC_ACQUIRE);
    uint16_t waiting = (uint16_t)(index - q->taken);

    if (waiting == 0)
        return VIRTQ_EMPTY;
    if (waiting > q->in_flight)
        return VIRTQ_BROKEN;

    uint32_t id = q->used->ring[q->taken & (q->size - 1u)].id;
    uint32_t length = q->used->ring[q->taken & (q->size - 1u)].length;
    if (id >= q->size || q->records[id].chained == 0 || length > q->records[id].writable)
        return VIRTQ_BROKEN;

    q->taken++;
    *out = (struct virtq_done){q->records[id].cookie, length};
    free_chain(q, (uint16_t)id);
    INVARIANT(virtq_check(q));
    return VIRTQ_TAKEN;
}

bool virtq_wants_notify(const struct virtq *q)
{
    /* Store of avail->index before load of used->flags: the one order that x86 does not keep. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !(q->used->flags & VIRTQ_USED_NO_NOTIFY);
}

unsigned virtq_cookies(const struct virtq *q, uint32_t *cookies)
{
    unsigned count = 0;

    for (unsigned i = 0; i < q->size; i++)
        if (q->records[i].chained)
            cookies[count++] = q->records[i].cookie;
    return count;
}

/* Visits a list of at most `limit` descriptors, marking each; the number visited, or VIRTQ_END when
 * one was marked before or lies outside. */
static unsigned mark_list(const struct virtq *q, unsigned first, unsigned limit,
                          bool marked[VIRTQ_MAX])
{
    unsigned seen = 0;

    for (unsigned at = first; at != VIRTQ_END && seen < limit; at = q->records[at].next) {
        if (at >= q->size || marked[at])
            return VIRTQ_END;
        marked[at] = true;
        seen++;
    }
    return seen;
}

const char *virtq_check(const struct virtq *q)
{
    bool marked[VIRTQ_MAX] = {false};
    unsigned total = mark_list(q, q->free, q->size + 1u, marked);

    if (total == VIRTQ_END)
        return "Q1: the free list leaves the queue or visits a descriptor twice";
    if (total != q->free_count)
        return "Q2: free_count is not the length of the free list";

    unsigned chains = 0;
    for (unsigned i = 0; i < q->size; i++) {
        unsigned chained = q->records[i].chained;
        if (!chained)
            continue;
        if (mark_list(q, i, chained, marked) != chained)
            return "Q1: a chain is cut short, or shares a descriptor";
        total += chained;
        chains++;
    }
    if (total != q->size)
        return "Q1: a descriptor is neither free nor in flight";
    if (chains != q->in_flight)
        return "Q3: in_flight is not the number of chains";
    return NULL;
}
