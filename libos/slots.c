/* Slots of this environment's capability table. One thread at a time. */
#include "libos/slots.h"

#include "exo/abi/batch.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"

/* The capability tables are shown beside the start page, where page tables exist already. */
#define SLOTS_WINDOW (START_INFO + 0x2000)
#define SLOTS_SHOWN  4u

static uint64_t used[CAP_SLOTS / 64];
static slot_t limit; /* slots that the table has */
static slot_t next;  /* where the search goes on */
static uint32_t shown;

static bool slot_is_used(slot_t slot)
{
    return used[slot / 64] >> slot % 64 & 1;
}

static void slot_mark(slot_t slot)
{
    used[slot / 64] |= (uint64_t)1 << slot % 64;
}

/* Binds the table's frames that are not shown yet. */
static enum err show_tables(void)
{
    const struct env_info env = book_env_read((uint32_t)book_utcb()->env);

    for (; shown < SLOTS_SHOWN && env.captables[shown]; shown++) {
        struct page_entry entry = {SLOTS_WINDOW + shown * PAGE_SIZE, env.captables[shown],
                                   RIGHT_READ};
        enum err e = exo_page_bind(SLOT_ENV, SLOT_ENV, (vaddr_t)&entry, 1);
        if (e)
            return e;
    }
    return ERR_OK;
}

enum err slots_init(void)
{
    enum err e = show_tables();

    limit = shown * CAPS_PER_FRAME;
    for (slot_t slot = 0; slot < limit; slot++)
        if (slot < SLOT_FREE || slot_cap(slot))
            slot_mark(slot);
    return e;
}

static enum err extend(void)
{
    pfn_t frame;
    word_t first;
    enum err e = region_find(1, &frame);

    if (e == ERR_OK)
        e = exo_env_extend_get(SLOT_ENV, SLOT_MEMORY, frame, &first);
    if (e)
        return e;
    limit = (slot_t)first + CAPS_PER_FRAME;
    return show_tables();
}

enum err slot_take(slot_t *slot)
{
    for (slot_t tried = 0; tried < limit; tried++, next++) {
        if (next >= limit)
            next = SLOT_FREE;
        if (slot_is_used(next))
            continue;
        slot_mark(next);
        *slot = next++;
        return ERR_OK;
    }
    slot_t first = limit;
    enum err e = extend();
    if (e)
        return e;
    slot_mark(first);
    *slot = first;
    next = first + 1;
    return ERR_OK;
}

void slot_give(slot_t slot)
{
    if (slot >= SLOT_FREE && slot < limit)
        used[slot / 64] &= ~((uint64_t)1 << slot % 64);
}

void slot_delete(slot_t slot)
{
    exo_cap_delete(slot);
    slot_give(slot);
}

const volatile struct cap *slot_cap(slot_t slot)
{
    const volatile struct cap *caps = (const volatile struct cap *)SLOTS_WINDOW;

    if (slot >= shown * CAPS_PER_FRAME || caps[slot].kind == CAP_NONE)
        return NULL;
    return &caps[slot];
}

bool slot_lost_frames(slot_t slot, pfn_t first, uint32_t count)
{
    const volatile struct cap *c = slot_cap(slot);

    if (slot >= shown * CAPS_PER_FRAME)
        return false;
    return !c || c->kind != CAP_FRAMES || first < c->base || first + count > c->base + c->count;
}
