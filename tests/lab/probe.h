/* Operations that begin in one place and end in another, with a stamp as the first and last
 * instruction of each: written in assembly, in a folder for each CPU. */
#pragma once

#include "tests/lab/lab.h"

/* Ticks of two stamps with nothing between. */
uint64_t probe_empty(void);

/* Reads `bad`, which is not bound; executes an undefined instruction; makes a call of another
 * system. Pre: UPCALL_FAULT, UPCALL_EXCEPTION and UPCALL_SYSCALL enter probe_upcall_fault,
 * probe_upcall_fault and probe_upcall_call. */
void probe_fault(struct lab_trip *trip, const void *bad);
void probe_undefined(struct lab_trip *trip);
void probe_call(struct lab_trip *trip);

/* The shortest handlers that leave the interrupted code as it was: no register is saved, for none
 * but those of the stamps is used. They continue behind the instruction, without the kernel. */
void probe_upcall_fault(void);
void probe_upcall_call(void);

/* Protected control transfer to `thread`, which serves with the entry probe_pct_entry. Returns the
 * error of pct_call. */
uint64_t probe_pct(struct lab_trip *trip, slot_t thread);
void probe_pct_entry(void);
_Noreturn void probe_pct_serve(void);
