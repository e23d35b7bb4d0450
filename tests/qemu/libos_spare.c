/* Memory that the kernel takes at any moment: a fault handler does with what is left, gives up
 * pages of the program's choice when nothing is, and never lets a page show what its frame held. */
#include "libos/call.h"
#include "libos/frames.h"
#include "libos/pages.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/upcall.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CHUNK 64u
#define HALF  (CHUNK / 2)
#define RANGE ((vaddr_t)0x340000000000)

static uint32_t chunks_left, asked;
static bool snatched; /* the next chunk is taken before it is used */
static slot_t last_slot;

static enum err source(uint32_t *count, slot_t *slot, pfn_t *first)
{
    if (!chunks_left)
        return ERR_NO_MEM;
    chunks_left--;
    *count = CHUNK;
    enum err e = region_frames(CHUNK, slot, first);
    last_slot = *slot;
    if (snatched)
        exo_cap_delete(*slot);
    snatched = false;
    return e;
}

static vaddr_t victim; /* goes when memory is short; 0: nothing does */
static bool cleared;

static bool spare(vaddr_t va)
{
    (void)va;
    asked++;
    cleared = upcall_clear((void *)GUEST_FREE, 1);
    if (!victim)
        return false;
    bool done = vm_unmap(victim, HALF * PAGE_SIZE) == ERR_OK;
    victim = 0;
    return done;
}

static vaddr_t filled(void)
{
    vaddr_t va = 0;

    if (vm_map(&va, HALF * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE) ||
        vm_populate(va, HALF * PAGE_SIZE))
        return 0;
    for (uint32_t i = 0; i < HALF; i++)
        *(volatile uint64_t *)(va + i * PAGE_SIZE) = ~va;
    return va;
}

/* What libos kept until now is out of the way. */
static void drain(void)
{
    struct frame_run run;

    frames_set_source(source);
    while (frames_take(CHUNK, &run) == ERR_OK)
        ;
}

static void test_spare(void)
{
    vaddr_t c = 0;

    chunks_left = 1;
    vaddr_t a = filled(), b = filled();
    tap_ok(a && b, "a chunk is used up");
    vm_map(&c, HALF * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    tap_ok(probe_write(c), "without a frame, and without a choice, a touch is a fault");
    frames_set_spare(spare);
    tap_ok(probe_write(c) && asked == 1, "nor when the program has nothing to give");
    victim = a;
    tap_ok(!probe_write(c + PAGE_SIZE) && asked == 2, "what it gives serves the touch");
    tap_ok(!cleared && !upcall_clear((void *)GUEST_FREE, 1),
           "clearing memory that is not there ends, in a handler and outside");
    bool zero = true;
    for (uint32_t i = 0; i < HALF; i++)
        zero &= *(volatile uint64_t *)(c + i * PAGE_SIZE) == 0 || i == 1;
    tap_ok(zero && asked == 2, "its pages are clear");
    tap_ok(*(volatile uint64_t *)b == ~b, "and those of others are what they were");
}

static void test_lost(void)
{
    vaddr_t a = filled();

    tap_ok(a == 0, "nothing is left");
    chunks_left = 2;
    a = filled();
    slot_t slot = last_slot;
    exo_cap_delete(slot); /* as the kernel does after a deadline */
    tap_ok(!probe_write(a + PAGE_SIZE), "a page that was taken comes from another chunk");
    tap_is(*(volatile uint64_t *)a, 0, "clear");
    tap_ok(!frames_lost(slot) && *(volatile uint64_t *)a == 0, "the loss is seen once");
    vm_unmap(a, HALF * PAGE_SIZE);
    tap_ok(filled() && filled(), "all of the other is used");
    chunks_left = 2;
    snatched = true;
    tap_ok(filled() && !snatched, "a chunk that is taken at once is followed by another");
    tap_is(chunks_left, 0, "and by no more");
    frames_lost(last_slot);
    tap_ok(filled(), "a loss that is told of late takes nothing from who has the slot now");
}

static struct page_record records[HALF];
static struct pagetable table;

static void test_range(void)
{
    static struct pages p;

    pagetable_linear(&table, records, RANGE, HALF);
    p = (struct pages){
        .low = RANGE, .high = RANGE + HALF * PAGE_SIZE, .table = &table, .budget = HALF};
    chunks_left = 1;
    snatched = false;
    tap_is(pages_init(&p), ERR_OK, "a paged range");
    tap_ok(!probe_write(RANGE), "has its first page");
    exo_cap_delete(last_slot);
    chunks_left = 2;
    snatched = true;
    tap_ok(!probe_write(RANGE + PAGE_SIZE), "the reserve is taken, and the next: another comes");
    tap_ok(!probe_write(RANGE), "the page, too");
    tap_ok(!pages_check(&p), "and the records are right");
    pages_destroy(&p);
}

int main(void)
{
    guest_begin();
    drain();
    test_spare();
    test_lost();
    test_range();
    return tap_done();
}
