/*
 * The trampoline way over libos: the kernel reflects each `syscall` of an unmodified program to
 * this thread's own upcall, which answers it by posix_syscall.
 */
#pragma once

#include "exo/abi/error.h"
#include "libos-posix/posix.h"
#include "libos/syscall_light.h"

/* Has the system calls and faults of this thread come here. NO_MEM. */
enum err reflect_init(void);

/* The hook of light system calls. */
__attribute__((visibility("hidden"))) long reflect_ask(long number) KEEPS_REGISTERS;

/* Runs a loaded program; in reflect_x86_64.S. */
_Noreturn void reflect_enter(vaddr_t entry, vaddr_t stack);
