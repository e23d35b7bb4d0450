/* x86-64: the inline half of libos/start/cpu.h. */
#pragma once

#define CPU_INLINE static inline __attribute__((always_inline))

/* Of a function, or a type of functions: it keeps all registers but that of its result, and so
 * saves those that it uses. For files that include libos/start/integer.h. */
#define KEEPS_REGISTERS __attribute__((no_caller_saved_registers))

/* Calls a function of that kind through a pointer: around any other call by pointer the compiler
 * saves all registers. It may keep data in 128 bytes below the stack pointer. */
CPU_INLINE bool cpu_call_keeping(bool (*function)(void *, void *), void *first, void *second)
{
    bool result;

    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "call *%[f]\n\t"
                     "lea 128(%%rsp), %%rsp"
                     : "=a"(result)
                     : [f] "r"(function), "D"(first), "S"(second)
                     : "memory", "cc");
    return result;
}

/* In the order in which upcall.S pushes, last first. */
struct libos_regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    struct upcall_frame frame;
};

/* Page faults: Intel SDM volume 3, "Interrupt 14, Page-Fault Exception". */
#define CPU_VECTOR_PAGE_FAULT 14u
#define CPU_FAULT_PRESENT     1u /* the rights were too few; else nothing is bound */
#define CPU_FAULT_WRITE       2u
#define CPU_FAULT_EXEC        16u

/* Page-table entries: Intel SDM volume 3, "4-Level Paging". */
#define CPU_PTE_PRESENT  ((uint64_t)1)
#define CPU_PTE_ACCESSED ((uint64_t)1 << 5)
#define CPU_PTE_DIRTY    ((uint64_t)1 << 6)
#define CPU_PTE_WRITE    ((uint64_t)1 << 1)
#define CPU_PTE_LARGE    ((uint64_t)1 << 7) /* above level 1: maps memory, leads to no table */
#define CPU_PTE_SHARE    ((uint64_t)1 << 9) /* above level 1: leads to a table of another entry */
#define CPU_PTE_NO_EXEC  ((uint64_t)1 << 63)

CPU_INLINE bool cpu_pte_is_bound(uint64_t pte)
{
    return pte & CPU_PTE_PRESENT;
}

/* Of an entry above level 1 that is bound: does it map memory, or lead to a table that is shared?
 */
CPU_INLINE bool cpu_pte_is_large(uint64_t pte)
{
    return pte & CPU_PTE_LARGE;
}

CPU_INLINE bool cpu_pte_is_share(uint64_t pte)
{
    return (pte & (CPU_PTE_LARGE | CPU_PTE_SHARE)) == CPU_PTE_SHARE;
}

CPU_INLINE pfn_t cpu_pte_pfn(uint64_t pte)
{
    return (pfn_t)((pte & 0x000ffffffffff000) >> PAGE_BITS);
}

CPU_INLINE rights_t cpu_pte_rights(uint64_t pte)
{
    return RIGHT_READ | (pte & CPU_PTE_WRITE ? RIGHT_WRITE : 0) |
           (pte & CPU_PTE_NO_EXEC ? 0 : RIGHT_EXEC);
}

CPU_INLINE uint64_t cpu_ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

CPU_INLINE uint64_t *cpu_utcb_mr(void)
{
    uint64_t *mr;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(mr));
    return mr;
}

/* A word of the calling thread's UTCB page, at a constant offset in it. */
CPU_INLINE uint64_t cpu_utcb_word(const unsigned offset)
{
    uint64_t word;
    __asm__ volatile("mov %%gs:%c1, %0" : "=r"(word) : "i"(offset - UTCB_GS));
    return word;
}

CPU_INLINE vaddr_t cpu_fs(void)
{
    vaddr_t base;
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base;
}

CPU_INLINE void cpu_set_fs(vaddr_t base)
{
    __asm__ volatile("wrfsbase %0" : : "r"(base) : "memory");
}

/* A word from the hardware's random number generator. False: it has none, or it is exhausted. */
CPU_INLINE bool cpu_random(uint64_t *word)
{
    uint32_t a = 1, b, c = 0, d;
    bool good = false;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    for (unsigned tries = 0; (c >> 30 & 1) && tries < 10 && !good; tries++)
        __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(good));
    return good;
}

/* Copies words, from the first on; fills them. */
CPU_INLINE void cpu_copy_words(void *to, const void *from, uint64_t words)
{
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

CPU_INLINE void cpu_fill_words(void *to, uint64_t word, uint64_t words)
{
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(word) : "memory");
}

CPU_INLINE void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* Loads only the registers that the call reads, so that a call's cost is its own. The kernel
 * clears the argument registers, so every one is written as far as the compiler knows. */
CPU_INLINE enum err cpu_syscall(uint64_t number, const uint64_t a[7], unsigned count,
                                uint64_t *result)
{
    uint64_t rax = number, rdi, rsi, rdx;
    register uint64_t r10 __asm__("r10");
    register uint64_t r8 __asm__("r8");
    register uint64_t r9 __asm__("r9");

    if (count > 0)
        rdi = a[1];
    if (count > 1)
        rsi = a[2];
    if (count > 2)
        rdx = a[3];
    if (count > 3)
        r10 = a[4];
    if (count > 4)
        r8 = a[5];
    if (count > 5)
        r9 = a[6];

    if (count == 0)
        __asm__ volatile("syscall"
                         : "+a"(rax), "=D"(rdi), "=S"(rsi), "=d"(rdx), "=r"(r10), "=r"(r8), "=r"(r9)
                         :
                         : "rcx", "r11", "memory");
    else if (count == 1)
        __asm__ volatile("syscall"
                         : "+a"(rax), "+D"(rdi), "=S"(rsi), "=d"(rdx), "=r"(r10), "=r"(r8), "=r"(r9)
                         :
                         : "rcx", "r11", "memory");
    else if (count == 2)
        __asm__ volatile("syscall"
                         : "+a"(rax), "+D"(rdi), "+S"(rsi), "=d"(rdx), "=r"(r10), "=r"(r8), "=r"(r9)
                         :
                         : "rcx", "r11", "memory");
    else if (count == 3)
        __asm__ volatile("syscall"
                         : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "=r"(r10), "=r"(r8), "=r"(r9)
                         :
                         : "rcx", "r11", "memory");
    else if (count == 4)
        __asm__ volatile("syscall"
                         : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "=r"(r8), "=r"(r9)
                         :
                         : "rcx", "r11", "memory");
    else if (count == 5)
        __asm__ volatile("syscall"
                         : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "=r"(r9)
                         :
                         : "rcx", "r11", "memory");
    else
        __asm__ volatile("syscall"
                         : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                         :
                         : "rcx", "r11", "memory");
    if (result)
        *result = rdx;
    return (enum err)rax;
}
