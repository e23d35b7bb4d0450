/*
 * An application that pages for itself: an array larger than the memory that it wants to spend,
 * with an eviction order of its own. The array is read in a loop, front to back, for which throwing
 * out the least recent page is the worst choice, and the most recent the best: the example does
 * both and prints how many pages had to be read back.
 */
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/pages.h"
#include "libos/servers/program.h"

#define ARRAY  ((vaddr_t)0x340000000000)
#define PAGES  64u
#define FRAMES 48u
#define LOOPS  4u

static struct page_record records[PAGES];
static struct pagetable table;
static struct backing_ram store;
static vaddr_t recent; /* the page that the loop is about to leave */

static vaddr_t choose_most_recent(struct pages *p)
{
    (void)p;
    return recent;
}

/* Pages read back while the array is read LOOPS times. */
static uint64_t measure(pages_choose_fn choose)
{
    struct pages array = {.low = ARRAY,
                          .high = ARRAY + PAGES * PAGE_SIZE,
                          .table = &table,
                          .budget = FRAMES,
                          .choose = choose,
                          .backing = &store.backing};

    pagetable_linear(&table, records, ARRAY, PAGES);
    enum err e = pages_init(&array);
    if (e)
        program_fail(1, "paging", error_text(e));
    recent = ARRAY;
    for (uint32_t loop = 0; loop < LOOPS; loop++)
        for (vaddr_t va = array.low; va < array.high; va += PAGE_SIZE) {
            ++*(volatile uint64_t *)va;
            recent = va;
        }
    bool good = true;
    for (vaddr_t va = array.low; va < array.high; va += PAGE_SIZE)
        good &= *(volatile uint64_t *)va == LOOPS;
    if (!good)
        program_fail(1, "paging", "a page was lost");
    uint64_t ins = *(volatile uint64_t *)&array.ins; /* faults count behind the compiler's back */
    pages_destroy(&array);
    return ins;
}

int main(void)
{
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = backing_ram_init(&store, PAGES);
    if (e)
        program_fail(1, "paging", error_text(e));
    log_line("in turn:           %lu pages read back", measure(NULL));
    log_line("most recent first: %lu pages read back", measure(choose_most_recent));
    backing_ram_destroy(&store);
    return 0;
}
