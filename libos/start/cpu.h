/*
 * What libos asks of the CPU. Each folder beside this header answers in full with a file
 * libos/start/<cpu>/cpu.h; this is the one place that chooses among them.
 *
 *   cpu_syscall(number, a, count, result)  enters the kernel with arguments a[1] ... a[count]
 *   cpu_utcb_mr()                          address of MR0 in the UTCB of the running thread
 *   cpu_ticks()                            time-stamp counter
 *   cpu_set_fs(base), cpu_fs()             the register that a C library keeps its thread data by
 *   cpu_random(word)                       the hardware's random numbers, if it has any
 *   cpu_pte_*()                            reading an entry of a level-1 page table
 *   CPU_FAULT_*                            meaning of a page fault's error code
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"
#include "exo/abi/utcb.h"

/* What an upcall's entry saves of the code it interrupted, and gives back when the handler
 * returns. A handler may change it. */
struct libos_regs;

#if defined(__x86_64__)
#include <libos/start/x86_64/cpu.h>
#else
#error "libos has no folder libos/start/<cpu> for this CPU"
#endif
