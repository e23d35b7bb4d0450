/* x86-64: the user's registers as entry.S lays them into the thread. */
#pragma once

#include "exo/abi/types.h"

#define VECTOR_DIVIDE     0u
#define VECTOR_DEBUG      1u
#define VECTOR_UNDEFINED  6u
#define VECTOR_PROTECTION 13u
#define VECTOR_PAGE_FAULT 14u
#define VECTOR_IRQ        0x20u  /* first vector given to devices                        */
#define VECTOR_CALL       0x100u /* entered by `syscall`; leaves by `sysret`             */

#define SEGMENT_USER_DATA 0x1bu
#define SEGMENT_USER_CODE 0x23u

#define FLAGS_DEFAULT 0x202u    /* interrupts on */
#define FLAGS_USER    0x240dd5u /* what a user may choose: CF PF AF ZF SF TF DF OF AC ID */

/* Order is entry.S's. Lies at the beginning of struct thread; its end is the stack that the CPU
 * pushes on when it enters the kernel from this thread. */
struct regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct regs) == 176 && sizeof(struct regs) % 16 == 0,
               "the CPU aligns the stack to 16 bytes before it pushes");

/* An extended state area: x87, SSE and AVX (XSAVE standard form). */
#define FPU_BYTES 832u

struct arch_thread {
    struct regs regs; /* entry.S: at the beginning                                     */
    uint64_t fs_base; /* while it does not run                                         */
    uint64_t gs_base;
    uint8_t fpu[FPU_BYTES]; /* while it does not run; XSAVE wants a multiple of 64           */
    bool no_fpu;            /* it has none: CR0.TS is set while it runs                      */
};
_Static_assert(offsetof(struct arch_thread, fpu) % 64 == 0, "XSAVE area");

struct arch_cpu {
    struct arch_cpu *self; /* entry.S knows the offsets of the first five              */
    void *regs_top;        /* end of the current thread's regs                         */
    void *stack;           /* top of the kernel's stack                                */
    uint64_t scratch;      /* entry.S                                                  */
    struct arch_thread *current;
    struct arch_cpu_tables *tables;
    uint32_t number;
    uint32_t apic_id;
    bool no_fpu; /* CR0.TS is set */
};

/* Argument n (below 6) of an exokernel call. */
static inline uint64_t regs_argument(const struct regs *r, unsigned n)
{
    switch (n) {
    case 0:
        return r->rdi;
    case 1:
        return r->rsi;
    case 2:
        return r->rdx;
    case 3:
        return r->r10;
    case 4:
        return r->r8;
    default:
        return r->r9;
    }
}

/* Has the call that entered with `r` be made again: `syscall` is two bytes long, and rax still
 * names the call. */
static inline void regs_call_again(struct regs *r)
{
    r->rip -= 2;
}
