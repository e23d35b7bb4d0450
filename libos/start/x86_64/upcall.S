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
 * it knows the case by the interrupted address, and does not copy. So all entries of a class go
 * back by the same instructions. Events that came while the class was masked are found there and
 * handled before the way back is gone on with.
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

        /* handler(struct libos_regs *, esi); rbx = the struct. */
        .macro  call_handler handler
        mov     %rsp, %rbx
        mov     %rsp, %rdi
        sub     $512, %rsp
        and     $-16, %rsp
        fxsave64 (%rsp)
        cld
        call    \handler
        fxrstor64 (%rsp)
        mov     %rbx, %rsp
        .endm

        /* Back to the registers of the struct at rsp, and rsp to its flags; then to its flags,
         * stack and address. */
        .macro  restore class
        mov     REGS_BYTES(%rsp), %rax
        mov     %rax, %gs:(GS_RETURN + \class * 16)
        mov     (REGS_BYTES + 24)(%rsp), %rax
        mov     %rax, %gs:(GS_RETURN + \class * 16 + 8)
        pop_registers
        lea     16(%rsp), %rsp
        andq    $~(1 << \class), %gs:GS_MASK
        .endm

        .macro  leave class
        popfq
        mov     %gs:(GS_RETURN + \class * 16 + 8), %rsp
9:      jmp     *%gs:(GS_RETURN + \class * 16)
        .endm

        /* What the entries of a class share, up to the call. 8 and 9 (see `leave`) are the first
         * and the last instruction with the mask clear. */
        .macro  enter class
        lea     8f(%rip), %rcx
        mov     %gs:(GS_SAVE + \class * FRAME_BYTES), %rax
        sub     %rcx, %rax
        cmp     $(9f - 8f), %rax
        jbe     1f
        copy_frame \class
1:
        .endm

        .macro  entry name, number, common
        .globl  \name
        .type   \name, @function
\name:
        lea     -FRAME_BYTES(%rsp), %rsp
        push_registers
        mov     $\number, %esi
        .ifnb   \common
        jmp     \common
        .endif
        .size   \name, . - \name
        .endm

        .text
        entry   libos_upcall_exception,   1, fault
        entry   libos_upcall_fault,       0     /* falls through */
fault:
        enter   CLASS_FAULT
        call_handler libos_fault
        restore CLASS_FAULT
8:      leave   CLASS_FAULT

        entry   libos_upcall_reclaimed,   7, event
        entry   libos_upcall_revoke,      6, event
        entry   libos_upcall_slice_end,   5, event
        entry   libos_upcall_slice_begin, 4, event
        entry   libos_upcall_notify,      3     /* falls through */
event:
        enter   CLASS_EVENT
2:      call_handler libos_event
        restore CLASS_EVENT
8:      testl   $EVENTS, %gs:GS_PENDING
        jz      3f
        orq     $(1 << CLASS_EVENT), %gs:GS_MASK
        lea     -16(%rsp), %rsp         /* as it was before the registers were popped */
        push_registers
        xor     %esi, %esi              /* any that is pending */
        jmp     2b
3:      leave   CLASS_EVENT

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
        .irp    word, 7, 6, 5, 4, 3, 2, 1, 0
        pushq   %gs:(GS_SAVE + CLASS_SYSCALL * FRAME_BYTES + \word * 8)
        .endr
        push_registers
        mov     %gs:(GS_STACK + CLASS_SYSCALL * 8), %r12
        lea     -SYSCALL_LEVEL(%r12), %rax
        mov     %rax, %gs:(GS_STACK + CLASS_SYSCALL * 8)
        andq    $~(1 << CLASS_SYSCALL), %gs:GS_MASK
        call_handler *libos_syscall_hook(%rip)
        mov     %r12, %gs:(GS_STACK + CLASS_SYSCALL * 8)
        restore CLASS_SYSCALL
        leave   CLASS_SYSCALL
        .size   libos_upcall_syscall, . - libos_upcall_syscall

/* upcall_resume(struct libos_regs *) */
        .globl  upcall_resume
        .type   upcall_resume, @function
upcall_resume:
        mov     %rdi, %rsp
        restore CLASS_SYSCALL
        leave   CLASS_SYSCALL
        .size   upcall_resume, . - upcall_resume

/* bool libos_clear(void *at, uint64_t words): a fault at libos_clear_at goes on at libos_clear_end, with
 * what is left in rcx. */
        .globl  libos_clear, libos_clear_at, libos_clear_end
        .type   libos_clear, @function
libos_clear:
        mov     %rsi, %rcx
        xor     %eax, %eax
libos_clear_at:
        rep     stosq
libos_clear_end:
        test    %rcx, %rcx
        sete    %al
        ret
        .size   libos_clear, . - libos_clear
        .section .note.GNU-stack, "", @progbits
