/* Into the kernel and out of it. Registers are saved into the current thread (struct regs), whose end
 * is the stack that the CPU, and the code here, push on; the kernel then runs on its CPU's stack. */

#define CPU_REGS_TOP 8                  /* offsets in struct cpu, asserted in cpu.c */
#define CPU_STACK    16
#define CPU_SCRATCH  24
#define CPU_CURRENT  32
#define REGS_VECTOR  120

#define VECTOR_CALL  0x100

        .text
        .macro save_registers
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
        .endm

        .macro restore_registers
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

        .globl arch_call_entry
        .balign 64
arch_call_entry:
        swapgs
        mov %rsp, %gs:CPU_SCRATCH
        mov %gs:CPU_REGS_TOP, %rsp
        push $0x1b
        push %gs:CPU_SCRATCH
        push %r11
        push $0x23
        push %rcx
        push $0
        push $VECTOR_CALL
        save_registers
        mov %rsp, %rdi
        mov %gs:CPU_STACK, %rsp
        call trap_call
        jmp arch_resume

        .balign 64
trap_common:
        testb $3, 24(%rsp)
        jz trap_in_kernel
        swapgs
        save_registers
        mov %rsp, %rdi
        mov %gs:CPU_STACK, %rsp
        cld
        call trap_user
        /* falls through */

        .globl arch_resume
arch_resume:
        mov %gs:CPU_CURRENT, %rsp
        cmpl $VECTOR_CALL, REGS_VECTOR(%rsp)
        restore_registers
        jne 1f
        mov 16(%rsp), %rcx
        mov 32(%rsp), %r11
        mov 40(%rsp), %rsp
        swapgs
        sysretq
1:      add $16, %rsp
        swapgs
        iretq

trap_in_kernel:
        save_registers
        mov %rsp, %rdi
        cld
        call trap_kernel
        restore_registers
        add $16, %rsp
        iretq

/* Double fault, machine check and NMI have stacks of their own, and end the machine. */
trap_fatal_common:
        save_registers
        mov %rsp, %rdi
        cld
        call trap_fatal
        ud2

        .altmacro
        .macro vector n
        .balign 16
        .if (\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17) || (\n == 21) || (\n == 29) || (\n == 30)
        .else
        push $0
        .endif
        pushq $\n
        .if (\n == 2) || (\n == 8) || (\n == 18)
        jmp trap_fatal_common
        .else
        jmp trap_common
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
