/* Paged ranges, over both kinds of page table: traps, rights, dirty pages, eviction to a backing
 * store by the program's own choice, and sharing copy-on-write with a child. */
#include "libos/start/integer.h"

#include "libos/backing_disk.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/exit.h"
#include "libos/pages.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define RANGE   ((vaddr_t)0x340000000000)
#define PAGES   64u
#define RECORDS 128u
#define BUDGET  16u
#define RW      (RIGHT_READ | RIGHT_WRITE)

static struct page_record records[RECORDS];
static struct pagetable table;
static struct pages range;
static struct backing_ram ram;
static struct backing_disk disk;
static volatile unsigned traps;

static vaddr_t page(uint32_t i)
{
    return RANGE + i * PAGE_SIZE;
}

static volatile uint64_t *word(uint32_t i)
{
    return (volatile uint64_t *)page(i);
}

static void make_table(bool inverted)
{
    for (uint32_t i = 0; i < RECORDS; i++)
        records[i] = (struct page_record){0};
    if (inverted)
        pagetable_inverted(&table, records, RECORDS);
    else
        pagetable_linear(&table, records, RANGE, PAGES);
}

/* Faults change the range behind the compiler's back. */
static uint64_t now(const uint64_t *count)
{
    return *(const volatile uint64_t *)count;
}

static KEEPS_REGISTERS bool unprotect(struct pages *p, struct upcall_frame *frame)
{
    traps++;
    return pages_protect(p, frame->address & ~(PAGE_SIZE - 1), 1, RW) == ERR_OK;
}

static struct pages fresh(uint32_t budget)
{
    return (struct pages){
        .low = RANGE, .high = page(PAGES), .table = &table, .budget = budget, .trap = unprotect};
}

static void refusals(void)
{
    struct pages bad = fresh(0);

    make_table(false);
    tap_is(pages_init(&bad), ERR_BAD_ARG, "no budget");
    bad = fresh(1);
    bad.high = bad.low;
    tap_is(pages_init(&bad), ERR_BAD_ARG, "an empty range");
    bad = fresh(1);
    bad.low++;
    tap_is(pages_init(&bad), ERR_BAD_ARG, "an unaligned range");
    struct backing small = {.blocks = PAGES - 1};
    bad = fresh(1);
    bad.backing = &small;
    tap_is(pages_init(&bad), ERR_BAD_ARG, "a backing store with too few blocks");
    range = fresh(PAGES);
    tap_is(pages_init(&range), ERR_OK, "a range");
    bad = fresh(1);
    tap_is(pages_init(&bad), ERR_IN_USE, "the same range again");
    tap_is(pages_protect(&range, page(PAGES - 1), 2, RW), ERR_BAD_ARG, "rights beyond the range");
    tap_is(pages_protect(&range, RANGE, 1, 0), ERR_BAD_ARG, "no rights");
    tap_is(pages_protect(&range, page(PAGES), 1, RW), ERR_BAD_ARG, "rights behind the range");
    pages_destroy(&range);
}

static void traps_and_rights(const char *kind)
{
    bool zero = true, kept = true;

    tap_note("%s page table", kind);
    range = fresh(PAGES);
    tap_is(pages_init(&range), ERR_OK, "begin");
    for (uint32_t i = 0; i < PAGES; i++)
        zero &= *word(i) == 0;
    tap_ok(zero, "pages are zero at first");
    tap_ok(!pages_is_dirty(&range, page(3)), "a page that was read is not dirty");
    *word(3) = 3;
    tap_ok(pages_is_dirty(&range, page(3)), "one that was written is");
    tap_is(pages_protect(&range, RANGE, PAGES, RIGHT_READ), ERR_OK, "protect all");
    traps = 0;
    for (uint32_t i = 0; i < PAGES; i += 2)
        *word(i) = i + 1;
    tap_is(traps, PAGES / 2, "each first write to a protected page traps once");
    for (uint32_t i = 0; i < PAGES; i += 2)
        *word(i) += 1;
    tap_is(traps, PAGES / 2, "and no later one");
    for (uint32_t i = 0; i < PAGES; i++)
        kept &= *word(i) == (i % 2 ? (i == 3 ? 3 : 0) : i + 2);
    tap_ok(kept, "what was written is there");
    tap_ok(!pages_check(&range), "the records agree with the MMU's table");
    range.trap = NULL;
    tap_ok(!probe_write(page(2)), "a page with rights can be written");
    tap_ok(probe_write(page(1)), "without a handler a protected page cannot be written");
    pages_destroy(&range);
    tap_ok(probe_read(page(2)), "a range that has ended is gone");
}

static uint32_t victim;

/* Keeps page 0 and throws the others out, the last one first. */
static vaddr_t choose_last(struct pages *p)
{
    for (victim = PAGES - 1; victim > 0; victim--) {
        const struct page_record *record = p->table->find(p->table, page(victim));
        if (record && (record->state & PAGES_RESIDENT))
            break;
    }
    return page(victim);
}

static bool is_resident(uint32_t i)
{
    const struct page_record *record = table.find(&table, page(i));

    return record && (record->state & PAGES_RESIDENT);
}

static void eviction(struct backing *store)
{
    bool kept = true;

    range = fresh(BUDGET);
    range.backing = store;
    tap_is(pages_init(&range), ERR_OK, "begin with few frames");
    for (uint32_t i = 0; i < PAGES; i++)
        *word(i) = i * 7 + 1;
    tap_is(*(volatile uint32_t *)&range.resident, BUDGET,
           "no more pages have frames than the budget");
    tap_is(now(&range.outs), PAGES - BUDGET, "the others were written out");
    tap_ok(!is_resident(0) && is_resident(PAGES - 1), "the first ones left first");
    for (uint32_t i = 0; i < PAGES; i++)
        kept &= *word(i) == i * 7 + 1;
    tap_ok(kept, "all of them come back as they were");
    tap_ok(now(&range.ins) >= PAGES - BUDGET && !pages_check(&range),
           "read in, and the records agree");
    uint64_t outs = now(&range.outs);
    for (uint32_t i = 0; i < PAGES; i++)
        kept &= *word(i) == i * 7 + 1;
    tap_ok(kept && now(&range.outs) - outs <= BUDGET,
           "what was only read is not written out again");
    range.choose = choose_last;
    (void)*word(0);
    for (uint32_t i = 1; i < PAGES; i++)
        kept &= *word(i) == i * 7 + 1;
    tap_ok(kept && is_resident(0), "a page that the program does not choose stays");
    pages_destroy(&range);
    range = fresh(BUDGET);
    make_table(false);
    pages_init(&range);
    for (uint32_t i = 0; i < BUDGET; i++)
        *word(i) = 1;
    tap_ok(probe_write(page(BUDGET)), "without a backing store the budget is the end");
    pages_destroy(&range);
}

/* The child: sees what was there at the sharing, writes, and does not see what the parent writes.
 */
static int be_child(void)
{
    make_table(true);
    range = fresh(PAGES);
    if (pages_init(&range) || pages_adopt(&range) || range.resident != 8)
        return 1;
    for (uint32_t i = 0; i < 8; i++)
        if (*word(i) != i + 100)
            return 2;
    for (uint32_t i = 0; i < 4; i++)
        *word(i) = i + 300;
    if (now(&range.copies) != 4 || pages_check(&range))
        return 3;
    for (uint32_t i = 0; i < 8; i++)
        if (*word(i) != i + (i < 4 ? 300 : 100))
            return 4;
    *word(20) = 1; /* one that was not shared */
    return 77;
}

static void copy_on_write(bool inverted)
{
    const char *arguments[] = {"libos_pages", "child", NULL};
    struct archive_entry image;
    struct spawn_child child;
    struct spawn_end end = {0};
    bool kept = true;

    make_table(inverted);
    range = fresh(PAGES);
    pages_init(&range);
    for (uint32_t i = 0; i < 8; i++)
        *word(i) = i + 100;
    program_find(guest_archive(), "libos_pages", &image);
    struct spawn_args args = {.image = image.data,
                              .image_bytes = image.bytes,
                              .name = "child",
                              .arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE),
                              .memory_frames = 1024,
                              .cpu = THREAD_CPU_HERE,
                              .priority = 1};
    tap_is(spawn_prepare(&child, &args), ERR_OK, "a child");
    tap_is(pages_share(&range, child.env), ERR_OK, "share the range");
    *word(0) = 500;
    *word(7) = 507;
    tap_is(now(&range.copies), 2, "a write to a shared page makes a copy");
    spawn_run(&child);
    spawn_wait(&child, &end);
    tap_ok(end.exited && end.status == 77, "the child had its own view");
    for (uint32_t i = 0; i < 8; i++)
        kept &= *word(i) == (i == 0 ? 500 : i == 7 ? 507 : i + 100);
    tap_ok(kept, "and so had the parent");
    spawn_destroy(&child);
    *word(3) = 1;
    tap_is(now(&range.copies), 2, "what nobody else sees any more is not copied");
    tap_ok(!pages_check(&range), "the records agree");
    pages_destroy(&range);
}

int main(int argc, char **argv)
{
    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "child"))
        libos_exit(be_child());
    tap_is(backing_ram_init(&ram, 0), ERR_BAD_ARG, "a backing store of nothing");
    tap_is(backing_ram_init(&ram, PAGES), ERR_OK, "a backing store");
    tap_is(backing_disk_init(&disk, SLOT_DISK, 0, 0), ERR_BAD_ARG, "nothing of the disk");
    tap_is(backing_disk_init(&disk, SLOT_DISK, 100, PAGES), ERR_OK, "blocks of the disk");
    tap_is(disk.backing.read(&disk.backing, PAGES, (void *)RANGE), ERR_BAD_ARG, "no block beyond");
    refusals();
    for (int inverted = 0; inverted < 2; inverted++) {
        make_table(inverted);
        traps_and_rights(inverted ? "inverted" : "linear");
        make_table(inverted);
        eviction(&ram.backing);
        make_table(inverted);
        eviction(&disk.backing);
        copy_on_write(inverted);
    }
    backing_disk_destroy(&disk);
    backing_ram_destroy(&ram);
    return tap_done();
}
