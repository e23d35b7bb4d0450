/* x86-64: the inline half of exo/arch/cpu.h. */
#pragma once

static inline struct arch_cpu *arch_cpu_this(void)
{
    struct arch_cpu *c;
    __asm__("mov %%gs:0, %0" : "=r"(c));
    return c;
}

static inline struct arch_cpu *arch_cpu_this_again(void)
{
    struct arch_cpu *c;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(c));
    return c;
}

static inline struct trap_frame *arch_trap_frame(void)
{
    void *top;
    __asm__("mov %%gs:%c1, %0" : "=r"(top) : "i"(offsetof(struct arch_cpu, stack)));
    return (struct trap_frame *)top - 1;
}

static inline struct call_frame *arch_call_frame(struct arch_cpu *c)
{
    return (struct call_frame *)c->stack - 1;
}

static inline uint32_t arch_user_code(vaddr_t va)
{
    uint32_t code;
    __asm__ volatile("call user_code" : "=a"(code) : "D"(va) : "cc");
    return code;
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

static inline vaddr_t arch_thread_pointer(void)
{
    vaddr_t base;
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base;
}

static inline void arch_idle(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

static inline void arch_interrupts_take(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

/* arch_copy_words, but the compiler may go on using the register for the target otherwise. */
static inline void arch_copy_words_aside(void *to, const void *from, size_t count)
{
    uint64_t saved;

    __asm__ volatile("mov %%rdi, %[saved]; mov %[to], %%rdi; rep movsq; mov %[saved], %%rdi"
                     : [saved] "=&r"(saved), "+S"(from), "+c"(count)
                     : [to] "r"(to)
                     : "memory");
}

static inline __attribute__((always_inline)) void arch_call_apart(void)
{
    __asm__ volatile("" : : : "r9", "r10");
}

static inline void arch_copy_words(void *to, const void *from, size_t count)
{
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static inline void arch_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* XSAVE and XRSTOR look at edx for states that are not enabled alone. */
static inline void arch_thread_switch_like(struct arch_thread *previous, struct arch_thread *next)
{
    uint64_t fs_base;

    __asm__ volatile("rdfsbase %0" : "=r"(fs_base));
    previous->fs_base = fs_base;
    __asm__ volatile("wrfsbase %0" : : "r"(next->fs_base));
    if (!(next->modes & MODE_NO_FPU))
        __asm__ volatile("xsave %0; xrstor %1" : "=m"(previous->fpu) : "m"(next->fpu), "a"(7));
}
