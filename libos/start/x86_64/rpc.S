/*
 * Remote procedure calls: libos/rpc.h. There go rsi = procedure, rdx, r10, r8 = a, b, c; back come
 * rsi = error of the server's side, rdx = result. The arguments of the C function stand nearly where
 * the message wants them.
 */
#include "libos/start/x86_64/upcall_layout.h"

#define SYS_PCT_CALL   0x65786f11 /* libos/start/x86_64/layout_check.c asserts both */
#define SYS_PCT_RETURN 0x65786f13
#define BAD_CALL       1

        .macro  function name
        .globl  \name
        .type   \name, @function
\name:
        .endm

        .macro  push_kept
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        .endm

        .macro  pop_kept
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        .endm

        /* rcx = where the result goes. Flags are the callee's. */
        .macro  return_answer
        cld
        mov     %esi, %eax
        test    %eax, %eax
        jnz     1f
        mov     %rdx, (%rcx)
1:      ret
        .endm

        .text
        function rpc_call_trusted
        push_kept
        push    %r9
        mov     %rcx, %r10
        mov     $SYS_PCT_CALL, %eax
        syscall
        pop     %rcx
        test    %eax, %eax
        jnz     2f                      /* the server may have ended, and the registers with it */
        add     $48, %rsp
        return_answer
2:      pop_kept
        cld
        ret

        function rpc_call
        push_kept
        push    %r9
        mov     %rcx, %r10
        mov     $SYS_PCT_CALL, %eax
        syscall
        pop     %rcx
        pop_kept
        test    %eax, %eax
        jnz     2f
        return_answer
2:      cld
        ret

        /* procedure(caller, a, b, c) on utcb_exo.pct_stack; leaves the answer in esi and rdx. */
        .macro  run_procedure
        cld
        and     $-16, %rsp
        cmp     rpc_count(%rip), %rsi
        jae     2f
        mov     %rax, %rdi
        mov     rpc_procedures(%rip), %rax
        mov     (%rax, %rsi, 8), %rax
        mov     %rdx, %rsi
        mov     %r10, %rdx
        mov     %r8, %rcx
        call    *%rax
        mov     %rax, %rdx
        xor     %esi, %esi
        jmp     3f
2:      mov     $BAD_CALL, %esi
        xor     %edx, %edx
3:
        .endm

        function rpc_entry_trusted
        run_procedure
        mov     $SYS_PCT_RETURN, %eax
        syscall
        ud2

        function rpc_entry
        run_procedure
        xor     %edi, %edi
        xor     %ebx, %ebx
        xor     %ebp, %ebp
        xor     %r8d, %r8d
        xor     %r9d, %r9d
        xor     %r10d, %r10d
        xor     %r12d, %r12d
        xor     %r13d, %r13d
        xor     %r14d, %r14d
        xor     %r15d, %r15d
        mov     $SYS_PCT_RETURN, %eax
        syscall
        ud2
        .section .note.GNU-stack, "", @progbits
