/* Calls that are cancellation points: a file of its own, so that only programs which cancel threads
 * bring in what it needs of musl. */

        .text

/* libos_syscall_cp(cancelled, number, a1 .. a6): does not begin the call when *cancelled is set.
 * Between __cp_begin and __cp_end a cancellation may set the program counter to __cp_cancel.
 * linux_syscall_cp is the same for a program that runs on Linux (way_linux.h): between the two
 * labels, too, and up to the `syscall`, so that a call which is done is not forgotten. A family's door
 * returns there as well: a call of its that begins again does so by that instruction, and the door
 * is the way of all others. */
        .global libos_syscall_cp, linux_syscall_cp, __cp_begin, __cp_end, __cp_cancel
        .type libos_syscall_cp, @function
        .type linux_syscall_cp, @function
        .hidden __cancel, __cp_begin, __cp_end, __cp_cancel, libos_door
libos_syscall_cp:
__cp_begin:
        mov (%rdi), %eax
        test %eax, %eax
        jnz 2f
        cmpq $0, libos_door(%rip)
        je 1f
linux_syscall_cp:
        mov (%rdi), %eax
        test %eax, %eax
2:      jnz __cp_cancel
        mov %rsi, %rax
        mov %rdx, %rdi
        mov %rcx, %rsi
        mov %r8, %rdx
        mov %r9, %r10
        mov 8(%rsp), %r8
        mov 16(%rsp), %r9
        cmpq $0, libos_door(%rip)
        je 3f
        lea __cp_end(%rip), %rcx
        jmp *libos_door(%rip)
3:      syscall
__cp_end:
        ret
1:      mov %rsi, %rdi
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
