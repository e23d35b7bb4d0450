/* Serial ports, power, and objects that are refused as grafts, through the calls. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/notification.h"
#include "exo/abi/graft.h"

#include <string.h>

#define NOTE    40u
#define READER  41u
#define WRITER  42u
#define ONLY_IN 43u /* a notification to wait for only */
#define HOLE    ((vaddr_t)0x20000000)
#define LAST    (START_STACK_TOP - 8) /* the last bytes that are mapped there */

static int set_up(void **state)
{
    world_begin(state);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(cap_copy, SLOT_ENV, READER, SLOT_CONSOLE, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, WRITER, SLOT_CONSOLE, RIGHT_WRITE, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, ONLY_IN, NOTE, RIGHT_READ, 0, 0));
    host.input = NULL;
    host.put = 0;
    return 0;
}

static void a_refused_call_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    REFUSED(ERR_BAD_ARG, b, console_write, SLOT_CONSOLE, 0, SCRATCH, 1);
    REFUSED(ERR_BAD_ARG, b, console_write, SLOT_CONSOLE, 4, SCRATCH, 1);
    REFUSED(ERR_BAD_ARG, b, console_write, SLOT_CONSOLE, 1, SCRATCH, 4097);
    REFUSED(ERR_BAD_CAP, b, console_write, SLOT_CPU, 1, SCRATCH, 1);
    REFUSED(ERR_NO_RIGHT, b, console_write, READER, 1, SCRATCH, 1);
    REFUSED(ERR_BAD_USER, b, console_write, SLOT_CONSOLE, 1, HOLE, 1);
    REFUSED(ERR_BAD_ARG, b, console_read, SLOT_CONSOLE, 0, SCRATCH, 1);
    REFUSED(ERR_BAD_ARG, b, console_read, SLOT_CONSOLE, 2, SCRATCH, 1);
    REFUSED(ERR_BAD_ARG, b, console_read, SLOT_CONSOLE, 1, SCRATCH, 4097);
    REFUSED(ERR_BAD_CAP, b, console_read, SLOT_CPU, 1, SCRATCH, 1);
    REFUSED(ERR_NO_RIGHT, b, console_read, WRITER, 1, SCRATCH, 1);
    REFUSED(ERR_BAD_USER, b, console_read, SLOT_CONSOLE, 1, HOLE, 1);
    REFUSED(ERR_BAD_USER, b, console_read, SLOT_CONSOLE, 1, START_INFO, 1); /* read-only */
    REFUSED(ERR_BAD_ARG, b, console_notify, SLOT_CONSOLE, NOTE, 0);
    REFUSED(ERR_BAD_CAP, b, console_notify, SLOT_CPU, NOTE, 1);
    REFUSED(ERR_BAD_CAP, b, console_notify, SLOT_CONSOLE, SLOT_CPU, 1);
    REFUSED(ERR_NO_RIGHT, b, console_notify, WRITER, NOTE, 1);
    REFUSED(ERR_NO_RIGHT, b, console_notify, SLOT_CONSOLE, ONLY_IN, 1);
    REFUSED(ERR_BAD_ARG, b, machine_off, SLOT_MACHINE, 256);
    REFUSED(ERR_BAD_CAP, b, machine_off, SLOT_CONSOLE, 0);
    assert_int_equal(host.put, 0);
}

static void bytes_go_out_in_order_until_a_page_is_missing(void **state)
{
    (void)state;
    memcpy(memory_of(world.boss, LAST), "the end.", 8);
    OK(BOSS(console_write, SLOT_CONSOLE, 1, LAST, 8));
    assert_int_equal(world.result, 8);
    OK(BOSS(console_write, WRITER, 2, LAST, 9));
    assert_int_equal(world.result, 8);
    OK(BOSS(console_write, SLOT_CONSOLE, 1, HOLE, 0));
    assert_int_equal(world.result, 0);
    assert_int_equal(host.put, 16);
    assert_memory_equal(host.output, "the end.the end.", 16);
    memset(memory_of(world.boss, SCRATCH + PAGE_SIZE - 4), 'a', 4);
    memset(memory_of(world.boss, SCRATCH + PAGE_SIZE), 'b', 4);
    OK(BOSS(console_write, SLOT_CONSOLE, 2, SCRATCH + PAGE_SIZE - 4, 8));
    assert_memory_equal(host.output + 16, "aaaabbbb", 8);
}

static void bytes_that_arrived_are_taken_once_and_in_order(void **state)
{
    (void)state;
    host.input = "hello";
    OK(BOSS(console_read, READER, 1, SCRATCH, 3));
    assert_int_equal(world.result, 3);
    assert_memory_equal(memory_of(world.boss, SCRATCH), "hel", 3);
    OK(BOSS(console_read, SLOT_CONSOLE, 1, SCRATCH, 100));
    assert_int_equal(world.result, 2);
    assert_memory_equal(memory_of(world.boss, SCRATCH), "lo", 2);
    OK(BOSS(console_read, SLOT_CONSOLE, 1, SCRATCH, 100));
    assert_int_equal(world.result, 0);
    host.input = "0123456789";
    OK(BOSS(console_read, SLOT_CONSOLE, 1, LAST, 10)); /* as far as it may write */
    assert_int_equal(world.result, 8);
    OK(BOSS(console_read, SLOT_CONSOLE, 1, SCRATCH, 10));
    assert_int_equal(world.result, 2);
}

static void who_asked_is_told_of_each_arrival_until_his_notification_goes(void **state)
{
    (void)state;
    const struct notification *n = frame_memory(cap_slot(world.root, NOTE)->base);

    host.console();
    assert_int_equal(n->raised, 0);
    OK(BOSS(console_notify, SLOT_CONSOLE, NOTE, 6));
    REFUSED(ERR_IN_USE, world.boss, console_notify, SLOT_CONSOLE, NOTE, 1);
    host.console();
    assert_int_equal(n->raised, 6);
    OK(BOSS(cap_delete, NOTE));
    host.console();
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(console_notify, READER, NOTE, 1));
}

static void power_goes_off_and_the_status_is_printed(void **state)
{
    (void)state;
    const word_t reg[SYS_MAX_ARGS] = {SLOT_MACHINE, 42};

    host.logged = 0;
    expect_assert_failure(world_enter(world.boss, SYS_machine_off, reg));
    assert_true(host.off);
    assert_memory_equal(host.log, "exit 42\n", 8);
}

static void put_load(struct graft_load load)
{
    assert_true(space_copy_out(world.root->root, SCRATCH, &load, sizeof load));
}

static void what_is_no_graft_is_refused_and_leaves_no_frames(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    const vaddr_t object = SCRATCH + PAGE_SIZE, report = SCRATCH + 2 * PAGE_SIZE;
    const struct graft_load good = {
        .object = object, .bytes = 100, .report = report, .hook = GRAFT_HOOK_PACKET_FILTER};

    put_load(good);
    REFUSED(ERR_BAD_ARG, b, graft_create, REGION, PFN_ANY, SLOT_NONE, SCRATCH);
    REFUSED(ERR_BAD_ARG, b, graft_create, REGION, world.base + world.count, 50, SCRATCH);
    REFUSED(ERR_BAD_CAP, b, graft_create, NOTE, PFN_ANY, 50, SCRATCH);
    REFUSED(ERR_BAD_USER, b, graft_create, REGION, PFN_ANY, 50, HOLE);
    REFUSED(ERR_IN_USE, b, graft_create, REGION, PFN_ANY, NOTE, SCRATCH);
    REFUSED(ERR_IN_USE, b, graft_create, REGION, cap_slot(world.root, NOTE)->base, 50, SCRATCH);
    uint32_t free = world_free();
    assert_int_equal(BOSS(graft_create, REGION, PFN_ANY, 50, SCRATCH), ERR_BAD_GRAFT);
    assert_int_equal(world_free(), free);
    assert_int_equal(cap_slot(world.root, 50)->kind, CAP_NONE);
    const struct graft_report *told = memory_of(b, report);
    assert_int_not_equal(told->reason, GRAFT_ACCEPTED);
    struct graft_load bad[] = {good, good, good, good, good, good, good};
    bad[0].bytes = 0;
    bad[1].bytes = GRAFT_OBJECT_MAX + 1;
    bad[2].hook = 999;
    bad[3].frames = GRAFT_FRAMES_LEAST(bad[3].bytes) - 1;
    bad[4].report = START_INFO;
    bad[5].report = HOLE;
    bad[6].object = HOLE;
    for (unsigned i = 0; i < 6; i++) {
        put_load(bad[i]);
        REFUSED(i < 4 ? ERR_BAD_ARG : ERR_BAD_USER, b, graft_create, REGION, PFN_ANY, 50, SCRATCH);
    }
    put_load(bad[6]);
    assert_int_equal(BOSS(graft_create, REGION, PFN_ANY, 50, SCRATCH), ERR_BAD_USER);
    assert_int_equal(world_free(), free);
    OK(BOSS(cap_copy, SLOT_ENV, 51, REGION, RIGHT_ALL, world.base + world.count - 8, 8));
    put_load(good);
    REFUSED(ERR_NO_MEM, b, graft_create, 51, PFN_ANY, 50, SCRATCH);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_call_changes_nothing),
        TEST(bytes_go_out_in_order_until_a_page_is_missing),
        TEST(bytes_that_arrived_are_taken_once_and_in_order),
        TEST(who_asked_is_told_of_each_arrival_until_his_notification_goes),
        TEST(power_goes_off_and_the_status_is_printed),
        TEST(what_is_no_graft_is_refused_and_leaves_no_frames),
    };
    return cmocka_run_group_tests_name("bindings/bind_console", tests, NULL, NULL);
}
