/* Memory in pieces; see heap.h. */
#include "libos/heap.h"

#include "libos/exit.h"
#include "libos/log.h"
#include "libos/string.h"
#include "libos/vm.h"

#define ALIGN       16u
#define SPAN_BYTES  ((size_t)1 << 20)
#define LARGE_BYTES ((size_t)1 << 18) /* from here on a block is a mapping of its own */
#define LISTS       64u
#define STATUS_HEAP 134 /* as a C library's abort() would say: 128 + 6 */

#define SIZE_USED  ((size_t)1)
#define SIZE_LARGE ((size_t)2)
#define SIZE_MASK  (~(size_t)15)

/* In front of each block. `size` counts the header; flags in its low bits. */
struct block {
    size_t before; /* size of the block below in the span, without flags; 0: this is the first */
    size_t size;
    struct block *next, *prev; /* while free */
};
#define HEADER    offsetof(struct block, next)
#define BLOCK_MIN sizeof(struct block)
_Static_assert(HEADER == ALIGN && BLOCK_MIN % ALIGN == 0, "blocks keep their alignment");

/* At the beginning of a span; its blocks follow, then a used block of HEADER bytes as a fence. */
struct span {
    struct span *next;
    size_t unused;
};

static struct span *spans;
static struct block *lists[LISTS];

/* Four lists to each doubling: list 4k+j holds sizes from 2^(k+5) * (1 + j/4) on. */
static unsigned list_of(size_t size)
{
    unsigned top = 63u - (unsigned)__builtin_clzl(size);
    unsigned list = (top - 5) * 4 + (unsigned)(size >> (top - 2) & 3);

    return list < LISTS ? list : LISTS - 1;
}

static struct block *block_at(struct block *b, size_t offset)
{
    return (struct block *)((char *)b + offset);
}

static size_t size_of(const struct block *b)
{
    return b->size & SIZE_MASK;
}

static void list_add(struct block *b)
{
    struct block **list = &lists[list_of(size_of(b))];

    b->prev = NULL;
    b->next = *list;
    if (b->next)
        b->next->prev = b;
    *list = b;
}

static void list_remove(struct block *b)
{
    if (b->prev)
        b->prev->next = b->next;
    else
        lists[list_of(size_of(b))] = b->next;
    if (b->next)
        b->next->prev = b->prev;
}

/* Sets a block's size where its upper neighbour looks for it, too. */
static void set_size(struct block *b, size_t size, size_t flags)
{
    b->size = size | flags;
    block_at(b, size)->before = size;
}

static bool add_span(void)
{
    vaddr_t va = 0;

    if (vm_map(&va, SPAN_BYTES, RIGHT_READ | RIGHT_WRITE))
        return false;
    struct span *span = (struct span *)va;
    struct block *b = (struct block *)(span + 1);
    size_t size = SPAN_BYTES - sizeof *span - HEADER;
    span->next = spans;
    spans = span;
    b->before = 0;
    set_size(b, size, 0);
    block_at(b, size)->size = HEADER | SIZE_USED;
    list_add(b);
    return true;
}

/* Cuts what is beyond `size` off a block that is in no list, if it makes a block. */
static void trim(struct block *b, size_t size)
{
    size_t rest = size_of(b) - size;

    if (rest < BLOCK_MIN) {
        b->size |= SIZE_USED;
        return;
    }
    set_size(b, size, SIZE_USED);
    struct block *tail = block_at(b, size);
    struct block *behind = block_at(tail, rest);
    if (!(behind->size & SIZE_USED)) { /* only when shrinking in place */
        list_remove(behind);
        rest += size_of(behind);
    }
    set_size(tail, rest, 0);
    list_add(tail);
}

static struct block *take(size_t size)
{
    unsigned list = list_of(size);

    /* In its own list the first that fits, since sizes differ there; above, any. */
    for (struct block *b = lists[list]; b; b = b->next)
        if (size_of(b) >= size) {
            list_remove(b);
            return b;
        }
    while (++list < LISTS)
        if (lists[list]) {
            struct block *b = lists[list];
            list_remove(b);
            return b;
        }
    return NULL;
}

static void *alloc_large(size_t bytes)
{
    vaddr_t va = 0;
    size_t size = (bytes + HEADER + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

    if (size < bytes || vm_map(&va, size, RIGHT_READ | RIGHT_WRITE))
        return NULL;
    struct block *b = (struct block *)va;
    b->size = size | SIZE_USED | SIZE_LARGE;
    return (char *)b + HEADER;
}

static size_t block_size(size_t bytes)
{
    size_t size = (bytes + HEADER + ALIGN - 1) & SIZE_MASK;

    return size < BLOCK_MIN ? BLOCK_MIN : size;
}

void *heap_alloc(size_t bytes)
{
    if (bytes >= LARGE_BYTES)
        return alloc_large(bytes);
    size_t size = block_size(bytes);
    struct block *b = take(size);
    if (!b && add_span())
        b = take(size);
    if (!b)
        return NULL;
    trim(b, size);
    return (char *)b + HEADER;
}

void *heap_alloc_zero(size_t count, size_t bytes)
{
    size_t all;

    if (__builtin_mul_overflow(count, bytes, &all))
        return NULL;
    void *p = heap_alloc(all);
    if (p && all < LARGE_BYTES) /* a fresh mapping is zero */
        memset(p, 0, all);
    return p;
}

static struct block *block_of(void *p)
{
    struct block *b = (struct block *)((char *)p - HEADER);

    if (!(b->size & SIZE_USED) || (uintptr_t)p % ALIGN) {
        log_kernel_line("heap: %p is not a block in use", p);
        libos_exit(STATUS_HEAP);
    }
    return b;
}

void heap_free(void *p)
{
    if (!p)
        return;
    struct block *b = block_of(p);
    if (b->size & SIZE_LARGE) {
        vm_unmap((vaddr_t)b, size_of(b));
        return;
    }
    size_t size = size_of(b);
    struct block *above = block_at(b, size);
    if (!(above->size & SIZE_USED)) {
        list_remove(above);
        size += size_of(above);
    }
    if (b->before) {
        struct block *below = (struct block *)((char *)b - b->before);
        if (!(below->size & SIZE_USED)) {
            list_remove(below);
            size += size_of(below);
            b->size = 0; /* the header is inside now: a second free shall be seen */
            b = below;
        }
    }
    set_size(b, size, 0);
    list_add(b);
}

void *heap_resize(void *old, size_t bytes)
{
    if (!old)
        return heap_alloc(bytes);
    struct block *b = block_of(old);
    size_t held = size_of(b) - HEADER;
    if (bytes <= held && !(b->size & SIZE_LARGE)) {
        trim(b, block_size(bytes));
        return old;
    }
    if (bytes <= held && bytes >= held / 2)
        return old;
    void *new = heap_alloc(bytes);
    if (new) {
        memcpy(new, old, bytes < held ? bytes : held);
        heap_free(old);
    }
    return new;
}

static bool is_listed(const struct block *wanted)
{
    for (const struct block *b = lists[list_of(size_of(wanted))]; b; b = b->next)
        if (b == wanted)
            return true;
    return false;
}

static const char *check_span(struct span *span)
{
    struct block *b = (struct block *)(span + 1);
    char *end = (char *)span + SPAN_BYTES;
    size_t before = 0;
    bool free_before = false;

    while ((char *)b < end - HEADER) {
        bool used = b->size & SIZE_USED;
        if (b->before != before || size_of(b) < BLOCK_MIN)
            return "H1: a block's neighbour has another size";
        if (!used && free_before)
            return "H2: two free blocks are neighbours";
        if (!used && !is_listed(b))
            return "H3: a free block is in no list";
        before = size_of(b);
        free_before = !used;
        b = block_at(b, before);
    }
    if ((char *)b != end - HEADER || b->before != before || b->size != (HEADER | SIZE_USED))
        return "H1: blocks do not fill their span";
    return NULL;
}

const char *heap_check(void)
{
    for (struct span *span = spans; span; span = span->next) {
        const char *broken = check_span(span);
        if (broken)
            return broken;
    }
    for (unsigned list = 0; list < LISTS; list++)
        for (const struct block *b = lists[list]; b; b = b->next)
            if ((b->size & SIZE_USED) || list_of(size_of(b)) != list)
                return "H3: a list holds a used block or one of another size";
    return NULL;
}
