/* Calls that are cancellation points: a file of its own, so that only programs which cancel threads
 * bring in what it needs of musl. */
#include "libos-posix/way_libos_door.inc"

        .text

/* libos_syscall_cp(cancelled, number, a1 .. a6): does not begin the call when *cancelled is set.
 * Between __cp_begin and __cp_end a cancellation may set the program counter to __cp_cancel: a call of
 * the family's that waits is there, for it would begin again. */
        .global libos_syscall_cp, __cp_begin, __cp_end, __cp_cancel
        .type libos_syscall_cp, @function
        .hidden __cancel, __cp_begin, __cp_end, __cp_cancel
libos_syscall_cp:
        cmpq $0, libos_door(%rip)
        je 1f
__cp_begin:
        mov (%rdi), %eax
        test %eax, %eax
        jnz __cp_cancel
        mov %rsi, %rax
        mov %rdx, %rdi
        mov %rcx, %rsi
        mov %r8, %rdx
        mov %r9, %r10
        mov 8(%rsp), %r8
        mov 16(%rsp), %r9
        door_call
__cp_end:
        ret
1:      mov (%rdi), %eax
        test %eax, %eax
        jnz __cp_cancel
        mov %rsi, %rdi
        mov %rdx, %rsi
        mov %rcx, %rdx
        mov %r8, %rcx
        mov %r9, %r8
        mov 8(%rsp), %r9
        pushq 16(%rsp)
        call libos_syscall
        add $8, %rsp
        ret
__cp_cancel:
        jmp __cancel
        .size libos_syscall_cp, . - libos_syscall_cp

        .section .note.GNU-stack, "", @progbits
