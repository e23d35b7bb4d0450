/*
 * Filling whole pages: with zeroes, or with what another one holds. With AVX, if there is it, in 32
 * bytes at a time; its registers are the program's, and nobody between it and here keeps their upper
 * halves, so what is used of them is kept here.
 */

        .set    PAGE, 4096
        .set    PIECE, 1024

        .data
        .balign 8
/* 0: not known yet; 1: no; 2: yes. */
vectors:
        .quad   0

        .text

/* Sets `vectors`, and keeps the registers of a function's arguments and %rbx. */
        .type find_vectors, @function
find_vectors:
        push    %rbx
        push    %rdi
        push    %rsi
        movq    $1, vectors(%rip)
        mov     $1, %eax
        xor     %ecx, %ecx
        cpuid
        and     $0x18000000, %ecx       /* AVX, and an operating system that keeps it */
        cmp     $0x18000000, %ecx
        jne     1f
        xor     %ecx, %ecx
        xgetbv
        and     $6, %eax
        cmp     $6, %eax
        jne     1f
        movq    $2, vectors(%rip)
1:      pop     %rsi
        pop     %rdi
        pop     %rbx
        ret
        .size find_vectors, . - find_vectors

/* void page_zero(void *page) */
        .global page_zero
        .hidden page_zero
        .type page_zero, @function
page_zero:
        cmpq    $1, vectors(%rip)
        ja      2f
        je      1f
        call    find_vectors
        jmp     page_zero
1:      xor     %eax, %eax
        mov     $(PAGE / 8), %ecx
        rep stosq
        ret
2:      sub     $40, %rsp
        vmovups %ymm0, (%rsp)
        vxorps  %ymm0, %ymm0, %ymm0
        mov     $(PAGE / PIECE), %ecx
3:      .set    at, 0
        .rept   PIECE / 32
        vmovaps %ymm0, at(%rdi)
        .set    at, at + 32
        .endr
        add     $PIECE, %rdi
        dec     %ecx
        jnz     3b
        vmovups (%rsp), %ymm0
        add     $40, %rsp
        ret
        .size page_zero, . - page_zero

/* void page_copy(void *to, const void *from): both are whole pages. */
        .global page_copy
        .hidden page_copy
        .type page_copy, @function
page_copy:
        cmpq    $1, vectors(%rip)
        ja      2f
        je      1f
        call    find_vectors
        jmp     page_copy
1:      mov     $(PAGE / 8), %ecx
        rep movsq
        ret
2:      sub     $136, %rsp
        vmovups %ymm0, (%rsp)
        vmovups %ymm1, 32(%rsp)
        vmovups %ymm2, 64(%rsp)
        vmovups %ymm3, 96(%rsp)
        mov     $(PAGE / PIECE), %ecx
3:      .set    at, 0
        .rept   PIECE / 128
        vmovaps at(%rsi), %ymm0
        vmovaps (at + 32)(%rsi), %ymm1
        vmovaps (at + 64)(%rsi), %ymm2
        vmovaps (at + 96)(%rsi), %ymm3
        vmovaps %ymm0, at(%rdi)
        vmovaps %ymm1, (at + 32)(%rdi)
        vmovaps %ymm2, (at + 64)(%rdi)
        vmovaps %ymm3, (at + 96)(%rdi)
        .set    at, at + 128
        .endr
        add     $PIECE, %rdi
        add     $PIECE, %rsi
        dec     %ecx
        jnz     3b
        vmovups (%rsp), %ymm0
        vmovups 32(%rsp), %ymm1
        vmovups 64(%rsp), %ymm2
        vmovups 96(%rsp), %ymm3
        add     $136, %rsp
        ret
        .size page_copy, . - page_copy

        .section .note.GNU-stack, "", @progbits
