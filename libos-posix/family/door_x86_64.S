/* The door of programs that bring the core along: the entry that their musl uses for `syscall`. */
#include "libos-posix/family/patch_layout.h"
#include "libos-posix/way/quick_layout.h"

/*
 * All is as at a `syscall` instruction, and %rcx is the address behind it: nothing is written to the
 * program's stack. Two bytes before that address an instruction begins that comes here again, for calls
 * that begin again. What is answered at once keeps all registers but those that `syscall` changes.
 */
        .text
        .globl  way_door
        .hidden way_door
        .type   way_door, @function
way_door:
        mov     %rsp, %r11
        mov     %gs:GS_CALL_STACK, %rsp
        push    %r11
        pushfq
        push    %rdi
        mov     %gs:GS_QUICK, %r11
        test    %r11, %r11
        jz      1f
        cmp     $QUICK_COUNT, %rax
        jae     1f
        lea     quick_offsets(%rip), %rdi
        movzwl  (%rdi,%rax,2), %edi
        test    %edi, %edi
        jz      1f
        mov     (%r11,%rdi), %eax
        pop     %rdi
        mov     (%rsp), %r11
        popfq
        pop     %rsp
        jmp     *%rcx

1:      mov     %rcx, %gs:GS_CALL_SAVE
        pop     %rdi
        popq    %gs:(GS_CALL_SAVE + SAVE_FLAGS)
        popq    %gs:(GS_CALL_SAVE + SAVE_SP)
        jmp     libos_upcall_syscall
        .size   way_door, . - way_door

        .section .note.GNU-stack, "", @progbits
