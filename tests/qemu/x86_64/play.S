/* Where threads that play random L4 calls begin, each on its own stack, and how a call is made. */
#include "tests/qemu/x86_64/saved.inc"

#define UTCB_BITS   12
#define STACK_BYTES 16384
#define SLOTS       7                   /* of sixteen UTCBs: the lowest bits of the number, + 1 */

        .text
/* A thread comes here with nothing but its UTCB: the number of that chooses the stack. */
        .globl  play_entry
play_entry:
        mov     %gs:0, %rax
        shr     $UTCB_BITS, %rax
        and     $SLOTS, %eax
        inc     %eax
        imul    $STACK_BYTES, %rax, %rax
        lea     play_stacks(%rip), %rsp
        add     %rax, %rsp
        xor     %ebp, %ebp
        call    play
        ud2

/* void play_enter(struct x2_regs *regs, uint64_t link): makes the call with these registers, of which
 * rsi comes back. A link keeps rsp alone. */
        .globl  play_enter
play_enter:
        push_saved
        push    %rdi
        push    %rsi
        mov     %rdi, %rbp
        mov     0(%rbp), %rax
        mov     8(%rbp), %rbx
        mov     16(%rbp), %rcx
        mov     24(%rbp), %rdx
        mov     32(%rbp), %rsi
        mov     40(%rbp), %rdi
        mov     48(%rbp), %r8
        mov     56(%rbp), %r9
        mov     64(%rbp), %r10
        mov     72(%rbp), %r11
        mov     80(%rbp), %r12
        mov     88(%rbp), %r13
        mov     96(%rbp), %r14
        mov     104(%rbp), %r15
        call    *(%rsp)
        pop     %rax
        pop     %rdi
        mov     %rsi, 32(%rdi)
        pop_saved
        ret

        .bss
        .balign 16
play_stacks:
        .skip   (SLOTS + 1) * STACK_BYTES

        .section .note.GNU-stack, "", @progbits
