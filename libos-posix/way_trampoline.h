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

/* Performs the call that %rax, %rdi, %rsi, %rdx, %r10, %r8 and %r9 describe and changes the
 * registers to what the program shall see: the result, or the entry of a signal handler. */
void posix_trampoline(struct posix_regs *regs);

/* Calls that need or change more registers than those (fork, clone, execve, rt_sigreturn and their
 * kin): for them a way calls posix_trampoline with all registers. */
bool posix_trampoline_wants(word_t number);

/* Its parts, for a way that hands on all registers only when it must. */
#define POSIX_SIGRETURN 15u /* rt_sigreturn: the call that a signal's handler ends with */

/* Performs that call: the registers are what they were before the handler. */
void posix_trampoline_return(struct posix_regs *regs);

/* After any call: if a signal is to be delivered now, the registers are its handler's. */
void posix_trampoline_signal(struct posix_regs *regs);
