/*
 * The kernel's book-keeping, and this thread's UTCB.
 *
 * book_read and the functions that use it give records whose words agree and work whether or not
 * the kernel hides what is others' (hide=1); then that is left out as info_read's page says.
 * book_env, book_frame, book_cpu, book_counts and book_object are the tables in place, and need
 * them mapped.
 */
#pragma once

#include "exo/abi/boot.h"
#include "exo/abi/cap.h"
#include "exo/abi/error.h"
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

static inline const volatile struct env_counts *book_counts(uint32_t env, uint32_t cpu)
{
    return (const volatile struct env_counts *)WINDOW_COUNTS + env * KINFO->cpu_count + cpu;
}

static inline const volatile struct object_info *book_object(uint32_t number)
{
    return (const volatile struct object_info *)WINDOW_OBJECTS + number;
}

/* Copies `count` records from number `first` on. Each agrees in itself; two may be of different
 * times. Pre: they exist. */
void book_read(enum info_table table, uint32_t first, uint32_t count, void *records);

static inline struct frame_info book_frame_read(pfn_t pfn)
{
    struct frame_info info;

    book_read(INFO_FRAMES, pfn, 1, &info);
    return info;
}

static inline struct env_info book_env_read(uint32_t number)
{
    struct env_info info;

    book_read(INFO_ENVS, number, 1, &info);
    return info;
}

/* What happened on a CPU for all environments. With hide=1: for one's own and those it made. */
struct env_counts book_cpu_counts(uint32_t cpu);

/* What happened for an environment on all CPUs. */
struct env_counts book_env_counts(uint32_t env);

/* Entries into the kernel. */
uint64_t book_entries(const struct env_counts *c);

/* Thread control register TCR_* of the running thread. */
static inline volatile uint64_t *book_tcr(int index)
{
    return cpu_utcb_mr() + index;
}

static inline struct utcb_exo *book_utcb(void)
{
    return (struct utcb_exo *)((vaddr_t)cpu_utcb_mr() - UTCB_MR + UTCB_EXO);
}
