/* x86-64: tests/lab/probe.h. A stamp is four instructions, the first of which reads the counter; that
 * is what probe_empty counts. */
#include "libos/start/x86_64/upcall_layout.h"

#define GS_FAULT_SAVE (GS_SAVE + 0 * FRAME_BYTES)
#define GS_CALL_SAVE  (GS_SAVE + 1 * FRAME_BYTES)
#define SAVE_FLAGS    16
#define SAVE_SP       24

#define SYS_PCT_CALL   0x65786f11 /* libos/upcall.c asserts both */
#define SYS_PCT_RETURN 0x65786f13
#define FOREIGN_CALL   110        /* Linux: getppid */

        .macro  stamp to
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        mov     %rax, \to
        .endm

        .macro  function name
        .globl  \name
        .type   \name, @function
\name:
        .endm

        .text
        function probe_empty
        stamp   %r8
        stamp   %r9
        mov     %r9, %rax
        sub     %r8, %rax
        ret

        /* r8 to r11 are the trip's stamps, in the order of struct lab_trip; but r11 and rcx are
         * lost in a call. */
        .macro  store_trip
        mov     %r8, 0(%rdi)
        mov     %r9, 8(%rdi)
        mov     %r10, 16(%rdi)
        mov     %r11, 24(%rdi)
        .endm

        function probe_fault
        stamp   %r8
        mov     (%rsi), %rcx
fault_behind:
        stamp   %r11
        store_trip
        ret

        function probe_undefined
        lea     undefined_behind(%rip), %rsi
        stamp   %r8
        ud2
undefined_behind:
        stamp   %r11
        store_trip
        ret

        function probe_call
        stamp   %r8
        mov     $FOREIGN_CALL, %eax
        syscall
        stamp   %r11
        store_trip
        ret

        /* To the interrupted code, flags and all. The mask is cleared before the words are read:
         * nothing here can fault. */
        .macro  resume class, save
        andq    $~(1 << \class), %gs:GS_MASK
        pushq   %gs:(\save + SAVE_FLAGS)
        popfq
        mov     %gs:(\save + SAVE_SP), %rsp
        jmp     *%gs:\save
        .endm

        /* Behind a fault in probe_fault, or an undefined instruction, whose end is in rsi. */
        function probe_upcall_fault
        stamp   %r9
        lea     fault_behind(%rip), %rax
        cmpq    $6, %gs:(GS_FAULT_SAVE + 40)
        cmove   %rsi, %rax
        mov     %rax, %gs:GS_FAULT_SAVE
        stamp   %r10
        resume  0, GS_FAULT_SAVE

        function probe_upcall_call
        stamp   %r9
        stamp   %r10
        resume  1, GS_CALL_SAVE

        /* All registers are the message: r8 is on its way there and back, and r9 and r10 come from
         * the other side. */
        function probe_pct
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        push    %rdi
        mov     %rsi, %rbx
        stamp   %r8
        mov     %rbx, %rdi
        mov     $SYS_PCT_CALL, %eax
        syscall
        mov     %rax, %rsi
        stamp   %r11
        pop     %rdi
        store_trip
        mov     %rsi, %rax
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

        function probe_pct_entry
        stamp   %r9
        stamp   %r10
        mov     $SYS_PCT_RETURN, %eax
        syscall
        ud2

        function probe_pct_serve
        mov     $SYS_PCT_RETURN, %eax
        syscall
        ud2
        .section .note.GNU-stack, "", @progbits
