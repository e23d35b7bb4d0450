/*
 * Entries of upcalls. The kernel arrives with rsp = the stack of the class, the interrupted frame
 * in the UTCB's save area, the class masked, and every other register as it was.
 *
 * Each entry builds a struct libos_regs at the top of the class's stack, keeps the SSE and x87
 * state, calls a C function, and goes back to what the function left in the struct: registers from
 * the stack, flags by popfq, stack pointer and address from two words of the UTCB. (Not by iretq,
 * which would do: QEMU before 9.1 takes its reads of the stack for the kernel's, and SMAP refuses
 * them.) Trap flag and single steps are not kept across an upcall.
 *
 * The mask is cleared after the registers are back. An upcall of the class that arrives between
 * there and the jump finds the struct's frame still in its place, since nothing was pushed over it;
 * it knows the case by the interrupted address, and does not copy.
 */
#include "libos/start/x86_64/upcall_layout.h"

#define CLASS_FAULT   0
#define CLASS_SYSCALL 1
#define CLASS_EVENT   2

        .macro  push_registers
        push    %rax
        push    %rbx
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %rbp
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        .endm

        .macro  pop_registers
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rbp
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rbx
        pop     %rax
        .endm

        .macro  copy_frame class
        .irp    word, 0, 1, 2, 3, 4, 5, 6, 7
        mov     %gs:(GS_SAVE + \class * FRAME_BYTES + \word * 8), %rax
        mov     %rax, (REGS_BYTES + \word * 8)(%rsp)
        .endr
        .endm

        /* handler(struct libos_regs *, number); rbx = the struct. */
        .macro  call_handler handler, number
        mov     %rsp, %rbx
        mov     %rsp, %rdi
        mov     $\number, %esi
        sub     $512, %rsp
        and     $-16, %rsp
        fxsave64 (%rsp)
        cld
        call    \handler
        fxrstor64 (%rsp)
        mov     %rbx, %rsp
        .endm

        /* Back to the struct at rsp. 8 and 9 are the first and last instruction with the mask
         * clear. */
        .macro  go_back class
        mov     REGS_BYTES(%rsp), %rax
        mov     %rax, %gs:(GS_RETURN + \class * 16)
        mov     (REGS_BYTES + 24)(%rsp), %rax
        mov     %rax, %gs:(GS_RETURN + \class * 16 + 8)
        pop_registers
        lea     16(%rsp), %rsp
        andq    $~(1 << \class), %gs:GS_MASK
8:      popfq
        mov     %gs:(GS_RETURN + \class * 16 + 8), %rsp
9:      jmp     *%gs:(GS_RETURN + \class * 16)
        .endm

        .macro  entry name, class, handler, number
        .globl  \name
        .type   \name, @function
\name:
        lea     -FRAME_BYTES(%rsp), %rsp
        push_registers
        lea     8f(%rip), %rcx
        mov     %gs:(GS_SAVE + \class * FRAME_BYTES), %rax
        sub     %rcx, %rax
        cmp     $(9f - 8f), %rax
        jbe     1f
        copy_frame \class
1:      call_handler \handler, \number
        go_back \class
        .size   \name, . - \name
        .endm

        .text
        entry   libos_upcall_fault,       CLASS_FAULT, libos_fault, 0
        entry   libos_upcall_exception,   CLASS_FAULT, libos_fault, 1
        entry   libos_upcall_notify,      CLASS_EVENT, libos_event, 3
        entry   libos_upcall_slice_begin, CLASS_EVENT, libos_event, 4
        entry   libos_upcall_slice_end,   CLASS_EVENT, libos_event, 5
        entry   libos_upcall_revoke,      CLASS_EVENT, libos_event, 6
        entry   libos_upcall_reclaimed,   CLASS_EVENT, libos_event, 7

/*
 * The system-call upcall nests: before the mask is cleared, the class's stack is moved down by
 * SYSCALL_LEVEL, so that a `syscall` made meanwhile (a signal handler, another program run by the
 * hook) starts on a stack of its own. Nothing of this class arrives on its own accord, so the way
 * back needs no care about the mask. Neither the interrupted stack nor %fs and %gs are touched.
 */
#define SYSCALL_LEVEL 32768

        .globl  libos_upcall_syscall
        .type   libos_upcall_syscall, @function
libos_upcall_syscall:
        lea     -FRAME_BYTES(%rsp), %rsp
        push_registers
        copy_frame CLASS_SYSCALL
        mov     %rsp, %rbx
        mov     %gs:(GS_STACK + CLASS_SYSCALL * 8), %r12
        lea     -SYSCALL_LEVEL(%r12), %rax
        mov     %rax, %gs:(GS_STACK + CLASS_SYSCALL * 8)
        andq    $~(1 << CLASS_SYSCALL), %gs:GS_MASK
        call_handler *libos_syscall_hook(%rip), 2
        mov     %r12, %gs:(GS_STACK + CLASS_SYSCALL * 8)
        go_back CLASS_SYSCALL
        .size   libos_upcall_syscall, . - libos_upcall_syscall
        .section .note.GNU-stack, "", @progbits
