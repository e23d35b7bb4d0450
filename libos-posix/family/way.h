/*
 * The way of unmodified programs in a family: system calls, faults and interruptions of a thread's
 * program come to the core, on the thread's stack for that.
 */
#pragma once

#include "libos-posix/way/way_trampoline.h"
#include "libos/upcall.h"

#pragma GCC visibility push(hidden)

/* What a new thread begins with. */
struct way_start {
    struct posix_regs regs;
    vaddr_t fs_base;
};

/* Has what happens to the calling thread come here. */
void way_begin(void);

/* Has the calls of the calling thread that quick.h names answered for its task, and those that were
 * patched go on. A part of way_begin that a copy of a process does anew. */
void way_begin_quick(void);

/* The first thing that a new thread does, with a struct way_start. */
void way_begin_thread(void *start);

/* Runs a loaded program: registers are as the System V ABI says. */
_Noreturn void way_enter(vaddr_t entry, vaddr_t stack);

/* Goes on in the program with these registers, and an image of its vector registers. */
_Noreturn void way_go_on(const struct posix_regs *regs, const uint8_t *vectors);
_Noreturn void way_load(const struct libos_regs *regs, const uint8_t *vectors);

/* Where programs that bring the core along enter, and where the kernel does if it reflects all
 * calls: way_call_x86_64.S. */
void way_door(void);
void way_reflected(void);

/* way_x86_64.S: where a program's thread goes on after a fault and an event, on the stack for the
 * core, with its registers at the stack pointer; they call the functions behind them. */
void way_fault_entry(void);
void way_fault(struct libos_regs *regs, uint8_t *vectors);
void way_interrupt_entry(void);
void way_interrupt(struct libos_regs *regs, uint8_t *vectors);

/* The same behind a call that was made without all registers. */
void way_after_entry(void);
void way_after(struct libos_regs *regs, uint8_t *vectors);

/* The same at the end of a signal's handler; of `regs` only the stack pointer is set. */
void way_return_entry(void);
void way_return(struct libos_regs *regs, uint8_t *vectors);

#pragma GCC visibility pop
