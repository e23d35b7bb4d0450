/* User threads: libos/uthread.c says what these do. */
        .text
        .globl  uthread_switch
        .type   uthread_switch, @function
uthread_switch:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, (%rdi)
        mov     %rsi, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret
        .size   uthread_switch, . - uthread_switch

/* As if uthread_switch had been called from uthread_first, with the entry in r12 and its argument
 * in r13. */
        .globl  uthread_frame
        .type   uthread_frame, @function
uthread_frame:
        lea     uthread_first(%rip), %rcx
        lea     -56(%rdi), %rax
        movq    $0, 0(%rax)             /* r15 */
        movq    $0, 8(%rax)             /* r14 */
        mov     %rdx, 16(%rax)          /* r13 */
        mov     %rsi, 24(%rax)          /* r12 */
        movq    $0, 32(%rax)            /* rbp */
        movq    $0, 40(%rax)            /* rbx */
        mov     %rcx, 48(%rax)
        ret
        .size   uthread_frame, . - uthread_frame

uthread_first:
        mov     %r13, %rdi
        call    *%r12
        ud2                             /* an entry does not return */
        .section .note.GNU-stack, "", @progbits
