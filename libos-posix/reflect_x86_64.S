/* Entering an unmodified program: registers as the System V ABI says ("Process Initialization"). */

        .text

/* reflect_enter(entry, stack) */
        .global reflect_enter
        .hidden reflect_enter
        .type reflect_enter, @function
reflect_enter:
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
        .size reflect_enter, . - reflect_enter

        .section .note.GNU-stack, "", @progbits
