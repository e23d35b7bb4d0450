/* Interrupt lines of devices, the timer of each CPU, and interrupts between CPUs. */
#pragma once

#include "exo/abi/types.h"

/* What a device writes, and where, to interrupt a CPU (message-signalled interrupts). */
struct arch_msi {
    uint64_t address;
    uint32_t data;
    uint32_t vector; /* the CPU's */
};

/* Gives `handler` an interrupt vector of its own, which only the device `requester` (iommu.h) can
 * raise if messages are confined. It runs in the kernel on the boot CPU, interrupts off, after the
 * interrupt was acknowledged. Panics when vectors run out. Boot only. */
struct arch_msi arch_msi_alloc(uint16_t requester, void (*handler)(void));

/* The same for an interrupt that the IOMMU makes itself. */
struct arch_msi arch_msi_local(void (*handler)(void));

/* The same at any time, under the forest lock, on CPU `cpu`; the handler gets `argument`. False:
 * vectors have run out. An interrupt that was on its way may call it once more, or whoever has the
 * vector next, after arch_message_free. */
bool arch_message_alloc(uint16_t requester, unsigned cpu, void (*handler)(word_t), word_t argument,
                        struct arch_msi *out);
void arch_message_free(const struct arch_msi *m);

/* Routes interrupt line `line` (below IRQ_LINES) to `handler`. Once a line, under the forest lock.
 * A line is edge-triggered but where the firmware says that it is level-triggered: that one is held
 * when its handler is called, and does not interrupt until it is released. Released under no lock;
 * of another line nothing happens. */
void arch_line_route(unsigned line, void (*handler)(void));
bool arch_line_routed(unsigned line);
void arch_line_let_go(unsigned line);
extern volatile uint32_t arch_lines_held; /* a bit for each */

static inline void arch_line_release(unsigned line)
{
    if (arch_lines_held >> line & 1)
        arch_line_let_go(line);
}

/* Turns this CPU's interrupt controller on; measures the timers, once, on the boot CPU, by what the
 * tables at `rsdp` tell. */
void arch_irq_enable(void);
void arch_timers_measure(paddr_t rsdp);

/* Acknowledges the interrupt with CPU vector `vector` and runs its handler. */
void arch_interrupt(unsigned vector);

/* Sets this CPU's timer to interrupt once, `ticks` time-stamp ticks from now. */
void arch_timer_set(uint64_t ticks);
void arch_timer_stop(void);

/* Interrupts CPU `number` so that it looks into its mailbox. */
void arch_cpu_kick(unsigned number);

/* Starts the other CPUs that the firmware's tables at `rsdp` name, one at a time; each enters
 * cpu_main() on its own stack. Returns how many CPUs run, at most CPU_MAX. */
unsigned arch_cpus_start(paddr_t rsdp);
