/* Experiments: the kernel call that does nothing, and waking a waiting thread. */
#include "libos/call.h"
#include "libos/notify.h"
#include "libos/thread.h"
#include "tests/lab/lab.h"
#include "tests/lab/port.h"

#define CLOCK_PORT 0x71u /* in SLOT_PORTS */

static struct lab_series series;

static void call_null(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    exo_null();
}

/* A thread of higher priority that waits for the notification and stamps when it runs. */
static struct {
    slot_t slot;
    volatile uint64_t woken;
} waiter;

static void wait_and_stamp(void *unused)
{
    (void)unused;
    while (exo_notify_wait(waiter.slot, 1, FOREVER) == ERR_OK)
        waiter.woken = lab_stamp();
}

static void notify_switch(uint64_t empty)
{
    struct thread thread;
    enum err e = notify_new(&waiter.slot);

    if (e == ERR_OK)
        e = thread_run(&thread, wait_and_stamp, NULL, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    if (e)
        lab_fail("notify.switch", e);
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp();
        exo_notify(waiter.slot, 1);
        lab_keep(&series, i, waiter.woken - begin, before);
    }
    thread_destroy(&thread);
    slot_delete(waiter.slot);
    lab_report("notify.switch", &series, empty, 1, 1);
}

static void port_call(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    exo_port_read(SLOT_PORTS, CLOCK_PORT, 1);
}

static void port_instruction(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    lab_port_in(CLOCK_PORT);
}

/* Both ways to a port that is held; the instruction is the kernel's to do only without an upcall.
 */
static void ports(uint64_t empty)
{
    volatile struct utcb_exo *x = book_utcb();
    const uint64_t entry = x->entry[UPCALL_EXCEPTION];

    lab_measure(&series, NULL, port_call, NULL);
    lab_report("port.call", &series, empty, 1, 1);
    x->entry[UPCALL_EXCEPTION] = 0;
    lab_measure(&series, NULL, port_instruction, NULL);
    x->entry[UPCALL_EXCEPTION] = entry;
    lab_report("port.instruction", &series, empty, 1, 1);
}

void lab_calls(const struct archive *a)
{
    (void)a;
    uint64_t empty = lab_empty();

    lab_measure(&series, NULL, call_null, NULL);
    lab_report("call.null", &series, empty, 1, 1);
    notify_switch(empty);
    ports(empty);
}
