/* The parts of the linked way that C cannot say: no return address of its own, or two returns. */

#define ENOSYS 38

        .text

/* libos_clone(fn, stack, flags, arg, ptid, tls, ctid): there are no threads and no processes to
 * make yet, and the program is told so. */
        .global libos_clone
        .type libos_clone, @function
libos_clone:
        mov $-ENOSYS, %rax
        ret
        .size libos_clone, . - libos_clone

/* libos_vfork(): the error goes through musl's own way of setting errno. */
        .global libos_vfork
        .type libos_vfork, @function
        .hidden __syscall_ret
libos_vfork:
        mov $-ENOSYS, %rdi
        jmp __syscall_ret
        .size libos_vfork, . - libos_vfork

/* libos_unmapself(base, bytes): only the last thread can come here, so the program ends and its
 * memory with it; the stack need not go first. exit(0). */
        .global libos_unmapself
        .type libos_unmapself, @function
libos_unmapself:
        and $-16, %rsp
        mov $60, %edi
        xor %esi, %esi
        call libos_syscall
        ud2
        .size libos_unmapself, . - libos_unmapself

/* libos_sigreturn(): handlers of this way are called and return, so that nothing comes here but a
 * program that jumps astray; it ends as by SIGSEGV. */
        .global libos_sigreturn
        .type libos_sigreturn, @function
libos_sigreturn:
        and $-16, %rsp
        mov $139, %edi
        call port_exit
        ud2
        .size libos_sigreturn, . - libos_sigreturn

        .section .note.GNU-stack, "", @progbits
