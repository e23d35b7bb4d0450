/* Running a graft: natively or not, with its journal if it needs one; and the helpers that it
 * calls. */
#include "bindings/graft.h"
#include "bindings/graft_journal.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/tree.h"
#include "exo/abi/graft_map.h"
#include "exo/arch/cpu.h"
#include "exo/base/assert.h"
#include "exo/base/sequence.h"
#include "exo/base/string.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/mem/frame.h"
#include "grafts/hook.h"
#include "grafts/interp.h"

#define NANOSECONDS_PER_MILLISECOND 1000000u

/* The run that helpers are called by. Under the forest lock there is one on all CPUs, and those
 * that it interrupts. */
struct run {
    struct graft *graft;
    struct journal *journal; /* NULL: it cannot be aborted */
    struct run *outer;
};
static struct run *running;

static struct map_object *due; /* maps whose owners are to be told of records     */
static struct graft *aborted;  /* grafts whose owners are to be told of their end */
static unsigned quiet;         /* runs that tell nobody of records                */
bool graft_untold;             /* one of the two is not empty                     */

struct graft *graft_bound(const struct node *binding)
{
    const struct cap *c = (const struct cap *)(const void *)node_at(binding->parent);

    return frame_memory(c->base);
}

static void tell(const struct node *to, uint64_t bits)
{
    const struct cap *c = (const struct cap *)(const void *)node_at(to->parent);

    if (c && bits)
        notification_raise(frame_memory(c->base), bits);
}

/* Who waits for records is told when no graft runs any more: what judges his waiting is one. */
void graft_tell_slow(void)
{
    while (due && !running && !quiet) {
        struct map_object *m = due;
        due = m->due;
        m->is_due = false;
        tell(&m->wakes, m->bits);
    }
    while (aborted && !running && !quiet) {
        const struct graft *g = aborted;
        aborted = g->next_due;
        tell(&g->tell, g->tell_bits);
    }
    graft_untold = due || aborted;
}

static void note_due(struct graft_map *map)
{
    struct map_object *m =
        (struct map_object *)(void *)((char *)map - offsetof(struct map_object, map));

    if (quiet || m->is_due || !m->wakes.parent)
        return;
    m->is_due = true;
    m->due = due;
    due = m;
    graft_untold = true;
}

/* Values that the code names directly, and the packet that it may write, are noted before. */
static bool note_at_once(struct journal *j, const struct graft *g, void *context)
{
    const struct hook *h = hook_find(g->program.hook);
    static const uint32_t first;
    bool good = true;

    for (uint32_t i = 0; i < g->program.map_count && good; i++)
        if (g->direct >> i & 1)
            good = journal_value(j, (struct graft_map *)(uintptr_t)g->map_addresses[i], &first, 0);
    if (good && h->flags & GRAFT_WRITES_PACKET) {
        const struct graft_packet *p = context;
        good = journal_memory(j, (void *)(uintptr_t)p->data, p->length);
    }
    return good;
}

static bool run_program(const struct graft *g, void *context, uint64_t *result)
{
    if (!g->code)
        return graft_run_outside(&g->program, &g->outside, context, result);
    const struct graft_jit_result r = g->code((uintptr_t)context, 0, g->program.fuel);
    *result = r.r0;
    return g->program.fuel == 0 || r.rest >= 0;
}

static void abort_run(struct graft *g, struct journal *j)
{
    journal_undo(j);
    g->is_ended = true;
    g->quick = NULL;
    sequence_begin(&g->info->sequence);
    g->info->state |= OBJECT_ABORTED;
    sequence_end(&g->info->sequence);
    g->next_due = aborted;
    aborted = g;
    graft_untold = true;
}

static uint64_t run_fuelled(struct graft *g, void *context, uint64_t otherwise)
{
    struct journal j = {.at = g->journal, .bytes = g->journal_bytes};
    struct run r = {.graft = g, .journal = &j, .outer = running};
    uint64_t result = otherwise;
    bool ended = note_at_once(&j, g, context);

    running = &r;
    if (ended)
        ended = run_program(g, context, &result) && !j.is_full;
    running = r.outer;
    if (ended)
        journal_commit(&j);
    else
        abort_run(g, &j);
    return ended ? result : otherwise;
}

static uint64_t run_proven(struct graft *g, void *context)
{
    struct run r = {.graft = g, .outer = running};
    uint64_t result = 0;

    running = &r;
    bool ended = run_program(g, context, &result);
    running = r.outer;
    ASSERT(ended);
    return result;
}

uint64_t graft_run_fully(struct graft *g, void *context, uint64_t otherwise)
{
    if (g->is_ended)
        return otherwise;
    g->info->counts[COUNT_RUNS]++;
    uint64_t result = g->program.fuel ? run_fuelled(g, context, otherwise) : run_proven(g, context);
    graft_tell();
    return result;
}

uint64_t graft_run_quietly(struct graft *g, void *context, uint64_t otherwise)
{
    quiet++;
    uint64_t result = graft_run_fully(g, context, otherwise);
    quiet--;
    return result;
}

/* The helpers. What they are given the checker has proved; MAP and RING are struct graft_map. */

static void *pointer(uint64_t p)
{
    return (void *)(uintptr_t)p;
}

/* Has the run noted what it is about to change? */
static bool noted(struct graft_map *m, const void *key)
{
    uint64_t victim[GRAFT_MAX_KEY / 8];
    struct journal *j = running->journal;

    if (!j)
        return true;
    if (graft_map_displaces(m, key, victim) && !journal_value(j, m, victim, 0))
        return false;
    return journal_value(j, m, key, cpu_this()->number);
}

static uint64_t help_map_lookup_elem(uint64_t map, uint64_t key, uint64_t r3, uint64_t r4,
                                     uint64_t r5)
{
    struct graft_map *m = pointer(map);

    (void)r3, (void)r4, (void)r5;
    if (running->journal && !journal_value(running->journal, m, pointer(key), cpu_this()->number))
        return 0;
    return (uintptr_t)graft_map_lookup(m, pointer(key), cpu_this()->number);
}

static uint64_t help_map_update_elem(uint64_t map, uint64_t key, uint64_t value, uint64_t flags,
                                     uint64_t r5)
{
    (void)r5;
    if (!noted(pointer(map), pointer(key)))
        return (uint64_t)GRAFT_MAP_FULL;
    return (uint64_t)graft_map_update(pointer(map), pointer(key), pointer(value), flags,
                                      cpu_this()->number);
}

static uint64_t help_map_delete_elem(uint64_t map, uint64_t key, uint64_t r3, uint64_t r4,
                                     uint64_t r5)
{
    (void)r3, (void)r4, (void)r5;
    if (!noted(pointer(map), pointer(key)))
        return (uint64_t)GRAFT_MAP_FULL;
    return (uint64_t)graft_map_delete(pointer(map), pointer(key));
}

static uint64_t help_ktime_get_ns(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5)
{
    uint64_t ticks = arch_ticks(), khz = arch_tick_khz();

    (void)r1, (void)r2, (void)r3, (void)r4, (void)r5;
    return ticks / khz * NANOSECONDS_PER_MILLISECOND +
           ticks % khz * NANOSECONDS_PER_MILLISECOND / khz;
}

static uint64_t help_get_smp_processor_id(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
                                          uint64_t r5)
{
    (void)r1, (void)r2, (void)r3, (void)r4, (void)r5;
    return cpu_this()->number;
}

/* One's complement sum of words of two bytes, as they lie in memory. (Words are read by what the
 * compiler has for it: memcpy might be left a call.) */
static uint64_t sum_of(const uint8_t *at, uint64_t bytes)
{
    uint64_t sum = 0;

    for (; bytes >= 4; bytes -= 4, at += 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        sum += word;
    }
    for (unsigned shift = 0; bytes; bytes--, shift += 8)
        sum += (uint64_t)*at++ << shift;
    return sum;
}

static uint64_t fold(uint64_t sum)
{
    while (sum >> 32)
        sum = (sum & UINT32_MAX) + (sum >> 32);
    return sum;
}

/* As Linux has it: the seed, less what was there, plus what is; 32 bits wide. */
static uint64_t help_csum_diff(uint64_t from, uint64_t from_bytes, uint64_t to, uint64_t to_bytes,
                               uint64_t seed)
{
    uint64_t less = fold(sum_of(pointer(from), from_bytes));

    return fold((seed & UINT32_MAX) + (~less & UINT32_MAX) + fold(sum_of(pointer(to), to_bytes)));
}

static uint64_t reserve(struct graft_map *m, uint64_t bytes)
{
    void *record = graft_ring_reserve(m, bytes);
    struct journal *j = running->journal;

    if (record && j && !journal_record(j, record, JOURNAL_RESERVED)) {
        graft_ring_discard(record);
        return 0;
    }
    return (uintptr_t)record;
}

static void give_back(void *record, enum journal_record what)
{
    struct journal *j = running->journal;

    if (j)
        journal_record(j, record, what); /* a full one undoes the reservation */
    else if (what == JOURNAL_SUBMIT)
        graft_ring_submit(record);
    else
        graft_ring_discard(record);
}

static uint64_t help_ringbuf_output(uint64_t map, uint64_t from, uint64_t bytes, uint64_t flags,
                                    uint64_t r5)
{
    uint64_t record = reserve(pointer(map), bytes);

    (void)r5;
    if (!record)
        return (uint64_t)GRAFT_MAP_FULL;
    memcpy(pointer(record), pointer(from), bytes);
    give_back(pointer(record), JOURNAL_SUBMIT);
    if (!(flags & GRAFT_RING_NO_WAKE))
        note_due(pointer(map));
    return 0;
}

/* A record that will be submitted: its owner is told when the run has ended, unless it has none. */
static uint64_t help_ringbuf_reserve(uint64_t map, uint64_t bytes, uint64_t flags, uint64_t r4,
                                     uint64_t r5)
{
    uint64_t record = reserve(pointer(map), bytes);

    (void)r4, (void)r5;
    if (record && !(flags & GRAFT_RING_NO_WAKE))
        note_due(pointer(map));
    return record;
}

static uint64_t help_ringbuf_submit(uint64_t record, uint64_t flags, uint64_t r3, uint64_t r4,
                                    uint64_t r5)
{
    (void)flags, (void)r3, (void)r4, (void)r5;
    give_back(pointer(record), JOURNAL_SUBMIT);
    return 0;
}

static uint64_t help_ringbuf_discard(uint64_t record, uint64_t flags, uint64_t r3, uint64_t r4,
                                     uint64_t r5)
{
    (void)flags, (void)r3, (void)r4, (void)r5;
    give_back(pointer(record), JOURNAL_DISCARD);
    return 0;
}

/* Copies as many bytes as both have, and returns the one's complement sum of them and `seed`: the
 * packet is read once for both. */
static uint64_t help_copy_checksum(uint64_t to, uint64_t room, uint64_t from, uint64_t bytes,
                                   uint64_t seed)
{
    uint64_t count = bytes < room ? bytes : room, sum = seed & UINT32_MAX, at = 0;

    for (; at + 8 <= count; at += 8) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)pointer(from) + at, sizeof word);
        memcpy((uint8_t *)pointer(to) + at, &word, sizeof word);
        sum += (word & UINT32_MAX) + (word >> 32);
    }
    memmove((uint8_t *)pointer(to) + at, (const uint8_t *)pointer(from) + at, count - at);
    return fold(sum + sum_of((const uint8_t *)pointer(from) + at, count - at));
}

static uint64_t help_answer_store(uint64_t at, uint64_t from, uint64_t bytes, uint64_t seed,
                                  uint64_t r5)
{
    const uint8_t *to = graft_answer_store(running->graft, at, bytes);

    (void)r5;
    if (!to)
        return (uint64_t)GRAFT_MAP_FULL;
    return help_copy_checksum((uintptr_t)to, bytes, from, bytes, seed);
}

static uint64_t help_owns(uint64_t first, uint64_t count, uint64_t type, uint64_t r4, uint64_t r5)
{
    (void)r4, (void)r5;
    tree_set_add(first, count, type);
    return 0;
}

uint64_t graft_helper_address(void *self, int32_t number)
{
    (void)self;
    switch (number) {
/* Laid out by hand: X-macro rows. */
/* clang-format off */
#define HELPER(number, name, result, a1, a2, a3, a4, a5)                                           \
    case number:                                                                                   \
        return (uintptr_t)help_##name;
#include "exo/abi/graft_helpers.def"
#undef HELPER
        /* clang-format on */
    default:
        return 0;
    }
}
