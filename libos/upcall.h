/*
 * Upcalls: the kernel enters the program at a fault, an exception, a foreign system call or an
 * event. The entries are assembly (libos/start/<cpu>/upcall.S); here are their stacks and hooks.
 *
 * A fault handler runs on a stack of its own and must touch bound memory only: a second fault
 * inside it ends the program. An event may interrupt anything, a fault handler, too.
 */
#pragma once

#include "libos/start/cpu.h"

/* Programs are static: names need no indirection, which would bind them to low addresses. */
#pragma GCC visibility push(hidden)

/* Faults and exceptions: the CPU's vector is in regs->frame.vector. True: the cause is gone, go on
 * with `regs`. */
typedef bool (*upcall_fault_fn)(struct libos_regs *regs);
typedef void (*upcall_event_fn)(struct libos_regs *regs);
typedef void (*upcall_syscall_fn)(struct libos_regs *regs);

/* Gives the calling thread its fault stack and entries. */
void upcall_init(void);

/* The same with stacks that the caller brings: of another thread. Each is named by its end; a
 * stack of events of 0 leaves events off. Fault stacks need 16 KiB of bound memory. */
void upcall_init_stacks(vaddr_t fault_stack, vaddr_t event_stack);

/* Who repairs faults (virtual memory); NULL: nobody. */
extern upcall_fault_fn libos_fault_hook;

/* Asked about faults that libos_fault_hook did not repair; false ends the program with status
 * 128 + 11 and a line on port 3. */
extern upcall_fault_fn libos_segv_hook;

/* From now on `hook` runs, in this thread, at `kind`: UPCALL_NOTIFY to UPCALL_RECLAIMED. NULL: the
 * event is not taken. Events that come while a hook runs are taken before the interrupted code goes
 * on. Hooks touch bound memory only and make no foreign system calls, for they may interrupt the
 * handlers of both. */
void upcall_set_event(enum upcall kind, upcall_event_fn hook);

/* From now on a `syscall` instruction of a foreign number calls `hook` on the stack that ends at
 * `stack`. Each system call made inside another takes the next 32 KiB below. */
void upcall_set_syscall(upcall_syscall_fn hook, vaddr_t stack);
extern upcall_syscall_fn libos_syscall_hook;

/* Goes on with these registers, from any stack but that of events, as a handler of system calls
 * goes back. `regs` is on that stack. */
_Noreturn void upcall_resume(struct libos_regs *regs);

/* Clears words of memory that the kernel may take meanwhile: wherever this is called, in a fault
 * handler too, a fault there ends it and no more. False: not all are cleared. Needs 4 KiB of the
 * fault stack beside the handler's own. */
bool upcall_clear(void *at, uint64_t words);

/* Prints the registers on port 3. */
void upcall_print_regs(const struct libos_regs *regs);

#pragma GCC visibility pop
