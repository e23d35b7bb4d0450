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
    *h = (struct heap){.next = low, .mapped = mapped, .limit = high};
}

/* Fresh memory from the platform is zero, so a carved block needs no clearing. */
static void *carve(struct heap *h, size_t bytes)
{
    size_t align = bytes < PAGE_SIZE ? bytes : PAGE_SIZE;
    vaddr_t start = (h->next + align - 1) & ~(vaddr_t)(align - 1);

    while (start + bytes > h->mapped) {
        if (h->limit - h->mapped < PORT_CORE_STEP || !port_core_extend(h->mapped, PORT_CORE_STEP))
            return NULL;
        h->mapped += PORT_CORE_STEP;
    }
    h->next = start + bytes;
    return (void *)start;
}

static void *take(struct heap *h, unsigned class, bool zero)
{
    size_t size = HEAP_LEAST << class;
    struct heap_block *block = h->free[class];

    if (block) {
        h->free[class] = block->next;
        if (zero)
            memset(block, 0, size);
    } else {
        block = carve(h, size);
    }
    if (block)
        h->in_use += size;
    return block;
}

void *core_heap_alloc(struct heap *h, size_t bytes)
{
    return take(h, class_of(bytes), true);
}

void *core_heap_take(struct heap *h, size_t bytes)
{
    return take(h, class_of(bytes), false);
}

void core_heap_free(struct heap *h, void *block, size_t bytes)
{
    if (!block)
        return;

    unsigned class = class_of(bytes);
    struct heap_block *freed = block;
    freed->next = h->free[class];
    h->free[class] = freed;
    h->in_use -= HEAP_LEAST << class;
}
