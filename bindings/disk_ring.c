/* Disk rings: whose blocks they are, and moving requests between an environment's slots and the
 * disk. */
#include "bindings/disk_ring.h"

#include "bindings/graft.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/object.h"
#include "exo/base/assert.h"
#include "exo/base/sequence.h"
#include "exo/io/disk.h"
#include "exo/mem/frame.h"

#define DRAIN_LOOKS 1000u /* looks at the disk before it is stopped for a request's sake */
#define SLOT_BITS   8u    /* of a cookie: the slot; above it the ring's index           */
#define GIVEN       0u    /* what give_slot says beside DISK_*: the disk has it now     */
#define WAITS       100u  /* the slot's turn has not come                               */
_Static_assert(DISK_SLOTS <= 64 && DISK_SLOTS <= 1u << SLOT_BITS, "slots fit a word of bits");

static struct disk_ring *rings[DISK_RINGS_MAX];
static uint32_t next_served; /* index of the ring that the disk's room is offered to first */

/* The owner's page: it may change at any time, so each word is read once. */
static volatile struct disk_header *header_of(const struct disk_ring *r)
{
    return frame_memory(r->base);
}

static const struct cap *parent_cap(const struct node *n)
{
    return (const struct cap *)(const void *)node_at(n->parent);
}

/* The tree that it was made with, or NULL. */
static struct tree *tree_of(const struct disk_ring *r)
{
    const struct cap *c = parent_cap(&r->extent);

    return c && c->kind == CAP_TREE ? frame_memory(c->base) : NULL;
}

static uint64_t bit(uint32_t slot)
{
    return (uint64_t)1 << slot % DISK_SLOTS;
}

/* How many slots the owner says are not done. A counter ahead of its slots counts as no news. */
static uint32_t posted_ahead(const struct disk_ring *r)
{
    uint32_t ahead = __atomic_load_n(&header_of(r)->posted, __ATOMIC_ACQUIRE) - r->done;

    return ahead <= DISK_SLOTS ? ahead : 0;
}

static void tell_owner(const struct disk_ring *r)
{
    const struct cap *c = parent_cap(&r->notify);
    uint64_t bits = c ? header_of(r)->notify_bits : 0;

    if (bits)
        notification_raise(frame_memory(c->base), bits);
}

bool disk_ring_has_room(void)
{
    for (unsigned i = 0; i < DISK_RINGS_MAX; i++)
        if (!rings[i])
            return true;
    return false;
}

void disk_ring_begin(struct disk_ring *r, struct cap *frames, struct cap *extent,
                     struct cap *notification)
{
    while (rings[r->index])
        r->index++;
    ASSERT(r->index < DISK_RINGS_MAX);
    rings[r->index] = r;
    r->base = frames->base;
    r->count = frames->count;
    node_link(&frames->node, &r->memory);
    node_link(&extent->node, &r->extent);
    if (notification)
        node_link(&notification->node, &r->notify);
}

bool disk_ring_is_busy(uint32_t first, uint32_t count)
{
    for (unsigned i = 0; i < DISK_RINGS_MAX; i++) {
        const struct disk_ring *r = rings[i];
        const struct cap *c = r ? parent_cap(&r->extent) : NULL;
        if (c && c->kind == CAP_EXTENT && (r->in_flight || r->again) &&
            (c->base - first < count || first - c->base < c->count))
            return true;
    }
    return false;
}

bool disk_ring_is_alive(const struct disk_ring *r)
{
    return r->memory.parent && r->extent.parent;
}

static void publish(const struct disk_ring *r)
{
    struct object_info *o = &object_table[OBJECT_DISK_RINGS + r->index];

    sequence_begin(&o->sequence);
    o->state = (uint8_t)((disk_ring_is_alive(r) ? 0 : OBJECT_DEAD) | (r->waits ? OBJECT_WAITS : 0));
    o->in_flight = r->in_flight;
    o->counts[COUNT_DONE] = r->done;
    sequence_end(&o->sequence);
}

/* Only a request that the disk has done is judged. */
static bool wants_to_know(const struct disk_ring *r, uint32_t slot, uint32_t state)
{
    struct graft_disk_done context = {r->done, r->in_flight, slot, state};

    if (!r->handler.parent || (state != DISK_DONE && state != DISK_FAILED))
        return true;
    return graft_call(&r->handler, &context, 1) != 0;
}

/* A slot has its state. The counter shows it once all earlier ones have. */
static void finish(struct disk_ring *r, uint32_t slot, uint32_t state)
{
    volatile struct disk_header *h = header_of(r);

    __atomic_store_n(&h->slots[slot].state, state, __ATOMIC_RELEASE);
    r->again &= ~bit(slot);
    r->finished |= bit(slot);
    while (r->done != r->taken && (r->finished & bit(r->done))) {
        r->finished &= ~bit(r->done);
        r->done++;
    }
    __atomic_store_n(&h->done, r->done, __ATOMIC_RELEASE);
    publish(r);
    if (wants_to_know(r, slot, state))
        tell_owner(r);
    INVARIANT(disk_ring_check(r));
}

/* The disk is done with the request in a slot, one way or the other: its state. */
static uint32_t land(const struct disk_ring *r, uint32_t slot, bool good)
{
    const struct tree_flight *f = &r->flights[slot];
    struct tree *t = tree_of(r);

    if (f->request.op == DISK_FLUSH && good)
        tree_flush_end(f->flush);
    if (t)
        return tree_request_land(t, f, good);
    return good ? DISK_DONE : DISK_FAILED;
}

void hook_disk_done(uint32_t cookie, unsigned result)
{
    struct disk_ring *r = rings[cookie >> SLOT_BITS];
    uint32_t slot = cookie & ((1u << SLOT_BITS) - 1);

    ASSERT(r && r->in_flight > 0);
    r->in_flight--;
    if (result == DISK_RESULT_STOPPED) {
        r->again |= bit(slot);
        r->waits = true;
        return;
    }
    finish(r, slot, land(r, slot, result == DISK_RESULT_OK));
}

static bool in_memory(const struct disk_ring *r, uint64_t offset, uint32_t blocks)
{
    uint64_t bytes = (uint64_t)r->count * PAGE_SIZE, length = (uint64_t)blocks * DISK_BLOCK_BYTES;

    return offset % DISK_ALIGN == 0 && offset <= bytes && length <= bytes - offset;
}

/* May this ring's owner ask for this? What a tree says comes behind. */
static bool is_allowed(const struct disk_ring *r, const struct disk_request *q, uint64_t offset)
{
    const struct cap *e = parent_cap(&r->extent);
    rights_t needed = q->op == DISK_READ ? RIGHT_READ : RIGHT_WRITE;

    if (!(e->rights & needed))
        return false;
    if (q->op == DISK_FLUSH)
        return q->block == 0 && q->count == 0;
    if ((q->op != DISK_READ && q->op != DISK_WRITE) || q->count < 1 || q->count > DISK_COUNT_MAX ||
        !in_memory(r, offset, q->count))
        return false;
    if (e->kind == CAP_TREE)
        return true;
    return q->block >= e->base && q->block - e->base <= e->count &&
           q->count <= e->count - (q->block - e->base) &&
           (q->op == DISK_READ || !tree_covers(q->block, q->count));
}

/* Gives what slot `at` has in r->flights to the disk. */
static uint32_t submit(struct disk_ring *r, uint32_t at)
{
    struct tree_flight *f = &r->flights[at];

    if (!disk_present())
        return DISK_FAILED;
    if (f->request.op == DISK_FLUSH && r->done % DISK_SLOTS != at)
        return WAITS; /* for those posted before it */
    if (f->request.op == DISK_FLUSH && !disk_is_cached())
        return DISK_DONE;
    if (!disk_submit(&f->request, r->index << SLOT_BITS | at))
        return WAITS;
    if (f->request.op == DISK_FLUSH)
        f->flush = tree_flush_begin();
    return GIVEN;
}

/* Gives the request in slot `at` to the disk: GIVEN. Or the state that it has already, or WAITS. */
static uint32_t give_slot(struct disk_ring *r, uint32_t at)
{
    const volatile struct disk_slot *slot = &header_of(r)->slots[at];
    struct tree *t = tree_of(r);
    uint64_t offset = slot->offset;
    uint32_t op = slot->op, type = t ? op >> 16 : 0, why = 0;
    struct disk_request q = {
        .op = t ? op & 0xffff : op, .block = slot->block, .count = slot->count};

    q.address = ((paddr_t)r->base << PAGE_BITS) + offset;
    if (!is_allowed(r, &q, offset) || (type != 0 && q.op != DISK_WRITE))
        return DISK_BAD;
    r->flights[at] = (struct tree_flight){.request = q};
    if (t && q.op != DISK_FLUSH)
        why = tree_request_check(t, &q, type, &r->flights[at]);
    if (why)
        return why == TREE_WAITS ? WAITS : why;
    uint32_t state = submit(r, at);
    if (t && q.op != DISK_FLUSH && state == GIVEN)
        tree_request_take(t, &r->flights[at]);
    return state;
}

/* The same for one that the disk had: a tree's is as it was taken. */
static uint32_t give_slot_again(struct disk_ring *r, uint32_t at)
{
    if (!tree_of(r))
        return give_slot(r, at);
    uint32_t state = submit(r, at);
    return state == DISK_FAILED ? land(r, at, false) : state;
}

/* What became of slot `at`, which is among those taken. */
static void settle(struct disk_ring *r, uint32_t at, uint32_t state)
{
    if (state != GIVEN) {
        finish(r, at, state);
        return;
    }
    r->again &= ~bit(at);
    r->in_flight++;
}

/* Gives what was stopped to the disk again. False: not all of it. */
static bool give_again(struct disk_ring *r)
{
    for (uint32_t at = 0; at < DISK_SLOTS; at++) {
        if (!(r->again & bit(at)))
            continue;
        uint32_t state = give_slot_again(r, at);
        if (state == WAITS)
            return false;
        settle(r, at, state);
    }
    return true;
}

uint32_t disk_ring_take(struct disk_ring *r)
{
    uint32_t before = r->taken;
    /* Slots without state still belong to the kernel, whatever the owner says. */
    uint32_t end = r->done + posted_ahead(r);

    r->waits = !give_again(r);
    /* Compared as distances from `before`: `done` moves meanwhile. */
    while (!r->waits && (int32_t)(end - r->taken) > 0) {
        uint32_t at = r->taken % DISK_SLOTS;
        uint32_t state = give_slot(r, at);
        r->waits = state == WAITS;
        if (r->waits)
            break;
        r->taken++;
        settle(r, at, state);
    }
    disk_push();
    INVARIANT(disk_ring_check(r));
    return r->taken - before;
}

static void take_waiting(void)
{
    for (unsigned i = 0; i < DISK_RINGS_MAX; i++) {
        struct disk_ring *r = rings[(next_served + i) % DISK_RINGS_MAX];
        if (r && r->waits)
            disk_ring_take(r);
    }
    next_served = (next_served + 1) % DISK_RINGS_MAX;
}

void disk_ring_serve(void)
{
    disk_poll();
    take_waiting();
}

/* On return the disk has no request of the ring. */
static void drain(struct disk_ring *r)
{
    for (unsigned i = 0; i < DRAIN_LOOKS && r->in_flight > 0; i++)
        disk_poll();
    if (r->in_flight > 0)
        disk_restart();
    for (uint32_t at = 0; at < DISK_SLOTS; at++)
        if (r->again & bit(at))
            finish(r, at, land(r, at, false));
    r->waits = false; /* what is only posted stays so */
    ASSERT(r->in_flight == 0);
    take_waiting();
}

void disk_ring_drop(struct disk_ring *r, struct node *n)
{
    if (n != &r->notify && disk_ring_is_alive(r))
        drain(r);
    node_unlink(n);
    publish(r);
}

void disk_ring_destroy(struct disk_ring *r)
{
    if (r->memory.parent)
        disk_ring_drop(r, &r->memory);
    if (r->extent.parent)
        disk_ring_drop(r, &r->extent);
    if (r->notify.parent)
        disk_ring_drop(r, &r->notify);
    if (r->handler.parent)
        disk_ring_drop(r, &r->handler);
    rings[r->index] = NULL;
    object_end(&object_table[OBJECT_DISK_RINGS + r->index]);
}

const char *disk_ring_check(const struct disk_ring *r)
{
    uint32_t busy = r->taken - r->done, stateless = 0, again = 0;

    if (busy > DISK_SLOTS)
        return "K1: taken is not within the slots behind done";
    for (uint32_t i = 0; i < busy; i++)
        stateless += !(r->finished & bit(r->done + i));
    for (uint32_t i = 0; i < DISK_SLOTS; i++)
        again += (r->again & bit(i)) != 0;
    if (stateless != r->in_flight + again)
        return "K2: slots without state are not those in flight or to be given again";
    if (!disk_ring_is_alive(r) && stateless)
        return "K3: a dead ring has requests";
    return NULL;
}
