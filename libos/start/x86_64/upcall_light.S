/*
 * The light entry of page faults: the hook keeps the registers that it uses, and uses neither SSE nor
 * x87 state (libos/start/integer.h); the kernel has cleared the direction flag. Goes on from the save area
 * itself, without copying it: nothing here can fault, so no second fault overwrites it.
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
        call    *fault_light_hook(%rip)
        test    %al, %al
        pop     %rax
        jz      libos_upcall_fault      /* as if the kernel had entered there */
        andq    $~1, %gs:GS_MASK        /* bit UPCALL_CLASS_FAULT */
        pushq   %gs:(GS_SAVE + SAVE_FLAGS)
        popfq
        mov     %gs:(GS_SAVE + SAVE_SP), %rsp
        jmp     *%gs:GS_SAVE
        .size   libos_upcall_light, . - libos_upcall_light
        .section .note.GNU-stack, "", @progbits
