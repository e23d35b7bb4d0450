/* What libos gives when it is asked: the least used first, nothing that is too much; and that the
 * example keeps its word. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/frames.h"
#include "libos/pages.h"
#include "libos/region.h"
#include "libos/revoke_give.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define ARRAY ((vaddr_t)0x340000000000)
#define PAGES 64u

static uint32_t favourite; /* the slice that is used most */

static uint64_t slice_use(enum revoke_kind kind, uint32_t name)
{
    return kind == REVOKE_SLICES && name == favourite ? 100 : name;
}

static uint32_t slices(void)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        count += book_cpu(0)->slices[i].env == book_utcb()->env;
    return count;
}

static bool is_mine(uint32_t position)
{
    return book_cpu(0)->slices[position].env == book_utcb()->env;
}

static void test_slices(void)
{
    uint64_t deadline = clock_deadline(9 * CLOCK_NS_PER_S);

    for (uint32_t i = 10; i < 16; i++)
        exo_slice_bind(SLOT_CPU, 0, i, SLOT_THREAD);
    tap_is(revoke_give(REVOKE_SLICES, 2, deadline, NULL), 2, "slices are given");
    tap_ok(!is_mine(15) && !is_mine(14) && is_mine(13), "the highest first");
    favourite = 10;
    tap_is(revoke_give(REVOKE_SLICES, 2, deadline, slice_use), 2, "or by their use");
    tap_ok(is_mine(10) && !is_mine(11) && !is_mine(12), "the least used first");
    tap_is(revoke_give(REVOKE_SLICES, 100, deadline, NULL), 2, "no more than there are");
    tap_is(slices(), 0, "then there are none");
}

static void test_ranges(void)
{
    uint64_t deadline = clock_deadline(9 * CLOCK_NS_PER_S);
    slot_t copy = guest_slot();
    uint32_t lines = slot_cap(SLOT_IRQ)->count;

    exo_cap_copy(SLOT_ENV, copy, SLOT_IRQ, slot_cap(SLOT_IRQ)->rights, 0, 0);
    tap_is(revoke_give(REVOKE_IRQS, lines - 1, deadline, NULL), 0, "a range is given whole or not");
    tap_ok(slot_cap(copy) != NULL, "a copy of one's own does not count");
    tap_is(revoke_give(REVOKE_IRQS, lines, deadline, NULL), lines, "whole");
    tap_ok(!slot_cap(SLOT_IRQ) && !slot_cap(copy), "with what was derived from it");
    tap_is(revoke_give(REVOKE_RINGS, 1, deadline, NULL), 0, "of what there is not, none");
}

static void test_pages(void)
{
    static struct page_record records[PAGES];
    static struct pagetable table;
    static struct backing_ram store;
    uint64_t deadline = clock_deadline(9 * CLOCK_NS_PER_S);
    bool good = true;

    backing_ram_init(&store, PAGES);
    pagetable_linear(&table, records, ARRAY, PAGES);
    struct pages p = {.low = ARRAY,
                      .high = ARRAY + PAGES * PAGE_SIZE,
                      .table = &table,
                      .budget = PAGES,
                      .backing = &store.backing};
    tap_is(pages_init(&p), ERR_OK, "a paged range");
    for (uint32_t i = 0; i < PAGES; i++)
        *(volatile uint64_t *)(ARRAY + i * PAGE_SIZE) = i + 1;
    tap_is(pages_surrender(20, clock_deadline(0)), 0, "after the deadline no page leaves");
    uint64_t free = frames_free_count();
    tap_is(pages_surrender(20, deadline), 20, "pages leave");
    tap_is(frames_free_count(), free + 20, "and their frames are free");
    tap_ok(p.budget == PAGES - 20 && p.outs >= 10, "the range has that many fewer");
    for (uint32_t i = 0; i < PAGES; i++)
        good &= *(volatile uint64_t *)(ARRAY + i * PAGE_SIZE) == i + 1;
    tap_ok(good, "what they held comes back");
    tap_ok(!pages_check(&p), "the range is sound");
    tap_is(pages_surrender(1000, clock_deadline(9 * CLOCK_NS_PER_S)), PAGES - 20, "all may leave");
    tap_is(p.resident, 0, "then none has a frame");
    pages_destroy(&p);
    backing_ram_destroy(&store);
}

/* Frames are taken without a word, with pages of a range in them, as by a kernel. */
static void test_lost(void)
{
    static struct page_record records[PAGES];
    static struct pagetable table;
    bool good = true;

    pagetable_linear(&table, records, ARRAY, PAGES);
    struct pages p = {
        .low = ARRAY, .high = ARRAY + PAGES * PAGE_SIZE, .table = &table, .budget = PAGES};
    tap_is(pages_init(&p), ERR_OK, "another range, that goes nowhere");
    for (uint32_t i = 0; i < PAGES; i++)
        *(volatile uint64_t *)(ARRAY + i * PAGE_SIZE) = i + 1;
    for (uint32_t i = 0; i < 10; i++)
        guest_unbind(SLOT_ENV, ARRAY + i * PAGE_SIZE);
    pages_lost(SLOT_NONE);
    tap_is(p.resident, PAGES - 10, "pages that lost their frames are noted");
    guest_unbind(SLOT_ENV, ARRAY + 10 * PAGE_SIZE); /* and one that nobody was told of */
    for (uint32_t i = 0; i < PAGES; i++)
        good &= *(volatile uint64_t *)(ARRAY + i * PAGE_SIZE) == (i <= 10 ? 0 : i + 1);
    tap_ok(good, "they are zeroes at the next use");
    tap_ok(!pages_check(&p), "the range is sound");
    pages_destroy(&p);
}

static void test_example(void)
{
    static const char *const arguments[] = {"giving", NULL};
    static struct spawn_child child;
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE_ALL & ~SPAWN_GIVE(SLOT_MACHINE),
                              .memory_frames = 16384};

    tap_is(program_start(guest_archive(), "giving", &args, &child), ERR_OK, "the example starts");
    tap_is(program_wait("giving", &child), 0, "it is given what it asks for, and nothing is lost");
    spawn_destroy(&child);
}

int main(void)
{
    guest_begin();
    test_slices();
    test_pages();
    test_lost();
    test_example();
    test_ranges();
    return tap_done();
}
