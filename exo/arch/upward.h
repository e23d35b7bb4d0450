/* What a CPU's folder calls: functions that the kernel above it defines. */
#pragma once

#include "exo/abi/types.h"
#include "exo/arch/cpu.h"

/* The boot CPU, on its boot stack; `start_info` is what the boot loader gave. */
_Noreturn void kernel_main(paddr_t start_info);

/* Another CPU, set up, on its own stack. */
_Noreturn void cpu_main(void);

/* What a call returns, in the two registers of the C convention. */
struct reply {
    word_t error, result;
};

/* The user made exokernel call `number` (below 256). Returns to the same thread, or not at all. */
struct reply trap_call(struct regs *r, word_t number);

/* The user entered through the page of L4 stubs, at `offset`; by `syscall` with a number that is
 * not the kernel's; by an exception or interrupt. Then arch_resume. */
void trap_link(struct regs *r, unsigned offset);
void trap_reflect(struct regs *r);
void trap_user(struct regs *r);

/* An interrupt while idle; or an exception in the kernel, which is a panic. Returns to where it
 * was. */
void trap_kernel(struct regs *r);

/* Double fault, machine check, NMI. */
_Noreturn void trap_fatal(struct regs *r);

/* The timer of this CPU came: a deadline passed, or the slice is over. */
void cpu_timer(void);

/* Runs what lies in this CPU's mailbox. */
void cpu_mailbox_read(void);

/* Structures of all CPUs, running or not; `number` below CPU_MAX. */
struct arch_cpu *arch_cpu_number(unsigned number);

/* Physical address of `count` adjacent zeroed frames, for ever. Panics when there are none. */
paddr_t boot_frames(uint32_t count);
