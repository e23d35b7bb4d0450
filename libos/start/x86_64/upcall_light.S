/*
 * The light entry of page faults: keeps the registers that a C function may change, and neither SSE
 * nor x87 state, for the hook uses none (libos/start/integer.h). Goes on from the save area itself,
 * without copying it: nothing here can fault, so no second fault overwrites it.
 */
#include "libos/start/x86_64/upcall_layout.h"

#define SAVE_FLAGS 16
#define SAVE_SP    24

        .text
        .globl  libos_upcall_light
        .hidden libos_upcall_light
        .type   libos_upcall_light, @function
libos_upcall_light:
        push    %rax
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r11                    /* nine words more would leave the stack unaligned */
        cld
        call    fault_light
        test    %al, %al
        pop     %r11
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rax
        jz      libos_upcall_fault      /* as if the kernel had entered there */
        andq    $~1, %gs:GS_MASK        /* bit UPCALL_CLASS_FAULT */
        pushq   %gs:(GS_SAVE + SAVE_FLAGS)
        popfq
        mov     %gs:(GS_SAVE + SAVE_SP), %rsp
        jmp     *%gs:GS_SAVE
        .size   libos_upcall_light, . - libos_upcall_light
        .section .note.GNU-stack, "", @progbits
