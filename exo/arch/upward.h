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

/* Instead of an error: the caller waits or is no more, so nothing is written to its registers; the
 * call is to be entered again, after interrupts; the registers of the caller are not its own any
 * more, nor to be saved; the CPU has another current thread, whose call ends with ERR_OK and the
 * rdx saved in it: the result is the caller (ARCH_THREAD_IN_FULL), where those of its registers
 * that a call keeps are still to be saved. */
enum { CALL_NO_REPLY = 1000, CALL_AGAIN, CALL_LOST, CALL_PREEMPTED };

/* Exokernel calls by number: what does them for the current thread, with the call's arguments.
 * CALL_PREEMPTED: to the thread that is current now; other values from CALL_NO_REPLY on:
 * trap_leave, and arch_resume; else back to the caller. */
typedef struct reply (*trap_fn)(word_t, word_t, word_t, word_t, word_t, word_t);
extern const trap_fn trap_calls[256];

/* Around that, if `cpu_count` is not 1: the forest lock. False: as if the call returned CALL_LOST.
 */
extern unsigned cpu_count;
ARCH_KEEPS_REGISTERS bool trap_lock(void);
ARCH_KEEPS_REGISTERS void trap_unlock(void);

/* A set of numbers, of calls that find all registers of their caller saved in it; for the others
 * only those are saved that C does not keep, and that before trap_leave. */
extern const uint64_t trap_saved_calls[4];

void trap_leave(word_t error);

/* An exception; a page fault; a `syscall` whose number is not the kernel's: the thread's registers
 * are where they were, and arch_trap_frame or arch_call_frame and `user_rsp` say where it was. Not
 * 0: it goes on with what now stands there. 0: nothing has changed. */
ARCH_KEEPS_REGISTERS word_t trap_exception_fast(void);
ARCH_KEEPS_REGISTERS word_t trap_fault_fast(void);
ARCH_KEEPS_REGISTERS word_t trap_reflect_fast(void);

/* The same for page faults and such calls of a thread that the kernel may have a graft to ask for,
 * when that was declined; calls by the two functions, one after the other. For the second an answer
 * is in its `number`; below 0, it is passed on: the last of them. */
struct graft_system_call;
ARCH_KEEPS_REGISTERS word_t trap_judge_fault(void);
ARCH_KEEPS_REGISTERS word_t trap_judge_quickly(struct graft_system_call *call);
int trap_judge_call(struct graft_system_call *call);
ARCH_KEEPS_REGISTERS word_t trap_reflect_passed(void);

/* The same three, and interrupts, with all registers saved in the thread; a call by the page of L4
 * links, and one by those of IPC. Then arch_resume. */
void trap_user(void);
void trap_fault(void);
void trap_reflect(void);
void trap_link(void);
void trap_ipc(void);

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
