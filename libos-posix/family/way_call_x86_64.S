/* Where calls of programs enter the core of their family: by the sled, by the door, reflected. */
#include "libos-posix/family/patch_layout.h"
#include "libos-posix/way/quick_layout.h"

#define SITES_MASK 1023 /* patch_site_x86_64.c */
#define FUNCTION_SHIFT 4

#define VECTORS    512
#define DIRECT     (VECTORS + 24)      /* below what is pushed: two arguments, the vector registers */
#define DIRECT_RDI (DIRECT + 6 * 8)
#define WORD(n)    (GS_CALL_SAVE + n * 8)

/*
 * All three come to way_call, or to 1: with the stack pointer of the program, its flags and its %rdi on the
 * stack for the core, the address to go on at in %rcx, and all other registers but %r11 as at `syscall`.
 * Afterwards all are as behind it, so that %r11 and %rcx may be changed.
 *
 * On the program's own stack is the return address of the call that the sled came from, and nothing else may
 * be written there. From elsewhere than the first place of a known one the long way finds out.
 */
        .text
        .globl  patch_enter
        .hidden patch_enter
        .type   patch_enter, @function
patch_enter:
        lea     8(%rsp), %r11
        mov     (%rsp), %rcx
        mov     %gs:GS_CALL_STACK, %rsp
        push    %r11
        pushfq
        push    %rdi
        mov     %ecx, %r11d
        shr     $FUNCTION_SHIFT, %r11d
        and     $SITES_MASK, %r11d
        lea     patch_sites(%rip), %rdi
        cmp     %rcx, (%rdi,%r11,8)
        je      way_call
        movq    $0, %gs:GS_CALL_SAVE
        jmp     2f
        .size   patch_enter, . - patch_enter

/*
 * The door of programs that bring the core along, which their musl uses for `syscall`: %rcx is the address
 * behind it. Two bytes before that address an instruction begins that comes here again, for calls that begin
 * again.
 */
        .globl  way_door
        .hidden way_door
        .type   way_door, @function
way_door:
        mov     %rsp, %r11
        mov     %gs:GS_CALL_STACK, %rsp
        push    %r11
        pushfq
        push    %rdi
        cmp     $QUICK_COUNT, %rax
        jb      way_call
        jmp     1f
        .size   way_door, . - way_door

/* The kernel enters here with a reflected call: the stack is the core's, the rest in the save area. */
        .globl  way_reflected
        .hidden way_reflected
        .type   way_reflected, @function
way_reflected:
        andq    $~CALL_MASKED, %gs:GS_CALL_MASK
        mov     %gs:GS_CALL_SAVE, %rcx
        pushq   %gs:(GS_CALL_SAVE + SAVE_SP)
        pushq   %gs:(GS_CALL_SAVE + SAVE_FLAGS)
        push    %rdi
        cmp     $QUICK_COUNT, %rax
        jae     1f
        .size   way_reflected, . - way_reflected /* falls through */

/*
 * What asks for one number is answered at once. Most others are procedure calls, which keep the registers of
 * the C ABI; the vector registers are kept for them. Those that need or change all registers, and all calls
 * while they are written down, go on as if the kernel had reflected them (1:).
 */
        .type   way_call, @function
way_call:
        mov     %gs:GS_QUICK, %r11
        lea     quick_offsets(%rip), %rdi
        test    %r11, %r11
        jz      1f
        movzwl  (%rdi,%rax,2), %edi
        test    %edi, %edi
        jz      3f
        cmp     $QUICK_NEVER, %edi
        je      1f
        mov     (%r11,%rdi), %eax
        pop     %rdi
        mov     (%rsp), %r11
        popfq
        pop     %rsp
        jmp     *%rcx

1:      mov     %rcx, %gs:GS_CALL_SAVE
2:      pop     %rdi
        popq    %gs:(GS_CALL_SAVE + SAVE_FLAGS)
        popq    %gs:(GS_CALL_SAVE + SAVE_SP)
        jmp     libos_upcall_syscall

3:      push    %rsi
        push    %rdx
        push    %r8
        push    %r9
        push    %r10
        push    %rcx
        sub     $DIRECT, %rsp
        fxsave64 16(%rsp)
        mov     %r9, (%rsp)
        mov     %rax, 8(%rsp)
        mov     %r8, %r9
        mov     %r10, %r8
        mov     %rdx, %rcx
        mov     %rsi, %rdx
        mov     DIRECT_RDI(%rsp), %rsi
        mov     %gs:GS_TASK, %rdi
        cld
        call    posix_call
        fxrstor64 16(%rsp)
        add     $DIRECT, %rsp
        mov     %rdx, %r11
        pop     %rcx
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdx
        pop     %rsi
        pop     %rdi
        or      %gs:GS_WOKEN, %r11
        jnz     4f
        mov     (%rsp), %r11
        popfq
        pop     %rsp
        jmp     *%rcx

/* A signal is to be looked at, for which a handler needs all registers: struct libos_regs. */
4:      mov     (%rsp), %r11
        popq    %gs:(GS_CALL_SAVE + SAVE_FLAGS)
        popq    %gs:(GS_CALL_SAVE + SAVE_SP)
        mov     %rcx, %gs:GS_CALL_SAVE
        .irp    word, 7, 6, 5, 4, 3, 2, 1, 0
        pushq   %gs:WORD(\word)
        .endr
        .irp    register, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        push    %\register
        .endr
        jmp     way_after_entry
        .size   way_call, . - way_call

        .section .note.GNU-stack, "", @progbits
