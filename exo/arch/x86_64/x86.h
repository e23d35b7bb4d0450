/* x86-64: registers and helpers that only this folder uses. Intel SDM volumes 3 and 4. */
#pragma once

#include "exo/abi/types.h"

#define MSR_APIC_BASE      0x1bu
#define MSR_PAT            0x277u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_FMASK          0xc0000084u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

/* PAE PGE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE SMEP SMAP */
#define CR4_KERNEL ((uint64_t)0x3506a0)

#define VECTOR_TIMER    0xf0u
#define VECTOR_MAILBOX  0xf1u
#define VECTOR_SPURIOUS 0xffu

#define AP_START 0x8000u /* where the other CPUs' first code is copied; boot.S knows */

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4]);

/* Where the entry of calls goes on for each number (entry.S): by how many CPUs there are. */
extern const char *arch_call_ways[256];
void set_call_ways(bool several_cpus);

uint32_t apic_id(void);

/* This CPU's timer counts down from `count` and interrupts at 0, or is stopped by 0. What is left.
 */
void apic_timer_set(uint32_t count);
uint32_t apic_timer_left(void);

/* A vector of its own for the handler of a line; `held`: the line is masked before it runs. */
unsigned apic_line_vector(void (*handler)(void), unsigned line, bool held);

/* Has an interrupt with that vector arrived at this CPU, which has not taken it yet? */
bool apic_requested(unsigned vector);

#define IO_APIC_INPUTS 24u

/* What the firmware says of a line, with the flags of its tables: before the line is routed. */
void io_apic_override(unsigned line, uint32_t input, unsigned flags);

/* A line that is routed does not interrupt until arch_line_release. */
void io_apic_hold(unsigned line);

/* Resets the CPU with APIC number `id`; starts it at physical page `page` in real mode. */
void apic_send_init(unsigned id);
void apic_send_start(unsigned id, unsigned page);
