/* host: the inline half of exo/arch/cpu.h. */
#pragma once

#include "exo/arch/host/machine.h"

static inline struct arch_cpu *arch_cpu_this(void)
{
    return host.cpu;
}

static inline word_t arch_cpu_get(size_t at)
{
    word_t value;
    __builtin_memcpy(&value, (const char *)host.cpu + at, sizeof value);
    return value;
}

static inline bool arch_cpu_is(size_t at, word_t value)
{
    return arch_cpu_get(at) == value;
}

static inline void arch_cpu_set(size_t at, word_t value)
{
    __builtin_memcpy((char *)host.cpu + at, &value, sizeof value);
}

static inline void arch_cpu_set_half(size_t at, uint32_t value)
{
    __builtin_memcpy((char *)host.cpu + at, &value, sizeof value);
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

static inline word_t arch_call_aside(word_t (*function)(void *), void *argument)
{
    return function(argument);
}

/* The rest is done by who entered (entry.c). */
static inline word_t arch_ipc_leave(struct arch_thread *next, word_t name, word_t from,
                                    word_t timeouts, word_t tag)
{
    next->regs.rdx = from;
    next->regs.r8 = timeouts;
    next->regs.r9 = tag;
    return name;
}

static inline uint64_t arch_code_call(uint64_t (*code)(uint64_t), const void *context)
{
    return code((uintptr_t)context);
}

static inline word_t arch_pct_enter(struct arch_thread *callee, word_t name)
{
    (void)callee;
    return name;
}

static inline word_t arch_pct_return(struct arch_thread *caller)
{
    (void)caller;
    return 1;
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

static inline void arch_thread_code_again(const struct arch_thread *next)
{
    (void)next;
}
