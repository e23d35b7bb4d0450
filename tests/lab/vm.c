/*
 * Experiments: the virtual-memory operations of Appel and Li (ASPLOS 1991), as the library OS does
 * them: its own fault handler, its own page table of either kind, the MMU's table read in place.
 */
#include "libos/start/integer.h"

#include "libos/pages.h"
#include "tests/lab/lab.h"

#define LOW(inverted) ((vaddr_t)0x340000000000 + ((vaddr_t)(inverted) << 30))
#define MANY          100u
#define PAGES         256u
#define RECORDS       512u
#define STORE         3u /* bytes of the instruction in touch() */
#define RW            (RIGHT_READ | RIGHT_WRITE)
#define STRIDE        37u /* with no factor of MANY: visits every page, far from the one before */

static struct lab_series series;
/* Both kinds live until the end, so that each takes frames that nobody had before. */
static struct page_record records[2][RECORDS];
static struct pagetable tables[2];
static struct pages range_of[2];
static struct pages *range;
static volatile bool dirty;

static vaddr_t pages_by[LAB_WARM + LAB_ROUNDS + MANY]; /* the page for each round */

static vaddr_t page(uint32_t i)
{
    return pages_by[i];
}

CPU_INLINE void touch(vaddr_t va)
{
    __asm__ volatile("movb $1, (%0)" : : "S"(va) : "memory");
}

static KEEPS_REGISTERS bool step_over(struct pages *p, struct upcall_frame *frame)
{
    (void)p;
    frame->ip += STORE;
    return true;
}

static KEEPS_REGISTERS bool unprotect(struct pages *p, struct upcall_frame *frame)
{
    return pages_protect(p, frame->address & ~(PAGE_SIZE - 1), 1, RW) == ERR_OK;
}

/* Another page, which argument points to, is protected instead of this one. */
static KEEPS_REGISTERS bool exchange(struct pages *p, struct upcall_frame *frame)
{
    const vaddr_t *other = p->argument;

    return pages_protect(p, *other, 1, RIGHT_READ) == ERR_OK &&
           pages_protect(p, frame->address & ~(PAGE_SIZE - 1), 1, RW) == ERR_OK;
}

static void query(void *argument, uint32_t round)
{
    (void)argument;
    dirty = pages_is_dirty(range, page(round));
}

static void store(void *argument, uint32_t round)
{
    (void)argument;
    touch(page(round));
}

static void protect_one(void *argument, uint32_t round)
{
    (void)argument;
    pages_protect(range, page(round), 1, RIGHT_READ);
}

static void protect_all(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    pages_protect(range, range->low, MANY, RIGHT_READ);
}

static void unprotect_all(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    pages_protect(range, range->low, MANY, RW);
}

/* Before a round of appel1: the page to be touched is protected, the other one is not. */
static void prepare_exchange(void *argument, uint32_t round)
{
    vaddr_t *other = argument;

    pages_protect(range, page(round), 1, RIGHT_READ);
    *other = page(round + 1);
    pages_protect(range, *other, 1, RW);
}

static void appel2(void *argument, uint32_t round)
{
    protect_all(argument, round);
    for (uint32_t i = 0; i < MANY; i++)
        touch(page(i));
}

static void begin(bool inverted)
{
    struct pagetable *table = &tables[inverted];

    if (inverted)
        pagetable_inverted(table, records[1], RECORDS);
    else
        pagetable_linear(table, records[0], LOW(inverted), PAGES);
    range = &range_of[inverted];
    *range = (struct pages){.low = LOW(inverted),
                            .high = LOW(inverted) + PAGES * PAGE_SIZE,
                            .table = table,
                            .budget = PAGES,
                            .trap = step_over};
    enum err e = pages_init(range);
    if (e)
        lab_fail("vm", e);
    for (uint32_t i = 0; i < sizeof pages_by / sizeof pages_by[0]; i++)
        pages_by[i] = range->low + (i * STRIDE % MANY) * PAGE_SIZE;
    for (uint32_t i = 0; i < MANY; i++)
        touch(range->low + i * PAGE_SIZE);
}

/* The first touch of a page, which binds a clean frame. */
static void first_touch(void *argument, uint32_t round)
{
    (void)argument;
    touch(range->low + (MANY + round) * PAGE_SIZE);
}

struct keys {
    const char *dirty, *fault, *trap, *prot1, *prot100, *unprot100, *appel1, *appel2;
};

static void run_set(uint64_t empty, const struct keys *key, bool inverted)
{
    vaddr_t other = 0;

    begin(inverted);
    lab_measure(&series, NULL, query, NULL);
    if (!dirty)
        lab_fail(key->dirty, ERR_BAD_STATE);
    lab_report(key->dirty, &series, empty, 1, 1);
    lab_measure(&series, NULL, first_touch, NULL);
    lab_report(key->fault, &series, empty, 1, 1);
    lab_measure(&series, unprotect_all, protect_one, NULL);
    lab_report(key->prot1, &series, empty, 1, 1);
    lab_measure(&series, unprotect_all, protect_all, NULL);
    lab_report(key->prot100, &series, empty, 1, 1);
    lab_measure(&series, protect_all, unprotect_all, NULL);
    lab_report(key->unprot100, &series, empty, 1, 1);
    lab_measure(&series, protect_all, store, NULL);
    lab_report(key->trap, &series, empty, 1, 1);
    range->trap = exchange;
    range->argument = &other;
    lab_measure(&series, prepare_exchange, store, &other);
    lab_report(key->appel1, &series, empty, 1, 1);
    range->trap = unprotect;
    lab_measure(&series, NULL, appel2, NULL);
    lab_report(key->appel2, &series, empty, MANY, MANY);
    const char *broken = pages_check(range);
    if (broken)
        lab_fail(broken, ERR_BAD_STATE);
}

void lab_vm(const struct archive *a)
{
    (void)a;
    static const struct keys linear = {"vm.dirty",   "vm.fault",     "vm.trap",   "vm.prot1",
                                       "vm.prot100", "vm.unprot100", "vm.appel1", "vm.appel2"};
    static const struct keys inverted = {
        "vm.inverted.dirty",   "vm.inverted.fault",     "vm.inverted.trap",   "vm.inverted.prot1",
        "vm.inverted.prot100", "vm.inverted.unprot100", "vm.inverted.appel1", "vm.inverted.appel2"};
    uint64_t empty = lab_empty();

    run_set(empty, &linear, false);
    run_set(empty, &inverted, true);
    pages_destroy(&range_of[0]);
    pages_destroy(&range_of[1]);
}
