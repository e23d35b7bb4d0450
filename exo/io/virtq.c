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

/* Fills descriptor `at` of the free list; returns the free one behind, which it is linked to. */
static inline uint16_t fill(struct virtq *q, uint16_t at, const struct virtq_piece *piece,
                            uint16_t flags)
{
    volatile struct virtq_desc *d = &q->desc[at];
    const uint16_t next = q->records[at].next;

    d->address = piece->address;
    d->length = piece->length;
    d->flags = flags;
    d->next = next;
    return next;
}

/* The device may look as soon as it sees the index: all else must be there before. */
static inline void show(struct virtq *q, uint16_t head)
{
    q->avail->ring[q->offered & (q->size - 1u)] = head;
    q->offered++;
    __atomic_store_n(&q->avail->index, q->offered, __ATOMIC_RELEASE);
    INVARIANT(virtq_check(q));
}

bool virtq_offer(struct virtq *q, const struct virtq_piece *pieces, unsigned readable,
                 unsigned writable, uint32_t cookie)
{
    const unsigned count = readable + writable;
    const uint16_t head = q->free;
    uint16_t last = head, next = head;
    uint32_t bytes = 0;

    ASSERT(count > 0);
    if (count > q->free_count)
        return false;
    for (unsigned i = 0; i < readable; i++)
        next = fill(q, last = next, &pieces[i], VIRTQ_DESC_NEXT);
    for (unsigned i = readable; i < count; i++) {
        next = fill(q, last = next, &pieces[i], VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE);
        bytes += pieces[i].length;
    }
    q->desc[last].flags = writable ? VIRTQ_DESC_WRITE : 0;
    q->free = next;
    q->free_count = (uint16_t)(q->free_count - count);
    q->records[last].next = VIRTQ_END;
    q->records[head].chained = (uint16_t)count;
    q->records[head].writable = bytes;
    q->records[head].cookie = cookie;
    q->in_flight++;
    show(q, head);
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

static inline enum virtq_result look(struct virtq *q, struct virtq_done *out)
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
    *out = (struct virtq_done){(uint16_t)id, q->records[id].cookie, length};
    return VIRTQ_TAKEN;
}

enum virtq_result virtq_take(struct virtq *q, struct virtq_done *out)
{
    const enum virtq_result result = look(q, out);

    if (result != VIRTQ_TAKEN)
        return result;
    free_chain(q, out->head);
    INVARIANT(virtq_check(q));
    return result;
}

enum virtq_result virtq_look(struct virtq *q, struct virtq_done *out)
{
    return look(q, out);
}

void virtq_offer_again(struct virtq *q, const struct virtq_done *done)
{
    show(q, done->head);
}

void virtq_want_interrupt(struct virtq *q, bool wanted)
{
    q->avail->flags = (uint16_t)(wanted ? 0 : VIRTQ_AVAIL_NO_INTERRUPT);
    /* Store of avail->flags before the loads of used->index that follow. */
    if (wanted)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
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
