/* x86-64: tests/lab/wait.h. */
        .text
        .globl  wait_loops
        .type   wait_loops, @function
wait_loops:
        mov     $0, %eax
1:      inc     %rax
        cmp     %rcx, %rax
        ja      2f
        movb    (%rdx), %r8b
        cmp     %esi, (%rdi)
        jne     1b
2:      ret

        .globl  wait_used
        .type   wait_used, @function
wait_used:
        mov     $0, %eax
1:      inc     %rax
        cmp     %rcx, %rax
        ja      2f
        movb    (%rdx), %r8b
        cmp     %si, (%rdi)
        jne     1b
2:      ret

        .section .note.GNU-stack, "", @progbits
