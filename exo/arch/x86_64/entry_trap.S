/* Exceptions and interrupts, and leaving to a thread with all its registers. As with calls (entry.S) C
 * functions try the common exceptions first, and what they decline is saved in the thread. */
#include "exo/arch/x86_64/entry_frame.inc"

        .text

        /* An exception or interrupt, its number and error code on the stack: all registers into the
         * thread. */
        .macro save_interrupted
        push %rdi
        mov %gs:CPU_CURRENT, %rdi
        save_kept %rdi
        mov %r11, R11(%rdi)
        mov %rcx, RCX(%rdi)
        mov %r10, R10(%rdi)
        mov %r9, R9(%rdi)
        mov %r8, R8(%rdi)
        mov %rsi, RSI(%rdi)
        mov %rdx, RDX(%rdi)
        mov %rax, RAX(%rdi)
        pop RDI(%rdi)
        pop VECTOR(%rdi)
        pop ERROR(%rdi)
        pop RIP(%rdi)
        pop %rax                        /* cs */
        pop RFLAGS(%rdi)
        pop RSP(%rdi)
        pop %rax                        /* ss */
        .endm

/* Exceptions: to the thread's own handler if that needs nothing else. On the stack are the vector's
 * number and an error code, the CPU's or a 0; only page faults push their number late. An interrupt
 * keeps the user's AC flag, and with it SMAP off. */
        .balign 64
trap_page_fault:
        testb $3, 16(%rsp)
        jz 1f
        swapgs
        cld
        clac
        push %rax
        call trap_fault_fast
        test %rax, %rax
        pop %rax
        jz 2f
        add $8, %rsp
        swapgs
        iretq
1:      cmpq $user_code_read, 8(%rsp)
        je 3f
        push $VECTOR_PAGE_FAULT
        jmp trap_in_kernel
3:      movq $user_code_gone, 8(%rsp)
        add $8, %rsp
        iretq
2:      testb $JUDGED, %gs:CPU_LIKE
        jnz 4f
        push $VECTOR_PAGE_FAULT
        save_interrupted
        call trap_fault
        jmp arch_resume
4:      push %rax                       /* there may be a graft to ask */
        call trap_judge_fault
        test %rax, %rax
        pop %rax
        jz 5f
        add $8, %rsp
        swapgs
        iretq
5:      push $VECTOR_PAGE_FAULT
        jmp trap_save

/* eax = the two bytes at rdi, or 0: the one place where the kernel reads at a user's address. */
        .globl user_code
user_code:
        stac
user_code_read:
        movzwl (%rdi), %eax
        clac
        ret
user_code_gone:
        clac
        xor %eax, %eax
        ret

        .balign 64
trap_exception:
        testb $3, 24(%rsp)
        jz trap_in_kernel
        swapgs
        cld
        clac
        push %rax
        call trap_exception_fast
        test %rax, %rax
        pop %rax
        jz trap_save
        add $16, %rsp
        swapgs
        iretq

        .balign 64
trap_interrupt:
        testb $3, 24(%rsp)
        jz trap_in_kernel
        swapgs
        cld
        clac
trap_save:
        save_interrupted
        call trap_user
        /* falls through */

        .macro restore_all
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rdi
        pop %rsi
        pop %rdx
        pop %rcx
        pop %rax
        .endm

        .globl arch_resume
arch_resume:
        mov %gs:CPU_CURRENT, %rsp
        mov GS_BASE(%rsp), %rax
        swapgs
        wrgsbase %rax
        add $THREAD_REGS, %rsp
        restore_all
        cmpl $VECTOR_CALL, (%rsp)
        jne 1f
        mov 16(%rsp), %rcx
        mov 32(%rsp), %r11
        mov 40(%rsp), %rsp
        sysretq
1:      movl $VECTOR_CALL, (%rsp)
        add $16, %rsp
        iretq

        .macro save_all
        push %rax
        push %rcx
        push %rdx
        push %rsi
        push %rdi
        push %r8
        push %r9
        push %r10
        push %r11
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, %rdi
        cld
        .endm

trap_in_kernel:
        save_all
        call trap_kernel
        restore_all
        add $16, %rsp
        iretq

/* Double fault, machine check and NMI have stacks of their own, and end the machine. */
trap_fatal_common:
        save_all
        call trap_fatal
        ud2

        .altmacro
        .macro vector n
        .balign 16
        .if \n == 14
        jmp trap_page_fault
        .else
        .if (\n == 8) || (\n >= 10 && \n <= 13) || (\n == 17) || (\n == 21) || (\n == 29) || (\n == 30)
        .else
        push $0
        .endif
        pushq $\n
        .if (\n == 2) || (\n == 8) || (\n == 18)
        jmp trap_fatal_common
        .elseif \n < 32
        jmp trap_exception
        .else
        jmp trap_interrupt
        .endif
        .endif
        .endm

        .globl arch_vectors
        .balign 16
arch_vectors:
        .set i, 0
        .rept 256
        vector %i
        .set i, i + 1
        .endr
