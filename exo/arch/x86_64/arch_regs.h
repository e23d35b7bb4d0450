/* x86-64: the user's registers as entry.S lays them into the thread. */
#pragma once

#include "exo/abi/types.h"
#include "exo/abi/x86_64/exception.h"

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

/* A function that C calls as any other, and that entry.S may call with the user's registers in the
 * CPU: it saves every one that it uses, but for its result's. */
#define ARCH_KEEPS_REGISTERS __attribute__((no_caller_saved_registers))

/* A thread's registers while it does not run; entry.S knows the order. `vector` is VECTOR_CALL
 * while it is in user mode, too. */
struct regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct regs) == 176, "entry.S knows the offsets");

/* What lies at the top of the CPU's stack in a fast entry: of an exception, what the CPU pushed (no
 * `vector` for a page fault); of a `syscall`, what entry.S did. */
struct trap_frame {
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
struct call_frame {
    uint64_t rax, rflags, rip;
};

/* An extended state area: x87, SSE and AVX (XSAVE standard form). */
#define FPU_BYTES 832u

/* What is the thread's in control registers. */
#define MODE_NO_FPU   1u /* it has no extended state: CR0.TS                              */
#define MODE_COUNTERS 2u /* it may read performance counters: CR4.PCE                     */
#define MODE_KEYS     4u /* what is code only it cannot read: CR4.PKE, and PKRU            */
#define PKRU_CODE     4u /* no data of key 1 (PAGE_NOTE_CODE); all else is as the page says */
#define MODE_UNKNOWN  8u /* of a CPU: a program may have changed PKRU                      */

struct arch_thread {
    struct regs regs; /* entry.S: at the beginning                                     */
    uint64_t fs_base; /* while it does not run                                         */
    uint64_t gs_base;
    uint8_t fpu[FPU_BYTES]; /* while it does not run; XSAVE wants a multiple of 64           */
    uint64_t pct_ip;        /* where a protected control transfer enters; 0: nowhere         */
    uint64_t pct_sp;
    uint8_t modes; /* set of MODE_*, while it runs                                  */
};
_Static_assert(offsetof(struct arch_thread, gs_base) == 184, "entry.S knows it");
_Static_assert(offsetof(struct arch_thread, fpu) % 64 == 0, "XSAVE area");

struct arch_cpu {
    struct arch_cpu *self; /* entry.S knows the offsets of the first three             */
    void *stack;           /* top of the kernel's stack: every entry begins on it      */
    uint64_t user_rsp;     /* of the `syscall` being handled                           */
    uint32_t number;
    uint32_t apic_id;
    uint8_t modes; /* set of MODE_*: what the control registers say               */
};

/* Of struct cpu and struct thread, which entry.S knows, too. */
#define ARCH_CPU_CURRENT    40u
#define ARCH_CPU_LIKE       80u
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
