/* Book-keeping of page frames in chunks. */
#include "libos/frame_pool.h"

static bool is_used(const struct frame_chunk *chunk, uint32_t index)
{
    return chunk->used[index / 64] >> index % 64 & 1;
}

bool frame_pool_add(struct frame_pool *pool, pfn_t first, uint32_t count, slot_t slot, bool zero)
{
    if (pool->chunk_count == FRAME_CHUNKS || !count || count > FRAME_CHUNK_MAX)
        return false;
    struct frame_chunk *chunk = &pool->chunks[pool->chunk_count++];
    chunk->first = first;
    chunk->count = chunk->free = count;
    chunk->slot = slot;
    chunk->fresh = zero ? 0 : count;
    return true;
}

/* Index of the chunk's lowest free frame. Pre: there is one. */
static uint32_t find_free(const struct frame_chunk *chunk)
{
    uint32_t index = chunk->hint;

    while (is_used(chunk, index))
        index = ~chunk->used[index / 64] ? index + 1 : (index / 64 + 1) * 64;
    return index;
}

static void take_run(struct frame_chunk *chunk, uint32_t want, struct frame_run *run)
{
    uint32_t index = find_free(chunk), count = 0;
    bool zero = index >= chunk->fresh;

    for (; count < want && index + count < chunk->count && !is_used(chunk, index + count) &&
           zero == (index + count >= chunk->fresh);
         count++)
        chunk->used[(index + count) / 64] |= (uint64_t)1 << (index + count) % 64;
    chunk->free -= count;
    chunk->hint = index + count;
    if (chunk->fresh < index + count)
        chunk->fresh = index + count;
    *run = (struct frame_run){chunk->first + index, count, chunk->slot, zero};
}

bool frame_pool_take(struct frame_pool *pool, uint32_t want, struct frame_run *run)
{
    /* Later chunks first: the early ones are full when there are many. */
    for (uint32_t i = pool->chunk_count; i-- > 0 && want;)
        if (pool->chunks[i].free) {
            take_run(&pool->chunks[i], want, run);
            return true;
        }
    return false;
}

static const struct frame_chunk *chunk_of(const struct frame_pool *pool, pfn_t frame)
{
    for (uint32_t i = pool->chunk_count; i-- > 0;)
        if (frame - pool->chunks[i].first < pool->chunks[i].count)
            return &pool->chunks[i];
    return NULL;
}

bool frame_pool_give(struct frame_pool *pool, pfn_t frame)
{
    const struct frame_chunk *found = chunk_of(pool, frame);

    if (!found)
        return false;
    struct frame_chunk *chunk = &pool->chunks[found - pool->chunks];
    uint32_t index = frame - chunk->first;
    if (!is_used(chunk, index))
        return false;
    chunk->used[index / 64] &= ~((uint64_t)1 << index % 64);
    chunk->free++;
    if (index < chunk->hint)
        chunk->hint = index;
    return true;
}

const struct frame_chunk *frame_pool_idle(const struct frame_pool *pool)
{
    for (uint32_t i = pool->chunk_count; i-- > 0;)
        if (pool->chunks[i].free == pool->chunks[i].count)
            return &pool->chunks[i];
    return NULL;
}

bool frame_pool_cut(struct frame_pool *pool, slot_t slot, uint32_t keep)
{
    uint32_t i = 0;

    while (i < pool->chunk_count && pool->chunks[i].slot != slot)
        i++;
    if (i == pool->chunk_count || keep >= pool->chunks[i].count)
        return false;
    struct frame_chunk *chunk = &pool->chunks[i];
    if (keep) {
        *chunk =
            (struct frame_chunk){.first = chunk->first, .count = keep, .free = keep, .slot = slot};
        chunk->fresh = keep; /* used before: not zero */
        return true;
    }
    for (pool->chunk_count--; i < pool->chunk_count; i++)
        pool->chunks[i] = pool->chunks[i + 1];
    pool->chunks[i] = (struct frame_chunk){0};
    return true;
}

slot_t frame_pool_slot(const struct frame_pool *pool, pfn_t frame)
{
    const struct frame_chunk *chunk = chunk_of(pool, frame);

    return chunk ? chunk->slot : 0;
}

static const char *check_chunk(const struct frame_pool *pool, const struct frame_chunk *chunk)
{
    uint32_t free = 0;

    if (!chunk->count)
        return "P1: a chunk is empty";
    for (const struct frame_chunk *other = pool->chunks; other < chunk; other++)
        if (other->first < chunk->first + chunk->count &&
            chunk->first < other->first + other->count)
            return "P1: two chunks overlap";
    for (uint32_t i = 0; i < chunk->count; i++) {
        free += !is_used(chunk, i);
        if (is_used(chunk, i) && i >= chunk->fresh)
            return "P3: a fresh frame is used";
    }
    return free == chunk->free ? NULL : "P2: a chunk's count of free frames is wrong";
}

const char *frame_pool_check(const struct frame_pool *pool)
{
    for (uint32_t i = 0; i < pool->chunk_count; i++) {
        const char *broken = check_chunk(pool, &pool->chunks[i]);
        if (broken)
            return broken;
    }
    return NULL;
}
