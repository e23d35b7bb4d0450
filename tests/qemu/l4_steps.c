/* A page that was mapped on thousands of times: asking what was used of it, narrowing it and
 * unbinding it let others run in their midst, and come to the same as at once. The machine's time
 * is the count of its instructions. */
#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/space.h>

#include "exo/abi/batch.h"
#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define DOUBLINGS 13u
#define PAGES     (1u << DOUBLINGS)
#define BASE      (GUEST_FREE + PAGES * PAGE_SIZE) /* the page; all behind is mapped from it */
#define BEFORE    (BASE - PAGE_SIZE)               /* a page beside it */
#define MARK      0x57e9u
#define OFTEN     3u /* times that the other runs; but for the steps it were once, at the end */
#define RW        (RIGHT_READ | RIGHT_WRITE)

static struct thread taker, waker;
static volatile unsigned doubling; /* DOUBLINGS: it is over */
static volatile uint64_t runs;
static volatile bool over;
static slot_t frames;
static pfn_t pfn;

static vaddr_t place(unsigned i)
{
    return BASE + i * PAGE_SIZE;
}

static L4_Fpage_t first(L4_Word_t rights)
{
    return L4_FpageAddRights(L4_FpageLog2(BASE, PAGE_BITS), rights);
}

/* Takes as many pages as there are, to behind these. */
static void take(void *unused)
{
    L4_ThreadId_t from;

    (void)unused;
    while (doubling < DOUBLINGS) {
        const L4_Fpage_t window = L4_FpageLog2(place(1u << doubling), PAGE_BITS + doubling);
        L4_Accept(L4_MapGrantItems(window));
        L4_Wait(&from);
        doubling++;
    }
}

/* More urgent: it runs as soon as the CPU takes interrupts. */
static void wake(void *unused)
{
    (void)unused;
    while (!over) {
        L4_Sleep(L4_TimePeriod(20));
        runs++;
    }
}

/* The page, mapped on PAGES - 1 times, below itself and each other. */
static void spread(void)
{
    tap_is(guest_bind(SLOT_ENV, frames, BASE, pfn, RW), ERR_OK, "a page");
    doubling = 0;
    thread_run(&taker, take, NULL, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    for (unsigned k = 0; k < DOUBLINGS; k++) {
        L4_Word_t words[2] = {
            ITEM_MAP, L4_FpageAddRights(L4_FpageLog2(BASE, PAGE_BITS + k), L4_ReadWriteOnly).raw};
        L4_LoadMRs(1, 2, words);
        L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
        L4_Send(L4_ThreadIdOf(taker.id));
    }
    thread_join(&taker);
    *(volatile L4_Word_t *)BASE = MARK;
    tap_is(*(volatile L4_Word_t *)place(PAGES - 1), MARK, "it is mapped on thousands of times");
}

/* Pages of those mapped on that are there; and that can be written. Some of them are asked. */
static unsigned there(void)
{
    unsigned n = 0;

    for (unsigned i = 1; i < PAGES; i += PAGES / 16 - 1)
        n += !probe_read(place(i));
    return n;
}

static unsigned writable(void)
{
    unsigned n = 0;

    for (unsigned i = 1; i < PAGES; i += PAGES / 16 - 1)
        n += !probe_write(place(i));
    return n;
}

static void unmapped(void)
{
    L4_UnmapFpage(first(L4_NoAccess));
    *(volatile L4_Word_t *)place(PAGES - 1) = MARK;
    uint64_t before = runs;
    L4_Fpage_t status = L4_UnmapFpage(first(L4_NoAccess));
    tap_ok(runs - before >= OFTEN, "while it is asked what was used of it, others run");
    tap_is(L4_Rights(status), L4_ReadWriteOnly, "all that was used is told");
    tap_is(L4_Rights(L4_UnmapFpage(first(L4_NoAccess))), 0, "once");
    before = runs;
    L4_UnmapFpage(first(L4_Writable));
    tap_ok(runs - before >= OFTEN, "while writing is taken, others run");
    tap_is(writable(), 0, "nothing that was mapped from it is written to any more");
    tap_ok(there() > 16 && !probe_write(BASE), "all of it is there, and it is written to itself");
}

static void unbound(void)
{
    const uint64_t before = runs;

    tap_is(guest_unbind(SLOT_ENV, BASE), ERR_OK, "it is unbound");
    tap_ok(runs - before >= OFTEN, "and others run meanwhile");
    tap_is(there(), 0, "nothing is left");
    tap_ok(probe_read(BASE), "nor it itself");
    tap_is(guest_unbind(SLOT_ENV, BASE), ERR_NOT_BOUND, "it is not unbound a second time");
}

/* The page before it, and it: when the call is entered again, that one is gone. */
static void unbound_in_a_run(void)
{
    word_t count = 0;

    guest_bind(SLOT_ENV, frames, BEFORE, pfn, RW);
    const uint64_t before = runs;
    tap_is(exo_page_unbind_run_get(SLOT_ENV, PAGE_RUN(BEFORE, 2), &count), ERR_OK, "two in a run");
    tap_is(count, 2, "both are counted");
    tap_ok(runs - before >= OFTEN, "and others run meanwhile");
    tap_ok(probe_read(BEFORE) && probe_read(BASE) && there() == 0, "all are gone");
}

int main(void)
{
    guest_begin();
    frames = guest_frames(1, &pfn);
    tap_is(exo_env_kmem(SLOT_ENV, SLOT_MEMORY), ERR_OK, "memory for page tables is lent");
    guest_tables(SLOT_ENV, BEFORE);
    guest_tables(SLOT_ENV, BASE);
    thread_run(&waker, wake, NULL, THREAD_CPU_HERE, THREAD_PRIORITY + 2);
    spread();
    unmapped();
    unbound();
    spread();
    unbound_in_a_run();
    over = true;
    thread_join(&waker);
    return tap_done();
}
