/* The kernel's book-keeping and this thread's UTCB, read in place. */
#pragma once

#include "exo/abi/boot.h"
#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"
#include "exo/abi/utcb.h"
#include "libos/start/cpu.h"

static inline const volatile struct env_info *book_env(uint32_t number)
{
    return (const volatile struct env_info *)WINDOW_ENVS + number;
}

static inline const volatile struct frame_info *book_frame(pfn_t pfn)
{
    return (const volatile struct frame_info *)WINDOW_FRAMES + pfn;
}

static inline const volatile struct cpu_info *book_cpu(uint32_t number)
{
    return (const volatile struct cpu_info *)(WINDOW_CPUS + (vaddr_t)number * CPU_STRIDE);
}

/* Thread control register TCR_* of the running thread. */
static inline volatile uint64_t *book_tcr(int index)
{
    return cpu_utcb_mr() + index;
}

static inline struct utcb_exo *book_utcb(void)
{
    return (struct utcb_exo *)((vaddr_t)cpu_utcb_mr() - UTCB_MR + UTCB_EXO);
}
