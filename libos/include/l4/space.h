/* L4 X.2 address spaces: what is derived from Unmap. SpaceControl is in l4/syscalls.h. */
#pragma once

#include <l4/syscalls.h>
#include <l4/types.h>
#include <l4/utcb.h>

#define L4_UNMAP_FLUSH (1u << 6)

/* Not of X.2: Unmap with its fpages in memory, at most 64. */
L4_INLINE void L4_UnmapWith(L4_Word_t flags, L4_Word_t count, L4_Fpage_t *fpages)
{
    if (count == 0 || count > L4_NumMRs)
        return;
    for (unsigned i = 0; i < count; i++)
        L4_LoadMR(i, fpages[i].raw);
    L4_Unmap((count - 1) | flags);
    for (unsigned i = 0; i < count; i++)
        L4_StoreMR(i, &fpages[i].raw);
}

/* These take the fpage's rights away from those it was mapped to; Flush from oneself too. They
 * return it with the rights that were used since the last time as its rights. */
L4_INLINE L4_Fpage_t L4_UnmapFpage(L4_Fpage_t f)
{
    L4_UnmapWith(0, 1, &f);
    return f;
}

L4_INLINE void L4_UnmapFpages(L4_Word_t count, L4_Fpage_t *fpages)
{
    L4_UnmapWith(0, count, fpages);
}

L4_INLINE L4_Fpage_t L4_Flush(L4_Fpage_t f)
{
    L4_UnmapWith(L4_UNMAP_FLUSH, 1, &f);
    return f;
}

L4_INLINE void L4_FlushFpages(L4_Word_t count, L4_Fpage_t *fpages)
{
    L4_UnmapWith(L4_UNMAP_FLUSH, count, fpages);
}

L4_INLINE L4_Fpage_t L4_GetStatus(L4_Fpage_t f)
{
    return L4_UnmapFpage(L4_FpageRemoveRights(f, L4_FullyAccessible));
}

/* Of an fpage with status bits. */
L4_INLINE L4_Bool_t L4_WasReferenced(L4_Fpage_t f)
{
    return (f.X.rwx & L4_Readable) != 0;
}

L4_INLINE L4_Bool_t L4_WasWritten(L4_Fpage_t f)
{
    return (f.X.rwx & L4_Writable) != 0;
}

L4_INLINE L4_Bool_t L4_WaseXecuted(L4_Fpage_t f)
{
    return (f.X.rwx & L4_eXecutable) != 0;
}

#ifdef __cplusplus
static inline L4_Fpage_t L4_Unmap(L4_Fpage_t f)
{
    return L4_UnmapFpage(f);
}
static inline void L4_Unmap(L4_Word_t count, L4_Fpage_t *fpages)
{
    L4_UnmapFpages(count, fpages);
}
static inline void L4_Flush(L4_Word_t count, L4_Fpage_t *fpages)
{
    L4_FlushFpages(count, fpages);
}
#endif
