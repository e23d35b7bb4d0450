/* The initial program, as the build made it. */
        .section .sigma0, "a"
        .globl sigma0_begin, sigma0_end
        .balign 4096
sigma0_begin:
        .incbin SIGMA0_PATH
sigma0_end:
