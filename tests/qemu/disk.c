/* Extents and disk rings on the real disk: every error of their calls, data that stays, requests
 * that are refused, many at once, strangers' blocks, and taking away what a ring stands on. Without
 * a disk only the error that says so; on one that takes no writes, that it takes none. */
#include "libos/disk.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define BLOCKS       4096u /* of the runner's 16 MiB                             */
#define PAGES        64u   /* buffers of a ring                                  */
#define HALF         (BLOCKS / 2)
#define CHILD_EXTENT SLOT_FREE
#define CHILD_FRAMES 512u
#define FILL_WORDS   (DISK_BLOCK_BYTES / sizeof(uint64_t))

/* A capability weaker than `src`, or for a part of its range. */
static slot_t weaker(slot_t src, rights_t rights, uint32_t base, uint32_t count)
{
    slot_t slot = guest_slot();

    return exo_cap_copy(SLOT_ENV, slot, src, rights, base, count) == ERR_OK ? slot : SLOT_NONE;
}

static pfn_t free_frame(void)
{
    pfn_t frame = 0;

    region_find(1, &frame);
    return frame;
}

static void fill(const struct disk *d, uint32_t page, uint64_t value)
{
    uint64_t *word = disk_page(d, page);

    for (unsigned i = 0; i < FILL_WORDS; i++)
        word[i] = value + i;
}

static bool is_filled(const struct disk *d, uint32_t page, uint64_t value)
{
    const uint64_t *word = disk_page(d, page);

    for (unsigned i = 0; i < FILL_WORDS; i++)
        if (word[i] != value + i)
            return false;
    return true;
}

static bool holds(struct disk *d, uint32_t block, uint64_t value)
{
    memset(disk_page(d, 0), 0xee, DISK_BLOCK_BYTES);
    return disk_read(d, block, 1, 0) == ERR_OK && is_filled(d, 0, value);
}

static void test_create_errors(const struct disk *d)
{
    const pfn_t frame = free_frame();
    slot_t dst = guest_slot();
    slot_t read_frames = weaker(d->frames, RIGHT_READ, 0, 0);
    slot_t weak_extent = weaker(SLOT_DISK, RIGHT_GRANT, 0, 0);
    slot_t weak_bell = weaker(d->notification, RIGHT_READ, 0, 0);
    slot_t used = weaker(SLOT_MEMORY, RIGHT_ALL, slot_cap(d->frames)->base, 1);
    const struct {
        slot_t extent, region;
        pfn_t base;
        slot_t frames, bell, dst;
        enum err want;
        const char *name;
    } rows[] = {
        {SLOT_DISK, SLOT_MEMORY, frame, d->frames, 0, SLOT_NONE, ERR_BAD_ARG, "ring nowhere"},
        {SLOT_DISK, SLOT_MEMORY, 0, d->frames, 0, dst, ERR_BAD_ARG, "ring outside the region"},
        {SLOT_ENV, SLOT_MEMORY, frame, d->frames, 0, dst, ERR_BAD_CAP, "ring of no extent"},
        {SLOT_DISK, SLOT_ENV, frame, d->frames, 0, dst, ERR_BAD_CAP, "ring of no region"},
        {SLOT_DISK, SLOT_MEMORY, frame, SLOT_ENV, 0, dst, ERR_BAD_CAP, "ring of no frames"},
        {SLOT_DISK, SLOT_MEMORY, frame, d->frames, SLOT_ENV, dst, ERR_BAD_CAP, "ring, bad bell"},
        {SLOT_DISK, SLOT_MEMORY, frame, read_frames, 0, dst, ERR_NO_RIGHT, "read-only frames"},
        {weak_extent, SLOT_MEMORY, frame, d->frames, 0, dst, ERR_NO_RIGHT, "extent without right"},
        {SLOT_DISK, SLOT_MEMORY, frame, d->frames, weak_bell, dst, ERR_NO_RIGHT, "silent bell"},
        {SLOT_DISK, SLOT_MEMORY, frame, d->frames, 0, SLOT_ENV, ERR_IN_USE, "ring, filled slot"},
        {SLOT_DISK, SLOT_MEMORY, d->first, d->frames, 0, dst, ERR_IN_USE, "ring, frame in use"},
        {SLOT_DISK, used, PFN_ANY, d->frames, 0, dst, ERR_NO_MEM, "ring of a region used up"},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        tap_is(exo_disk_ring_create(rows[i].extent, rows[i].region, rows[i].base, rows[i].frames,
                                    rows[i].bell, rows[i].dst),
               rows[i].want, rows[i].name);
    slot_t weak = weaker(d->ring, RIGHT_READ, 0, 0);
    tap_is(exo_disk_kick(SLOT_ENV), ERR_BAD_CAP, "kick no ring");
    tap_is(exo_disk_kick(weak), ERR_NO_RIGHT, "kick without right");
    const slot_t all[] = {dst, read_frames, weak_extent, weak_bell, used, weak};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        slot_delete(all[i]);
}

static void test_extents(void)
{
    slot_t dst = guest_slot(), part = weaker(SLOT_DISK, RIGHT_READ | RIGHT_GRANT, 10, 5);

    tap_is(slot_cap(SLOT_DISK)->count, BLOCKS, "the disk's extent has its blocks");
    tap_is(KINFO->disk_blocks, BLOCKS, "so says the book-keeping");
    tap_ok(slot_cap(part)->base == 10 && slot_cap(part)->count == 5, "a part of the extent");
    tap_is(exo_cap_copy(SLOT_ENV, dst, part, RIGHT_READ, 9, 2), ERR_BAD_ARG, "blocks before it");
    tap_is(exo_cap_copy(SLOT_ENV, dst, part, RIGHT_READ, 14, 2), ERR_BAD_ARG, "blocks behind it");
    tap_is(exo_cap_copy(SLOT_ENV, dst, part, RIGHT_WRITE, 10, 1), ERR_NO_RIGHT, "more rights");
    slot_delete(part);
    slot_give(dst);
}

static void test_data(struct disk *d)
{
    tap_ok(disk_read(d, 7, 1, 0) == ERR_OK && *(uint64_t *)disk_page(d, 0) == 0, "a fresh block");
    for (uint32_t page = 0; page < 4; page++)
        fill(d, page, 100 * page);
    tap_is(disk_write(d, 100, 4, 0), ERR_OK, "write four blocks");
    tap_is(disk_flush(d), ERR_OK, "flush");
    fill(d, 9, 999);
    tap_is(disk_write(d, BLOCKS - 1, 1, 9), ERR_OK, "write the last block");
    disk_close(d);
    tap_is(disk_open(d, SLOT_DISK, PAGES), ERR_OK, "end the ring, make another");
    tap_is(disk_read(d, 100, 4, 20), ERR_OK, "read four blocks");
    tap_ok(is_filled(d, 20, 0) && is_filled(d, 21, 100) && is_filled(d, 22, 200) &&
               is_filled(d, 23, 300),
           "each is what was written");
    tap_ok(holds(d, BLOCKS - 1, 999), "so is the last");
    tap_is(disk_read(d, 99, 1, 0), ERR_OK, "read the block before them");
    tap_is(*(uint64_t *)disk_page(d, 0), 0, "it was not touched");
}

/* Posts a raw slot and kicks; its state. */
static uint32_t post_raw(struct disk *d, struct disk_slot s)
{
    volatile struct disk_header *h = (volatile struct disk_header *)d->va;
    uint32_t ticket = h->posted;

    h->slots[ticket % DISK_SLOTS] = s;
    h->posted = ticket + 1;
    disk_kick(d);
    if (disk_state(d, ticket) != DISK_BAD)
        disk_wait(d, ticket);
    return disk_state(d, ticket);
}

static void test_refused(struct disk *d, uint32_t base, uint32_t count)
{
    const uint64_t at = PAGE_SIZE, end = (1 + (uint64_t)d->pages) * PAGE_SIZE;
    const struct disk_slot rows[] = {
        {at, base, 1, 0, 0},
        {at, base, 1, 4, 0},
        {at, base, 1, 0xffffffff, 0},
        {at, base, 0, DISK_READ, 0},
        {at, base, DISK_COUNT_MAX + 1, DISK_READ, 0},
        {at, base - 1, 1, DISK_READ, 0},
        {at, base - 1, 2, DISK_WRITE, 0},
        {at, 0, 1, DISK_WRITE, 0},
        {at, base + count, 1, DISK_READ, 0},
        {at, base + count - 1, 2, DISK_WRITE, 0},
        {at, 0xffffffff, 1, DISK_READ, 0},
        {at, 0xffffffff, 2, DISK_WRITE, 0},
        {at, base, 0xffffffff, DISK_READ, 0},
        {at + 1, base, 1, DISK_READ, 0},
        {end, base, 1, DISK_READ, 0},
        {end - DISK_ALIGN, base, 1, DISK_READ, 0},
        {UINT64_MAX - 511, base, 1, DISK_READ, 0},
        {(uint64_t)1 << 63, base, 1, DISK_WRITE, 0},
        {0, base, 1, DISK_FLUSH, 0},
        {0, 0, 1, DISK_FLUSH, 0},
    };
    unsigned refused = 0, rows_count = sizeof rows / sizeof rows[0];

    for (unsigned i = 0; i < rows_count; i++)
        refused += post_raw(d, rows[i]) == DISK_BAD;
    tap_is(refused, rows_count, "requests outside extent, frames or sense are refused");
    tap_is(post_raw(d, (struct disk_slot){end - PAGE_SIZE, base + count - 1, 1, DISK_READ, 0}),
           DISK_DONE, "the last page and block are good");
    tap_is(post_raw(d, (struct disk_slot){at + DISK_ALIGN, base, 1, DISK_READ, 0}), DISK_DONE,
           "a buffer may cross pages");
}

static void test_rights(void)
{
    struct disk d;
    slot_t reader = weaker(SLOT_DISK, RIGHT_READ, 0, 0);
    slot_t writer = weaker(SLOT_DISK, RIGHT_WRITE, 0, 0);

    tap_is(disk_open(&d, reader, 2), ERR_OK, "a ring that may read");
    tap_is(disk_write(&d, 100, 1, 0), ERR_BAD_ARG, "does not write");
    tap_is(disk_flush(&d), ERR_BAD_ARG, "nor flush");
    tap_ok(holds(&d, 100, 0), "and reads what was there");
    disk_close(&d);
    tap_is(disk_open(&d, writer, 2), ERR_OK, "a ring that may write");
    tap_is(disk_read(&d, 100, 1, 0), ERR_BAD_ARG, "does not read");
    fill(&d, 0, 55);
    tap_is(disk_write(&d, 50, 1, 0), ERR_OK, "but writes");
    disk_close(&d);
    slot_delete(reader);
    slot_delete(writer);
}

/* Posts DISK_SLOTS single blocks from `block` on; counts those that can be posted. */
static unsigned post_many(struct disk *d, enum disk_op op, uint32_t block, uint32_t *tickets)
{
    unsigned count = 0;

    for (; count < DISK_SLOTS; count++)
        if (disk_post(d, op, block + count, 1, count, &tickets[count]))
            break;
    return count;
}

static unsigned wait_many(struct disk *d, const uint32_t *tickets)
{
    unsigned good = 0;

    for (unsigned i = 0; i < DISK_SLOTS; i++)
        good += disk_wait(d, tickets[i]) == ERR_OK;
    return good;
}

static void test_many(struct disk *a, struct disk *b)
{
    uint32_t first[DISK_SLOTS], second[DISK_SLOTS], ticket;
    volatile struct disk_header *h = (volatile struct disk_header *)a->va;
    word_t taken;
    unsigned right = 0;

    for (unsigned i = 0; i < DISK_SLOTS; i++) {
        fill(a, i, 10000 + i);
        fill(b, i, 20000 + i);
    }
    tap_is(post_many(a, DISK_WRITE, 500, first), DISK_SLOTS, "post as many as there are slots");
    tap_is(disk_post(a, DISK_WRITE, 1, 1, 0, &ticket), ERR_IN_USE, "and not one more");
    post_many(b, DISK_WRITE, 600, second);
    tap_is(disk_kick(a), ERR_OK, "kick them all");
    tap_is(disk_kick(b), ERR_OK, "and those of another ring");
    tap_is(wait_many(b, second) + wait_many(a, first), 2 * DISK_SLOTS, "all are done");
    post_many(a, DISK_READ, 600, first);
    tap_is(wait_many(a, first), DISK_SLOTS, "read them by the other ring");
    for (unsigned i = 0; i < DISK_SLOTS; i++)
        right += is_filled(a, i, 20000 + i);
    tap_is(right, DISK_SLOTS, "each holds what was written");
    h->posted += 1000;
    tap_is(exo_disk_kick_get(a->ring, &taken), ERR_OK, "a counter that lies is no error");
    tap_is(taken, 0, "and does nothing");
    h->posted -= 1000;
}

static void test_flush_waits(struct disk *d)
{
    uint32_t writes[8], flush, read;

    fill(d, 0, 77);
    for (unsigned i = 0; i < 8; i++)
        disk_post(d, DISK_WRITE, 700 + i, 1, 0, &writes[i]);
    disk_post(d, DISK_FLUSH, 0, 0, 0, &flush);
    disk_post(d, DISK_READ, 707, 1, 1, &read);
    tap_is(disk_wait(d, flush), ERR_OK, "a flush behind eight writes");
    unsigned done = 0;
    for (unsigned i = 0; i < 8; i++)
        done += disk_state(d, writes[i]) == DISK_DONE;
    tap_is(done, 8, "they are done when it is");
    tap_ok(disk_wait(d, read) == ERR_OK && is_filled(d, 1, 77), "what follows it comes too");
}

/* In the other environment: its own blocks, and then everybody else's. */
static int child_main(bool forever)
{
    struct disk d;
    uint32_t tickets[DISK_SLOTS];
    unsigned good = 0;

    if (disk_open(&d, CHILD_EXTENT, PAGES))
        return 100;
    for (unsigned i = 0; i < DISK_SLOTS; i++)
        fill(&d, i, 4711);
    good += disk_write(&d, HALF, 1, 0) == ERR_OK && disk_flush(&d) == ERR_OK;
    good += disk_read(&d, HALF - 1, 1, 1) == ERR_BAD_ARG;
    good += disk_write(&d, 100, 1, 0) == ERR_BAD_ARG;
    good += disk_write(&d, HALF - 1, 2, 0) == ERR_BAD_ARG;
    good += slot_cap(SLOT_DISK) == NULL;
    for (volatile bool again = forever; again;) {
        post_many(&d, DISK_WRITE, HALF + 1, tickets);
        disk_kick(&d);
    }
    return (int)good;
}

static enum err start_child(struct spawn_child *child, const char *role)
{
    const char *arguments[] = {"disk", role, NULL};
    struct archive_entry file;
    struct spawn_args args = {.name = "stranger",
                              .arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = THREAD_CPU_HERE};
    enum err e = program_find(guest_archive(), "disk", &file);

    args.image = file.data;
    args.image_bytes = file.bytes;
    if (e == ERR_OK)
        e = spawn_prepare(child, &args);
    if (e == ERR_OK)
        e = exo_cap_copy(child->env, CHILD_EXTENT, SLOT_DISK, RIGHT_READ | RIGHT_WRITE, HALF, HALF);
    return e ? e : spawn_run(child);
}

static void test_strangers(struct disk *d)
{
    struct spawn_child child;
    struct spawn_end end = {0};

    tap_is(start_child(&child, "once"), ERR_OK, "give another environment half of the disk");
    spawn_wait(&child, &end);
    tap_is(end.status, 5, "it reaches its own blocks and no others");
    spawn_destroy(&child);
    tap_ok(holds(d, 100, 0) && holds(d, HALF, 4711), "and here is what both wrote");

    tap_is(start_child(&child, "forever"), ERR_OK, "another one writes without end");
    guest_sleep(200000);
    spawn_destroy(&child);
    tap_ok(holds(d, HALF + 1, 4711), "it did until it was destroyed");
    memset(disk_page(d, 1), 0, DISK_BLOCK_BYTES * 63);
    tap_is(disk_write(d, HALF + 1, 63, 1), ERR_OK, "its blocks are given to others");
    guest_sleep(50000);
    bool clean = disk_read(d, HALF + 1, 63, 1) == ERR_OK;
    const uint64_t *word = disk_page(d, 1);
    for (unsigned i = 0; i < 63 * FILL_WORDS; i++)
        clean &= word[i] == 0;
    tap_ok(clean, "and nothing of it comes later");
}

/* All of them have a state. */
static bool all_settled(const struct disk *d, const uint32_t *tickets)
{
    for (unsigned i = 0; i < DISK_SLOTS; i++)
        if (!disk_state(d, tickets[i]))
            return false;
    return true;
}

static void test_loss(struct disk *other)
{
    struct disk d;
    uint32_t tickets[DISK_SLOTS], others[DISK_SLOTS];
    slot_t extent = weaker(SLOT_DISK, RIGHT_READ | RIGHT_WRITE, 1000, 100);

    tap_is(disk_open(&d, extent, PAGES), ERR_OK, "a ring on a part of the disk");
    test_refused(&d, 1000, 100);
    post_many(&d, DISK_READ, 1000, tickets);
    post_many(other, DISK_READ, 600, others);
    memset(disk_page(other, 0), 0, PAGES * PAGE_SIZE);
    disk_kick(&d);
    disk_kick(other);
    tap_is(exo_cap_delete(extent), ERR_OK, "take its blocks away with requests in flight");
    tap_is(disk_kick(&d), ERR_BAD_STATE, "a ring without blocks is dead");
    tap_is(wait_many(other, others), DISK_SLOTS, "the neighbour's requests are done");
    tap_ok(is_filled(other, 0, 20000) && is_filled(other, 63, 20063), "with the right data");
    disk_close(&d);
    slot_give(extent);

    disk_open(&d, SLOT_DISK, PAGES);
    post_many(&d, DISK_READ, 600, tickets);
    disk_kick(&d);
    tap_is(exo_cap_delete(d.frames), ERR_OK, "take the frames away with requests in flight");
    tap_is(disk_kick(&d), ERR_BAD_STATE, "a ring without memory is dead");
    slot_give(d.frames);
    d.frames = SLOT_NONE;
    disk_close(&d);

    disk_open(&d, SLOT_DISK, PAGES);
    slot_delete(d.notification);
    d.notification = SLOT_NONE;
    post_many(&d, DISK_READ, 600, tickets);
    tap_is(disk_kick(&d), ERR_OK, "without its notification a ring goes on in silence");
    for (unsigned i = 0; i < 1000 && !all_settled(&d, tickets); i++)
        guest_sleep(1000);
    tap_ok(all_settled(&d, tickets) && is_filled(&d, 63, 20063), "and is served");
    post_many(&d, DISK_WRITE, 600, tickets);
    disk_kick(&d);
    tap_is(exo_cap_delete(d.ring), ERR_OK, "delete a ring with requests in flight");
    tap_ok(all_settled(&d, tickets), "each got its state before");
    slot_give(d.ring);
    d.ring = SLOT_NONE;
    disk_close(&d);
}

static void test_table_of_rings(const struct disk *d)
{
    slot_t slots[128];
    unsigned count = 0;
    enum err e = ERR_OK;

    for (; e == ERR_OK && count < 128; count++) {
        slots[count] = guest_slot();
        e = exo_disk_ring_create(SLOT_DISK, SLOT_MEMORY, free_frame(), d->frames, SLOT_NONE,
                                 slots[count]);
    }
    tap_is(e, ERR_NO_MEM, "the disk's table of rings is finite");
    for (unsigned i = 0; i + 1 < count; i++)
        slot_delete(slots[i]);
    tap_is(
        exo_disk_ring_create(SLOT_DISK, SLOT_MEMORY, free_frame(), d->frames, SLOT_NONE, slots[0]),
        ERR_OK, "deleted rings leave their places");
}

static int test_read_only(void)
{
    struct disk d;
    slot_t dst = guest_slot();

    tap_plan(4);
    tap_is(exo_cap_copy(SLOT_ENV, dst, SLOT_DISK, RIGHT_WRITE, 0, 0), ERR_NO_RIGHT,
           "nobody may write a read-only disk");
    tap_is(disk_open(&d, SLOT_DISK, 2), ERR_OK, "a ring on it");
    tap_is(disk_write(&d, 0, 1, 0), ERR_BAD_ARG, "refuses a write");
    tap_is(disk_read(&d, 0, 1, 0), ERR_OK, "and reads");
    return tap_done();
}

int main(int argc, char **argv)
{
    static struct disk a, b;

    guest_begin();
    if (argc > 1 && (!strcmp(argv[1], "once") || !strcmp(argv[1], "forever")))
        return child_main(!strcmp(argv[1], "forever"));
    if (!KINFO->disk_blocks) {
        tap_plan(1);
        tap_is(disk_open(&a, SLOT_DISK, 2), ERR_NO_DEVICE, "a machine without a disk");
        return tap_done();
    }
    if (KINFO->disk_read_only)
        return test_read_only();
    tap_plan(74);
    tap_is(disk_open(&a, SLOT_DISK, PAGES), ERR_OK, "make a ring");
    test_create_errors(&a);
    test_extents();
    test_data(&a);
    test_rights();
    tap_is(disk_open(&b, SLOT_DISK, PAGES), ERR_OK, "make another");
    test_many(&a, &b);
    test_flush_waits(&a);
    test_strangers(&a);
    test_loss(&b);
    test_table_of_rings(&a);
    return tap_done();
}
