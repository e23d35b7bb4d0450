/* Memory: frames, page tables and page bindings, with their effect on the real MMU. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define SLOT_EMPTY  100u
#define SLOT_BEYOND (CAP_SLOTS + 5u)
#define RW          (RIGHT_READ | RIGHT_WRITE)
#define VA          GUEST_FREE
#define FETCH       16u /* in a page fault's error code: an instruction was wanted */
#define PRESENT     1u
#define WRITTEN     2u

/* A region of `count` frames that are free. */
static slot_t small_region(uint32_t count, pfn_t *first)
{
    slot_t slot = guest_slot();

    region_find(count, first);
    exo_cap_copy(SLOT_ENV, slot, SLOT_MEMORY, RIGHT_ALL, *first, count);
    return slot;
}

static void alloc_errors(void)
{
    slot_t dst = guest_slot(), held = guest_slot();
    pfn_t first;
    slot_t region = small_region(2, &first);

    tap_is(exo_frames_alloc(region, PFN_ANY, 0, dst), ERR_BAD_ARG, "no frames");
    tap_is(exo_frames_alloc(region, first + 1, 2, dst), ERR_BAD_ARG, "frames beyond the region");
    tap_is(exo_frames_alloc(region, first - 1, 1, dst), ERR_BAD_ARG, "frames before the region");
    tap_is(exo_frames_alloc(region, PFN_ANY, 1, SLOT_NONE), ERR_BAD_ARG, "into SLOT_NONE");
    tap_is(exo_frames_alloc(region, PFN_ANY, 1, SLOT_BEYOND), ERR_BAD_ARG, "into no slot");
    tap_is(exo_frames_alloc(SLOT_ENV, PFN_ANY, 1, dst), ERR_BAD_CAP, "from what is no region");
    tap_is(exo_frames_alloc(region, PFN_ANY, 1, SLOT_ENV), ERR_IN_USE, "into a filled slot");
    tap_is(exo_frames_alloc(region, PFN_ANY, 3, dst), ERR_NO_MEM, "more than the region has");
    tap_is(exo_frames_alloc(region, first, 1, held), ERR_OK, "one frame, by its number");
    tap_is(exo_frames_alloc(region, first, 1, dst), ERR_IN_USE, "the same frame again");
    tap_is(exo_frames_alloc(SLOT_MEMORY, first, 2, dst), ERR_IN_USE, "a range with that frame");
    tap_is(exo_frames_alloc(region, PFN_ANY, 2, dst), ERR_NO_MEM, "two adjacent ones are not left");
    word_t got = 0;
    exo_frames_alloc_get(region, first, 2, dst, &got);
    tap_ok(got == (first | (word_t)book_utcb()->env << 32), "the refusal names frame and owner");
    tap_is(exo_frames_alloc_get(region, PFN_ANY, 1, dst, &got), ERR_OK, "any one is");
    tap_is((long)got, first + 1, "it is the other one");
    tap_is(book_frame(first)->owner, (long)book_utcb()->env, "the frame table names the owner");
    tap_is(book_frame(first)->type, FRAME_MEMORY, "and the type");
    slot_delete(region);
    tap_is(book_frame(first)->type, FRAME_FREE, "they go with the region they were made from");
    slot_give(held);
    slot_give(dst);
}

static void find(void)
{
    const word_t all = FRAME_RANGE_ALL, any = FRAME_COLOURS_ALL;
    slot_t dst = guest_slot();
    word_t got = 0;

    tap_is(exo_frames_find(SLOT_MEMORY, all, 0, 0, any, dst), ERR_BAD_ARG, "find no frames");
    tap_is(exo_frames_find(SLOT_ENV, all, 1, 0, any, dst), ERR_BAD_CAP, "find in no region");
    tap_is(exo_frames_find(SLOT_MEMORY, all, 1, 0, any, SLOT_ENV), ERR_IN_USE,
           "find to a slot in use");
    tap_is(exo_frames_find(SLOT_MEMORY, all, 2, 0, 1, dst), ERR_NO_MEM, "two frames of one colour");
    tap_is(exo_frames_find_get(SLOT_MEMORY, all, 512, 9, any, dst, &got), ERR_OK, "find 2 MiB");
    tap_is((long)(got % 512), 0, "aligned to as much");
    tap_is(book_frame((pfn_t)got + 511)->type, FRAME_MEMORY, "and all of it ours");
    region_give_frames(dst, (pfn_t)got, 512);
    dst = guest_slot();
    tap_is(exo_frames_find_get(SLOT_MEMORY, all, 1, 0, (word_t)1 << 17, dst, &got), ERR_OK,
           "find a colour");
    tap_is((long)FRAME_COLOUR(got), 17, "it is that colour");
    region_give_frames(dst, (pfn_t)got, 1);
}

static void table_errors(pfn_t *table)
{
    pfn_t first, frames_first;
    slot_t region = small_region(2, &first), weak = guest_slot(), taken;
    word_t frame = 0;

    exo_cap_copy(SLOT_ENV, weak, SLOT_ENV, RIGHT_READ, 0, 0);
    tap_is(exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, USER_TOP, 3), ERR_BAD_ARG,
           "a table for the kernel's addresses");
    tap_is(exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, ~(vaddr_t)0, 3), ERR_BAD_ARG,
           "a table for the last address");
    tap_is(exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, VA, 0), ERR_BAD_ARG, "level 0");
    tap_is(exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, VA, 4), ERR_BAD_ARG, "level 4");
    tap_is(exo_table_create(SLOT_ENV, region, first, VA, 3), ERR_BAD_ARG,
           "frames that leave the region");
    tap_is(exo_table_create(SLOT_CONSOLE, SLOT_MEMORY, PFN_ANY, VA, 3), ERR_BAD_CAP,
           "a table for what is no environment");
    tap_is(exo_table_create(SLOT_ENV, SLOT_CONSOLE, PFN_ANY, VA, 3), ERR_BAD_CAP,
           "a table from what is no region");
    tap_is(exo_table_create(weak, SLOT_MEMORY, PFN_ANY, VA, 3), ERR_NO_RIGHT,
           "a table for an environment that may not be written");
    tap_is(exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, VA, 1), ERR_NO_TABLE,
           "a low table without those above it");
    tap_is(guest_bind(SLOT_ENV, SLOT_IMAGE, VA, slot_cap(SLOT_IMAGE)->base, RIGHT_READ),
           ERR_NO_TABLE, "a page without a table");
    tap_is(guest_protect(SLOT_ENV, VA, RIGHT_READ), ERR_NO_TABLE, "protect without a table");
    tap_is(guest_unbind(SLOT_ENV, VA), ERR_NO_TABLE, "unbind without a table");
    tap_is(exo_table_create(SLOT_ENV, region, PFN_ANY, VA, 3), ERR_NO_MEM,
           "a table from a region that is too small");
    tap_is(exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, VA, 3), ERR_OK, "level 3");
    tap_is(exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, VA, 2), ERR_OK, "level 2");
    taken = guest_frames(1, &frames_first);
    tap_is(exo_table_create(SLOT_ENV, SLOT_MEMORY, frames_first, VA, 1), ERR_IN_USE,
           "a table of a frame that is memory");
    tap_is(exo_table_create_get(SLOT_ENV, SLOT_MEMORY, PFN_ANY, VA, 1, &frame), ERR_OK, "level 1");
    tap_is(exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, VA, 1), ERR_IN_USE, "level 1 again");
    *table = (pfn_t)frame;
    region_give_frames(taken, frames_first, 1);
    slot_delete(weak);
    slot_delete(region);
}

static void bind_errors(slot_t frames, pfn_t first)
{
    slot_t weak = guest_slot(), reader = guest_slot();
    struct page_entry entry = {VA, first, RIGHT_READ};

    exo_cap_copy(SLOT_ENV, weak, SLOT_ENV, RIGHT_READ, 0, 0);
    exo_cap_copy(SLOT_ENV, reader, frames, RIGHT_READ, 0, 0);
    tap_is(exo_page_bind(SLOT_ENV, frames, (vaddr_t)&entry, 0), ERR_BAD_ARG, "bind no entry");
    tap_is(exo_page_bind(SLOT_ENV, frames, (vaddr_t)&entry, BATCH_MAX + 1), ERR_BAD_ARG,
           "bind too many");
    tap_is(guest_bind(SLOT_ENV, frames, VA + 1, first, RIGHT_READ), ERR_BAD_ARG, "bind unaligned");
    tap_is(guest_bind(SLOT_ENV, frames, USER_TOP, first, RIGHT_READ), ERR_BAD_ARG,
           "bind above the user's addresses");
    tap_is(guest_bind(SLOT_ENV, frames, WINDOW_KINFO, first, RW), ERR_BAD_ARG,
           "bind over the kernel's window");
    tap_is(guest_bind(SLOT_ENV, frames, VA, first, 0), ERR_BAD_ARG, "bind without rights");
    tap_is(guest_bind(SLOT_ENV, frames, VA, first, RIGHT_GRANT | RIGHT_READ), ERR_BAD_ARG,
           "bind with a right that pages do not have");
    tap_is(guest_bind(SLOT_ENV, frames, VA, first + 8, RIGHT_READ), ERR_BAD_ARG,
           "bind a frame outside the capability");
    tap_is(guest_bind(SLOT_CONSOLE, frames, VA, first, RIGHT_READ), ERR_BAD_CAP,
           "bind into no environment");
    tap_is(guest_bind(SLOT_ENV, SLOT_MEMORY, VA, first, RIGHT_READ), ERR_BAD_CAP,
           "bind by a region");
    tap_is(guest_bind(SLOT_ENV, SLOT_EMPTY, VA, first, RIGHT_READ), ERR_BAD_CAP,
           "bind by an empty slot");
    tap_is(exo_page_bind(SLOT_ENV, frames, VA, 1), ERR_BAD_USER, "entries in unmapped memory");
    tap_is(exo_page_bind(SLOT_ENV, frames, WINDOW_KINFO, 1), ERR_BAD_USER,
           "entries in the kernel's memory");
    tap_is(exo_page_bind(SLOT_ENV, frames, ~(vaddr_t)7, 1), ERR_BAD_USER,
           "entries that wrap around");
    tap_is(exo_page_bind(SLOT_ENV, frames, (vaddr_t)0x8000 << 32, 1), ERR_BAD_USER,
           "entries at an address that no CPU has");
    tap_is(guest_bind(weak, frames, VA, first, RIGHT_READ), ERR_NO_RIGHT,
           "bind into an environment that may not be written");
    tap_is(guest_bind(SLOT_ENV, reader, VA, first, RW), ERR_NO_RIGHT, "bind with too many rights");
    tap_ok(probe_read(VA), "nothing is bound after all that");
    tap_is(guest_bind(SLOT_ENV, frames, VA, first, RW | RIGHTS_LATER(RW | RIGHT_EXEC)), ERR_OK,
           "bind");
    tap_is(guest_bind(SLOT_ENV, frames, VA, first, RW), ERR_IN_USE, "bind twice");
    slot_delete(weak);
    slot_delete(reader);
}

static void unbind_errors(void)
{
    slot_t weak = guest_slot();
    struct page_entry entry = {VA, 0, 0};

    exo_cap_copy(SLOT_ENV, weak, SLOT_ENV, RIGHT_READ, 0, 0);
    tap_is(exo_page_unbind(SLOT_ENV, (vaddr_t)&entry, 0), ERR_BAD_ARG, "unbind no entry");
    tap_is(guest_unbind(SLOT_ENV, VA + 8), ERR_BAD_ARG, "unbind unaligned");
    tap_is(guest_unbind(SLOT_CONSOLE, VA), ERR_BAD_CAP, "unbind in no environment");
    tap_is(exo_page_unbind(SLOT_ENV, WINDOW_KIP, 1), ERR_BAD_USER, "unbind entries nowhere");
    tap_is(guest_unbind(weak, VA), ERR_NO_RIGHT, "unbind without the right");
    tap_is(guest_unbind(SLOT_ENV, VA + PAGE_SIZE), ERR_NOT_BOUND, "unbind where nothing is");
    tap_is(exo_page_protect(SLOT_ENV, (vaddr_t)&entry, 1), ERR_BAD_ARG, "protect to no rights");
    tap_is(exo_page_protect(SLOT_ENV, (vaddr_t)&entry, BATCH_MAX + 1), ERR_BAD_ARG,
           "protect too many");
    tap_is(guest_protect(SLOT_CONSOLE, VA, RIGHT_READ), ERR_BAD_CAP, "protect in no environment");
    tap_is(exo_page_protect(SLOT_ENV, VA + PAGE_SIZE, 1), ERR_BAD_USER, "protect entries nowhere");
    tap_is(guest_protect(weak, VA, RIGHT_READ), ERR_NO_RIGHT, "protect without the right");
    tap_is(guest_protect(SLOT_ENV, VA + PAGE_SIZE, RIGHT_READ), ERR_NOT_BOUND,
           "protect where nothing is");
    slot_delete(weak);
}

/* Pre: VA is bound read-write to `first`. */
static void rights(slot_t frames, pfn_t first)
{
    static const uint8_t code[] = {0xc3}; /* ret */

    tap_ok(!probe_write(VA), "a page bound read-write can be written");
    memcpy((void *)VA, code, sizeof code);
    tap_ok(probe_jump(VA), "but not executed");
    tap_ok(guest_fault.vector == 14 && guest_fault.address == VA &&
               (guest_fault.error & (FETCH | PRESENT)) == (FETCH | PRESENT),
           "the fault says: at that address, by fetching, with the page there");
    tap_is(guest_protect(SLOT_ENV, VA, RIGHT_READ), ERR_OK, "protect to read-only");
    tap_ok(probe_write(VA), "a write faults at once");
    tap_is((long)(guest_fault.error & (WRITTEN | PRESENT)), WRITTEN | PRESENT,
           "the fault says: by writing, with the page there");
    tap_ok(!probe_read(VA), "reading goes on");
    tap_is(guest_protect(SLOT_ENV, VA, RIGHT_READ | RIGHT_EXEC), ERR_OK, "protect to executable");
    tap_ok(!probe_jump(VA), "the code runs");
    tap_ok(probe_write(VA), "and cannot be written");
    tap_is(guest_protect(SLOT_ENV, VA, RW), ERR_OK, "protect back to read-write");
    tap_ok(!probe_write(VA) && probe_jump(VA), "written again, not executed");
    tap_is(guest_unbind(SLOT_ENV, VA), ERR_OK, "unbind");
    tap_ok(probe_read(VA), "a read faults at once");
    tap_is((long)guest_fault.error & PRESENT, 0, "the fault says: nothing there");
    guest_bind(SLOT_ENV, frames, VA, first, RIGHT_READ);
    tap_is(guest_protect(SLOT_ENV, VA, RW), ERR_NO_RIGHT, "protect to more than it was bound with");
    guest_unbind(SLOT_ENV, VA);

    slot_t reader = guest_slot();
    exo_cap_copy(SLOT_ENV, reader, frames, RIGHT_READ, 0, 0);
    guest_bind(SLOT_ENV, reader, VA, first, RIGHT_READ);
    tap_is(guest_protect(SLOT_ENV, VA, RW), ERR_NO_RIGHT,
           "protect to more than the capability that bound it");
    tap_ok(probe_write(VA), "the page stays read-only");
    slot_delete(reader);
    tap_ok(probe_read(VA), "and goes with that capability");
}

/* The TLB holds nothing old: each address shows what is bound now. */
static void rebinding(slot_t frames, pfn_t first)
{
    volatile uint64_t *at = (volatile uint64_t *)VA;
    bool right = true;

    for (uint32_t i = 0; i < 4; i++) {
        guest_bind(SLOT_ENV, frames, VA, first + i, RW);
        *at = i + 100;
        guest_unbind(SLOT_ENV, VA);
    }
    for (uint32_t i = 0; i < 64; i++) {
        guest_bind(SLOT_ENV, frames, VA, first + i % 4, RIGHT_READ);
        right &= *at == i % 4 + 100;
        guest_unbind(SLOT_ENV, VA);
    }
    tap_ok(right, "one address shows four frames in turn, and never an old one");
    guest_bind(SLOT_ENV, frames, VA, first, RW);
    guest_bind(SLOT_ENV, frames, VA + PAGE_SIZE, first, RIGHT_READ);
    *at = 7;
    tap_is(((volatile long *)VA)[512], 7, "two addresses show one frame");
    tap_is(book_frame(first)->bindings, 2, "the frame table counts both");
    guest_unbind(SLOT_ENV, VA);
    guest_unbind(SLOT_ENV, VA + PAGE_SIZE);
    tap_is(book_frame(first)->bindings, 0, "and none after unbinding");
}

static void batches(slot_t frames, pfn_t first)
{
    struct page_entry e[4];
    word_t done = 99;

    for (uint32_t i = 0; i < 4; i++)
        e[i] = (struct page_entry){VA + i * PAGE_SIZE, first + i, RW};
    e[2].pfn = first + 8;
    tap_is(exo_page_bind_get(SLOT_ENV, frames, (vaddr_t)e, 4, &done), ERR_BAD_ARG,
           "a batch with a bad third entry");
    tap_is((long)done, 2, "two are done");
    tap_ok(!probe_write(VA + PAGE_SIZE) && probe_read(VA + 2 * PAGE_SIZE),
           "the second is there, the third is not");
    e[2].rights = e[3].rights = RIGHT_READ;
    tap_is(exo_page_protect_get(SLOT_ENV, (vaddr_t)e, 4, &done), ERR_NOT_BOUND,
           "protecting them stops at the third");
    tap_is((long)done, 2, "after two");
    tap_is(exo_page_unbind_get(SLOT_ENV, (vaddr_t)e, 4, &done), ERR_NOT_BOUND,
           "unbinding them stops there, too");
    tap_is((long)done, 2, "after two");
    tap_ok(probe_read(VA) && probe_read(VA + PAGE_SIZE), "and those are gone");
}

/* The same frames as one run, over all of the MMU's ways to refuse. */
static void runs(slot_t frames, pfn_t first)
{
    const vaddr_t run = PAGE_RUN(VA + 32 * PAGE_SIZE, 8);
    volatile uint64_t *word = (volatile uint64_t *)(VA + 32 * PAGE_SIZE);
    const uint32_t last = 7 * PAGE_SIZE / sizeof *word;
    word_t done = 0;

    tap_is(exo_page_bind_run(SLOT_ENV, frames, run,
                             RUN_FRAMES(first, RIGHT_READ | RIGHTS_LATER(RIGHT_WRITE))),
           ERR_OK, "bind a run");
    tap_ok(probe_write((vaddr_t)&word[last]), "for reading only");
    tap_is(exo_page_protect_run_get(SLOT_ENV, run, RIGHT_READ | RIGHT_WRITE, &done), ERR_OK,
           "let it be written");
    tap_is((long)done, 8, "all of it");
    word[0] = 17;
    word[last] = 18;
    tap_is(exo_page_protect_run(SLOT_ENV, run, RIGHT_READ), ERR_OK, "protect it again");
    tap_ok(probe_write((vaddr_t)&word[0]) && probe_write((vaddr_t)&word[last]),
           "no stale translation lets it be written");
    tap_ok(word[0] == 17 && word[last] == 18, "what was written is there");
    tap_is(exo_page_unbind_run_get(SLOT_ENV, run, &done), ERR_OK, "unbind it");
    tap_is((long)done, 8, "all of it");
    tap_ok(probe_read((vaddr_t)&word[0]) && probe_read((vaddr_t)&word[last]),
           "and no stale translation shows it");
}

/* Pre: `table` is the level-1 table of VA. */
static void tables_in_place(slot_t frames, pfn_t first, pfn_t table)
{
    const volatile uint64_t *entries = (const volatile uint64_t *)(VA + 8 * PAGE_SIZE);

    tap_is(book_frame(table)->type, FRAME_TABLE, "the frame table shows the page table");
    tap_is(guest_bind(SLOT_ENV, SLOT_ENV, (vaddr_t)entries, table, RW), ERR_NO_RIGHT,
           "a page table cannot be bound writable");
    tap_is(guest_bind(SLOT_ENV, SLOT_ENV, (vaddr_t)entries, first, RIGHT_READ), ERR_BAD_ARG,
           "memory cannot be bound as a page table");
    tap_is(guest_bind(SLOT_ENV, SLOT_ENV, (vaddr_t)entries, table, RIGHT_READ), ERR_OK,
           "it can be bound to be read");
    tap_is(guest_protect(SLOT_ENV, (vaddr_t)entries, RW), ERR_NO_RIGHT, "and not made writable");
    tap_ok(probe_write((vaddr_t)entries), "writing to it faults");
    tap_is((long)entries[0], 0, "nothing is bound at its first address");
    guest_bind(SLOT_ENV, frames, VA, first, RW);
    tap_is(cpu_pte_pfn(entries[0]), first, "a binding shows in it");
    tap_ok(!(entries[0] & (CPU_PTE_ACCESSED | CPU_PTE_DIRTY)), "not yet accessed");
    (void)*(volatile uint8_t *)VA;
    tap_ok((entries[0] & CPU_PTE_ACCESSED) && !(entries[0] & CPU_PTE_DIRTY),
           "a read marks it accessed");
    *(volatile uint8_t *)VA = 1;
    tap_ok(entries[0] & CPU_PTE_DIRTY, "a write marks it dirty");
    guest_unbind(SLOT_ENV, VA);
    tap_is((long)entries[0], 0, "unbinding empties the entry");
    guest_unbind(SLOT_ENV, (vaddr_t)entries);
}

/* The top table of an environment that ends stays readable until the reader lets go. */
static void inspecting(void)
{
    struct raw r;
    pfn_t root;

    raw_make(&r, BLOB(spin));
    root = book_env(r.number)->root;
    tap_is(guest_bind(SLOT_ENV, SLOT_ENV, VA, root, RIGHT_READ), ERR_BAD_ARG,
           "another environment's table is not ours to read");
    tap_is(guest_bind(SLOT_ENV, SLOT_INSPECT, VA, r.first, RIGHT_READ), ERR_BAD_ARG,
           "SLOT_INSPECT shows no memory");
    tap_is(guest_bind(SLOT_ENV, SLOT_INSPECT, VA, UINT32_MAX - 1, RIGHT_READ), ERR_BAD_ARG,
           "nor frames that do not exist");
    tap_is(guest_bind(SLOT_ENV, SLOT_INSPECT, VA, root, RW), ERR_NO_RIGHT, "nor to be written");
    tap_is(guest_bind(SLOT_ENV, SLOT_INSPECT, VA, root, RIGHT_READ), ERR_OK,
           "SLOT_INSPECT shows every environment's tables");
    tap_ok(*(volatile uint64_t *)VA & CPU_PTE_PRESENT, "the table has an entry for low addresses");
    raw_destroy(&r);
    tap_is(book_frame(root)->type, FRAME_STALE, "its frame is kept while it is read here");
    tap_ok(!probe_read(VA), "and can be read");
    guest_unbind(SLOT_ENV, VA);
    tap_is(book_frame(root)->type, FRAME_FREE, "then it is free");
}

/* Are all words of the eight pages at VA `word`? */
static bool all_are(uint64_t word)
{
    for (uint32_t w = 0; w < 8 * PAGE_SIZE / sizeof word; w++)
        if (((volatile uint64_t *)VA)[w] != word)
            return false;
    return true;
}

static void zeroing(void)
{
    struct raw r;
    pfn_t first, table;
    slot_t frames = guest_frames(8, &first), slot = guest_slot();

    for (uint32_t i = 0; i < 8; i++)
        guest_bind(SLOT_ENV, frames, VA + i * PAGE_SIZE, first + i, RW);
    memset((void *)VA, 0xa5, 8 * PAGE_SIZE);
    slot_delete(frames);
    tap_ok(probe_read(VA), "deleting frames unbinds them");
    tap_is(exo_frames_alloc(SLOT_MEMORY, first, 8, slot), ERR_OK, "take the same frames again");
    for (uint32_t i = 0; i < 8; i++)
        guest_bind(SLOT_ENV, slot, VA + i * PAGE_SIZE, first + i, RIGHT_READ);
    tap_ok(all_are(0xa5a5a5a5a5a5a5a5), "they hold what they held: their owner is the same");
    region_give_frames(slot, first, 8);

    raw_make(&r, BLOB(spin));
    table = slot_cap(r.env)->base;
    raw_destroy(&r);
    slot = guest_slot();
    tap_is(exo_frames_alloc(SLOT_MEMORY, table, 1, slot), ERR_OK, "take another's frame");
    guest_bind(SLOT_ENV, slot, VA, table, RIGHT_READ);
    tap_is((long)((volatile uint64_t *)VA)[0], 0, "it begins with nothing");
    region_give_frames(slot, table, 1);
}

static void large_pages(void)
{
    const vaddr_t va = VA + LARGE_SIZE - VA % LARGE_SIZE + ((vaddr_t)1 << 30); /* no table yet */
    slot_t slot = guest_slot();
    word_t first = 0;
    pfn_t f;

    exo_frames_find_get(SLOT_MEMORY, FRAME_RANGE_ALL, 512, 9, FRAME_COLOURS_ALL, slot, &first);
    f = (pfn_t)first;
    exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, va, 3);
    exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, va, 2);
    tap_is(guest_bind(SLOT_ENV, slot, va + PAGE_SIZE, f, RW | PAGE_LARGE), ERR_BAD_ARG,
           "a large page somewhere in between");
    tap_is(guest_bind(SLOT_ENV, slot, va, f, RW | PAGE_LARGE), ERR_OK, "bind a large page");
    tap_is(book_frame(f + 511)->bindings, 1, "all its frames are shown");
    memset((void *)va, 0x5a, LARGE_SIZE);
    guest_bind(SLOT_ENV, slot, VA, f + 300, RIGHT_READ);
    tap_is(*(volatile uint8_t *)(VA + 77), 0x5a, "what is written there is in its frames");
    guest_unbind(SLOT_ENV, VA);
    struct page_entry *entries = (struct page_entry *)(va + 5 * PAGE_SIZE);
    entries[0] = (struct page_entry){va, 0, RIGHT_READ};
    tap_is(exo_page_protect(SLOT_ENV, (vaddr_t)entries, 1), ERR_OK,
           "protect it, by an entry that lies in itself");
    tap_ok(!probe_read(va + LARGE_SIZE - 8), "it can be read");
    tap_ok(probe_write(va + LARGE_SIZE - 8), "and not be written");
    tap_is(guest_unbind(SLOT_ENV, va + PAGE_SIZE), ERR_NO_TABLE, "it is not unbound in part");
    tap_is(guest_unbind(SLOT_ENV, va), ERR_OK, "unbind it");
    tap_ok(probe_read(va + LARGE_SIZE / 2), "it is gone");
    guest_bind(SLOT_ENV, slot, va, f, RW | PAGE_LARGE);
    *(volatile uint8_t *)va = 1;
    region_give_frames(slot, f, 512);
    tap_ok(probe_read(va), "a large page goes with its frames");
    tap_is(book_frame(f + 511)->type, FRAME_FREE, "which are free");
}

/* A frame that held a kernel object shows nothing of it. */
static void zeroing_objects(void)
{
    struct raw r;
    slot_t slot = guest_slot();
    bool zero = true;

    raw_make(&r, BLOB(spin));
    pfn_t thread = slot_cap(r.thread)->base;
    raw_start(&r, 0);
    guest_sleep(5000);
    raw_destroy(&r);
    tap_is(exo_frames_alloc(SLOT_MEMORY, thread, 1, slot), ERR_OK, "take what was a thread");
    guest_bind(SLOT_ENV, slot, VA, thread, RIGHT_READ);
    for (uint32_t w = 0; w < 512; w++)
        zero &= ((volatile uint64_t *)VA)[w] == 0;
    tap_ok(zero, "it holds nothing of the kernel's");
    region_give_frames(slot, thread, 1);
}

int main(void)
{
    pfn_t first, table;

    guest_begin();
    alloc_errors();
    find();
    table_errors(&table);
    slot_t frames = guest_frames(8, &first);
    bind_errors(frames, first);
    unbind_errors();
    rights(frames, first);
    rebinding(frames, first);
    batches(frames, first);
    runs(frames, first);
    tables_in_place(frames, first, table);
    inspecting();
    zeroing();
    zeroing_objects();
    large_pages();
    return tap_done();
}
