/*
 * The way of unmodified programs: their `syscall` instruction is reflected to their own thread,
 * whose entry code saves the registers and calls what is here.
 */
#pragma once

#include "exo/abi/types.h"

/* The registers of the interrupted program, in the order of Linux's signal frame. The entry code
 * keeps vector registers, %fs and %gs as they are. */
struct posix_regs {
    word_t r8, r9, r10, r11, r12, r13, r14, r15;
    word_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp;
    word_t rip, rflags;
};

/* Bytes of an image of the vector registers, as FXSAVE writes it. */
#define VECTORS_BYTES ((size_t)512)

/* Performs the call that %rax, %rdi, %rsi, %rdx, %r10, %r8 and %r9 describe and changes the
 * registers to what the program shall see: the result, the entry of a signal handler or of a new
 * program. `vectors` is the image of its vector registers, which becomes part of the signal frame
 * and is changed by sigreturn and execve; NULL: they are left alone. */
void posix_trampoline(struct posix_regs *regs, uint8_t *vectors);

/* Calls that need or change more registers than those: for them a way calls posix_trampoline with
 * all registers. rt_sigreturn, clone, fork, vfork, execve, sigaltstack, execveat, clone3. */
#define POSIX_ALL_REGISTERS(of) of(15) of(56) of(57) of(58) of(59) of(131) of(322) of(435)
bool posix_trampoline_wants(word_t number);

/* The program was interrupted or has faulted between two instructions, and posix_interrupt or
 * posix_fault was called: if a signal is to be delivered now, the registers are its handler's. */
void posix_trampoline_interrupt(struct posix_regs *regs, uint8_t *vectors);

/* What the end of a call is to a task that has lent its thread: its result stands in the registers,
 * and signals are looked at. */
void posix_trampoline_go_on(struct posix_regs *regs, uint8_t *vectors);

/* Parts of posix_trampoline, for a way that hands on all registers only when it must. */
#define POSIX_SIGRETURN 15u /* rt_sigreturn: the call that a signal's handler ends with */

/* Performs that call: the registers are what they were before the handler. Only the stack pointer
 * is looked at. */
void posix_trampoline_return(struct posix_regs *regs, uint8_t *vectors);

/* After any other call whose result %rax is: if a signal is to be delivered now, the registers are
 * its handler's; a call that was interrupted begins again. */
void posix_trampoline_signal(struct posix_regs *regs);
