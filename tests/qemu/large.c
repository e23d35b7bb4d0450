/* Large pages of both sizes: bound, protected and unbound by one entry, on two CPUs; and mapped as
 * one by an L4 item. The machine has a free gigabyte. */
#include <l4/ipc.h>

#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/tables.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define RW    (RIGHT_READ | RIGHT_WRITE)
#define VA    GUEST_FREE /* a multiple of 1 GiB */
#define THERE ((vaddr_t)0x800000)
#define GIGA  ((vaddr_t)0x40000000) /* in another space: no table there */

static volatile uint64_t *word(vaddr_t va)
{
    return (volatile uint64_t *)va;
}

/* libos finds it, and makes no table in its place. */
static void walks(pfn_t f)
{
    uint64_t entry = 0, bytes = 0;

    tap_is(tables_walk(VA + 5 * LARGE_SIZE, &entry, &bytes), ERR_OK, "walk to it");
    tap_is(bytes, HUGE_SIZE, "one entry serves all of it");
    tap_ok(cpu_pte_is_large(entry) && cpu_pte_pfn(entry) == f, "and shows its first frame");
    tap_is(tables_make(VA + 5 * LARGE_SIZE), ERR_IN_USE, "no table is made there");
    tap_is(tables_walk(THERE + GUEST_FREE / 2, &entry, &bytes), ERR_OK, "walk to no page");
    tap_ok(bytes == PAGE_SIZE && !cpu_pte_is_bound(entry), "its entry is empty, of a small page");
}

static void huge(slot_t slot, pfn_t f)
{
    exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, VA, 3);
    tap_is(guest_bind(SLOT_ENV, slot, VA + LARGE_SIZE, f, RW | PAGE_HUGE), ERR_BAD_ARG,
           "a page of 1 GiB somewhere in between");
    tap_is(guest_bind(SLOT_ENV, slot, VA, f, RW | PAGE_HUGE), ERR_OK, "bind a page of 1 GiB");
    tap_is(book_frame(f + HUGE_PAGES - 1)->bindings, 1, "all its frames are shown");
    for (vaddr_t at = 0; at < HUGE_SIZE; at += LARGE_SIZE + PAGE_SIZE)
        *word(VA + at) = at + 1;
    uint32_t wrong = 0;
    for (vaddr_t at = 0; at < HUGE_SIZE; at += LARGE_SIZE + PAGE_SIZE) {
        guest_bind(SLOT_ENV, slot, THERE + GUEST_FREE / 2, f + (pfn_t)(at >> PAGE_BITS), RW);
        wrong += *word(THERE + GUEST_FREE / 2) != at + 1;
        guest_unbind(SLOT_ENV, THERE + GUEST_FREE / 2);
    }
    tap_is(wrong, 0, "what is written there is in its frames");
    walks(f);
    tap_is(guest_protect(SLOT_ENV, VA, RIGHT_READ), ERR_OK, "protect it");
    tap_ok(probe_write(VA + HUGE_SIZE - 8) && !probe_read(VA + HUGE_SIZE - 8), "to be read only");
    tap_is(guest_unbind(SLOT_ENV, VA + LARGE_SIZE), ERR_NO_TABLE, "it is not unbound in part");
    tap_is(guest_unbind(SLOT_ENV, VA), ERR_OK, "unbind it");
    tap_ok(probe_read(VA) && probe_read(VA + HUGE_SIZE - 8), "it is gone");
    tap_is(book_frame(f)->bindings + book_frame(f + HUGE_PAGES - 1)->bindings, 0, "everywhere");
}

/* A program on the other CPU writes into a large page; here it is taken away. */
static void shootdown(slot_t slot, pfn_t f, vaddr_t va, uint32_t flag, bool protect)
{
    struct raw r;

    raw_make(&r, BLOB(writer));
    exo_thread_place(r.thread, SLOT_CPU, 1, THREAD_PRIORITY);
    tap_is(guest_bind(r.env, slot, va, f, RW | flag), ERR_OK, "bind a large page elsewhere");
    guest_bind(SLOT_ENV, slot, THERE + GUEST_FREE / 2, f + 5, RIGHT_READ);
    raw_start(&r, va + 5 * PAGE_SIZE);
    uint64_t before = guest_await(word(THERE + GUEST_FREE / 2), 1);
    enum err e = protect ? guest_protect(r.env, va, RIGHT_READ) : guest_unbind(r.env, va);
    uint64_t at_once = *word(THERE + GUEST_FREE / 2);
    bool ended = raw_wait(&r) == ERR_OK;
    tap_ok(e == ERR_OK && before > 0 && ended && *word(THERE + GUEST_FREE / 2) == at_once,
           protect ? "made read-only here, it is not written there any more"
                   : "unbound here, it is not written there any more");
    raw_destroy(&r);
    guest_unbind(SLOT_ENV, THERE + GUEST_FREE / 2);
}

/* What another has faulted for: all of our large page at THERE. */
static void by_item(slot_t slot, pfn_t f)
{
    struct raw r;

    exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, VA, 2);
    guest_bind(SLOT_ENV, slot, VA, f, RW | PAGE_LARGE);
    *word(VA + 300 * PAGE_SIZE) = 4712;
    raw_make(&r, BLOB(load));
    raw_mr(&r)[TCR_PAGER] = *book_tcr(TCR_GLOBAL_ID);
    raw_start(&r, THERE + 300 * PAGE_SIZE);
    L4_ThreadId_t id = L4_ThreadIdOf(r.id);
    tap_ok(!L4_IpcFailed(L4_Receive(id)), "another faults");
    L4_MapItem_t item =
        L4_MapItem(L4_FpageAddRights(L4_FpageLog2(VA, 21), L4_ReadWriteOnly), THERE);
    L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
    L4_LoadMRs(1, 2, item.raw);
    tap_ok(!L4_IpcFailed(L4_Reply(id)), "a large page is mapped to it");
    tap_is(guest_await(raw_data(&r), 1), 4712, "and it reads there");
    tap_is(book_frame(f)->bindings + book_frame(f + 511)->bindings, 4, "all of it is shown twice");
    guest_unbind(SLOT_ENV, VA);
    tap_is(book_frame(f)->bindings + book_frame(f + 511)->bindings, 0, "unbound here, gone there");
    raw_destroy(&r);
}

int main(void)
{
    word_t found = 0;
    slot_t slot;

    guest_begin();
    slot = guest_slot();
    guest_tables(SLOT_ENV, THERE + GUEST_FREE / 2);
    enum err e = exo_frames_find_get(SLOT_MEMORY, FRAME_RANGE_ALL, HUGE_PAGES, 18,
                                     FRAME_COLOURS_ALL, slot, &found);
    if (!tap_is(e, ERR_OK, "take a gigabyte"))
        return tap_done();
    pfn_t f = (pfn_t)found;
    tap_is((long)(f % HUGE_PAGES), 0, "it is aligned");
    huge(slot, f);
    for (unsigned i = 0; i < 2; i++) {
        shootdown(slot, f, GIGA, PAGE_HUGE, i);
        shootdown(slot, f, THERE, PAGE_LARGE, i);
    }
    by_item(slot, f);
    guest_bind(SLOT_ENV, slot, VA + HUGE_SIZE, f, RW | PAGE_HUGE);
    *word(VA + HUGE_SIZE) = 1;
    region_give_frames(slot, f, HUGE_PAGES);
    tap_ok(probe_read(VA + HUGE_SIZE), "it goes with its frames");
    tap_is(book_frame(f + HUGE_PAGES - 1)->type, FRAME_FREE, "which are free");
    return tap_done();
}
