/* L4 X.2 on x86-64: fpages of I/O ports. */
#pragma once

#include <l4/types.h>

typedef union {
    L4_Word_t raw;
    struct {
        L4_Word_t rwx : 4;
        L4_Word_t __two : 6;
        L4_Word_t s : 6;
        L4_Word_t p : 16;
        L4_Word_t __unused : 32;
    } X;
} L4_IoFpage_t;

L4_INLINE L4_Fpage_t L4_IoFpageLog2(L4_Word_t port, unsigned log2)
{
    return L4_FpageOf((port & 0xffff) << 16 | ((L4_Word_t)log2 & 0x3f) << 10 | 2u << 4);
}

/* The smallest that has `ports` ports. */
L4_INLINE L4_Fpage_t L4_IoFpage(L4_Word_t port, unsigned ports)
{
    return L4_IoFpageLog2(port, ports > 1 ? 32u - (unsigned)__builtin_clz(ports - 1) : 0);
}

L4_INLINE L4_Word_t L4_IoFpagePort(L4_Fpage_t f)
{
    return f.raw >> 16 & 0xffff;
}

L4_INLINE L4_Word_t L4_IoFpageSizeLog2(L4_Fpage_t f)
{
    return f.raw >> 10 & 0x3f;
}

L4_INLINE L4_Word_t L4_IoFpageSize(L4_Fpage_t f)
{
    return (L4_Word_t)1 << L4_IoFpageSizeLog2(f);
}

L4_INLINE L4_Bool_t L4_IsIoFpage(L4_Fpage_t f)
{
    return f.X.s == 2;
}

#ifdef __cplusplus
static inline L4_Fpage_t L4_Fpage(L4_IoFpage_t f)
{
    return L4_FpageOf(f.raw);
}
#endif
