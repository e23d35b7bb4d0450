/* The words MR1 to MR20 of an L4 exception message, x86-64, in L4Ka::Pistachio's order. The reply
 * has the same; its last two words are not looked at. */
#pragma once

#define EXCEPTION_WORDS(WORD)                                                                      \
    WORD(rip)                                                                                      \
    WORD(rbx)                                                                                      \
    WORD(r10)                                                                                      \
    WORD(r12)                                                                                      \
    WORD(r13)                                                                                      \
    WORD(r14)                                                                                      \
    WORD(r15)                                                                                      \
    WORD(rax)                                                                                      \
    WORD(rcx)                                                                                      \
    WORD(rdx)                                                                                      \
    WORD(rsi)                                                                                      \
    WORD(rdi)                                                                                      \
    WORD(rbp)                                                                                      \
    WORD(r8)                                                                                       \
    WORD(r9)                                                                                       \
    WORD(r11)                                                                                      \
    WORD(rsp)                                                                                      \
    WORD(rflags)                                                                                   \
    WORD(vector)                                                                                   \
    WORD(error)

/* Numbers of message registers. */
#define EXCEPTION_IP     1u
#define EXCEPTION_RAX    8u
#define EXCEPTION_SP     17u
#define EXCEPTION_FLAGS  18u
#define EXCEPTION_VECTOR 19u
#define EXCEPTION_LAST   20u
