/* The vDSO as bytes, filled up to a page: port_vdso(). */
        .section .rodata, "a", @progbits
        .globl  vdso_image
        .hidden vdso_image
        .type   vdso_image, @object
        .balign 16
vdso_image:
        .incbin VDSO_PATH
        .org    vdso_image + 4096
        .size   vdso_image, . - vdso_image

        .section .note.GNU-stack, "", @progbits
