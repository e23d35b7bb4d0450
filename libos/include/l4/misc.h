/* L4 X.2 memory attributes: what is derived from MemoryControl. */
#pragma once

#include <l4/syscalls.h>
#include <l4/types.h>
#include <l4/utcb.h>

#define L4_DefaultMemory         0u
#define L4_UncacheableMemory     1u
#define L4_WriteCombiningMemory  2u
#define L4_WriteThroughMemory    5u
#define L4_WriteProtectedMemory  6u
#define L4_WriteBackMemory       7u
#define L4_UncacheableWeakMemory 8u

L4_INLINE L4_Word_t L4_Set_PagesAttributes(L4_Word_t count, const L4_Fpage_t *fpages,
                                           const L4_Word_t *attributes)
{
    if (count == 0 || count > L4_NumMRs)
        return 0;
    for (unsigned i = 0; i < count; i++)
        L4_LoadMR(i, fpages[i].raw);
    return L4_MemoryControl(count - 1, attributes);
}

L4_INLINE L4_Word_t L4_Set_PageAttribute(L4_Fpage_t f, L4_Word_t attribute)
{
    L4_Word_t attributes[4] = {attribute, 0, 0, 0};

    f.raw &= ~(L4_Word_t)3; /* these bits choose the attribute */
    return L4_Set_PagesAttributes(1, &f, attributes);
}
