/* Frames for pages. One thread at a time. */
#include "libos/frames.h"

#include "libos/region.h"
#include "libos/slots.h"

#define FIRST_CHUNK 64u

static struct frame_pool pool;
static uint32_t chunk_size = FIRST_CHUNK;
static frames_source_fn source;
static frames_spare_fn spare_hook;

void frames_set_source(frames_source_fn fn)
{
    source = fn;
}

static enum err add_foreign_chunk(void)
{
    uint32_t count = FIRST_CHUNK;
    slot_t slot;
    pfn_t first;
    enum err e = source ? source(&count, &slot, &first) : ERR_NO_MEM;

    if (e || frame_pool_add(&pool, first, count, slot, false))
        return e;
    slot_delete(slot);
    return ERR_NO_MEM;
}

/* The next chunk, smaller if memory is short or broken up. */
static enum err add_chunk(void)
{
    if (source)
        return add_foreign_chunk();
    for (uint32_t count = chunk_size; count; count /= 2) {
        slot_t slot;
        pfn_t first;
        enum err e = region_frames(count, &slot, &first);
        if (e == ERR_NO_MEM)
            continue;
        if (e)
            return e;
        if (!frame_pool_add(&pool, first, count, slot, region_is_clean(first, count))) {
            slot_delete(slot);
            return ERR_NO_MEM;
        }
        if (chunk_size < FRAME_CHUNK_MAX)
            chunk_size *= 2;
        return ERR_OK;
    }
    return ERR_NO_MEM;
}

void frames_set_spare(frames_spare_fn spare)
{
    spare_hook = spare;
}

bool frames_spare(vaddr_t va)
{
    return spare_hook && spare_hook(va);
}

/* What is kept may have been taken by the kernel, and the program not have looked at that yet. */
static bool take_kept(uint32_t want, struct frame_run *run)
{
    while (frame_pool_take(&pool, want, run)) {
        if (!slot_lost_frames(run->slot, run->first, run->count))
            return true;
        frames_lost(run->slot);
    }
    return false;
}

enum err frames_take(uint32_t want, struct frame_run *run)
{
    while (!take_kept(want, run)) {
        enum err e = add_chunk();
        if (e)
            return e;
    }
    return ERR_OK;
}

void frames_give(pfn_t first, uint32_t count)
{
    while (count--)
        frame_pool_give(&pool, first++);
}

slot_t frames_slot(pfn_t frame)
{
    return frame_pool_slot(&pool, frame);
}

uint64_t frames_free_count(void)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < pool.chunk_count; i++)
        count += pool.chunks[i].free;
    return count;
}

uint64_t frames_surrender(uint64_t count)
{
    uint64_t given = 0;

    while (given < count) {
        const struct frame_chunk *idle = frame_pool_idle(&pool);
        if (!idle)
            break;
        struct frame_chunk chunk = *idle;
        frame_pool_cut(&pool, chunk.slot, 0);
        region_give_frames(chunk.slot, chunk.first, chunk.count);
        given += chunk.count;
    }
    chunk_size = FIRST_CHUNK;
    return given;
}

bool frames_lost(slot_t slot)
{
    const volatile struct cap *c = slot_cap(slot);
    bool gone = !c || c->kind == CAP_NONE;

    if (!frame_pool_cut(&pool, slot, gone ? 0 : c->count))
        return false;
    if (gone)
        slot_give(slot);
    chunk_size = FIRST_CHUNK;
    return true;
}
