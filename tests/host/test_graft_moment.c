/* Grafts where a device has done something: at an interrupt line, and at the end of a disk's
 * request. What they say is told, what they are told, and when they are not asked. */
#include "tests/host/graft_asm.h"
#undef CALL
#include "tests/host/graft_kernel.h"

#include "bindings/disk_ring.h"
#include "bindings/notification.h"
#include "tests/host/fakes/disk.h"

enum { NOTE = 40, LINES, GRAFT, EXTENT, FRAMES, RING };
#define LINE   3u
#define BITS   6u
#define FIRST  100u /* blocks of EXTENT */
#define BLOCKS 50u
#define PAGES  4u

/* Says yes when a field of its context is a number. */
#define SAYS(size, offset, number)                                                                 \
    {                                                                                              \
        LDX(size, 2, 1, offset), SET(0, 1), JUMP64_K(JEQ, 2, number, 1), SET(0, 0), EXIT           \
    }

static volatile struct disk_header *header;
static struct disk_ring *ring;

static int set_up(void **state)
{
    fake_disk_reset();
    world_begin(state);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(cap_copy, SLOT_ENV, LINES, SLOT_IRQ, RIGHT_WRITE, LINE, 2));
    OK(BOSS(cap_copy, SLOT_ENV, EXTENT, SLOT_DISK, RW, FIRST, BLOCKS));
    header = frame_memory(make_frames(FRAMES, PAGES));
    OK(BOSS(disk_ring_create, EXTENT, REGION, PFN_ANY, FRAMES, NOTE, RING));
    ring = frame_memory(cap_slot(world.root, RING)->base);
    header->notify_bits = BITS;
    return 0;
}

static int tear_down(void **state)
{
    fake_disk.eager = true;
    return world_end(state);
}

static uint64_t raised(void)
{
    struct notification *n = frame_memory(cap_slot(world.root, NOTE)->base);
    uint64_t bits = n->raised;

    n->raised = 0;
    return bits;
}

/* What is raised when the line fires. */
static uint64_t fires(void)
{
    host.lines[LINE]();
    return raised();
}

static void bind(const struct insn *code, size_t bytes, slot_t target, uint32_t hook)
{
    graft_make(GRAFT, code, bytes, hook);
    OK(BOSS(graft_bind, GRAFT, target, hook));
}

static void a_graft_says_of_which_interrupts_the_owner_is_told(void **state)
{
    static const struct insn thirds[] = {LDX(DW, 0, 1, 0), ALU64_K(MOD, 0, 3), EXIT};
    (void)state;

    OK(BOSS(irq_bind, LINES, LINE, NOTE, BITS));
    bind(thirds, sizeof thirds, LINES, GRAFT_HOOK_IRQ);
    uint64_t before = graft_runs(GRAFT), told = 0;
    for (unsigned i = 0; i < 9; i++) {
        uint64_t bits = fires();
        assert_true(bits == 0 || bits == BITS);
        told += bits == BITS;
    }
    assert_int_equal(told, 6);
    assert_int_equal(graft_runs(GRAFT) - before, 9);
    OK(BOSS(cap_delete, GRAFT));
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fires(), BITS);
}

static void it_knows_which_line_it_was(void **state)
{
    static const struct insn mine[] = SAYS(W, 16, LINE), other[] = SAYS(W, 16, LINE + 1);
    (void)state;

    OK(BOSS(irq_bind, LINES, LINE, NOTE, BITS));
    bind(mine, sizeof mine, LINES, GRAFT_HOOK_IRQ);
    assert_int_equal(fires(), BITS);
    bind(other, sizeof other, LINES, GRAFT_HOOK_IRQ);
    assert_int_equal(fires(), 0);
}

static void a_line_of_nobody_is_not_judged(void **state)
{
    static const struct insn yes[] = {SET(0, 1), EXIT};
    (void)state;

    bind(yes, sizeof yes, LINES, GRAFT_HOOK_IRQ);
    OK(BOSS(irq_bind, LINES, LINE, NOTE, BITS));
    OK(BOSS(irq_bind, LINES, LINE, SLOT_NONE, 0));
    assert_int_equal(fires(), 0);
    assert_int_equal(graft_runs(GRAFT), 0);
}

static void post(uint32_t block)
{
    const struct disk_slot s = {PAGE_SIZE, FIRST + block, 1, DISK_READ, 0};

    header->slots[header->posted % DISK_SLOTS] = s;
    header->posted++;
}

/* So many requests are in the disk's hands, and nobody has been told anything. */
static void submit(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        post(i);
    OK(BOSS(disk_kick, RING));
    assert_int_equal(raised(), 0);
}

/* What is raised when the disk ends a request. */
static uint64_t ends(enum disk_result result)
{
    fake_disk_finishes(result);
    assert_null(disk_ring_check(ring));
    return raised();
}

static void a_graft_says_of_which_requests_the_owner_is_told(void **state)
{
    static const struct insn last[] = SAYS(W, 4, 0);
    (void)state;

    bind(last, sizeof last, RING, GRAFT_HOOK_DISK_DONE);
    submit(3);
    assert_int_equal(ends(DISK_RESULT_OK), 0);
    assert_int_equal(ends(DISK_RESULT_ERROR), 0);
    assert_int_equal(ends(DISK_RESULT_OK), BITS);
    assert_int_equal(graft_runs(GRAFT), 3);
    OK(BOSS(cap_delete, GRAFT));
    submit(2);
    assert_int_equal(ends(DISK_RESULT_OK), BITS);
    assert_int_equal(ends(DISK_RESULT_OK), BITS);
}

/* Each of three requests, of which the second fails, by graft that wants to see one. */
static void sees(const struct insn *code, size_t bytes, unsigned which)
{
    bind(code, bytes, RING, GRAFT_HOOK_DISK_DONE);
    submit(3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ends(i == 1 ? DISK_RESULT_ERROR : DISK_RESULT_OK), i == which ? BITS : 0);
}

static void it_knows_which_request_it_was_and_how_it_went(void **state)
{
    static const struct insn done[] = SAYS(W, 0, 3), slot[] = SAYS(W, 8, 3 + 0),
                             failed[] = SAYS(W, 12, DISK_FAILED);
    (void)state;

    sees(done, sizeof done, 2);
    sees(slot, sizeof slot, 0);
    sees(failed, sizeof failed, 1);
}

static void what_the_disk_never_had_is_not_judged(void **state)
{
    static const struct insn no[] = {SET(0, 0), EXIT};
    (void)state;

    bind(no, sizeof no, RING, GRAFT_HOOK_DISK_DONE);
    post(BLOCKS); /* outside of the extent */
    OK(BOSS(disk_kick, RING));
    assert_int_equal(raised(), BITS);
    assert_int_equal(graft_runs(GRAFT), 0);
    submit(1);
    assert_int_equal(ends(DISK_RESULT_OK), 0);
    assert_int_equal(graft_runs(GRAFT), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_graft_says_of_which_interrupts_the_owner_is_told),
        TEST(it_knows_which_line_it_was),
        TEST(a_line_of_nobody_is_not_judged),
        TEST(a_graft_says_of_which_requests_the_owner_is_told),
        TEST(it_knows_which_request_it_was_and_how_it_went),
        TEST(what_the_disk_never_had_is_not_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
