/* Linux x86-64 structures of signal calls; without constants, so that it goes with any libc. */
#pragma once

#include "exo/abi/types.h"

struct linux_sigaction {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};
_Static_assert(sizeof(struct linux_sigaction) == 32, "the kernel's struct sigaction");

struct linux_stack {
    uint64_t base;
    uint32_t flags;
    uint32_t pad;
    uint64_t bytes;
};
_Static_assert(sizeof(struct linux_stack) == 24, "stack_t");
