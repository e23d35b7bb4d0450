/*
 * Entries of upcalls. The kernel arrives with rsp = the stack of the class, the interrupted frame
 * in the UTCB's save area, the class masked, and every other register as it was.
 *
 * Each entry builds a struct libos_regs at the top of the class's stack, keeps the SSE and x87
 * state, calls a C function, and goes back by popping what the function left in the struct.
 *
 * `iretq` would do for the last step on real CPUs, but QEMU 7.2 reads its operands as the kernel's,
 * which SMAP forbids. So each class goes back in a way that suits it:
 *   faults    nothing of this class arrives unasked: the address and stack pointer are put back into
 *             the save area, and reached through %gs when every register is restored
 *   events    may arrive again as soon as the mask is clear: the address goes below the interrupted
 *             stack's red zone, and `ret 128` takes it from there
 *   calls     rcx is lost by `syscall` anyway
 * The trap flag is not restored: single steps end at an upcall.
 */
#include "libos/start/x86_64/upcall_layout.h"

#define TRAP_FLAG     0x100
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

        /* rsp = the frame. */
        .macro  restore_flags
        andl    $~TRAP_FLAG, 16(%rsp)
        pushq   16(%rsp)
        popfq
        .endm

        .macro  entry_begin name, class, handler, number
        .globl  \name
        .type   \name, @function
\name:
        lea     -FRAME_BYTES(%rsp), %rsp
        push_registers
        copy_frame \class
        call_handler \handler, \number
        .endm

        .macro  fault_entry name, handler, number
        entry_begin \name, CLASS_FAULT, \handler, \number
        mov     REGS_BYTES(%rsp), %rax
        mov     %rax, %gs:GS_SAVE
        mov     (REGS_BYTES + 24)(%rsp), %rax
        mov     %rax, %gs:(GS_SAVE + 24)
        pop_registers
        andq    $~(1 << CLASS_FAULT), %gs:GS_MASK
        restore_flags
        mov     %gs:(GS_SAVE + 24), %rsp
        jmp     *%gs:GS_SAVE
        .size   \name, . - \name
        .endm

        .macro  event_entry name, handler, number
        entry_begin \name, CLASS_EVENT, \handler, \number
        mov     (REGS_BYTES + 24)(%rsp), %rax
        mov     REGS_BYTES(%rsp), %rcx
        mov     %rcx, -136(%rax)
        mov     (REGS_BYTES + 16)(%rsp), %rcx
        and     $~TRAP_FLAG, %ecx
        mov     %rcx, -144(%rax)
        sub     $144, %rax
        mov     %rax, (REGS_BYTES + 24)(%rsp)
        pop_registers
        mov     24(%rsp), %rsp
        andq    $~(1 << CLASS_EVENT), %gs:GS_MASK
        popfq
        ret     $128
        .size   \name, . - \name
        .endm

        .text
        fault_entry libos_upcall_fault, libos_fault, 0
        fault_entry libos_upcall_exception, libos_fault, 1
        event_entry libos_upcall_notify, libos_event, 3
        event_entry libos_upcall_slice_begin, libos_event, 4
        event_entry libos_upcall_slice_end, libos_event, 5
        event_entry libos_upcall_revoke, libos_event, 6
        event_entry libos_upcall_reclaimed, libos_event, 7

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
        pop_registers
        mov     (%rsp), %rcx
        restore_flags
        mov     24(%rsp), %rsp
        jmp     *%rcx
        .size   libos_upcall_syscall, . - libos_upcall_syscall
        .section .note.GNU-stack, "", @progbits
