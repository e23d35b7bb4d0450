/* Tables shared by one upper entry, on the real MMU: within one space, with other environments, on
 * one CPU and from CPU to CPU; and how each share ends. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define RW      (RIGHT_READ | RIGHT_WRITE)
#define SPAN    ((vaddr_t)1 << 21)
#define GIGA    ((vaddr_t)1 << 30)
#define VA      GUEST_FREE  /* our table: four pages, then room */
#define ALIAS   (VA + SPAN) /* where we see it again            */
#define ENTRIES (VA + GIGA + 9 * SPAN)
#define THERE   ((vaddr_t)0x800000) /* where another sees it */
#define RAW_LOW (RAW_CODE & ~(SPAN - 1))

static slot_t frames;
static pfn_t first;
static uint32_t cpu; /* of the others: the last */

static volatile uint64_t *word(vaddr_t va)
{
    return (volatile uint64_t *)va;
}

static enum err alias(rights_t rights)
{
    return exo_table_share(SLOT_ENV, VA, SLOT_ENV, ALIAS, 1, rights);
}

static void in_one_space(void)
{
    word(VA)[0] = 11;
    tap_is(alias(RIGHT_READ), ERR_OK, "share a table within a space, to be read");
    tap_is(word(ALIAS)[0], 11, "the other address shows the page");
    tap_ok(probe_write(ALIAS) && !probe_write(VA), "it is written at the first only");
    word(VA)[0] = 12;
    tap_is(word(ALIAS)[0], 12, "what is written there is seen here");
    guest_bind(SLOT_ENV, frames, VA + 8 * PAGE_SIZE, first + 1, RW);
    tap_ok(!probe_read(ALIAS + 8 * PAGE_SIZE), "a page bound there later, too");
    tap_is(guest_bind(SLOT_ENV, frames, ALIAS + 9 * PAGE_SIZE, first, RW), ERR_NO_TABLE,
           "nothing is bound here");
    tap_is(guest_unbind(SLOT_ENV, ALIAS), ERR_NO_TABLE, "nor unbound");
    guest_unbind(SLOT_ENV, VA + 8 * PAGE_SIZE);
    tap_ok(probe_read(ALIAS + 8 * PAGE_SIZE), "unbound there, it is gone here at once");
    tap_is(book_frame(first)->bindings, 1, "the frame table counts one binding");
    tap_is(exo_table_unshare(SLOT_ENV, ALIAS, 1), ERR_OK, "take the share away");
    tap_ok(probe_read(ALIAS) && !probe_read(VA), "it is gone, and the table is not");
    tap_is(exo_table_unshare(SLOT_ENV, ALIAS, 1), ERR_NO_TABLE, "there is nothing to take away");
}

/* What the application notes in entries 8, a page's, and 9, an empty one. */
static void notes(const volatile uint64_t *entries)
{
    const struct page_note note[2] = {{VA + 8 * PAGE_SIZE, PAGE_NOTE_BITS},
                                      {VA + 9 * PAGE_SIZE, ~PAGE_NOTE_BOUND}};
    const uint64_t before = entries[8];
    word_t done = 0;

    tap_is(exo_page_note_get(SLOT_ENV, (vaddr_t)note, 2, &done), ERR_OK, "note in two entries");
    tap_ok(done == 2 && entries[8] == (before | PAGE_NOTE_BITS) && entries[9] == ~PAGE_NOTE_BOUND,
           "both are read in place");
    word(VA + 8 * PAGE_SIZE)[0] = 3;
    tap_ok(word(VA + 8 * PAGE_SIZE)[0] == 3, "the page is as it was");
    tap_ok(probe_read(VA + 9 * PAGE_SIZE) && probe_read(ALIAS + 9 * PAGE_SIZE),
           "and the other is no page");
    tap_is(guest_bind(SLOT_ENV, frames, VA + 9 * PAGE_SIZE, first + 2, RW), ERR_OK,
           "nor in the way of one");
    guest_unbind(SLOT_ENV, VA + 9 * PAGE_SIZE);
    tap_is(entries[9], 0, "unbound, it is empty");
}

/* The marks of the CPU are in the one entry that there is. */
static void marks(pfn_t table)
{
    const volatile uint64_t *entries = word(ENTRIES);

    guest_tables(SLOT_ENV, ENTRIES);
    tap_is(guest_bind(SLOT_ENV, SLOT_ENV, ENTRIES, table, RIGHT_READ), ERR_OK, "look at the table");
    alias(RW);
    guest_bind(SLOT_ENV, frames, VA + 8 * PAGE_SIZE, first + 1, RW);
    tap_ok(!(entries[8] & (CPU_PTE_ACCESSED | CPU_PTE_DIRTY)), "a new page is not marked");
    (void)word(ALIAS + 8 * PAGE_SIZE)[0];
    tap_ok((entries[8] & CPU_PTE_ACCESSED) && !(entries[8] & CPU_PTE_DIRTY),
           "a read through the share marks it accessed");
    word(ALIAS + 8 * PAGE_SIZE)[0] = 1;
    tap_ok(entries[8] & CPU_PTE_DIRTY, "a write marks it dirty");
    notes(entries);
    guest_unbind(SLOT_ENV, VA + 8 * PAGE_SIZE);
    guest_unbind(SLOT_ENV, ENTRIES);
    exo_table_unshare(SLOT_ENV, VA, 1);
    tap_ok(probe_read(ALIAS), "the owner's entry takes the shares away");
}

static void a_gigabyte(void)
{
    tap_is(exo_table_share(SLOT_ENV, VA, SLOT_ENV, VA + 2 * GIGA, 2, RIGHT_READ), ERR_OK,
           "share a table of tables");
    tap_is(word(VA + 2 * GIGA)[0], word(VA)[0], "its pages are there");
    tap_ok(probe_write(VA + 2 * GIGA), "to be read only");
    alias(RW);
    tap_is(word(VA + 2 * GIGA + SPAN)[0], word(VA)[0], "and what is shared inside it");
    exo_table_unshare(SLOT_ENV, ALIAS, 1);
    tap_ok(probe_read(VA + 2 * GIGA + SPAN), "which goes there when it goes here");
    tap_is(exo_table_unshare(SLOT_ENV, VA + 2 * GIGA, 2), ERR_OK, "take it away");
    tap_ok(probe_read(VA + 2 * GIGA), "it is gone");
}

static void make_other(struct raw *r, const char *code, const char *end)
{
    raw_make(r, code, end);
    exo_thread_place(r->thread, SLOT_CPU, cpu, THREAD_PRIORITY);
}

/* Another environment writes to the table for ever, until `end_it` takes something away. */
static void another_writes(enum err (*end_it)(struct raw *), const char *what)
{
    struct raw r;

    make_other(&r, BLOB(writer));
    word(VA)[0] = 0;
    exo_table_share(SLOT_ENV, VA, r.env, THERE, 1, RW);
    raw_start(&r, THERE);
    uint64_t before = guest_await(word(VA), 1);
    enum err e = end_it(&r);
    uint64_t at_once = word(VA)[0];
    bool ended = raw_wait(&r) == ERR_OK;
    tap_ok(e == ERR_OK && before > 0 && ended && word(VA)[0] == at_once, what);
    raw_destroy(&r);
}

static enum err protect_page(struct raw *r)
{
    (void)r;
    return guest_protect(SLOT_ENV, VA, RIGHT_READ);
}

/* The page stays in sight at another address, for the look afterwards. */
static enum err unbind_page(struct raw *r)
{
    (void)r;
    enum err e = guest_unbind(SLOT_ENV, VA);
    guest_bind(SLOT_ENV, frames, VA + SPAN / 2, first, RW);
    return e;
}

static enum err unshare_here(struct raw *r)
{
    (void)r;
    return exo_table_unshare(SLOT_ENV, VA, 1);
}

static enum err unshare_there(struct raw *r)
{
    return exo_table_unshare(r->env, THERE, 1);
}

static void with_another(void)
{
    struct raw r;

    make_other(&r, BLOB(load));
    word(VA)[5] = 4711;
    tap_is(exo_table_share(SLOT_ENV, VA, r.env, THERE, 1, RIGHT_READ), ERR_OK,
           "share a table with another environment");
    raw_start(&r, THERE + 5 * sizeof(uint64_t));
    tap_is(guest_await(raw_data(&r), 1), 4711, "it reads there");
    raw_destroy(&r);
    make_other(&r, BLOB(store));
    exo_table_share(SLOT_ENV, VA, r.env, THERE, 1, RIGHT_READ);
    raw_start(&r, THERE);
    tap_is(raw_wait(&r), ERR_OK, "and ends when it writes");
    raw_destroy(&r);
    for (unsigned i = 0; i < 3; i++) {
        another_writes(protect_page, "made read-only, it is not written there any more");
        guest_protect(SLOT_ENV, VA, RW);
        another_writes(unshare_here, "taken back here, it is not written there any more");
        another_writes(unshare_there, "taken away there, it is not written any more");
    }
}

static void unbound(void)
{
    struct raw r;

    make_other(&r, BLOB(writer));
    exo_table_share(SLOT_ENV, VA, r.env, THERE, 1, RW);
    raw_start(&r, THERE);
    guest_await(raw_data(&r), 1);
    unbind_page(&r);
    uint64_t at_once = word(VA + SPAN / 2)[0];
    bool ended = raw_wait(&r) == ERR_OK;
    tap_ok(ended && word(VA + SPAN / 2)[0] == at_once, "unbound here, it is gone there");
    raw_destroy(&r);
    tap_is(guest_unbind(SLOT_ENV, VA + SPAN / 2), ERR_OK, "the table outlives who had it shared");
}

static void the_sharer_ends(void)
{
    struct raw r;

    make_other(&r, BLOB(spin));
    raw_start(&r, 0);
    tap_is(exo_table_share(r.env, RAW_LOW, SLOT_ENV, ALIAS, 1, RIGHT_READ), ERR_OK,
           "see another's table here");
    tap_ok(guest_await(word(ALIAS + (RAW_DATA - RAW_LOW)), 1) > 0, "and what it does there");
    raw_destroy(&r);
    tap_ok(probe_read(ALIAS + (RAW_DATA - RAW_LOW)), "it goes with its owner");
}

int main(void)
{
    guest_begin();
    cpu = KINFO->cpu_count - 1;
    frames = guest_frames(4, &first);
    guest_tables(SLOT_ENV, VA + GIGA); /* the upper ones */
    pfn_t table;
    word_t made = 0;
    region_find(TABLE_FRAMES, &table);
    exo_table_create(SLOT_ENV, SLOT_MEMORY, table, VA, 2);
    region_find(TABLE_FRAMES, &table);
    tap_is(exo_table_create_get(SLOT_ENV, SLOT_MEMORY, table, VA, 1, &made), ERR_OK, "a table");
    for (uint32_t i = 0; i < 4; i++)
        guest_bind(SLOT_ENV, frames, VA + i * PAGE_SIZE, first + i, RW);
    in_one_space();
    marks((pfn_t)made);
    a_gigabyte();
    with_another();
    unbound();
    the_sharer_ends();
    return tap_done();
}
