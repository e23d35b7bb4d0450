/* x86-64: the inline half of exo/arch/cpu.h. */
#pragma once

static inline struct arch_cpu *arch_cpu_this(void)
{
    struct arch_cpu *c;
    __asm__("mov %%gs:0, %0" : "=r"(c));
    return c;
}

static inline uint64_t arch_ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline vaddr_t arch_fault_address(void)
{
    vaddr_t va;
    __asm__ volatile("mov %%cr2, %0" : "=r"(va));
    return va;
}

static inline void arch_idle(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

static inline void arch_copy_words(void *to, const void *from, size_t count)
{
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static inline void arch_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}
