/* The cache of a file system's metadata. */
#include "libos-posix/file/blocks.h"

#include "libos-posix/base/arena.h"
#include "libos-posix/base/mem.h"

#define CACHED_MOST   2048u /* blocks that are kept though they have not changed */
#define MOVES_AT_ONCE 32u

static struct block **bucket_of(struct blocks *b, uint64_t number)
{
    return &b->bucket[number % BLOCK_BUCKETS];
}

struct blocks *blocks_create(unsigned disk, uint64_t first, uint64_t count, bool read_only)
{
    struct blocks *b = core_heap_alloc(&arena_get()->heap, sizeof *b);

    if (b)
        *b = (struct blocks){.disk = disk, .first = first, .count = count, .read_only = read_only};
    return b;
}

static void list_remove(struct blocks *b, const struct block *block)
{
    if (block->newer)
        block->newer->older = block->older;
    else
        b->newest = block->older;
    if (block->older)
        block->older->newer = block->newer;
    else
        b->oldest = block->newer;
}

static void list_add(struct blocks *b, struct block *block)
{
    block->newer = NULL;
    block->older = b->newest;
    if (b->newest)
        b->newest->newer = block;
    else
        b->oldest = block;
    b->newest = block;
}

static void drop(struct blocks *b, struct block *block)
{
    struct heap *heap = &arena_get()->heap;
    struct block **link = bucket_of(b, block->number);

    while (*link != block)
        link = &(*link)->hash_next;
    *link = block->hash_next;
    list_remove(b, block);
    b->cached--;
    b->changed -= block->changed;
    core_heap_free(heap, block->bytes, BLOCK_BYTES);
    core_heap_free(heap, block, sizeof *block);
}

void blocks_free(struct blocks *b)
{
    if (!b)
        return;
    while (b->newest)
        drop(b, b->newest);
    core_heap_free(&arena_get()->heap, b, sizeof *b);
}

static struct block *find(struct blocks *b, uint64_t number)
{
    struct block *block = *bucket_of(b, number);

    while (block && block->number != number)
        block = block->hash_next;
    return block;
}

/* The oldest of those that have not changed makes room. */
static void make_room(struct blocks *b)
{
    struct block *block = b->oldest;

    if (b->cached - b->changed < CACHED_MOST)
        return;
    while (block->changed)
        block = block->newer;
    drop(b, block);
}

static struct block *add(struct blocks *b, uint64_t number)
{
    struct heap *heap = &arena_get()->heap;
    struct block *block = core_heap_alloc(heap, sizeof *block);
    uint8_t *bytes = block ? core_heap_alloc(heap, BLOCK_BYTES) : NULL;

    if (!bytes) {
        core_heap_free(heap, block, sizeof *block);
        return NULL;
    }
    struct block **bucket = bucket_of(b, number);
    *block = (struct block){.number = number, .bytes = bytes, .hash_next = *bucket};
    *bucket = block;
    list_add(b, block);
    b->cached++;
    return block;
}

struct block *blocks_get(struct blocks *b, uint64_t number, bool read)
{
    struct block *block = find(b, number);

    if (block) {
        list_remove(b, block);
        list_add(b, block);
        return block;
    }
    if (number >= b->count)
        return NULL;
    make_room(b);
    block = add(b, number);
    if (block && read && !blocks_move(b, false, &(struct blocks_move){number, block->bytes}, 1)) {
        drop(b, block);
        return NULL;
    }
    return block;
}

void blocks_change(struct blocks *b, struct block *block)
{
    b->changed += !block->changed;
    block->changed = true;
}

void blocks_forget(struct blocks *b, uint64_t number)
{
    struct block *block = find(b, number);

    if (block)
        drop(b, block);
}

size_t blocks_changed(const struct blocks *b, struct block **list, size_t most)
{
    size_t count = 0;

    for (struct block *block = b->oldest; block && count < most; block = block->newer)
        if (block->changed)
            list[count++] = block;
    return count;
}

bool blocks_write(struct blocks *b)
{
    struct block *list[MOVES_AT_ONCE];
    struct blocks_move moves[MOVES_AT_ONCE];
    size_t count;

    while ((count = blocks_changed(b, list, MOVES_AT_ONCE)) != 0) {
        for (size_t i = 0; i < count; i++)
            moves[i] = (struct blocks_move){list[i]->number, list[i]->bytes};
        if (!blocks_move(b, true, moves, count))
            return false;
        for (size_t i = 0; i < count; i++) {
            list[i]->changed = false;
            b->changed--;
        }
    }
    return true;
}

bool blocks_move(struct blocks *b, bool write, const struct blocks_move *list, size_t count)
{
    struct port_disk_move moves[MOVES_AT_ONCE];

    for (size_t done = 0, part; done < count; done += part) {
        part = count - done < MOVES_AT_ONCE ? count - done : MOVES_AT_ONCE;
        for (size_t i = 0; i < part; i++) {
            if (list[done + i].block >= b->count)
                return false;
            moves[i] =
                (struct port_disk_move){b->first + list[done + i].block, list[done + i].page};
        }
        if ((write && (b->failed || b->read_only)) ||
            !port_disk_move(b->disk, write, moves, part)) {
            b->failed |= write;
            return false;
        }
    }
    return true;
}

bool blocks_flush(struct blocks *b)
{
    if (!b->failed && !b->read_only && port_disk_flush(b->disk))
        return true;
    b->failed |= !b->read_only;
    return b->read_only;
}

static bool is_in_list(const struct blocks *b, const struct block *wanted)
{
    const struct block *block = b->newest;

    while (block && block != wanted)
        block = block->older;
    return block;
}

const char *blocks_check(const struct blocks *b)
{
    uint32_t cached = 0, changed = 0, listed = 0;

    for (uint32_t i = 0; i < BLOCK_BUCKETS; i++)
        for (const struct block *block = b->bucket[i]; block; block = block->hash_next) {
            if (block->number % BLOCK_BUCKETS != i || !is_in_list(b, block))
                return "B1: a block is in a wrong bucket, or not in the list";
            cached++;
            changed += block->changed;
        }
    for (const struct block *block = b->newest; block; block = block->older)
        listed++;
    if (listed != cached)
        return "B1: a block of the list is in no bucket";
    return cached == b->cached && changed == b->changed ? NULL : "B2: a count of blocks is wrong";
}

/* What is freed says how much it was. */
struct memory {
    size_t bytes;
    size_t unused; /* keeps what follows aligned to 16 bytes */
    uint8_t contents[];
};

void *blocks_memory(size_t bytes)
{
    const size_t whole = sizeof(struct memory) + bytes;
    struct memory *m =
        whole > bytes && whole <= HEAP_MOST ? core_heap_alloc(&arena_get()->heap, whole) : NULL;

    if (!m)
        return NULL;
    m->bytes = whole;
    return m->contents;
}

size_t blocks_memory_bytes(const void *memory)
{
    return ((const struct memory *)((const uint8_t *)memory - sizeof(struct memory)))->bytes -
           sizeof(struct memory);
}

void blocks_memory_free(void *memory)
{
    if (!memory)
        return;
    struct memory *m = (struct memory *)((uint8_t *)memory - sizeof *m);
    core_heap_free(&arena_get()->heap, m, m->bytes);
}

void *blocks_page(void)
{
    return core_heap_alloc(&arena_get()->heap, BLOCK_BYTES);
}

void blocks_page_free(void *page)
{
    core_heap_free(&arena_get()->heap, page, BLOCK_BYTES);
}

uint64_t blocks_now(void)
{
    return arena_now();
}
