/* Going on in a copy of a process, and sleeping without missing who wakes. */

        .text

/* int family_save(struct family_context *) */
        .global family_save
        .hidden family_save
        .type family_save, @function
family_save:
        mov     %rbx, 0(%rdi)
        mov     %rbp, 8(%rdi)
        mov     %r12, 16(%rdi)
        mov     %r13, 24(%rdi)
        mov     %r14, 32(%rdi)
        mov     %r15, 40(%rdi)
        lea     8(%rsp), %rax
        mov     %rax, 48(%rdi)
        mov     (%rsp), %rax
        mov     %rax, 56(%rdi)
        rdfsbase %rax
        mov     %rax, 64(%rdi)
        xor     %eax, %eax
        ret
        .size family_save, . - family_save

/* void family_resume(struct family_context *): the first instruction of the copy's thread. */
        .global family_resume
        .hidden family_resume
        .type family_resume, @function
family_resume:
        mov     0(%rdi), %rbx
        mov     8(%rdi), %rbp
        mov     16(%rdi), %r12
        mov     24(%rdi), %r13
        mov     32(%rdi), %r14
        mov     40(%rdi), %r15
        mov     48(%rdi), %rsp
        mov     64(%rdi), %rax
        wrfsbase %rax
        mov     $1, %eax
        jmp     *56(%rdi)
        .size family_resume, . - family_resume

/* void family_restart(run, data, stack): a parked thread begins as a new one does. */
        .global family_restart
        .hidden family_restart
        .type family_restart, @function
family_restart:
        mov     %rdi, %rax
        mov     %rsi, %rdi
        mov     %rdx, %rsp
        xor     %ebp, %ebp
        movl    $0x1f80, -8(%rsp)
        ldmxcsr -8(%rsp)
        fninit
        jmp     *%rax
        .size family_restart, . - family_restart

/* void family_sleep(slot, bits, deadline, const uint64_t *woken, number): notify_wait, unless *woken.
 * An event that comes before the call is made sets *woken and goes on at family_sleep_out. */
        .global family_sleep, family_sleep_begin, family_sleep_call, family_sleep_out
        .hidden family_sleep, family_sleep_begin, family_sleep_call, family_sleep_out
        .type family_sleep, @function
family_sleep:
        mov     %r8, %rax
family_sleep_begin:
        cmpq    $0, (%rcx)
        jne     family_sleep_out
family_sleep_call:
        syscall
family_sleep_out:
        ret
        .size family_sleep, . - family_sleep

        .section .note.GNU-stack, "", @progbits
