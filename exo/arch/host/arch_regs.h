/* host: the user's registers. There is no user; tests write here what he would have had in them. */
#pragma once

#include "exo/abi/types.h"
#include "exo/abi/x86_64/exception.h"

#define VECTOR_DIVIDE     0u
#define VECTOR_DEBUG      1u
#define VECTOR_UNDEFINED  6u
#define VECTOR_PROTECTION 13u
#define VECTOR_PAGE_FAULT 14u
#define VECTOR_IRQ        0x20u
#define VECTOR_TIMER      0xf0u
#define VECTOR_MAILBOX    0xf1u
#define VECTOR_CALL       0x100u

#define SEGMENT_USER_DATA 0x1bu
#define SEGMENT_USER_CODE 0x23u

#define FLAGS_DEFAULT 0x202u
#define FLAGS_USER    0x240dd5u

#define ARCH_KEEPS_REGISTERS

struct regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* What the fast entries find, as on x86-64. */
struct trap_frame {
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
struct call_frame {
    uint64_t rax, rflags, rip;
};

struct arch_thread {
    struct regs regs;
    uint64_t gs_base;
    uint64_t pct_ip, pct_sp;
    uint64_t saved, loaded; /* times that its extended state was */
    bool no_fpu;
    bool counters; /* it may read them                       */
    bool code_only;
} __attribute__((aligned(64)));

struct arch_cpu {
    struct arch_thread *current; /* what arch_resume would leave to */
    void *stack;
    uint64_t user_rsp;
    struct trap_frame trap_frame;
    struct call_frame call_frame;
    uint32_t number;
    uint32_t apic_id;
    bool counters; /* may be read now */
};

/* Of struct cpu and struct thread. */
#define ARCH_CPU_CURRENT    sizeof(struct arch_cpu)
#define ARCH_CPU_LIKE       (sizeof(struct arch_cpu) + 40)
#define ARCH_THREAD_IN_FULL 64u

/* The call that entered with `r` has these first arguments, and `number` names it. */
static inline void regs_set_call(struct regs *r, uint64_t number, uint64_t first, uint64_t second,
                                 uint64_t third)
{
    r->rax = number;
    r->rdi = first;
    r->rsi = second;
    r->rdx = third;
}

/* Has the call that entered with `r` be made again: `syscall` is two bytes long, and rax still
 * names the call. */
static inline void regs_call_again(struct regs *r)
{
    r->rip -= 2;
}
