/* Calls: into the kernel and out of it. Every entry begins at the top of the CPU's own stack. The common
 * calls are tried first by C functions (exo/entry/hooks.def, exo/arch/upward.h) that find the user's
 * registers still in the CPU; what they decline is done with all registers saved in the thread. */
#include "exo/arch/x86_64/entry_frame.inc"

        .section .rodata
        .balign 8
ipc_return:
        .quad IPC_RETURN

        .text

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
 * and r11 alone, leave by themselves (arch_pct_enter, arch_pct_return). What the caller gets back is the
 * callee's, or 0 if that ends first: none of its own registers is saved but where it goes on. */
        .globl arch_call_pct_call, arch_call_pct_return
arch_call_pct_call:
        mov %gs:CPU_CURRENT, %rax
        mov %rcx, RIP(%rax)
        mov %r11, RFLAGS(%rax)
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
        jz 1f
call_goes_on:
        pop %rax
        pop %r11
        pop %rcx
        mov %gs:CPU_USER_RSP, %rsp
        swapgs
        sysretq
1:      testb $JUDGED, %gs:CPU_LIKE
        jnz call_judged
        pop %rax
        pop %r11
        pop %rcx
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

/* There may be a graft to ask: its context is made here, struct graft_system_call, below what is on the stack
 * already. If its code keeps registers nothing else is saved. */
call_judged:
        push $0
        push %rcx
        push %r9
        push %r8
        push %r10
        push %rdx
        push %rsi
        push %rdi
        push 64(%rsp)
        mov %rsp, %rdi
        call trap_judge_quickly
        test %rax, %rax
        jz 1f
        mov 8(%rsp), %rdi
        add $72, %rsp
        jmp call_goes_on
1:      call trap_judge_call
        test %eax, %eax
        pop %rax
        pop %rdi
        pop %rsi
        pop %rdx
        pop %r10
        pop %r8
        pop %r9
        lea 24(%rsp), %rsp
        pop %r11
        pop %rcx
        jz call_reflected
        js call_passed
        mov %gs:CPU_USER_RSP, %rsp
        swapgs
        sysretq
call_passed:
        push %rcx
        push %r11
        push %rax
        call trap_reflect_passed
        test %rax, %rax
        pop %rax
        pop %r11
        pop %rcx
        jz call_reflected
        mov %gs:CPU_USER_RSP, %rsp
        swapgs
        sysretq
