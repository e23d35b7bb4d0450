/* The core's own memory in blocks of power-of-two sizes. */
#include "libos-posix/base/heap.h"

#include "libos-posix/base/mem.h"
#include "libos-posix/port.h"

static unsigned class_of(size_t bytes)
{
    return bytes <= HEAP_LEAST
               ? 0
               : (unsigned)(__builtin_clzl(HEAP_LEAST - 1) - __builtin_clzl(bytes - 1));
}

void core_heap_init(struct heap *h, vaddr_t low, vaddr_t mapped, vaddr_t high)
{
    *h = (struct heap){.low = low, .next = low, .mapped = mapped, .limit = high};
}

static vaddr_t fresh(const struct heap *h, size_t bytes)
{
    size_t align = bytes < PAGE_SIZE ? bytes : PAGE_SIZE;

    return (h->next + align - 1) & ~(vaddr_t)(align - 1);
}

/* Fresh memory from the platform is zero, so a carved block needs no clearing. */
static void *carve(struct heap *h, size_t bytes)
{
    vaddr_t start = fresh(h, bytes);

    while (start + bytes > h->mapped) {
        if (h->limit - h->mapped < PORT_CORE_STEP || !port_core_extend(h->mapped, PORT_CORE_STEP))
            return NULL;
        h->mapped += PORT_CORE_STEP;
    }
    h->next = start + bytes;
    return (void *)start;
}

static void put(struct heap *h, void *block, unsigned class)
{
    struct heap_block *freed = block;

    freed->next = h->free[class];
    h->free[class] = freed;
}

/* The least free block of this class or a larger one; HEAP_CLASSES: there is none. */
static unsigned class_of_free(const struct heap *h, unsigned class)
{
    while (class < HEAP_CLASSES && !h->free[class])
        class ++;
    return class;
}

/* A part of a larger block, before more is asked of the platform. NULL: there is none. */
static void *split(struct heap *h, unsigned class)
{
    unsigned from = class_of_free(h, class);
    uint8_t *block = from < HEAP_CLASSES ? (uint8_t *)h->free[from] : NULL;

    if (!block || fresh(h, HEAP_LEAST << class) + (HEAP_LEAST << class) <= h->mapped)
        return NULL;
    h->free[from] = h->free[from]->next;
    while (from-- > class)
        put(h, block + (HEAP_LEAST << from), from);
    return block;
}

/* A block of a class that has none free. */
static __attribute__((noinline)) void *make(struct heap *h, unsigned class, bool zero)
{
    size_t size = HEAP_LEAST << class;
    void *block = split(h, class);

    if (!block)
        block = carve(h, size);
    else if (zero)
        memset(block, 0, size);
    if (block)
        h->in_use += size;
    return block;
}

/* NULL: no block of this class is free. */
static inline void *take(struct heap *h, unsigned class)
{
    struct heap_block *block = h->free[class];

    if (!block)
        return NULL;
    h->free[class] = block->next;
    h->in_use += HEAP_LEAST << class;
    return block;
}

void *core_heap_alloc(struct heap *h, size_t bytes)
{
    const unsigned class = class_of(bytes);
    void *block = take(h, class);

    return block ? memset(block, 0, HEAP_LEAST << class) : make(h, class, true);
}

void *core_heap_take(struct heap *h, size_t bytes)
{
    const unsigned class = class_of(bytes);
    void *block = take(h, class);

    return block ? block : make(h, class, false);
}

bool core_heap_has_for_files(const struct heap *h, size_t bytes)
{
    const unsigned class = class_of(bytes);
    const bool is_here = class_of_free(h, class) < HEAP_CLASSES ||
                         fresh(h, HEAP_LEAST << class) + (HEAP_LEAST << class) <= h->mapped;
    struct port_memory memory;

    port_memory_get(&memory);
    const uint64_t kept = memory.total_bytes / HEAP_KEPT_SHARE;
    return is_here ? memory.free_bytes + (h->mapped - h->low - h->in_use) >= kept
                   : memory.free_bytes >= kept + PORT_CORE_STEP;
}

void core_heap_free(struct heap *h, void *block, size_t bytes)
{
    if (!block)
        return;

    unsigned class = class_of(bytes);
    put(h, block, class);
    h->in_use -= HEAP_LEAST << class;
}
