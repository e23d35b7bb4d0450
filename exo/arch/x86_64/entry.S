/* Into the kernel and out of it. Registers are saved into the current thread (struct regs), whose end
 * is the stack that the CPU, and the code here, push on; the kernel then runs on its CPU's stack. */

#define CPU_REGS_TOP 8                  /* offsets in struct cpu, asserted in cpu.c */
#define CPU_STACK    16
#define CPU_SCRATCH  24
#define CPU_CURRENT  32
#define REGS_VECTOR  120                /* offsets in struct regs, asserted there */
#define REGS_RIP     136
#define REGS_RFLAGS  152
#define REGS_RSP     160

#define SYS_BASE     0x65786f00         /* exo/abi/syscall.h, asserted in cpu.c */
#define SYS_PCT_CALL   17
#define SYS_PCT_RETURN 19
#define LAST_IPC     18                 /* return address of the second link, Lipc, in that page */
#define WINDOW_STUBS 0xffffff0000001000 /* exo/abi/kinfo.h, the same */

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

/* Calls `function` with the message registers out of its way. When it says so (not 0, and that is the
 * new rax), leaves to the thread switched to with them; else goes on to 4. */
        .macro pct_try function
        mov %gs:CPU_STACK, %rsp
        push %rdi
        push %rsi
        push %rdx
        push %r8
        push %r9
        push %r10
        push %rax
        push %rcx
        call \function
        test %rax, %rax
        jz 8f
        mov 16(%rsp), %r10
        mov 24(%rsp), %r9
        mov 32(%rsp), %r8
        mov 40(%rsp), %rdx
        mov 48(%rsp), %rsi
        mov 56(%rsp), %rdi
        sub $1, %rax
        mov %gs:CPU_CURRENT, %rsp
        mov REGS_RIP(%rsp), %rcx
        mov REGS_RFLAGS(%rsp), %r11
        mov REGS_RSP(%rsp), %rsp
        swapgs
        sysretq
8:      pop %rcx
        pop %rax
        pop %r10
        pop %r9
        pop %r8
        pop %rdx
        pop %rsi
        pop %rdi
        mov %gs:CPU_CURRENT, %rsp
        jmp 4f
        .endm

/* `syscall`. rcx and r11 hold rip and rflags; cs and ss of a thread never change. Exokernel calls leave
 * as they came unless something else is to run: C keeps the registers that calls keep.
 *
 * An IPC is tried first with its message left in the registers: if the partner waits, it runs on with
 * them at once. By the links' convention the sender's other registers are lost; rbp is kept. */
        .globl arch_call_entry
        .balign 64
arch_call_entry:
        swapgs
        mov %rsp, %gs:CPU_SCRATCH
        mov %gs:CPU_CURRENT, %rsp
        mov %rcx, REGS_RIP(%rsp)
        mov %r11, REGS_RFLAGS(%rsp)
        mov %rbp, 32(%rsp)
        mov %gs:CPU_SCRATCH, %r11
        mov %r11, REGS_RSP(%rsp)
        movl $VECTOR_CALL, REGS_VECTOR(%rsp)
        movabs $WINDOW_STUBS, %r11
        sub %r11, %rcx
        cmp $LAST_IPC, %rcx
        ja 5f

        mov %gs:CPU_STACK, %rsp
        push %rax
        push %r9
        push %r10
        push %rdi
        push %rsi
        push %rdx
        push %r8
        push %rcx
        mov %rsi, %rdi
        mov %rdx, %rsi
        mov %r8, %rdx
        mov %r9, %rcx
        call hook_ipc_fast
        test %rax, %rax
        jz 3f
        mov %rax, %rsi
        mov 40(%rsp), %r10
        mov 48(%rsp), %r9
        and $~0xf000, %r9               /* the tag's flags are the kernel's */
        mov 56(%rsp), %rax
        mov %gs:CPU_CURRENT, %rsp
        mov 32(%rsp), %rbp
        mov REGS_RIP(%rsp), %rcx
        mov REGS_RFLAGS(%rsp), %r11
        mov REGS_RSP(%rsp), %rsp
        xor %edi, %edi
        xor %edx, %edx
        xor %r8d, %r8d
        swapgs
        sysretq

/* A protected control transfer likewise; the caller's callee-saved registers are kept for the case that
 * the callee ends first. */
5:      cmp $(SYS_BASE + SYS_PCT_RETURN), %rax
        je 6f
        cmp $(SYS_BASE + SYS_PCT_CALL), %rax
        jne 4f
        mov %rbx, 40(%rsp)
        mov %r12, 24(%rsp)
        mov %r13, 16(%rsp)
        mov %r14, 8(%rsp)
        mov %r15, 0(%rsp)
        pct_try hook_pct_call
6:      pct_try hook_pct_return

3:      pop %rcx
        pop %r8
        pop %rdx
        pop %rsi
        pop %rdi
        pop %r10
        pop %r9
        pop %rax
        mov %gs:CPU_CURRENT, %rsp
4:      mov %r15, 0(%rsp)
        mov %r14, 8(%rsp)
        mov %r13, 16(%rsp)
        mov %r12, 24(%rsp)
        mov %rbx, 40(%rsp)
        mov %r10, 56(%rsp)
        mov %r9, 64(%rsp)
        mov %r8, 72(%rsp)
        mov %rdi, 80(%rsp)
        mov %rsi, 88(%rsp)
        mov %rdx, 96(%rsp)
        mov %rax, 112(%rsp)
        mov %rsp, %rdi
        mov %gs:CPU_STACK, %rsp
        cmp $4096, %rcx
        jb 2f
        lea -SYS_BASE(%rax), %rsi
        cmp $256, %rsi
        jae 1f
        call trap_call
        mov %gs:CPU_CURRENT, %rsp
        mov REGS_RIP(%rsp), %rcx
        mov REGS_RFLAGS(%rsp), %r11
        mov REGS_RSP(%rsp), %rsp
        xor %edi, %edi
        xor %esi, %esi
        xor %r8d, %r8d
        xor %r9d, %r9d
        xor %r10d, %r10d
        swapgs
        sysretq
1:      call trap_reflect
        jmp arch_resume
2:      mov %ecx, %esi
        call trap_link
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
        clac                            /* an interrupt keeps the user's AC flag, and with it SMAP off */
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
