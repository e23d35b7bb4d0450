/* Experiments: page bindings made, changed and taken, one and many in a call. */
#include "exo/abi/batch.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/tables.h"
#include "tests/lab/lab.h"

#define WINDOW ((vaddr_t)0x310000000000) /* 2 MiB that libos' virtual memory does not touch */

static struct lab_series series;

static struct pages {
    slot_t slot;
    pfn_t first;
    struct page_entry entries[BATCH_MAX] __attribute__((aligned(PAGE_SIZE)));
} pages;

static void set_rights(rights_t rights)
{
    for (uint32_t i = 0; i < BATCH_MAX; i++)
        pages.entries[i] = (struct page_entry){WINDOW + i * PAGE_SIZE, pages.first + i, rights};
}

static void bind_one(void *argument, uint32_t round)
{
    (void)argument;
    exo_page_bind_run(SLOT_ENV, pages.slot, PAGE_RUN(WINDOW + round * PAGE_SIZE, 1),
                      RUN_FRAMES(pages.first + round, RIGHT_READ | RIGHT_WRITE));
}

static void protect_one(void *argument, uint32_t round)
{
    (void)argument;
    exo_page_protect_run(SLOT_ENV, PAGE_RUN(WINDOW + round * PAGE_SIZE, 1), RIGHT_READ);
}

static void unbind_one(void *argument, uint32_t round)
{
    (void)argument;
    exo_page_unbind_run(SLOT_ENV, PAGE_RUN(WINDOW + round * PAGE_SIZE, 1));
}

static void bind_all(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    exo_page_bind(SLOT_ENV, pages.slot, (vaddr_t)pages.entries, BATCH_MAX);
}

static void protect_all(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    exo_page_protect(SLOT_ENV, (vaddr_t)pages.entries, BATCH_MAX);
}

static void unbind_all(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    exo_page_unbind(SLOT_ENV, (vaddr_t)pages.entries, BATCH_MAX);
}

static void bind_run(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    exo_page_bind_run(SLOT_ENV, pages.slot, PAGE_RUN(WINDOW, BATCH_MAX),
                      RUN_FRAMES(pages.first, RIGHT_READ | RIGHT_WRITE));
}

static void protect_run(void *argument, uint32_t round)
{
    (void)argument;
    exo_page_protect_run(SLOT_ENV, PAGE_RUN(WINDOW, BATCH_MAX),
                         round & 1 ? RIGHT_READ : RIGHT_READ | RIGHT_WRITE);
}

static void unbind_run(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    exo_page_unbind_run(SLOT_ENV, PAGE_RUN(WINDOW, BATCH_MAX));
}

/* Rights that differ from those of the round before. */
static void toggle(void *argument, uint32_t round)
{
    (void)argument;
    set_rights(round & 1 ? RIGHT_READ : RIGHT_READ | RIGHT_WRITE);
}

/* Are as many pages of the window bound as they should be? */
static void expect(const char *key, uint32_t count)
{
    uint32_t bound = 0;

    for (uint32_t i = 0; i < BATCH_MAX; i++)
        bound += cpu_pte_is_bound(tables_entry(WINDOW + i * PAGE_SIZE));
    if (bound != count)
        lab_fail(key, ERR_BAD_STATE);
}

static void single(uint64_t empty)
{
    lab_measure(&series, NULL, bind_one, NULL);
    expect("bind.one", LAB_WARM + LAB_ROUNDS);
    lab_report("bind.one", &series, empty, 1, 1);
    lab_measure(&series, NULL, protect_one, NULL);
    lab_report("protect.one", &series, empty, 1, 1);
    lab_measure(&series, NULL, unbind_one, NULL);
    expect("unbind.one", 0);
    lab_report("unbind.one", &series, empty, 1, 1);
}

static void batches(uint64_t empty)
{
    set_rights(RIGHT_READ | RIGHT_WRITE);
    lab_measure(&series, unbind_all, bind_all, NULL);
    expect("bind.batch512", BATCH_MAX);
    lab_report("bind.batch512", &series, empty, BATCH_MAX, BATCH_MAX);
    lab_measure(&series, toggle, protect_all, NULL);
    lab_report("protect.batch512", &series, empty, BATCH_MAX, BATCH_MAX);
    lab_measure(&series, bind_all, unbind_all, NULL);
    expect("unbind.batch512", 0);
    lab_report("unbind.batch512", &series, empty, BATCH_MAX, BATCH_MAX);
}

static void runs(uint64_t empty)
{
    lab_measure(&series, unbind_run, bind_run, NULL);
    expect("bind.run512", BATCH_MAX);
    lab_report("bind.run512", &series, empty, BATCH_MAX, BATCH_MAX);
    lab_measure(&series, NULL, protect_run, NULL);
    lab_report("protect.run512", &series, empty, BATCH_MAX, BATCH_MAX);
    lab_measure(&series, bind_run, unbind_run, NULL);
    expect("unbind.run512", 0);
    lab_report("unbind.run512", &series, empty, BATCH_MAX, BATCH_MAX);
}

void lab_pages(const struct archive *a)
{
    (void)a;
    uint64_t empty = lab_empty();
    enum err e = region_frames(BATCH_MAX, &pages.slot, &pages.first);

    if (e == ERR_OK)
        e = tables_make(WINDOW);
    if (e)
        lab_fail("bind", e);
    single(empty);
    batches(empty);
    runs(empty);
    region_give_frames(pages.slot, pages.first, BATCH_MAX);
}
