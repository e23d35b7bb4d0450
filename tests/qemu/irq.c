/* A driver without privilege: the battery clock by its ports and its interrupt line, every error of
 * these calls, and that a binding ends with either capability. */
#include "exo/abi/cap.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "tests/qemu/rtc.h"
#include "tests/qemu/tap.h"

#define CONSOLE  4u
#define BIT      ((word_t)4)
#define PATIENCE ((uint64_t)2000 * CLOCK_NS_PER_MS)
#define PAUSE    ((uint64_t)400 * CLOCK_NS_PER_MS) /* three ticks of the clock */

static slot_t note;

static slot_t weaker(slot_t src, rights_t rights, uint32_t base, uint32_t count)
{
    slot_t slot = SLOT_NONE;

    slot_take(&slot);
    return exo_cap_copy(SLOT_ENV, slot, src, rights, base, count) == ERR_OK ? slot : SLOT_NONE;
}

static void test_ports(void)
{
    slot_t reader = weaker(SLOT_PORTS, RIGHT_READ, 0, 0);
    slot_t writer = weaker(SLOT_PORTS, RIGHT_WRITE, 0, 0);
    slot_t index = weaker(SLOT_PORTS, RIGHT_READ | RIGHT_WRITE, RTC_INDEX, 1);

    tap_is(exo_port_read(SLOT_PORTS, RTC_INDEX, 3), ERR_BAD_ARG, "read an odd width");
    tap_is(exo_port_read(SLOT_PORTS, RTC_INDEX - 1, 1), ERR_BAD_ARG, "read a port below the range");
    tap_is(exo_port_read(SLOT_PORTS, RTC_DATA + 1, 1), ERR_BAD_ARG, "read a port above it");
    tap_is(exo_port_read(SLOT_PORTS, RTC_DATA, 2), ERR_BAD_ARG, "read across its end");
    tap_is(exo_port_read(index, RTC_DATA, 1), ERR_BAD_ARG, "read a port outside a part of it");
    tap_is(exo_port_read(SLOT_CONSOLE, RTC_DATA, 1), ERR_BAD_CAP, "read no ports");
    tap_is(exo_port_read(writer, RTC_DATA, 1), ERR_NO_RIGHT, "read without right");
    tap_is(exo_port_write(SLOT_PORTS, RTC_INDEX, 0, 0), ERR_BAD_ARG, "write no width");
    tap_is(exo_port_write(SLOT_PORTS, RTC_INDEX, 1, 256), ERR_BAD_ARG, "write too wide a value");
    tap_is(exo_port_write(SLOT_PORTS, RTC_DATA, 4, 0), ERR_BAD_ARG, "write across the end");
    tap_is(exo_port_write(SLOT_PORTS, 0x64, 1, 0xfe), ERR_BAD_ARG, "write to what resets the CPU");
    tap_is(exo_port_write(SLOT_CONSOLE, RTC_INDEX, 1, 0), ERR_BAD_CAP, "write no ports");
    tap_is(exo_port_write(reader, RTC_INDEX, 1, 0), ERR_NO_RIGHT, "write without right");
    slot_delete(reader);
    slot_delete(writer);
    slot_delete(index);

    rtc_write(0x50, 0xa5);
    tap_is((long)rtc_read(0x50), 0xa5, "a byte in the clock's memory");
    rtc_write(0x51, 0x5a);
    tap_is((long)rtc_read(0x50), 0xa5, "stays as another is written");
}

static void test_irq_errors(void)
{
    slot_t weak = weaker(SLOT_IRQ, RIGHT_READ, 0, 0), part = weaker(SLOT_IRQ, RIGHT_WRITE, 3, 2);
    slot_t weak_note = weaker(note, RIGHT_READ, 0, 0);

    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, note, 0), ERR_BAD_ARG, "bind no bits");
    tap_is(exo_irq_bind(SLOT_IRQ, IRQ_LINES, note, BIT), ERR_BAD_ARG, "bind a line too high");
    tap_is(exo_irq_bind(part, 2, note, BIT), ERR_BAD_ARG, "bind a line below the range");
    tap_is(exo_irq_bind(part, 5, note, BIT), ERR_BAD_ARG, "bind a line above it");
    tap_is(exo_irq_bind(SLOT_CPU, RTC_LINE, note, BIT), ERR_BAD_CAP, "bind no line");
    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, SLOT_CPU, BIT), ERR_BAD_CAP, "bind to no notification");
    tap_is(exo_irq_bind(weak, RTC_LINE, note, BIT), ERR_NO_RIGHT, "bind a line without right");
    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, weak_note, BIT), ERR_NO_RIGHT,
           "bind what may not be raised");
    tap_is(exo_irq_bind(SLOT_IRQ, CONSOLE, note, BIT), ERR_IN_USE, "bind a line of the kernel's");
    tap_is(exo_irq_bind(SLOT_IRQ, CONSOLE, SLOT_NONE, 0), ERR_IN_USE, "unbind it");
    slot_delete(weak);
    slot_delete(part);
    slot_delete(weak_note);
}

/* True when the line fires before `patience` is over; the clock may fire again then. */
static bool ticks(slot_t notification, uint64_t patience)
{
    bool came = notify_until(notification, BIT, clock_deadline(patience), NULL) == ERR_OK;

    rtc_read(RTC_C);
    return came;
}

/* Forgets what came until now. */
static void settle(slot_t notification)
{
    notify_until(notification, BIT, 1, NULL);
    rtc_read(RTC_C);
}

static void test_interrupts(void)
{
    bool all = true;

    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, note, BIT), ERR_OK, "bind the clock's line");
    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, note, 2 * BIT), ERR_IN_USE, "bind it with other bits");
    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, note, BIT), ERR_OK, "bind it just so again");
    tap_ok(!ticks(note, PAUSE), "the clock does not interrupt by itself");
    rtc_write(RTC_A, RTC_8HZ);
    rtc_write(RTC_B, (uint32_t)rtc_read(RTC_B) | RTC_PERIODIC);
    for (unsigned i = 0; i < 5; i++)
        all &= ticks(note, PATIENCE);
    tap_ok(all, "it does when told to, again and again");
    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, SLOT_NONE, 0), ERR_OK, "unbind the line");
    settle(note);
    tap_ok(!ticks(note, PAUSE), "now nobody is told");
    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, SLOT_NONE, 0), ERR_OK, "unbind nothing");
}

static void test_ends(void)
{
    slot_t line = weaker(SLOT_IRQ, RIGHT_WRITE, RTC_LINE, 1), other = SLOT_NONE;

    tap_is(exo_irq_bind(line, RTC_LINE, note, BIT), ERR_OK, "bind by a capability for one line");
    settle(note);
    tap_ok(ticks(note, PATIENCE), "it fires");
    tap_is(exo_cap_delete(line), ERR_OK, "delete that capability");
    settle(note);
    tap_ok(!ticks(note, PAUSE), "it does not fire any more");

    notify_new(&other);
    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, other, BIT), ERR_OK, "the line is free to be bound");
    tap_ok(ticks(other, PATIENCE), "and fires there");
    tap_is(exo_cap_delete(other), ERR_OK, "delete the notification");
    tap_is(exo_irq_bind(SLOT_IRQ, RTC_LINE, note, BIT), ERR_OK, "that frees it, too");
    settle(note);
    tap_ok(ticks(note, PATIENCE), "and it fires again");
    rtc_write(RTC_B, (uint32_t)rtc_read(RTC_B) & ~RTC_PERIODIC);
}

int main(void)
{
    if (libos_setup() != ERR_OK || notify_new(&note) != ERR_OK)
        return 1;
    tap_plan(42);
    test_ports();
    test_irq_errors();
    test_interrupts();
    test_ends();
    return tap_done();
}
