/*
 * Protected control transfer. The registers rdi, rsi, rdx, r10, r8, r9 and the callee-saved ones
 * cross the border; the message is rsi, rdx, r10, r8, r9 (struct pct_words, in that order).
 */
#include "libos/start/x86_64/upcall_layout.h"

#define SYS_PCT_CALL   0x65786f11 /* libos/upcall.c asserts both */
#define SYS_PCT_RETURN 0x65786f13

/* enum err pct_call(slot_t thread, struct pct_words *words) */
        .text
        .globl  pct_call
        .type   pct_call, @function
pct_call:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        push    %rsi
        mov     %rsi, %rax
        mov     0(%rax), %rsi
        mov     8(%rax), %rdx
        mov     16(%rax), %r10
        mov     24(%rax), %r8
        mov     32(%rax), %r9
        mov     $SYS_PCT_CALL, %eax
        syscall
        pop     %rcx
        mov     %rsi, 0(%rcx)
        mov     %rdx, 8(%rcx)
        mov     %r10, 16(%rcx)
        mov     %r8, 24(%rcx)
        mov     %r9, 32(%rcx)
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        cld                             /* flags are the callee's */
        ret
        .size   pct_call, . - pct_call

/* Where a transfer enters, on utcb_exo.pct_stack: pct_handler(caller's thread ID, words), then the
 * words go back. Nothing else of this thread's registers does. */
        .globl  pct_entry
        .type   pct_entry, @function
pct_entry:
        cld
        and     $-16, %rsp
        sub     $8, %rsp                /* five words and this keep the stack aligned */
        push    %r9
        push    %r8
        push    %r10
        push    %rdx
        push    %rsi
        mov     %rax, %rdi
        mov     %rsp, %rsi
        call    *pct_handler(%rip)
        pop     %rsi
        pop     %rdx
        pop     %r10
        pop     %r8
        pop     %r9
        xor     %edi, %edi
        xor     %ebx, %ebx
        xor     %ebp, %ebp
        xor     %r12d, %r12d
        xor     %r13d, %r13d
        xor     %r14d, %r14d
        xor     %r15d, %r15d
        mov     $SYS_PCT_RETURN, %eax
        syscall
        ud2                             /* pct_return does not come back */
        .size   pct_entry, . - pct_entry

/* void pct_wait(void): the thread serves from now on. */
        .globl  pct_wait
        .type   pct_wait, @function
pct_wait:
        mov     $SYS_PCT_RETURN, %eax
        syscall
        ud2
        .size   pct_wait, . - pct_wait
        .section .note.GNU-stack, "", @progbits
