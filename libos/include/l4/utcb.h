/* The L4 UTCB, x86-64: thread control registers, message registers and buffer registers are words
 * around the address that `mov %gs:0` gives. */
#pragma once

#include <l4/types.h>

#define L4_NumMRs 64u
#define L4_NumBRs 33u

/* Words counted from MR0. */
enum {
    L4_TCR_THREAD_WORD0 = -4,
    L4_TCR_THREAD_WORD1 = -5,
    L4_TCR_VIRTUAL_SENDER = -6, /* after an IPC: the actual sender */
    L4_TCR_INTENDED_RECEIVER = -7,
    L4_TCR_XFER_TIMEOUTS = -8,
    L4_TCR_ERROR_CODE = -9,
    L4_TCR_FLAGS = -10, /* byte 0: preemption, byte 1: coprocessors */
    L4_TCR_EXCEPTION_HANDLER = -11,
    L4_TCR_PAGER = -12,
    L4_TCR_USER_DEFINED_HANDLE = -13,
    L4_TCR_PROCESSOR_NO = -14,
    L4_TCR_GLOBAL_ID = -15,
    L4_TCR_BR0 = -16 /* and downwards */
};

/* Address of MR0; also the thread's local ID. */
L4_INLINE L4_Word_t *L4_Utcb(void)
{
    L4_Word_t *mr;

    __asm__ volatile("mov %%gs:0, %0" : "=r"(mr));
    return mr;
}

L4_INLINE L4_Word_t L4_Tcr(int word)
{
    return ((volatile L4_Word_t *)L4_Utcb())[word];
}

L4_INLINE void L4_Set_Tcr(int word, L4_Word_t value)
{
    ((volatile L4_Word_t *)L4_Utcb())[word] = value;
}

L4_INLINE void L4_LoadMR(unsigned i, L4_Word_t word)
{
    L4_Utcb()[i] = word;
}

L4_INLINE void L4_StoreMR(unsigned i, L4_Word_t *word)
{
    *word = L4_Utcb()[i];
}

L4_INLINE void L4_LoadMRs(unsigned i, unsigned count, const L4_Word_t *words)
{
    L4_Word_t *mr = L4_Utcb() + i;

    while (count--)
        *mr++ = *words++;
}

L4_INLINE void L4_StoreMRs(unsigned i, unsigned count, L4_Word_t *words)
{
    const L4_Word_t *mr = L4_Utcb() + i;

    while (count--)
        *words++ = *mr++;
}

L4_INLINE void L4_LoadBR(unsigned i, L4_Word_t word)
{
    L4_Utcb()[L4_TCR_BR0 - (int)i] = word;
}

L4_INLINE void L4_StoreBR(unsigned i, L4_Word_t *word)
{
    *word = L4_Utcb()[L4_TCR_BR0 - (int)i];
}

L4_INLINE void L4_LoadBRs(unsigned i, unsigned count, const L4_Word_t *words)
{
    for (unsigned n = 0; n < count; n++)
        L4_LoadBR(i + n, words[n]);
}

L4_INLINE void L4_StoreBRs(unsigned i, unsigned count, L4_Word_t *words)
{
    for (unsigned n = 0; n < count; n++)
        L4_StoreBR(i + n, &words[n]);
}
