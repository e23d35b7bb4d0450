/* Disk rings: whose blocks they are, what owners may not do, and that neither frame nor block
 * changes hands while the disk is at it. The disk is fakes/disk.c. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/disk_ring.h"
#include "bindings/notification.h"
#include "exo/env/hooks.h"
#include "tests/host/fakes/disk.h"

#include <string.h>

enum { EXTENT = 40, FRAMES, NOTE, RING, WEAK, PART, SECOND, SECOND_EXTENT, SECOND_FRAMES };

#define FIRST 100u /* blocks of EXTENT */
#define COUNT 50u
#define PAGES 4u
#define BITS  6u

static pfn_t memory[2]; /* of RING and SECOND */
static struct disk_ring *ring[2];

static volatile struct disk_header *header(unsigned i)
{
    return frame_memory(memory[i]);
}

static void make(unsigned i, slot_t slot, slot_t extent, slot_t frames, uint32_t block)
{
    OK(BOSS(cap_copy, SLOT_ENV, extent, SLOT_DISK, RW, block, COUNT));
    memory[i] = make_frames(frames, PAGES);
    memset(frame_memory(memory[i]), 0, sizeof(struct disk_header)); /* the owner had it before */
    OK(BOSS(disk_ring_create, extent, REGION, PFN_ANY, frames, NOTE, slot));
    ring[i] = frame_memory(cap_slot(world.root, slot)->base);
    header(i)->notify_bits = BITS;
}

static int set_up(void **state)
{
    fake_disk_reset();
    world_begin(state);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    make(0, RING, EXTENT, FRAMES, FIRST);
    make(1, SECOND, SECOND_EXTENT, SECOND_FRAMES, 0);
    return 0;
}

static int tear_down(void **state)
{
    fake_disk.eager = true;
    fake_disk.absent = false;
    return world_end(state);
}

static void post(unsigned i, uint32_t op, uint32_t block, uint32_t count, uint64_t offset)
{
    volatile struct disk_header *h = header(i);
    const struct disk_slot s = {offset, block, count, op, 0};

    h->slots[h->posted % DISK_SLOTS] = s;
    h->posted++;
}

static uint32_t kick(slot_t slot)
{
    OK(BOSS(disk_kick, slot));
    assert_null(disk_ring_check(ring[0]));
    assert_null(disk_ring_check(ring[1]));
    return (uint32_t)world.result;
}

static uint64_t raised(void)
{
    struct notification *n = frame_memory(cap_slot(world.root, NOTE)->base);
    uint64_t bits = n->raised;

    n->raised = 0;
    return bits;
}

static void a_refused_call_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    uint32_t end = world.base + world.count;

    OK(BOSS(cap_copy, SLOT_ENV, WEAK, FRAMES, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, PART, SLOT_DISK, RIGHT_GRANT, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, 60, NOTE, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, 61, RING, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, 62, REGION, RIGHT_ALL, memory[0], 1));
    REFUSED(ERR_BAD_ARG, b, disk_ring_create, EXTENT, REGION, end, FRAMES, NOTE, 50);
    REFUSED(ERR_BAD_ARG, b, disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, NOTE, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, disk_ring_create, SLOT_NIC, REGION, PFN_ANY, FRAMES, NOTE, 50);
    REFUSED(ERR_BAD_CAP, b, disk_ring_create, 50, REGION, PFN_ANY, FRAMES, NOTE, 50);
    REFUSED(ERR_BAD_CAP, b, disk_ring_create, EXTENT, FRAMES, PFN_ANY, FRAMES, NOTE, 50);
    REFUSED(ERR_BAD_CAP, b, disk_ring_create, EXTENT, REGION, PFN_ANY, NOTE, NOTE, 50);
    REFUSED(ERR_BAD_CAP, b, disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, FRAMES, 50);
    REFUSED(ERR_NO_RIGHT, b, disk_ring_create, EXTENT, REGION, PFN_ANY, WEAK, NOTE, 50);
    REFUSED(ERR_NO_RIGHT, b, disk_ring_create, PART, REGION, PFN_ANY, FRAMES, NOTE, 50);
    REFUSED(ERR_NO_RIGHT, b, disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, 60, 50);
    REFUSED(ERR_IN_USE, b, disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, NOTE, NOTE);
    REFUSED(ERR_IN_USE, b, disk_ring_create, EXTENT, REGION, memory[0], FRAMES, NOTE, 50);
    REFUSED(ERR_NO_MEM, b, disk_ring_create, EXTENT, 62, PFN_ANY, FRAMES, NOTE, 50);
    fake_disk.absent = true;
    REFUSED(ERR_NO_DEVICE, b, disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, NOTE, 50);
    fake_disk.absent = false;
    REFUSED(ERR_BAD_CAP, b, disk_kick, NOTE);
    REFUSED(ERR_BAD_CAP, b, disk_kick, 50);
    REFUSED(ERR_NO_RIGHT, b, disk_kick, 61);
}

static void extents_are_cut_and_never_grow(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    assert_int_equal(cap_slot(world.root, SLOT_DISK)->count, FAKE_DISK_BLOCKS);
    REFUSED(ERR_NO_RIGHT, b, cap_copy, SLOT_ENV, PART, EXTENT, RIGHT_READ, FIRST, 1);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, SLOT_DISK, RIGHT_READ | RIGHT_GRANT, FIRST, COUNT));
    REFUSED(ERR_BAD_ARG, b, cap_copy, SLOT_ENV, PART, WEAK, RIGHT_READ, FIRST - 1, 2);
    REFUSED(ERR_BAD_ARG, b, cap_copy, SLOT_ENV, PART, WEAK, RIGHT_READ, FIRST, COUNT + 1);
    REFUSED(ERR_BAD_ARG, b, cap_copy, SLOT_ENV, PART, WEAK, RIGHT_READ, FIRST, 0xffffffff);
    REFUSED(ERR_BAD_ARG, b, cap_copy, SLOT_ENV, PART, WEAK, RIGHT_READ, FIRST, 0);
    REFUSED(ERR_NO_RIGHT, b, cap_copy, SLOT_ENV, PART, WEAK, RIGHT_WRITE, FIRST, 1);
    OK(BOSS(cap_copy, SLOT_ENV, PART, WEAK, RIGHT_READ, FIRST + COUNT - 1, 1));
}

static void requests_name_the_owners_frames_and_blocks(void **state)
{
    (void)state;
    post(0, DISK_WRITE, FIRST, 3, PAGE_SIZE);
    post(0, DISK_READ, FIRST + COUNT - 1, 1, PAGES * PAGE_SIZE - DISK_BLOCK_BYTES);
    assert_int_equal(kick(RING), 2);
    assert_int_equal(fake_disk.requests[0].address, (paddr_t)(memory[0] + 1) << PAGE_BITS);
    assert_int_equal(fake_disk.requests[0].block, FIRST);
    assert_int_equal(fake_disk.requests[0].count, 3);
    assert_int_equal(fake_disk.requests[0].op, DISK_WRITE);
    assert_int_equal(fake_disk.requests[1].address, (paddr_t)(memory[0] + 3) << PAGE_BITS);
    assert_int_equal(kick(RING), 0);
    assert_int_equal(header(0)->done, 0);
    assert_int_equal(raised(), 0);
    fake_disk_finishes(DISK_RESULT_OK);
    assert_int_equal(header(0)->slots[0].state, DISK_DONE);
    assert_int_equal(raised(), BITS);
    fake_disk_finishes(DISK_RESULT_ERROR);
    assert_int_equal(header(0)->slots[1].state, DISK_FAILED);
    assert_int_equal(header(0)->done, 2);
}

static void requests_that_may_not_be_are_refused(void **state)
{
    (void)state;
    const uint64_t end = PAGES * PAGE_SIZE;
    const struct disk_slot rows[] = {
        {PAGE_SIZE, FIRST, 1, 0, 0},
        {PAGE_SIZE, FIRST, 1, 4, 0},
        {PAGE_SIZE, FIRST, 1, 0x80000001, 0},
        {PAGE_SIZE, FIRST, 0, DISK_READ, 0},
        {PAGE_SIZE, FIRST, 0xffffffff, DISK_READ, 0},
        {PAGE_SIZE, FIRST - 1, 1, DISK_READ, 0},
        {PAGE_SIZE, FIRST - 1, 2, DISK_WRITE, 0},
        {PAGE_SIZE, FIRST + COUNT, 1, DISK_WRITE, 0},
        {PAGE_SIZE, FIRST + COUNT - 1, 2, DISK_WRITE, 0},
        {PAGE_SIZE, 0xffffffff, 2, DISK_WRITE, 0},
        {PAGE_SIZE, 0, 1, DISK_READ, 0},
        {PAGE_SIZE + 1, FIRST, 1, DISK_READ, 0},
        {2 * PAGE_SIZE, FIRST, 3, DISK_READ, 0},
        {end - DISK_ALIGN, FIRST, 1, DISK_READ, 0},
        {end, FIRST, 1, DISK_READ, 0},
        {UINT64_MAX - 511, FIRST, 1, DISK_READ, 0},
        {(uint64_t)1 << 63, FIRST, 1, DISK_READ, 0},
        {0, FIRST, 0, DISK_FLUSH, 0},
        {0, 0, 1, DISK_FLUSH, 0},
    };
    const unsigned count = sizeof rows / sizeof rows[0];

    for (unsigned i = 0; i < count; i++)
        post(0, rows[i].op, rows[i].block, rows[i].count, rows[i].offset);
    assert_int_equal(kick(RING), count);
    assert_int_equal(fake_disk.given, 0);
    assert_int_equal(header(0)->done, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(header(0)->slots[i].state, DISK_BAD);
    assert_int_equal(raised(), BITS);
}

static void what_a_ring_may_is_what_its_extent_may(void **state)
{
    (void)state;
    static const struct {
        rights_t rights;
        uint32_t op, state;
    } rows[] = {{RIGHT_READ, DISK_WRITE, DISK_BAD},
                {RIGHT_READ, DISK_FLUSH, DISK_BAD},
                {RIGHT_READ, DISK_READ, 0},
                {RIGHT_WRITE, DISK_READ, DISK_BAD},
                {RIGHT_WRITE, DISK_WRITE, 0}};

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        volatile struct disk_header *h = header(0);
        OK(BOSS(cap_copy, SLOT_ENV, WEAK, SLOT_DISK, rows[i].rights, FIRST, COUNT));
        OK(BOSS(disk_ring_create, WEAK, REGION, PFN_ANY, FRAMES, SLOT_NONE, 60));
        uint32_t n = rows[i].op == DISK_FLUSH ? 0 : 1;
        memset((void *)(uintptr_t)h, 0, sizeof *h);
        post(0, rows[i].op, n * FIRST, n, n * PAGE_SIZE);
        OK(BOSS(disk_kick, 60));
        assert_int_equal(h->slots[0].state, rows[i].state);
        while (fake_disk.finished < fake_disk.given)
            fake_disk_finishes(DISK_RESULT_OK);
        OK(BOSS(cap_delete, 60));
        OK(BOSS(cap_delete, WEAK));
    }
}

static void counters_that_lie_do_nothing(void **state)
{
    (void)state;
    static const uint32_t lies[] = {DISK_SLOTS + 1, 1000, 0x80000000u, 0xffffffffu};

    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        header(0)->posted = lies[i];
        assert_int_equal(kick(RING), 0);
    }
    header(0)->posted = 0;
    post(0, DISK_READ, FIRST, 1, PAGE_SIZE);
    assert_int_equal(kick(RING), 1);
    header(0)->posted = 0; /* less than was taken */
    assert_int_equal(kick(RING), 0);
    header(0)->done = 99; /* the kernel's own copy counts */
    fake_disk_finishes(DISK_RESULT_OK);
    assert_int_equal(header(0)->done, 1);
    assert_int_equal(fake_disk.given, 1);
}

static void counters_go_round(void **state)
{
    (void)state;
    fake_disk.eager = true;
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned n = 0; n < DISK_SLOTS; n++)
            post(0, DISK_READ, FIRST, 1, PAGE_SIZE);
        assert_int_equal(kick(RING), DISK_SLOTS);
        post(0, DISK_READ, FIRST, 1, PAGE_SIZE); /* one more than there are slots */
        assert_int_equal(kick(RING), 0);
        header(0)->posted--;
        hook_disk_interrupt();
        assert_int_equal(header(0)->done, (i + 1) * DISK_SLOTS);
    }
}

static void waiting_requests_follow_when_the_disk_has_room(void **state)
{
    (void)state;
    fake_disk.room = 3;
    for (unsigned n = 0; n < 5; n++) {
        post(0, DISK_READ, FIRST, 1, PAGE_SIZE);
        post(1, DISK_READ, 0, 1, PAGE_SIZE);
    }
    assert_int_equal(kick(RING), 3);
    assert_int_equal(kick(SECOND), 0);
    fake_disk.eager = true;
    for (unsigned n = 0; n < 10; n++)
        hook_disk_interrupt();
    assert_int_equal(header(0)->done, 5);
    assert_int_equal(header(1)->done, 5);
}

static void a_flush_comes_after_what_was_posted_before(void **state)
{
    (void)state;
    post(0, DISK_WRITE, FIRST, 1, PAGE_SIZE);
    post(0, DISK_WRITE, FIRST + 1, 1, PAGE_SIZE);
    post(0, DISK_FLUSH, 0, 0, 0);
    post(0, DISK_WRITE, FIRST + 2, 1, PAGE_SIZE);
    assert_int_equal(kick(RING), 2);
    fake_disk_finishes(DISK_RESULT_OK);
    hook_disk_interrupt();
    assert_int_equal(fake_disk.given, 2);
    fake_disk_finishes(DISK_RESULT_OK);
    hook_disk_interrupt();
    assert_int_equal(fake_disk.given, 4);
    assert_int_equal(fake_disk.requests[2].op, DISK_FLUSH);

    fake_disk.eager = fake_disk.uncached = true;
    post(0, DISK_FLUSH, 0, 0, 0);
    hook_disk_interrupt();
    kick(RING);
    assert_int_equal(header(0)->slots[4].state, DISK_DONE); /* nothing to wait for */
    assert_int_equal(fake_disk.given, 4);
}

/* Two requests of each ring in flight. */
static void fly(void)
{
    for (unsigned n = 0; n < 2; n++) {
        post(0, DISK_WRITE, FIRST + n, 1, PAGE_SIZE);
        post(1, DISK_WRITE, n, 1, PAGE_SIZE);
    }
    assert_int_equal(kick(RING), 2);
    assert_int_equal(kick(SECOND), 2);
}

static void assert_lost(void)
{
    assert_int_equal(fake_disk.restarts, 1);
    assert_int_equal(ring[0]->in_flight, 0);
    assert_int_equal(ring[1]->in_flight, 2); /* given again */
    assert_int_equal(fake_disk.given, 6);
    assert_int_equal(fake_disk.requests[4].block, 0);
    assert_int_equal(fake_disk.requests[5].block, 1);
    assert_int_equal(header(1)->done, 0);
    fake_disk_finishes(DISK_RESULT_OK);
    fake_disk_finishes(DISK_RESULT_OK);
    assert_int_equal(header(1)->done, 2);
    assert_int_equal(header(1)->slots[1].state, DISK_DONE);
}

static void blocks_go_only_after_the_disk_let_go(void **state)
{
    (void)state;
    fly();
    OK(BOSS(cap_delete, EXTENT));
    assert_int_equal(header(0)->slots[1].state, DISK_FAILED);
    assert_lost();
    REFUSED(ERR_BAD_STATE, world.boss, disk_kick, RING);
}

static void what_is_only_posted_is_never_given(void **state)
{
    (void)state;
    fake_disk.room = 4;
    fly();
    post(0, DISK_WRITE, FIRST, 1, PAGE_SIZE);
    assert_int_equal(kick(RING), 0); /* it waits */
    OK(BOSS(cap_delete, EXTENT));
    assert_lost();
    assert_int_equal(header(0)->slots[2].state, 0);
}

static void frames_go_only_after_the_disk_let_go(void **state)
{
    (void)state;
    fly();
    OK(BOSS(cap_delete, FRAMES));
    assert_lost();
    REFUSED(ERR_BAD_STATE, world.boss, disk_kick, RING);
}

static void a_ring_goes_only_after_the_disk_let_go(void **state)
{
    (void)state;
    fly();
    OK(BOSS(cap_delete, RING));
    assert_int_equal(header(0)->slots[0].state, DISK_FAILED);
    assert_int_equal(fake_disk.restarts, 1);
    OK(BOSS(disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, NOTE, RING));
}

static void a_disk_that_finishes_is_not_stopped(void **state)
{
    (void)state;
    fly();
    fake_disk.eager = true;
    OK(BOSS(cap_revoke, SLOT_DISK));
    assert_int_equal(fake_disk.restarts, 0);
    assert_int_equal(header(0)->slots[1].state, DISK_DONE);
    REFUSED(ERR_BAD_STATE, world.boss, disk_kick, RING);
    REFUSED(ERR_BAD_STATE, world.boss, disk_kick, SECOND);
}

static void stopped_requests_are_checked_again(void **state)
{
    (void)state;
    fly();
    header(1)->slots[0].block = FIRST; /* changed while the disk had it */
    OK(BOSS(cap_delete, EXTENT));
    assert_int_equal(header(1)->slots[0].state, DISK_BAD);
    assert_int_equal(fake_disk.given, 5);
    assert_null(disk_ring_check(ring[1]));
}

static void both_rings_may_go_one_after_the_other(void **state)
{
    (void)state;
    fly();
    fake_disk.room = 0; /* nothing can be given again */
    OK(BOSS(cap_delete, EXTENT));
    assert_int_equal(ring[1]->in_flight, 0);
    assert_null(disk_ring_check(ring[1]));
    OK(BOSS(cap_delete, SECOND_FRAMES));
    assert_null(disk_ring_check(ring[1]));
    assert_int_equal(fake_disk.restarts, 1);
}

static void a_disk_that_is_given_up_fails_everybody(void **state)
{
    (void)state;
    fly();
    fake_disk.broken = true;
    OK(BOSS(cap_delete, EXTENT));
    assert_int_equal(header(1)->done, 2);
    assert_int_equal(header(1)->slots[0].state, DISK_FAILED);
    post(1, DISK_READ, 0, 1, PAGE_SIZE);
    assert_int_equal(kick(SECOND), 1);
    assert_int_equal(header(1)->slots[2].state, DISK_FAILED);
}

static void without_notification_a_ring_is_silent(void **state)
{
    (void)state;
    OK(BOSS(cap_delete, NOTE));
    post(0, DISK_READ, FIRST, 1, PAGE_SIZE);
    assert_int_equal(kick(RING), 1);
    fake_disk_finishes(DISK_RESULT_OK);
    assert_int_equal(header(0)->done, 1);
}

static void the_table_of_rings_is_finite(void **state)
{
    (void)state;
    for (unsigned i = 2; i < DISK_RINGS_MAX; i++)
        OK(BOSS(disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, NOTE, 50 + i));
    REFUSED(ERR_NO_MEM, world.boss, disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, NOTE, 49);
    OK(BOSS(cap_delete, 55));
    OK(BOSS(disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, NOTE, 55));
}

static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    struct disk_ring good = *ring[0];

    ring[0]->done = 1;
    assert_memory_equal(disk_ring_check(ring[0]), "K1", 2);
    *ring[0] = good;
    ring[0]->taken = 1;
    assert_memory_equal(disk_ring_check(ring[0]), "K2", 2);
    *ring[0] = good;
    ring[0]->taken = ring[0]->in_flight = 1;
    ring[0]->extent.parent = 0;
    assert_memory_equal(disk_ring_check(ring[0]), "K3", 2);
    *ring[0] = good;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_refused_call_changes_nothing),
        T(extents_are_cut_and_never_grow),
        T(requests_name_the_owners_frames_and_blocks),
        T(requests_that_may_not_be_are_refused),
        T(what_a_ring_may_is_what_its_extent_may),
        T(counters_that_lie_do_nothing),
        T(counters_go_round),
        T(waiting_requests_follow_when_the_disk_has_room),
        T(a_flush_comes_after_what_was_posted_before),
        T(blocks_go_only_after_the_disk_let_go),
        T(what_is_only_posted_is_never_given),
        T(frames_go_only_after_the_disk_let_go),
        T(a_ring_goes_only_after_the_disk_let_go),
        T(a_disk_that_finishes_is_not_stopped),
        T(stopped_requests_are_checked_again),
        T(both_rings_may_go_one_after_the_other),
        T(a_disk_that_is_given_up_fails_everybody),
        T(without_notification_a_ring_is_silent),
        T(the_table_of_rings_is_finite),
        T(check_names_the_broken_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
