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

/* The program's registers are at the stack pointer; the vector registers are still its own. */
        .global way_fault_entry
        .hidden way_fault_entry
        .type way_fault_entry, @function
way_fault_entry:
        mov     %rsp, %rbx
        mov     %rsp, %rdi
        sub     $512, %rsp
        and     $-16, %rsp
        fxsave64 (%rsp)
        mov     %rsp, %rsi
        call    way_fault
        fxrstor64 (%rsp)
        mov     %rbx, %rdi
        jmp     upcall_resume
        .size way_fault_entry, . - way_fault_entry

        .section .note.GNU-stack, "", @progbits
