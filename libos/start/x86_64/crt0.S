/* Where a libOS program begins: the kernel, or the program's starter, jumps here with rdi =
 * START_INFO and rsp = START_STACK_TOP (exo/abi/boot.h). */

        .section .text.start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        xor     %ebp, %ebp              /* ends a debugger's chain of frames */
        call    libos_start             /* does not return */
        ud2
        .size   _start, . - _start
        .section .note.GNU-stack, "", @progbits
