/* x86-64: tests/lab/port.h. */
        .text
        .globl  lab_port_in
        .type   lab_port_in, @function
lab_port_in:
        mov     %edi, %edx
        in      %dx, %al
        ret

        .section .note.GNU-stack, "", @progbits
