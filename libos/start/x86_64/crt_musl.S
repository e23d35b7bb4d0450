/* Where a program linked with musl begins (`-Wl,-e,libos_entry`): libos_posix_prepare(start) sets
 * the library OS up and returns a stack as Linux lays it out (argc, argv, NULL, environment, NULL,
 * auxiliary vector), 16-byte aligned; musl's own _start goes on from there. */

        .text
        .globl  libos_entry
        .type   libos_entry, @function
libos_entry:
        xor     %ebp, %ebp
        call    libos_posix_prepare
        mov     %rax, %rsp
        xor     %edx, %edx              /* no function for atexit() */
        jmp     _start
        .size   libos_entry, . - libos_entry
        .section .note.GNU-stack, "", @progbits
