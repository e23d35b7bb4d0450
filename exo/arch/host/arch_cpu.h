/* host: the inline half of exo/arch/cpu.h. */
#pragma once

#include "exo/arch/host/machine.h"

static inline struct arch_cpu *arch_cpu_this(void)
{
    return host.cpu;
}

static inline struct arch_cpu *arch_cpu_this_again(void)
{
    return host.cpu;
}

static inline struct trap_frame *arch_trap_frame(void)
{
    return &arch_cpu_this()->trap_frame;
}

static inline struct call_frame *arch_call_frame(struct arch_cpu *c)
{
    return &c->call_frame;
}

static inline uint32_t arch_user_code(vaddr_t va)
{
    return host_user_code(va);
}

static inline uint64_t arch_ticks(void)
{
    return host.ticks;
}

static inline vaddr_t arch_fault_address(void)
{
    return host.fault_address;
}

static inline vaddr_t arch_thread_pointer(void)
{
    return host.thread_pointer;
}

static inline void arch_idle(void)
{
    host_idle();
}

static inline void arch_interrupts_take(void)
{
    host_interrupts_take();
}

static inline void arch_copy_words_aside(void *to, const void *from, size_t count)
{
    __builtin_memcpy(to, from, count * sizeof(uint64_t));
}

static inline void arch_call_apart(void)
{
}

static inline void arch_copy_words(void *to, const void *from, size_t count)
{
    __builtin_memcpy(to, from, count * sizeof(uint64_t));
}

static inline void arch_relax(void)
{
    host_relax();
}

static inline void arch_thread_switch_like(struct arch_thread *previous, struct arch_thread *next)
{
    if (!next->no_fpu) {
        previous->saved++;
        next->loaded++;
    }
    host.cpu->current = next;
}
