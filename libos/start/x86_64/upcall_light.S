/*
 * The light entries. Of page faults: the hook keeps the registers that it uses, and uses neither SSE nor
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

/* The same of system calls, whose number is in rax. Nothing of this class arrives on its own accord, so
 * that the save area stays as it is. `syscall` leaves flags and return address in r11 and rcx. */
#define SAVE (GS_SAVE + 1 * FRAME_BYTES) /* of UPCALL_CLASS_SYSCALL */

        .globl  libos_upcall_syscall_light
        .hidden libos_upcall_syscall_light
        .type   libos_upcall_syscall_light, @function
libos_upcall_syscall_light:
        push    %rdi
        push    %rax
        mov     %rax, %rdi
        call    *syscall_light_hook(%rip)
        test    %rax, %rax
        js      1f
        andq    $~2, %gs:GS_MASK        /* bit UPCALL_CLASS_SYSCALL */
        mov     8(%rsp), %rdi
        mov     %gs:SAVE, %rcx
        mov     %gs:(SAVE + SAVE_FLAGS), %r11
        push    %r11
        popfq
        mov     %gs:(SAVE + SAVE_SP), %rsp
        jmp     *%rcx
1:      pop     %rax
        pop     %rdi
        jmp     libos_upcall_syscall    /* as if the kernel had entered there */
        .size   libos_upcall_syscall_light, . - libos_upcall_syscall_light
        .section .note.GNU-stack, "", @progbits
