/* L4 map and grant items and Unmap on pages of 2 MiB: whole and in parts, replaced, granted, and
 * taken back. By two threads of one space, the giver on the other CPU if there is one. */
#include <l4/ipc.h>
#include <l4/space.h>

#include "exo/abi/batch.h"
#include "libos/call.h"
#include "libos/tables.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/l4_giver.h"
#include "tests/qemu/tap.h"

#define LARGE_BITS 21u
#define OWN        GUEST_FREE /* two large pages; the windows are as large */
#define WINDOW     (GUEST_FREE + 2 * LARGE_SIZE)
#define FURTHER    (GUEST_FREE + 4 * LARGE_SIZE)
#define SMALL      (GUEST_FREE + 6 * LARGE_SIZE)  /* a small page */
#define PARTS      (GUEST_FREE + 8 * LARGE_SIZE)  /* windows where small pages come: a large */
#define PIECES     (GUEST_FREE + 10 * LARGE_SIZE) /* one then comes in parts, too           */
#define MARK       0x5000u                        /* word 0 of page i */

static slot_t frames, small;
static pfn_t first, small_first;

static vaddr_t page(vaddr_t base, unsigned i)
{
    return base + i * PAGE_SIZE;
}

static L4_Fpage_t large_at(vaddr_t at)
{
    return L4_FpageLog2(at, LARGE_BITS);
}

static L4_Fpage_t page_at(vaddr_t at)
{
    return L4_FpageLog2(at, PAGE_BITS);
}

/* How much of memory the entry serves that shows `at`; 0: nothing is there. */
static uint64_t served(vaddr_t at)
{
    uint64_t entry = 0, bytes = 0;

    return tables_walk(at, &entry, &bytes) == ERR_OK && cpu_pte_is_bound(entry) ? bytes : 0;
}

static bool shows_all(vaddr_t at)
{
    return shows(at, MARK) && shows(page(at, 7), MARK + 7) && shows(page(at, 511), MARK + 511);
}

static void flush(L4_Fpage_t f)
{
    L4_Flush(L4_FpageAddRights(f, L4_FullyAccessible));
}

/* Both large pages anew, each page marked, and the windows empty. */
static void renew(void)
{
    flush(L4_FpageLog2(WINDOW, LARGE_BITS + 1));
    flush(L4_FpageLog2(FURTHER, LARGE_BITS + 1));
    flush(large_at(PARTS));
    flush(large_at(PIECES));
    for (unsigned i = 0; i < 2; i++) {
        guest_unbind(SLOT_ENV, OWN + i * LARGE_SIZE);
        guest_bind(SLOT_ENV, frames, OWN + i * LARGE_SIZE, first + (pfn_t)i * 512,
                   RIGHT_READ | RIGHT_WRITE | PAGE_LARGE);
    }
    for (unsigned i = 0; i < 1024; i++)
        *(volatile L4_Word_t *)page(OWN, i) = MARK + i;
}

static void mapped_whole(void)
{
    giver_map(large_at(OWN), 0, large_at(WINDOW));
    tap_ok(shows_all(WINDOW) && served(WINDOW) == LARGE_SIZE,
           "a large page is mapped as one to a window of its size");
    giver_map(L4_FpageLog2(OWN, LARGE_BITS + 1), 0, L4_FpageLog2(FURTHER, LARGE_BITS + 1));
    tap_ok(shows_all(FURTHER) && shows(page(FURTHER, 1000), MARK + 1000) &&
               served(FURTHER + LARGE_SIZE) == LARGE_SIZE,
           "two of them by one item");
    giver_map(large_at(WINDOW), LARGE_SIZE, L4_FpageLog2(FURTHER, LARGE_BITS + 1));
    tap_ok(shows(page(FURTHER, 512 + 7), MARK + 7) && shows_all(FURTHER),
           "one, to where its base says in a larger window, replaces another as a whole");
    renew();
}

static void mapped_in_parts(void)
{
    giver_map(page_at(page(OWN, 3)), page(0, 5), large_at(PARTS));
    tap_ok(shows(page(PARTS, 5), MARK + 3) && served(page(PARTS, 5)) == PAGE_SIZE &&
               !served(page(PARTS, 4)) && !served(page(PARTS, 6)),
           "a page out of a large one");
    giver_map(large_at(OWN), page(0, 9), page_at(PIECES));
    tap_ok(shows(PIECES, MARK + 9) && served(PIECES) == PAGE_SIZE && !served(page(PIECES, 1)),
           "of a large one, the part at the base fills a small window");
    giver_map(large_at(OWN), 0, large_at(PARTS));
    tap_ok(shows_all(PARTS) && shows(page(PARTS, 5), MARK + 5) &&
               served(page(PARTS, 7)) == PAGE_SIZE,
           "where pages are already, a large one is mapped page by page");
    renew();
}

static void rights(void)
{
    L4_Msg_t *m = &giver_gift;

    L4_MsgClear(m);
    L4_MsgAppendMapItem(m, L4_MapItem(L4_FpageAddRights(large_at(OWN), L4_Readable), 0));
    L4_Accept(L4_MapGrantItems(large_at(WINDOW)));
    giver_call();
    tap_ok(shows_all(WINDOW) && probe_write(page(WINDOW, 300)), "mapped to be read only");
    giver_map(large_at(OWN), 0, large_at(WINDOW));
    tap_ok(!probe_write(page(WINDOW, 300)) && served(WINDOW) == LARGE_SIZE,
           "again with more rights: all of it can be written");
    *(volatile L4_Word_t *)page(WINDOW, 300) = 4711;
    tap_is(*(volatile L4_Word_t *)page(OWN, 300), 4711, "it is the same memory");
    giver_map(page_at(SMALL), 0, page_at(page(WINDOW, 4)));
    tap_ok(shows(page(WINDOW, 4), MARK + 4), "a small page does not take the place of a part");
    renew();
}

static void granted(void)
{
    giver_map(page_at(page(OWN, 2)), 0, page_at(PIECES));
    giver_grant(page_at(page(OWN, 1)), 0, page_at(page(PIECES, 1)));
    tap_ok(shows(page(OWN, 1), MARK + 1) && !served(page(PIECES, 1)), "a part is not granted");
    giver_grant(large_at(OWN), 0, large_at(WINDOW));
    tap_ok(shows_all(WINDOW) && served(WINDOW) == LARGE_SIZE && !served(OWN),
           "a large page is granted as one");
    tap_ok(shows(PIECES, MARK + 2), "what was mapped from it before stays");
    L4_UnmapFpage(L4_FpageAddRights(large_at(WINDOW), L4_FullyAccessible));
    tap_ok(!served(PIECES) && served(WINDOW), "and hangs on the granted one");
    renew();
}

static void unmapped(void)
{
    giver_map(large_at(OWN), 0, large_at(WINDOW));
    giver_map(page_at(page(OWN, 1)), 0, page_at(PIECES));
    L4_Fpage_t some = page_at(page(OWN, 9));
    L4_UnmapFpage(L4_FpageAddRights(some, L4_Writable));
    tap_ok(probe_write(WINDOW) && probe_write(PIECES) && shows_all(WINDOW) &&
               !probe_write(page(OWN, 100)),
           "Unmap of writing of a part takes it of all that was mapped from the page");
    (void)*(volatile L4_Word_t *)page(WINDOW, 33);
    tap_ok(L4_WasReferenced(L4_GetStatus(some)) && !L4_WasReferenced(L4_GetStatus(some)),
           "it tells that it was used, once");
    *(volatile L4_Word_t *)page(OWN, 44) = MARK + 44;
    tap_ok(L4_WasWritten(L4_GetStatus(large_at(OWN))), "and that it was written");
    L4_UnmapFpage(L4_FpageAddRights(some, L4_FullyAccessible));
    tap_ok(!served(WINDOW) && !served(PIECES) && shows_all(OWN), "Unmap of a part takes all of it");
    flush(some);
    tap_ok(!served(OWN) && shows(page(OWN, 512), MARK + 512),
           "Flush of a part takes one's own, and no other large page");
    renew();
}

int main(void)
{
    word_t found = 0;

    guest_begin();
    frames = guest_slot();
    tap_is(exo_frames_find_get(SLOT_MEMORY, FRAME_RANGE_ALL, 1024, 9, FRAME_COLOURS_ALL, frames,
                               &found),
           ERR_OK, "two large pages");
    first = (pfn_t)found;
    exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, OWN, 3);
    exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, OWN, 2);
    tap_is(exo_env_kmem(SLOT_ENV, SLOT_MEMORY), ERR_OK, "memory for further tables is lent");
    small = guest_frames(1, &small_first);
    guest_tables(SLOT_ENV, SMALL);
    guest_bind(SLOT_ENV, small, SMALL, small_first, RIGHT_READ | RIGHT_WRITE);
    giver_start();
    renew();
    tap_ok(shows_all(OWN) && served(OWN) == LARGE_SIZE, "they are there");
    mapped_whole();
    mapped_in_parts();
    rights();
    granted();
    unmapped();
    giver_end();
    return tap_done();
}
