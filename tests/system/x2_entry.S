/* First instructions and calls of x2_root.c: the register convention of Pistachio for amd64, written
 * down by hand. The stack is undefined at the start, so that there is a stack here. */
        .text
        .globl _start
_start: lea root_stack(%rip), %rsp
        xor %ebp, %ebp
        call root_main
1:      jmp 1b

        .globl second_entry, task_entry
second_entry:
        call second_main
1:      jmp 1b
task_entry:
        call task_main
1:      jmp 1b

/* word ipc(to, from, timeouts, struct message *) */
        .globl ipc
ipc:    push %rbp
        push %rbx
        push %r12
        push %r13
        push %r14
        push %r15
        push %rcx
        mov %rdx, %r8
        mov %rsi, %rdx
        mov %rdi, %rsi
        mov %gs:0, %rdi
        mov %rcx, %r11
        mov (%r11), %r9
        mov 8(%r11), %rax
        mov 16(%r11), %rbx
        mov 24(%r11), %r10
        mov 32(%r11), %r12
        mov 40(%r11), %r13
        mov 48(%r11), %r14
        mov 56(%r11), %r15
        mov kip(%rip), %rcx
        call *0x1c0(%rcx)
        pop %rcx
        mov %r9, (%rcx)
        mov %rax, 8(%rcx)
        mov %rbx, 16(%rcx)
        mov %r10, 24(%rcx)
        mov %r12, 32(%rcx)
        mov %r13, 40(%rcx)
        mov %r14, 48(%rcx)
        mov %r15, 56(%rcx)
        mov %rsi, %rax
        jmp restore

/* word call(link, rdi, rsi, word *rdx, r8, r9) */
        .globl call
call:   push %rbp
        push %rbx
        push %r12
        push %r13
        push %r14
        push %r15
        push %rcx
        mov kip(%rip), %rax
        add %rdi, %rax
        mov %rsi, %rdi
        mov %rdx, %rsi
        mov (%rcx), %rdx
        call *(%rax)
        pop %rcx
        mov %rdx, (%rcx)
restore:
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbx
        pop %rbp
        ret

/* void exregs(struct exregs *) */
        .globl exregs
exregs: push %rbp
        push %rbx
        push %r12
        push %r13
        push %r14
        push %r15
        push %rdi
        mov %rdi, %r11
        mov (%r11), %rax
        mov 8(%r11), %rsi
        mov 16(%r11), %rdx
        mov 24(%r11), %r8
        mov 32(%r11), %r9
        mov 40(%r11), %r10
        mov 48(%r11), %rdi
        mov kip(%rip), %rcx
        call *0x1d8(%rcx)
        pop %rcx
        mov %rax, (%rcx)
        mov %rsi, 8(%rcx)
        mov %rdx, 16(%rcx)
        mov %r8, 24(%rcx)
        mov %r9, 32(%rcx)
        mov %r10, 40(%rcx)
        mov %rdi, 48(%rcx)
        jmp restore

/* word unmap(fpage, flush) */
        .globl unmap
unmap:  push %rbp
        push %rbx
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rdi, %r9
        mov %rsi, %rdx
        shl $6, %rdx
        mov %gs:0, %rdi
        mov kip(%rip), %rcx
        call *0x1d0(%rcx)
        mov %r9, %rax
        jmp restore

        .globl out8, in8
out8:   mov %esi, %eax
        mov %edi, %edx
        out %al, %dx
        ret
in8:    mov %edi, %edx
        xor %eax, %eax
        in %dx, %al
        ret

        .bss
        .globl second_stack, task_stack
        .balign 4096
        .skip 8192
root_stack:
        .skip 8192
second_stack:
        .skip 8192
task_stack:
        .section .note.GNU-stack, "", @progbits
