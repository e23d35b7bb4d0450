/* Entering programs of a family, and going on in them. */

        .text

/* way_enter(entry, stack) */
        .global way_enter
        .hidden way_enter
        .type way_enter, @function
way_enter:
        mov %rsi, %rsp
        push %rdi                       /* gone again before the program runs */
        xor %eax, %eax
        xor %ebx, %ebx
        xor %ecx, %ecx
        xor %edx, %edx                  /* no function for atexit() */
        xor %esi, %esi
        xor %edi, %edi
        xor %ebp, %ebp
        xor %r8d, %r8d
        xor %r9d, %r9d
        xor %r10d, %r10d
        xor %r11d, %r11d
        xor %r12d, %r12d
        xor %r13d, %r13d
        xor %r14d, %r14d
        xor %r15d, %r15d
        cld
        ret
        .size way_enter, . - way_enter

/* way_load(regs, vectors): the stack pointer becomes `regs`, which may be anywhere on the stack. */
        .global way_load
        .hidden way_load
        .type way_load, @function
way_load:
        fxrstor64 (%rsi)
        jmp     upcall_resume
        .size way_load, . - way_load

/* Where a thread that was in its program goes on in the core: the program's registers are at the
 * stack pointer, and the vector registers are still its own. */
        .macro  enter_core name, function
        .global \name
        .hidden \name
        .type \name, @function
\name:
        mov     %rsp, %rbx
        mov     %rsp, %rdi
        sub     $512, %rsp
        and     $-16, %rsp
        fxsave64 (%rsp)
        mov     %rsp, %rsi
        call    \function
        fxrstor64 (%rsp)
        mov     %rbx, %rdi
        jmp     upcall_resume
        .size \name, . - \name
        .endm

        enter_core way_fault_entry, way_fault
        enter_core way_interrupt_entry, way_interrupt
        enter_core way_after_entry, way_after
        enter_core way_return_entry, way_return

        .section .note.GNU-stack, "", @progbits
