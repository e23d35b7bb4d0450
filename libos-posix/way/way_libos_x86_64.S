/*
 * How a program that is linked with the core enters one: its own, or that of the family it was
 * started in, by the family's door (family/way_call_x86_64.S). And what C cannot say of it: no return
 * address of its own, or two returns.
 */
#include "libos-posix/way/way_libos_door.inc"

#define ENOSYS      38
#define NR_MUNMAP   11
#define NR_SIGRETURN 15
#define NR_CLONE    56
#define NR_VFORK    58
#define NR_EXIT     60

        .bss
        .balign 8
        .globl  libos_door              /* 0: the core is the program's own */
        .hidden libos_door
        .type   libos_door, @object
libos_door:
        .zero   8
        .size   libos_door, 8

        .text

/* libos_syscall(number, a1 .. a6) */
        .global libos_syscall
        .type libos_syscall, @function
libos_syscall:
        cmpq $0, libos_door(%rip)
        je libos_syscall_own
        mov %rdi, %rax
        mov %rsi, %rdi
        mov %rdx, %rsi
        mov %rcx, %rdx
        mov %r8, %r10
        mov %r9, %r8
        mov 8(%rsp), %r9
        door_call
        ret
        .size libos_syscall, . - libos_syscall

/* libos_clone(fn, stack, flags, arg, ptid, tls, ctid): the child begins on the stack with fn(arg) and
 * ends with its result. Without a family there is nobody who could make one. */
        .global libos_clone
        .type libos_clone, @function
libos_clone:
        mov $-ENOSYS, %rax
        cmpq $0, libos_door(%rip)
        je 1f
        and $-16, %rsi
        sub $16, %rsi
        mov %rdi, (%rsi)
        mov %rcx, 8(%rsi)
        mov %rdx, %rdi
        mov %r8, %rdx
        mov 8(%rsp), %r10
        mov %r9, %r8
        mov $NR_CLONE, %eax
        door_call
        test %rax, %rax
        jz 2f
1:      ret
2:      xor %ebp, %ebp
        pop %rax
        pop %rdi
        call *%rax
        mov %eax, %edi
        mov $NR_EXIT, %eax
        door_call
        ud2
        .size libos_clone, . - libos_clone

/* libos_vfork(): the child uses the same stack, so that the return address is kept in a register. An error goes
 * through musl's own way of setting errno. */
        .global libos_vfork
        .type libos_vfork, @function
        .hidden __syscall_ret
libos_vfork:
        mov $-ENOSYS, %rax
        cmpq $0, libos_door(%rip)
        je 1f
        pop %rdx
        mov $NR_VFORK, %eax
        door_call
        push %rdx
1:      mov %rax, %rdi
        jmp __syscall_ret
        .size libos_vfork, . - libos_vfork

/* libos_unmapself(base, bytes): the thread ends and its stack with it, which the door does not need. Without
 * a family only the last thread can come here: the program ends, and its memory need not go first. */
        .global libos_unmapself
        .type libos_unmapself, @function
libos_unmapself:
        cmpq $0, libos_door(%rip)
        je 1f
        mov $NR_MUNMAP, %eax
        door_call
        xor %edi, %edi
        mov $NR_EXIT, %eax
        door_call
        ud2
1:      and $-16, %rsp
        mov $NR_EXIT, %edi
        xor %esi, %esi
        call libos_syscall_own
        ud2
        .size libos_unmapself, . - libos_unmapself

/* libos_sigreturn(): where a handler returns to that a family has called. The program's own core calls handlers,
 * which return, so that without a family nothing comes here but a program that jumps astray; it ends as
 * by SIGSEGV. */
        .global libos_sigreturn
        .type libos_sigreturn, @function
libos_sigreturn:
        cmpq $0, libos_door(%rip)
        je 1f
        mov $NR_SIGRETURN, %eax
        door_call
        ud2
1:      and $-16, %rsp
        mov $139, %edi
        call port_exit
        ud2
        .size libos_sigreturn, . - libos_sigreturn

        .section .note.GNU-stack, "", @progbits
