/* What stands for the core's functions in a program that runs on Linux: each executes `syscall`. */

#define NR_RT_SIGRETURN 15
#define NR_MUNMAP       11
#define NR_CLONE        56
#define NR_VFORK        58
#define NR_EXIT         60
#define NR_ARCH_PRCTL   158
#define ARCH_SET_FS     0x1002

        .text

.macro function name
        .globl  \name
        .type   \name, @function
        .balign 16
\name:
.endm

/* A call without arguments. */
.macro ask name number
        function \name
        mov     $\number, %eax
        syscall
        ret
        .size   \name, . - \name
.endm

/* linux_syscall(number, a1 .. a6) */
        function linux_syscall
        mov     %rdi, %rax
        mov     %rsi, %rdi
        mov     %rdx, %rsi
        mov     %rcx, %rdx
        mov     %r8, %r10
        mov     %r9, %r8
        mov     8(%rsp), %r9
        syscall
        ret
        .size   linux_syscall, . - linux_syscall

        function linux_set_fs
        mov     %rdi, %rsi
        mov     $ARCH_SET_FS, %edi
        mov     $NR_ARCH_PRCTL, %eax
        syscall
        ret
        .size   linux_set_fs, . - linux_set_fs

/* linux_clone(fn, stack, flags, arg, ptid, tls, ctid): fn and arg wait on the new stack. */
        function linux_clone
        mov     8(%rsp), %r10
        and     $-16, %rsi
        sub     $16, %rsi
        mov     %rdi, (%rsi)
        mov     %rcx, 8(%rsi)
        mov     %rdx, %rdi
        mov     %r8, %rdx
        mov     %r9, %r8
        mov     $NR_CLONE, %eax
        syscall
        test    %eax, %eax
        jz      1f
        ret
1:      xor     %ebp, %ebp
        pop     %rax
        pop     %rdi
        call    *%rax
        mov     %eax, %edi
        mov     $NR_EXIT, %eax
        syscall
        ud2
        .size   linux_clone, . - linux_clone

/* The return address stays in a register: the child would leave its own on the stack they share. */
        function linux_vfork
        .hidden __syscall_ret
        pop     %rdx
        mov     $NR_VFORK, %eax
        syscall
        push    %rdx
        mov     %rax, %rdi
        jmp     __syscall_ret
        .size   linux_vfork, . - linux_vfork

/* linux_unmapself(base, bytes): there is no stack in between. */
        function linux_unmapself
        mov     $NR_MUNMAP, %eax
        syscall
        xor     %edi, %edi
        mov     $NR_EXIT, %eax
        syscall
        ud2
        .size   linux_unmapself, . - linux_unmapself

        function linux_sigreturn
        mov     $NR_RT_SIGRETURN, %eax
        syscall
        ud2
        .size   linux_sigreturn, . - linux_sigreturn

        ask     linux_getpid 39
        ask     linux_getuid 102
        ask     linux_getgid 104
        ask     linux_geteuid 107
        ask     linux_getegid 108
        ask     linux_getppid 110

        .section .note.GNU-stack, "", @progbits
