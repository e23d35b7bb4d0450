/* The frame table. */
#include "exo/mem/frame.h"

#include "exo/abi/syscall.h"
#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/base/sequence.h"
#include "exo/base/string.h"

struct frame_info *frame_table; /* [n] describes frame n */
static pfn_t frames_known;

/* A record in two words, so that a table of all memory is quickly written. */
typedef union __attribute__((may_alias)) {
    struct frame_info info;
    uint64_t words[2];
} record_t;
_Static_assert(offsetof(struct frame_info, first) == 8 && sizeof(record_t) == 16,
               "a record's second word is `first`, and an `origin` of 0 above it");

static uint32_t first_sequence; /* before there is a window */
uint32_t *frame_sequence = &first_sequence;

/* Environment numbers come again, serial numbers do not: 0 is nobody's, and stays that of whoever
 * comes when all have been given out. */
static uint32_t serials[ENV_MAX];
static uint32_t serial_last;

void frame_table_init(struct frame_info *info, pfn_t count)
{
    frame_table = info;
    frames_known = count;
}

void frame_mark(pfn_t first, uint32_t count, enum frame_type type)
{
    const pfn_t end = first + count < frames_known ? first + count : frames_known;

    record_t r = {.words = {0, 0}};

    r.info.type = (uint8_t)type;
#pragma GCC unroll 8
    for (pfn_t n = first; n < end; n++)
        *(record_t *)&frame_table[n] = (record_t){.words = {r.words[0], n}};
}

pfn_t frame_count(void)
{
    return frames_known;
}

struct frame_info *frame_of(pfn_t n)
{
    ASSERT(n < frames_known);
    return &frame_table[n];
}

void *frame_memory(pfn_t n)
{
    return arch_phys((paddr_t)n << PAGE_BITS);
}

pfn_t frame_number(const void *memory)
{
    return (pfn_t)(arch_phys_of(memory) >> PAGE_BITS);
}

pfn_t frame_find(pfn_t base, pfn_t end, uint32_t count)
{
    uint32_t run = 0;

    for (pfn_t n = base; n < end && n < frames_known; n++) {
        run = frame_table[n].type == FRAME_FREE ? run + 1 : 0;
        if (run == count)
            return n + 1 - count;
    }
    return PFN_ANY;
}

/* The first frame of [first, end) that is not free or of another colour, or `end`. */
static pfn_t first_misfit(pfn_t first, pfn_t end, word_t colours)
{
    pfn_t n = first;
    const struct frame_info *f = &frame_table[n];

    while (n < end && f->type == FRAME_FREE && colours >> FRAME_COLOUR(n) & 1)
        n++, f++;
    return n;
}

/* Each frame is looked at once: what comes next begins behind the one that did not fit. */
pfn_t frame_find_like(pfn_t base, pfn_t end, uint32_t count, uint32_t align, word_t colours)
{
    const uint64_t step = (uint64_t)1 << align;
    const pfn_t limit = end < frames_known ? end : frames_known;
    uint64_t n = (base + step - 1) & ~(step - 1);

    while (n + count <= limit) {
        pfn_t misfit = first_misfit((pfn_t)n, (pfn_t)n + count, colours);
        if (misfit == n + count)
            return (pfn_t)n;
        n = (misfit + step) & ~(step - 1);
    }
    return PFN_ANY;
}

pfn_t frame_first_used(pfn_t first, pfn_t end)
{
    return first_misfit(first, end, FRAME_COLOURS_ALL);
}

bool frame_all_free(pfn_t first, uint32_t count)
{
    if (first >= frames_known || count > frames_known - first)
        return false;
    for (const struct frame_info *f = &frame_table[first]; count > 0; count--, f++)
        if (f->type != FRAME_FREE)
            return false;
    return true;
}

void frame_owner_new(uint16_t owner)
{
    serials[owner] = serial_last < UINT32_MAX ? ++serial_last : 0;
}

/* Does free frame `n` hold nothing but what `owner` left there as pages of its own? */
static bool is_own(pfn_t n, uint16_t owner)
{
    return serials[owner] != 0 && frame_table[n].origin == serials[owner];
}

/* What takes long is done before the records are written: what must hold zeroes gets them. A
 * graft's frames are the kernel's alone, which writes before it reads all but the first. */
void frame_take(pfn_t first, uint32_t count, enum frame_type type, uint16_t owner, uint32_t origin)
{
    for (pfn_t n = first; n < first + (type == FRAME_GRAFT ? 1 : count); n++) {
        ASSERT(frame_of(n)->type == FRAME_FREE);
        if (type != FRAME_MEMORY || !is_own(n, owner))
            arch_clear(frame_memory(n), PAGE_SIZE);
    }
    const struct frame_info record = {
        .type = (uint8_t)type, .owner = owner, .first = first, .origin = origin};
    struct frame_info *f = &frame_table[first];
    sequence_begin(frame_sequence);
    for (uint32_t k = 0; k < count; k++)
        f[k] = record;
    for (uint32_t k = 1; k < count && type == FRAME_MEMORY; k++)
        f[k].first = first + k;
    sequence_end(frame_sequence);
}

void frame_give(pfn_t first, uint32_t count)
{
    ASSERT(first < frames_known && count <= frames_known - first);
    sequence_begin(frame_sequence);
    struct frame_info *f = &frame_table[first];
    for (pfn_t n = first; n < first + count; n++, f++) {
        if (f->bindings)
            *f = (struct frame_info){.type = FRAME_STALE, .bindings = f->bindings, .first = n};
        else
            *f = (struct frame_info){.type = FRAME_FREE,
                                     .first = n,
                                     .origin = f->type == FRAME_MEMORY ? serials[f->owner] : 0};
    }
    sequence_end(frame_sequence);
}

void frame_unbound(pfn_t n)
{
    struct frame_info *f = frame_of(n);

    ASSERT(f->bindings > 0);
    f->bindings--;
    if (f->bindings == 0 && f->type == FRAME_STALE)
        f->type = FRAME_FREE;
}

const char *frame_check(void)
{
    for (pfn_t n = 0; n < frames_known; n++) {
        const struct frame_info *f = &frame_table[n];
        bool plain = f->type == FRAME_FREE && f->first == n;
        if (plain && !f->owner && !f->bindings && f->origin <= serial_last)
            continue; /* the most, and looked at after each call of a checked build */
        bool unowned = f->type == FRAME_FREE || f->type == FRAME_ABSENT;
        bool boot = f->type == FRAME_KERNEL || f->type == FRAME_CPU || f->type == FRAME_STALE;
        if (unowned && (f->owner || f->bindings))
            return "F1: a free frame is owned or bound";
        if (!unowned && !boot && !f->owner)
            return "F2: a used frame has no owner";
        if (f->type == FRAME_FREE && f->origin > serial_last)
            return "F4: a free frame was somebody's who never was";
        if (f->first > n || frame_table[f->first].owner != f->owner)
            return "F3: a frame belongs to an object of another owner";
    }
    return NULL;
}
