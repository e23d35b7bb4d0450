/* How fast this machine's clocks run, found out by the clock whose rate is known: that of ACPI's
 * power management, 3.579545 MHz (ACPI 6.4, "Power Management Timer"). Then the timer by ticks.
 *
 * That clock runs whether or not anybody looks, so a CPU that is taken away for a while (where this
 * machine is itself emulated) spoils nothing unless that happens at one of the two moments that are
 * compared; and how exactly each of them is known is seen. */
#include "exo/arch/cpu.h"
#include "exo/arch/io.h"
#include "exo/arch/irq.h"
#include "exo/arch/x86_64/acpi.h"
#include "exo/arch/x86_64/x86.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"

#define CLOCK_HZ   3579545u
#define CLOCK_MASK 0xffffffu       /* it has 24 bits at least */
#define LOOKS_MAX  (1u << 20)      /* for one step; a clock that runs needs one or a few hundred */
#define EXACT      1024u           /* how many times longer than its error a measurement is */
#define LONGEST    (CLOCK_HZ / 20) /* steps; then it is as exact as it is */
#define FIRST      8u              /* moments of which the best known is the first one */

#define FADT_TIMER 76u /* bytes in front of the port's number */

/* A step of the clock: between these two ticks of the CPU. */
struct moment {
    uint64_t before, after;
    uint32_t count; /* the clock's */
    uint32_t timer; /* the APIC's, which counts down */
};

static uint16_t port;
static uint64_t tsc_khz, timer_khz; /* ticks per millisecond */

static uint32_t clock_read(void)
{
    return arch_port_in32(port) & CLOCK_MASK;
}

static struct moment next_step(void)
{
    struct moment m = {.after = arch_ticks()};
    uint32_t was = clock_read();

    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        m.before = m.after;
        m.after = arch_ticks();
        m.count = clock_read();
        if (m.count != was) {
            m.after = arch_ticks();
            m.timer = apic_timer_left();
            return m;
        }
    }
    panic(__FILE__, __LINE__, "the clock of ACPI stands still");
}

static uint64_t width(const struct moment *m)
{
    return m->after - m->before;
}

static uint64_t per_millisecond(uint64_t ticks, uint32_t steps)
{
    return ticks * CLOCK_HZ / steps / 1000;
}

void arch_timers_measure(paddr_t rsdp)
{
    uint32_t bytes, steps;
    const uint8_t *fadt = acpi_table(rsdp, "FACP", &bytes);

    if (fadt && bytes >= FADT_TIMER + sizeof port)
        memcpy(&port, fadt + FADT_TIMER, sizeof port);
    if (!port)
        panic(__FILE__, __LINE__, "the firmware tells of no clock of ACPI");
    apic_timer_set(~0u);
    struct moment first = next_step(), m;
    for (unsigned i = 1; i < FIRST; i++) {
        m = next_step();
        first = width(&m) < width(&first) ? m : first;
    }
    do {
        m = next_step();
        steps = (m.count - first.count) & CLOCK_MASK;
    } while (m.after - first.after < EXACT * (width(&m) + width(&first)) && steps < LONGEST);
    tsc_khz = per_millisecond(m.after - first.after, steps);
    timer_khz = per_millisecond(first.timer - m.timer, steps);
    apic_timer_set(0);
    ASSERT(tsc_khz && timer_khz);
}

uint64_t arch_tick_khz(void)
{
    return tsc_khz;
}

void arch_timer_set(uint64_t ticks)
{
    uint64_t count = ticks / tsc_khz > 4000 ? timer_khz * 4000 : ticks * timer_khz / tsc_khz;

    apic_timer_set(count > ~0u ? ~0u : count ? (uint32_t)count : 1);
}

void arch_timer_stop(void)
{
    apic_timer_set(0);
}
