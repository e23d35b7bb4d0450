/* Entering programs of a family, and going on in them. */
#include "libos/start/x86_64/upcall_layout.h"

#define CLASS_SYSCALL 1

        .text

/* way_enter(entry, stack) */
        .global way_enter
        .hidden way_enter
        .type way_enter, @function
way_enter:
        mov %rsi, %rsp
        push %rdi                       /* gone again before the program runs */
        xor %eax, %eax
        xor %ebx, %ebx
        xor %ecx, %ecx
        xor %edx, %edx                  /* no function for atexit() */
        xor %esi, %esi
        xor %edi, %edi
        xor %ebp, %ebp
        xor %r8d, %r8d
        xor %r9d, %r9d
        xor %r10d, %r10d
        xor %r11d, %r11d
        xor %r12d, %r12d
        xor %r13d, %r13d
        xor %r14d, %r14d
        xor %r15d, %r15d
        cld
        ret
        .size way_enter, . - way_enter

/* The program's registers are at the stack pointer; the vector registers are still its own. */
        .global way_fault_entry
        .hidden way_fault_entry
        .type way_fault_entry, @function
way_fault_entry:
        mov     %rsp, %rbx
        mov     %rsp, %rdi
        sub     $512, %rsp
        and     $-16, %rsp
        fxsave64 (%rsp)
        mov     %rsp, %rsi
        call    way_fault
        fxrstor64 (%rsp)
        mov     %rbx, %rdi
        .size way_fault_entry, . - way_fault_entry      /* falls through */

/* way_leave(struct libos_regs *): as upcall.S leaves a system call. */
        .global way_leave
        .hidden way_leave
        .type way_leave, @function
way_leave:
        mov     %rdi, %rsp
        mov     REGS_BYTES(%rsp), %rax
        mov     %rax, %gs:(GS_RETURN + CLASS_SYSCALL * 16)
        mov     (REGS_BYTES + 24)(%rsp), %rax
        mov     %rax, %gs:(GS_RETURN + CLASS_SYSCALL * 16 + 8)
        .irp    register, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
        pop     %\register
        .endr
        lea     16(%rsp), %rsp
        popfq
        mov     %gs:(GS_RETURN + CLASS_SYSCALL * 16 + 8), %rsp
        jmp     *%gs:(GS_RETURN + CLASS_SYSCALL * 16)
        .size way_leave, . - way_leave

        .section .note.GNU-stack, "", @progbits
