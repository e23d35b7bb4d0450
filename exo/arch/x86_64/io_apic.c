/* Interrupt lines of devices: the I/O APIC. Intel 82093AA I/O Advanced Programmable Interrupt
 * Controller; ACPI 6.4, "Interrupt Source Override Structure". */
#include "exo/abi/cap.h"
#include "exo/arch/cpu.h"
#include "exo/arch/io.h"
#include "exo/arch/irq.h"
#include "exo/arch/x86_64/vtd.h"
#include "exo/arch/x86_64/x86.h"
#include "exo/base/assert.h"

#define IOAPIC_BASE 0xfec00000u
#define REDIRECTION 0x10u /* the first of two registers for each input */

#define LINE_LOW    (1u << 13)
#define LINE_LEVEL  (1u << 15)
#define LINE_MASKED (1u << 16)

#define OVERRIDE_LOW(flags)   (((flags)&3u) == 3)
#define OVERRIDE_LEVEL(flags) (((flags) >> 2 & 3u) == 3)

/* Of a line: where it arrives if that is not its number, and how, as the firmware says. `word` is
 * what its redirection entry begins with once it is routed; 0: it is not. */
static struct {
    bool moved;
    uint8_t input;
    bool low, level;
    uint32_t word;
} lines[IRQ_LINES];

volatile uint32_t arch_lines_held;

static volatile uint32_t registers_lock;

/* Two registers, one to choose and one to use: other CPUs stay out meanwhile. */
static void io_apic_put(unsigned at, uint32_t value)
{
    static volatile uint32_t *ioapic;

    while (__atomic_exchange_n(&registers_lock, 1, __ATOMIC_ACQUIRE))
        arch_relax();
    if (!ioapic)
        ioapic = arch_map_device(IOAPIC_BASE, 4096);
    ioapic[0] = at;
    ioapic[4] = value;
    __atomic_store_n(&registers_lock, 0, __ATOMIC_RELEASE);
}

/* The two words that say what becomes of an input. */
static void io_apic_write(unsigned input, uint32_t low, uint32_t high)
{
    io_apic_put(REDIRECTION + 2 * input + 1, high);
    io_apic_put(REDIRECTION + 2 * input, low);
}

/* The second word of a line whose message goes by the remapping table, or by itself. */
static uint32_t line_by_table(unsigned vector, bool level)
{
    remap_allow(remap_io_apic(), apic_id(), vector, level);
    return vector << 17 | 1u << 16;
}

static uint32_t line_by_itself(void)
{
    return apic_id() << 24;
}

#define TRIAL_LINE   2u /* where the interval timer's interrupt arrives */
#define TRIAL_COUNT  1193u
#define TRIAL_VECTOR 0xe8u /* and the next: nobody's; when they are taken, nothing is run */
#define TRIAL_MILLIS 20u

/* Lets the interval timer interrupt once. True when the request arrives at this CPU, which does not
 * take it now. */
static bool arrives(unsigned vector, uint32_t high)
{
    uint64_t start = arch_ticks();
    bool seen = false;

    io_apic_write(TRIAL_LINE, vector, high);
    arch_port_out8(0x43, 0x30);
    arch_port_out8(0x40, TRIAL_COUNT & 0xff);
    arch_port_out8(0x40, TRIAL_COUNT >> 8);
    while (!seen && arch_ticks() - start < TRIAL_MILLIS * arch_tick_khz())
        seen = apic_requested(vector);
    io_apic_write(TRIAL_LINE, LINE_MASKED, 0);
    return seen;
}

/* That nothing arrives means something only if the same way is open to a proper message. */
bool apic_stops_old_messages(void)
{
    bool open = arrives(TRIAL_VECTOR, line_by_table(TRIAL_VECTOR, false));

    remap_forbid(TRIAL_VECTOR);
    return open && !arrives(TRIAL_VECTOR + 1, line_by_itself());
}

void io_apic_override(unsigned line, uint32_t input, unsigned flags)
{
    if (line >= IRQ_LINES || input >= IO_APIC_INPUTS || lines[line].word)
        return;
    lines[line].moved = true;
    lines[line].input = (uint8_t)input;
    lines[line].low = OVERRIDE_LOW(flags);
    lines[line].level = OVERRIDE_LEVEL(flags);
}

static unsigned input_of(unsigned line)
{
    return lines[line].moved ? lines[line].input : line;
}

static void io_apic_mask(unsigned line, bool masked)
{
    io_apic_put(REDIRECTION + 2 * input_of(line), lines[line].word | (masked ? LINE_MASKED : 0));
}

bool arch_line_routed(unsigned line)
{
    return lines[line].word != 0;
}

void arch_line_route(unsigned line, void (*handler)(void))
{
    const bool level = lines[line].level;
    unsigned vector = apic_line_vector(handler, line, level);
    uint32_t high = remap_is_on() ? line_by_table(vector, level) : line_by_itself();

    ASSERT(line < IRQ_LINES && !lines[line].word);
    lines[line].word = vector | (level ? LINE_LEVEL : 0) | (lines[line].low ? LINE_LOW : 0);
    io_apic_write(input_of(line), lines[line].word, high);
}

void io_apic_hold(unsigned line)
{
    __atomic_fetch_or(&arch_lines_held, 1u << line, __ATOMIC_RELAXED);
    io_apic_mask(line, true);
}

void arch_line_let_go(unsigned line)
{
    __atomic_fetch_and(&arch_lines_held, ~(1u << line), __ATOMIC_RELAXED);
    io_apic_mask(line, false);
}
