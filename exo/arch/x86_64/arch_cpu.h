/* x86-64: the inline half of exo/arch/cpu.h. */
#pragma once

static inline struct arch_cpu *arch_cpu_this(void)
{
    struct arch_cpu *c;
    __asm__("mov %%gs:0, %0" : "=r"(c));
    return c;
}

static inline __attribute__((always_inline)) word_t arch_cpu_get(size_t at)
{
    word_t value;
    __asm__ volatile("mov %%gs:%c1, %0" : "=r"(value) : "i"(at) : "memory");
    return value;
}

static inline __attribute__((always_inline)) bool arch_cpu_is(size_t at, word_t value)
{
    bool equal;
    __asm__ volatile("cmp %1, %%gs:%c2" : "=@cce"(equal) : "r"(value), "i"(at) : "memory");
    return equal;
}

static inline __attribute__((always_inline)) void arch_cpu_set(size_t at, word_t value)
{
    __asm__ volatile("mov %0, %%gs:%c1" : : "r"(value), "i"(at) : "memory");
}

static inline __attribute__((always_inline)) void arch_cpu_set_half(size_t at, uint32_t value)
{
    __asm__ volatile("mov %0, %%gs:%c1" : : "r"(value), "i"(at) : "memory");
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

static inline __attribute__((always_inline)) word_t arch_call_aside(word_t (*function)(void *),
                                                                    void *argument)
{
    word_t result;

    __asm__ volatile("push %%r10; call %P2; pop %%r10"
                     : "=a"(result), "+D"(argument)
                     : "i"(function)
                     : "rcx", "rdx", "rsi", "r8", "r9", "r11", "memory", "cc");
    return result;
}

static inline __attribute__((always_inline)) uint64_t arch_code_call(uint64_t (*code)(uint64_t),
                                                                     const void *context)
{
    uint64_t result;

    __asm__ volatile("push %%r11; call *%[code]; pop %%r11"
                     : "=a"(result), "+D"(context)
                     : [code] "r"(code)
                     : "memory", "cc");
    return result;
}

/* The last instructions in the kernel find the next thread by the address of the whole in r11,
 * which C has in a register, and load r11 last. */
#define ARCH_IN_FULL(name, field)                                                                  \
    [name] "i"(ARCH_THREAD_IN_FULL + offsetof(struct arch_thread, field))
#define ARCH_REGS_IN_FULL                                                                          \
    ARCH_IN_FULL(gs, gs_base), ARCH_IN_FULL(rip, regs.rip), ARCH_IN_FULL(rsp, regs.rsp),           \
        ARCH_IN_FULL(rflags, regs.rflags)

/* MR1 is in rbp (entry.S); MR0 is 16 bytes behind what %gs:0 reads. */
static inline __attribute__((always_inline)) word_t
arch_ipc_leave(struct arch_thread *next, word_t name, word_t from, word_t timeouts, word_t tag)
{
    register word_t r8 __asm__("r8") = timeouts, r9 __asm__("r9") = tag;
    register char *to __asm__("r11") = (char *)next - ARCH_THREAD_IN_FULL;

    __asm__ volatile("mov %c[gs](%[to]), %%rdi\n\t"
                     "swapgs\n\t"
                     "wrgsbase %%rdi\n\t"
                     "add $16, %%rdi\n\t"
                     "mov %%rbp, %%rax\n\t"
                     "mov %c[rbp](%[to]), %%rbp\n\t"
                     "mov %c[rip](%[to]), %%rcx\n\t"
                     "mov %c[rsp](%[to]), %%rsp\n\t"
                     "mov %c[rflags](%[to]), %%r11\n\t"
                     "sysretq"
                     :
                     : [to] "r"(to), "S"(name), "d"(from), "r"(r8), "r"(r9),
                       ARCH_IN_FULL(rbp, regs.rbp), ARCH_REGS_IN_FULL
                     : "memory");
    __builtin_unreachable();
}

static inline __attribute__((always_inline)) word_t arch_pct_enter(struct arch_thread *callee,
                                                                   word_t name)
{
    register char *to __asm__("r11") = (char *)callee - ARCH_THREAD_IN_FULL;

    __asm__ volatile("mov %c[gs](%[to]), %%rcx\n\t"
                     "swapgs\n\t"
                     "wrgsbase %%rcx\n\t"
                     "mov %c[ip](%[to]), %%rcx\n\t"
                     "mov %c[sp](%[to]), %%rsp\n\t"
                     "mov %[flags], %%r11d\n\t"
                     "sysretq"
                     :
                     : [to] "r"(to), "a"(name), [flags] "i"(FLAGS_DEFAULT),
                       ARCH_IN_FULL(ip, pct_ip), ARCH_IN_FULL(sp, pct_sp), ARCH_REGS_IN_FULL
                     : "memory");
    __builtin_unreachable();
}

static inline __attribute__((always_inline)) word_t arch_pct_return(struct arch_thread *caller)
{
    register char *to __asm__("r11") = (char *)caller - ARCH_THREAD_IN_FULL;

    __asm__ volatile("mov %c[gs](%[to]), %%rcx\n\t"
                     "swapgs\n\t"
                     "wrgsbase %%rcx\n\t"
                     "mov %c[rip](%[to]), %%rcx\n\t"
                     "mov %c[rsp](%[to]), %%rsp\n\t"
                     "mov %c[rflags](%[to]), %%r11\n\t"
                     "sysretq"
                     :
                     : [to] "r"(to), "a"(0l), ARCH_REGS_IN_FULL
                     : "memory");
    __builtin_unreachable();
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

static inline void arch_thread_code_again(const struct arch_thread *next)
{
    if (next->modes & MODE_KEYS)
        __asm__ volatile("wrpkru" : : "a"(PKRU_CODE), "c"(0), "d"(0) : "memory");
}
