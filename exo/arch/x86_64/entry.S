/* Into the kernel and out of it. Every entry begins at the top of the CPU's own stack. The common
 * events are tried first by C functions (exo/entry/hooks.def, exo/arch/upward.h) that find the user's
 * registers still in the CPU; what they decline is done with all registers saved in the thread. */

#define CPU_STACK    8                  /* offsets in struct cpu, asserted in cpu.c */
#define CPU_USER_RSP 16
#define CPU_CURRENT  40                 /* behind struct arch_cpu, asserted in exo/env/cpu.c */
#define CPU_LIKE     80                 /* and the kind of that thread; asserted there      */
#define JUDGED       128                /* a bit of it */
#define THREAD_REGS  64                 /* offset in struct thread, the same */
#define R15          (THREAD_REGS + 0)  /* from here on offsets in struct thread, asserted in cpu.c */
#define R14          (THREAD_REGS + 8)
#define R13          (THREAD_REGS + 16)
#define R12          (THREAD_REGS + 24)
#define RBP          (THREAD_REGS + 32)
#define RBX          (THREAD_REGS + 40)
#define R11          (THREAD_REGS + 48)
#define R10          (THREAD_REGS + 56)
#define R9           (THREAD_REGS + 64)
#define R8           (THREAD_REGS + 72)
#define RDI          (THREAD_REGS + 80)
#define RSI          (THREAD_REGS + 88)
#define RDX          (THREAD_REGS + 96)
#define RCX          (THREAD_REGS + 104)
#define RAX          (THREAD_REGS + 112)
#define VECTOR       (THREAD_REGS + 120)
#define ERROR        (THREAD_REGS + 128)
#define RIP          (THREAD_REGS + 136)
#define RFLAGS       (THREAD_REGS + 152)
#define RSP          (THREAD_REGS + 160)
#define GS_BASE      (THREAD_REGS + 184)

#define SYS_BASE     0x65786f00         /* exo/abi/syscall.h, asserted in cpu.c */
#define SYS_PCT_CALL   17
#define SYS_PCT_RETURN 19
#define IPC_RETURN   0xffffff0000001092 /* where the first link of IPC returns to, the same */
#define CALL_NO_REPLY  1000             /* exo/arch/upward.h, the same */
#define CALL_LOST      1002
#define CALL_PREEMPTED 1003

#define VECTOR_CALL       0x100         /* arch_regs.h, the same */
#define VECTOR_PAGE_FAULT 14

        .section .rodata
        .balign 8
ipc_return:
        .quad IPC_RETURN

        .text
        .macro save_message to          /* the registers that a call may change, but rcx and r11 */
        mov %r10, R10(\to)
        mov %r9, R9(\to)
        mov %r8, R8(\to)
        mov %rdi, RDI(\to)
        mov %rsi, RSI(\to)
        mov %rdx, RDX(\to)
        mov %rax, RAX(\to)
        .endm

        .macro save_message_kept to     /* and those that it keeps, but rbp */
        mov %r15, R15(\to)
        mov %r14, R14(\to)
        mov %r13, R13(\to)
        mov %r12, R12(\to)
        mov %rbx, RBX(\to)
        .endm

        .macro save_kept to
        save_message_kept \to
        mov %rbp, RBP(\to)
        .endm

        .macro restore_kept from
        mov R15(\from), %r15
        mov R14(\from), %r14
        mov R13(\from), %r13
        mov R12(\from), %r12
        mov RBP(\from), %rbp
        mov RBX(\from), %rbx
        .endm

        .macro clear_lost               /* what a call does not keep, but for its two results */
        xor %edi, %edi
        xor %esi, %esi
        xor %r8d, %r8d
        xor %r9d, %r9d
        xor %r10d, %r10d
        .endm

/* `syscall`. rcx and r11 hold rip and rflags; cs and ss of a thread never change. Whose return
 * address lies in the kernel's half came by a link of the kernel interface page: nothing else there
 * can be executed. Those of the other links lie below IPC's, by less than half of all addresses; the
 * user's lie above it, as far as the sign of the difference goes. */
        .globl arch_call_entry
        .balign 64
arch_call_entry:
        swapgs
        cmp ipc_return(%rip), %rcx
        jae call_ipc
        js call_link
        sub $SYS_BASE, %rax
        cmp $256, %rax
        jae call_foreign
        jmp *arch_call_ways(, %rax, 8)

/* An exokernel call where there is one CPU. C keeps the registers that calls keep, so none is saved
 * unless something else than the caller is to run, or the call is one of those that look at them. */
        .globl arch_call_plain, arch_call_locked, arch_call_saved
arch_call_plain:
        mov %rsp, %gs:CPU_USER_RSP
        mov %gs:CPU_STACK, %rsp
        push %rcx
        push %r11
        mov %r10, %rcx
        call *trap_calls(, %rax, 8)
call_done:
        cmp $CALL_NO_REPLY, %rax
        jae call_leave
        pop %r11
        pop %rcx
        mov %gs:CPU_USER_RSP, %rsp
        clear_lost
        swapgs
        sysretq

/* Where there are several. */
arch_call_locked:
        mov %rsp, %gs:CPU_USER_RSP
        mov %gs:CPU_STACK, %rsp
        push %rcx
        push %r11
        mov %rax, %r11
call_locked:
        call trap_lock
        test %al, %al
        mov $CALL_LOST, %eax
        jz call_leave
        mov %r10, %rcx
        call *trap_calls(, %r11, 8)
        call trap_unlock
        jmp call_done

/* All of it is saved: the caller may have left this CPU when the call returns. */
arch_call_saved:
        mov %rsp, %gs:CPU_USER_RSP
        mov %gs:CPU_STACK, %rsp
        push %rcx
        push %r11
        mov %rax, %r11
        add $SYS_BASE, %rax
        mov %gs:CPU_CURRENT, %rcx
        save_message %rcx
        save_kept %rcx
        mov (%rsp), %rax
        mov %rax, RFLAGS(%rcx)
        mov 8(%rsp), %rax
        mov %rax, RIP(%rcx)
        mov %gs:CPU_USER_RSP, %rax
        mov %rax, RSP(%rcx)
        cmpl $1, cpu_count(%rip)
        jne call_locked
        mov %r10, %rcx
        call *trap_calls(, %r11, 8)
        jmp call_done

call_leave:
        cmp $CALL_PREEMPTED, %rax
        je call_preempted
        mov %rax, %rdi
        cmp $CALL_LOST, %rax
        je 1f                           /* the caller is gone, or its registers are another's doing */
        mov %gs:CPU_CURRENT, %rcx
        save_kept %rcx
        pop RFLAGS(%rcx)
        pop RIP(%rcx)
        mov %gs:CPU_USER_RSP, %rax
        mov %rax, RSP(%rcx)
1:      mov %gs:CPU_STACK, %rsp
        call trap_leave
        jmp arch_resume

/* The caller is in rdx; another runs, whose call ends, too. */
call_preempted:
        save_kept %rdx
        pop RFLAGS(%rdx)
        pop RIP(%rdx)
        mov %gs:CPU_USER_RSP, %rax
        mov %rax, RSP(%rdx)
        mov %gs:CPU_CURRENT, %rsp
        restore_kept %rsp
        xor %eax, %eax
        mov RDX(%rsp), %rdx
        clear_lost
        mov RFLAGS(%rsp), %r11
        mov GS_BASE(%rsp), %rcx
        swapgs
        wrgsbase %rcx
        mov RIP(%rsp), %rcx
        mov RSP(%rsp), %rsp
        sysretq

/* A protected control transfer: the message stays in the registers, and the hooks, which use rax, rcx
 * and r11 alone, leave by themselves (arch_pct_enter, arch_pct_return). The caller's that calls keep are
 * saved, too, for the case that the callee ends first. */
        .globl arch_call_pct_call, arch_call_pct_return
arch_call_pct_call:
        mov %gs:CPU_CURRENT, %rax
        mov %rcx, RIP(%rax)
        mov %r11, RFLAGS(%rax)
        save_kept %rax
        mov %rsp, RSP(%rax)
        mov %gs:CPU_STACK, %rsp
        call hook_pct_call
        mov %gs:CPU_CURRENT, %rsp       /* declined */
        mov RIP(%rsp), %rcx
        mov RFLAGS(%rsp), %r11
        mov RSP(%rsp), %rsp
        mov $SYS_PCT_CALL, %eax
        jmp arch_call_saved

/* And back. Nothing of the callee's is saved: it goes on at its entry. */
arch_call_pct_return:
        mov %rsp, %gs:CPU_USER_RSP
        mov %gs:CPU_STACK, %rsp
        push %rcx
        push %r11
        call hook_pct_return
        pop %r11
        pop %rcx
        mov %gs:CPU_USER_RSP, %rsp
        mov $SYS_PCT_RETURN, %eax
        jmp arch_call_saved

/* An IPC: the message stays in the registers, but for MR1, which is in rbp meanwhile. The C function uses
 * none of those, and leaves by itself (arch_ipc_leave). Its arguments but one stand where the links'
 * convention has them. By that convention the sender's other registers are lost; but rbp is kept, and
 * rdi is the address of MR0 before and afterwards. */
call_ipc:
        mov %gs:CPU_CURRENT, %rdi
        mov %rsp, RSP(%rdi)
        mov %rcx, RIP(%rdi)
        mov %r11, RFLAGS(%rdi)
        mov %rbp, RBP(%rdi)
        mov %gs:CPU_STACK, %rsp
        mov %rax, %rbp
        call hook_ipc_fast
        mov %gs:CPU_CURRENT, %rdi       /* declined: the hook has saved its own arguments */
        mov %rbp, RAX(%rdi)
        mov %r10, R10(%rdi)
        save_message_kept %rdi
        call trap_ipc
        jmp arch_resume

/* Another call by a link. */
call_link:
        mov %rsp, %gs:CPU_USER_RSP
        mov %gs:CPU_STACK, %rsp
        push %rcx
        mov %gs:CPU_CURRENT, %rcx
        save_message %rcx
        save_kept %rcx
        mov %r11, RFLAGS(%rcx)
        pop RIP(%rcx)
        mov %gs:CPU_USER_RSP, %rax
        mov %rax, RSP(%rcx)
        mov %gs:CPU_STACK, %rsp
        call trap_link
        jmp arch_resume

/* A call of another system, to the thread's own handler if that needs nothing else. */
call_foreign:
        mov %rsp, %gs:CPU_USER_RSP
        mov %gs:CPU_STACK, %rsp
        push %rcx
        push %r11
        add $SYS_BASE, %rax
        push %rax
        call trap_reflect_fast
        test %rax, %rax
        pop %rax
        pop %r11
        pop %rcx
        jz 1f
        mov %gs:CPU_USER_RSP, %rsp
        swapgs
        sysretq
1:      testb $JUDGED, %gs:CPU_LIKE
        jnz call_judged
call_reflected:
        push %rcx
        mov %gs:CPU_CURRENT, %rcx
        save_message %rcx
        save_kept %rcx
        mov %r11, RFLAGS(%rcx)
        pop RIP(%rcx)
        mov %gs:CPU_USER_RSP, %rax
        mov %rax, RSP(%rcx)
        call trap_reflect
        jmp arch_resume

/* There may be a graft to ask: its context is made here, struct graft_system_call. */
call_judged:
        push %r11
        push $0
        push %rcx
        push %r9
        push %r8
        push %r10
        push %rdx
        push %rsi
        push %rdi
        push %rax
        mov %rsp, %rdi
        call trap_judge_call
        test %al, %al
        pop %rax
        pop %rdi
        pop %rsi
        pop %rdx
        pop %r10
        pop %r8
        pop %r9
        pop %rcx
        lea 8(%rsp), %rsp
        pop %r11
        jz call_reflected
        mov %gs:CPU_USER_RSP, %rsp
        swapgs
        sysretq

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
