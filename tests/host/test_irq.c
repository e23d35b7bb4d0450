/* Port ranges and interrupt lines through the calls: refusals, delivery, and that a binding ends
 * with either capability. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/notification.h"

#define NOTE    40u
#define ONLY_IN 41u /* a notification to wait for only */
#define READER  42u /* ports to read, lines to look at */
#define LINES   43u /* lines 3 and 4                   */
#define PORT    0x70u
#define BITS    6u

static int set_up(void **state)
{
    world_begin(state);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(cap_copy, SLOT_ENV, ONLY_IN, NOTE, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, READER, SLOT_PORTS, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, LINES, SLOT_IRQ, RIGHT_WRITE, 3, 2));
    return 0;
}

static struct notification *note(void)
{
    return frame_memory(cap_slot(world.boss->env, NOTE)->base);
}

static void a_refused_call_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    REFUSED(ERR_BAD_ARG, b, port_read, SLOT_PORTS, PORT, 0);
    REFUSED(ERR_BAD_ARG, b, port_read, SLOT_PORTS, PORT, 8);
    REFUSED(ERR_BAD_ARG, b, port_read, SLOT_PORTS, PORT + 2, 1);
    REFUSED(ERR_BAD_ARG, b, port_read, SLOT_PORTS, PORT + 1, 2);
    REFUSED(ERR_BAD_ARG, b, port_read, SLOT_PORTS, UINT32_MAX, 1);
    REFUSED(ERR_BAD_CAP, b, port_read, SLOT_IRQ, PORT, 1);
    REFUSED(ERR_BAD_ARG, b, port_write, SLOT_PORTS, PORT, 1, 0x100);
    REFUSED(ERR_BAD_ARG, b, port_write, SLOT_PORTS, PORT, 2, 0x10000);
    REFUSED(ERR_BAD_CAP, b, port_write, SLOT_NONE, PORT, 1, 0);
    REFUSED(ERR_NO_RIGHT, b, port_write, READER, PORT, 1, 0);
    REFUSED(ERR_BAD_ARG, b, irq_bind, SLOT_IRQ, 8, NOTE, 0);
    REFUSED(ERR_BAD_ARG, b, irq_bind, SLOT_IRQ, IRQ_LINES, NOTE, BITS);
    REFUSED(ERR_BAD_ARG, b, irq_bind, LINES, 2, NOTE, BITS);
    REFUSED(ERR_BAD_CAP, b, irq_bind, SLOT_PORTS, 8, NOTE, BITS);
    REFUSED(ERR_BAD_CAP, b, irq_bind, SLOT_IRQ, 8, LINES, BITS);
    REFUSED(ERR_NO_RIGHT, b, irq_bind, SLOT_IRQ, 8, ONLY_IN, BITS);
    OK(BOSS(cap_copy, SLOT_ENV, 60, SLOT_IRQ, RIGHT_READ, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, irq_bind, 60, 8, NOTE, BITS);
    REFUSED(ERR_NO_RIGHT, b, irq_bind, 60, 8, SLOT_NONE, 0);
    REFUSED(ERR_IN_USE, b, irq_bind, LINES, 4, NOTE, BITS); /* the console's */
}

static void a_line_raises_its_bits(void **state)
{
    (void)state;
    OK(BOSS(irq_bind, LINES, 3, NOTE, BITS));
    host.lines[3]();
    assert_int_equal(note()->raised, BITS);
    REFUSED(ERR_IN_USE, world.boss, irq_bind, SLOT_IRQ, 3, NOTE, BITS);
    OK(BOSS(irq_bind, SLOT_IRQ, 3, SLOT_NONE, 0));
    note()->raised = 0;
    host.lines[3]();
    assert_int_equal(note()->raised, 0);
}

/* A line that is level-triggered is held from its interrupt on. */
static void bound_just_so_again_the_line_is_released(void **state)
{
    (void)state;
    OK(BOSS(irq_bind, LINES, 3, NOTE, BITS));
    const unsigned long before = host.releases[3];
    host.lines[3]();
    assert_int_equal(host.releases[3], before);
    OK(BOSS(irq_bind, LINES, 3, NOTE, BITS));
    assert_int_equal(host.releases[3], before + 1);
    REFUSED(ERR_IN_USE, world.boss, irq_bind, LINES, 3, NOTE, BITS << 1);
    REFUSED(ERR_IN_USE, world.boss, irq_bind, SLOT_IRQ, 3, NOTE, BITS); /* by other authority */
    OK(BOSS(irq_bind, LINES, 3, SLOT_NONE, 0));
    OK(BOSS(irq_bind, LINES, 3, NOTE, BITS << 1));
    assert_int_equal(host.releases[3], before + 2);
}

static void a_binding_ends_with_either_capability(void **state)
{
    (void)state;
    OK(BOSS(irq_bind, LINES, 3, NOTE, BITS));
    OK(BOSS(cap_delete, LINES));
    host.lines[3]();
    assert_int_equal(note()->raised, 0);
    OK(BOSS(irq_bind, SLOT_IRQ, 3, NOTE, BITS));
    OK(BOSS(cap_delete, NOTE));
    host.lines[3](); /* nobody is told, and nothing that went is touched */
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(irq_bind, SLOT_IRQ, 3, NOTE, BITS << 1));
    host.lines[3]();
    assert_int_equal(note()->raised, BITS << 1);
}

static void ports_answer(void **state)
{
    (void)state;
    OK(BOSS(port_read, READER, PORT, 1));
    assert_int_equal(world.result, 0xff); /* the simulated machine has no device there */
    OK(BOSS(port_read, SLOT_PORTS, PORT, 2));
    assert_int_equal(world.result, 0xffff);
    OK(BOSS(port_write, SLOT_PORTS, PORT, 1, 0xff));
    OK(BOSS(cap_copy, SLOT_ENV, 60, SLOT_PORTS, RIGHT_READ, PORT, 1));
    OK(BOSS(port_read, 60, PORT, 1));
    REFUSED(ERR_BAD_ARG, world.boss, port_read, 60, PORT + 1, 1);
}

static uint16_t port_asked;
static unsigned width_asked;
static uint32_t value_written;

static uint32_t port_in(uint16_t port, unsigned bytes)
{
    port_asked = port;
    width_asked = bytes;
    return 0x81828384u >> (32 - 8 * bytes);
}

static void port_out(uint16_t port, unsigned bytes, uint32_t value)
{
    port_asked = port;
    width_asked = bytes;
    value_written = value;
}

/* An access is one, of the width that was asked for, and takes the largest value of that. */
static void ports_are_accessed_in_each_width(void **state)
{
    static const uint64_t most[] = {[1] = UINT8_MAX, [2] = UINT16_MAX, [4] = UINT32_MAX};
    struct cap *ports = cap_slot(world.root, SLOT_PORTS);

    (void)state;
    const uint32_t count = ports->count;
    ports->count = 4;
    host.port_in = port_in;
    host.port_out = port_out;
    for (uint32_t width = 1; width <= 4; width *= 2) {
        OK(BOSS(port_read, SLOT_PORTS, PORT, width));
        assert_int_equal(width_asked, width);
        assert_int_equal(world.result, 0x81828384u >> (32 - 8 * width));
        OK(BOSS(port_write, SLOT_PORTS, PORT + 4 - width, width, most[width]));
        assert_int_equal(port_asked, PORT + 4 - width);
        assert_int_equal(width_asked, width);
        assert_int_equal(value_written, most[width]);
    }
    host.port_in = NULL;
    host.port_out = NULL;
    ports->count = count;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, world_end)
    const struct CMUnitTest tests[] = {
        T(a_refused_call_changes_nothing),
        T(a_line_raises_its_bits),
        T(bound_just_so_again_the_line_is_released),
        T(a_binding_ends_with_either_capability),
        T(ports_answer),
        T(ports_are_accessed_in_each_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
