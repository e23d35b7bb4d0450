/* Where a program linked with musl begins (`-Wl,-e,libos_entry`): libos_posix_prepare(start) sets
 * the library OS up and returns a stack as Linux lays it out (argc, argv, NULL, environment, NULL,
 * auxiliary vector), 16-byte aligned; musl's own _start goes on from there. Linux, and a family of exo4
 * whose loader starts it, begin it with all registers 0 and such a stack: then libos_posix_join() makes
 * its calls the family's, or libos_linux_prepare() makes them Linux'. */

        .text
        .globl  libos_entry
        .type   libos_entry, @function
libos_entry:
        xor     %ebp, %ebp
        test    %rdi, %rdi
        jz      1f
        call    libos_posix_prepare
        mov     %rax, %rsp
        jmp     2f
1:      mov     %rsp, %rbx
        mov     %rsp, %rdi
        and     $-16, %rsp
        call    libos_posix_join
        test    %al, %al
        jnz     3f
        call    libos_linux_prepare
3:      mov     %rbx, %rsp
2:      xor     %edx, %edx              /* no function for atexit() */
        jmp     _start
        .size   libos_entry, . - libos_entry

/* The mark by which starters tell programs that bring their library OS along (program.h): the note
 * of owner "exo4" and type 1, without a description. */
        .section .note.exo4, "a", @note
        .balign 4
        .long   5, 0, 1
        .asciz  "exo4"
        .balign 4
        .section .note.GNU-stack, "", @progbits
