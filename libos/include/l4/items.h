/* L4 X.2 typed items: map, grant, strings with their cache hints. */
#pragma once

#include <l4/types.h>

/* What every typed item's first word has in common. `C`: more items follow. */
#define L4_ITEM_MAP   4u
#define L4_ITEM_GRANT 5u

typedef union {
    L4_Word_t raw[2];
    struct {
        L4_Word_t C : 1;
        L4_Word_t __type : 3;
        L4_Word_t __zeros : 6;
        L4_Word_t snd_base : 54;
        L4_Fpage_t snd_fpage;
    } X;
} L4_MapItem_t;

typedef union {
    L4_Word_t raw[2];
    struct {
        L4_Word_t C : 1;
        L4_Word_t __type : 3;
        L4_Word_t __zeros : 6;
        L4_Word_t snd_base : 54;
        L4_Fpage_t snd_fpage;
    } X;
} L4_GrantItem_t;

L4_INLINE L4_MapItem_t L4_MapItem(L4_Fpage_t f, L4_Word_t send_base)
{
    L4_MapItem_t item;

    item.raw[0] = (send_base & ~(L4_Word_t)0x3ff) | L4_ITEM_MAP << 1;
    item.raw[1] = f.raw;
    return item;
}

L4_INLINE L4_GrantItem_t L4_GrantItem(L4_Fpage_t f, L4_Word_t send_base)
{
    L4_GrantItem_t item;

    item.raw[0] = (send_base & ~(L4_Word_t)0x3ff) | L4_ITEM_GRANT << 1;
    item.raw[1] = f.raw;
    return item;
}

L4_INLINE L4_Bool_t L4_IsMapItem(L4_MapItem_t item)
{
    return item.X.__type == L4_ITEM_MAP;
}

L4_INLINE L4_Bool_t L4_IsGrantItem(L4_GrantItem_t item)
{
    return item.X.__type == L4_ITEM_GRANT;
}

L4_INLINE L4_Fpage_t L4_MapItemSndFpage(L4_MapItem_t item)
{
    return item.X.snd_fpage;
}

L4_INLINE L4_Word_t L4_MapItemSndBase(L4_MapItem_t item)
{
    return item.raw[0] & ~(L4_Word_t)0x3ff;
}

L4_INLINE L4_Fpage_t L4_GrantItemSndFpage(L4_GrantItem_t item)
{
    return item.X.snd_fpage;
}

L4_INLINE L4_Word_t L4_GrantItemSndBase(L4_GrantItem_t item)
{
    return item.raw[0] & ~(L4_Word_t)0x3ff;
}

/* A string: groups of a first word and j + 1 addresses, each of `string_length` bytes; `c`: another
 * group of the same string follows. L4_StringItem_t has room for one group of one address; longer
 * ones lie in L4_Msg_t, L4_MsgBuffer_t, or an array of words of the caller's. */
typedef union {
    L4_Word_t raw[2];
    struct {
        L4_Word_t C : 1;
        L4_Word_t __type : 3; /* bit 2: no string; bits 1 and 0: cache hint */
        L4_Word_t j : 5;
        L4_Word_t c : 1;
        L4_Word_t string_length : 54;
        union {
            void *string_ptr;
            void *substring_ptr[1];
        } str;
    } X;
} L4_StringItem_t;

L4_INLINE L4_StringItem_t L4_StringItem(L4_Word_t bytes, void *address)
{
    L4_StringItem_t item;

    item.raw[0] = bytes << 10;
    item.X.str.string_ptr = address;
    return item;
}

L4_INLINE L4_Bool_t L4_IsStringItem(const L4_StringItem_t *s)
{
    return (s->X.__type & 4) == 0;
}

L4_INLINE L4_Bool_t L4_CompoundString(const L4_StringItem_t *s)
{
    return s->X.c;
}

L4_INLINE L4_Word_t L4_Substrings(const L4_StringItem_t *s)
{
    return (L4_Word_t)s->X.j + 1;
}

/* Words that an item occupies, by its words: not of X.2. */
L4_INLINE unsigned L4_StringWords(const L4_Word_t *s)
{
    unsigned words = 0;
    L4_Word_t header;

    do {
        header = s[words];
        words += (unsigned)(header >> 4 & 31) + 2;
    } while (header >> 9 & 1);
    return words;
}

/* Address number n, from 1. */
L4_INLINE void *L4_Substring(const L4_StringItem_t *s, L4_Word_t n)
{
    return (void *)((const L4_Word_t *)(const void *)s)[n];
}

/* Appends another group; `dest` has room for it. Returns where that went. */
L4_INLINE L4_StringItem_t *L4_AddSubstringTo(L4_StringItem_t *dest, const L4_StringItem_t *group)
{
    L4_Word_t *words = (L4_Word_t *)(void *)dest, *last = words, *end;
    const L4_Word_t *from = (const L4_Word_t *)(const void *)group;
    unsigned count = L4_StringWords(from);

    while (*last >> 9 & 1)
        last += (*last >> 4 & 31) + 2;
    end = last + (*last >> 4 & 31) + 2;
    *last |= 1u << 9;
    for (unsigned i = 0; i < count; i++)
        end[i] = from[i];
    return (L4_StringItem_t *)(void *)end;
}

/* Appends an address to the last group; `dest` has room for it. */
L4_INLINE L4_StringItem_t *L4_AddSubstringAddressTo(L4_StringItem_t *dest, void *address)
{
    L4_Word_t *last = (L4_Word_t *)(void *)dest;

    while (*last >> 9 & 1)
        last += (*last >> 4 & 31) + 2;
    *last += 1u << 4;
    last[(*last >> 4 & 31) + 1] = (L4_Word_t)address;
    return dest;
}

/* Cache allocation hints. */
typedef struct {
    L4_Word_t raw;
} L4_CacheAllocationHint_t;

L4_INLINE L4_CacheAllocationHint_t L4_CacheAllocationHintOf(L4_Word_t raw)
{
    L4_CacheAllocationHint_t h;
    h.raw = raw & 6;
    return h;
}

#define L4_UseDefaultCacheLineAllocation (L4_CacheAllocationHintOf(0))

L4_INLINE L4_CacheAllocationHint_t L4_CacheAllocationHint(L4_StringItem_t s)
{
    return L4_CacheAllocationHintOf(s.raw[0]);
}

L4_INLINE L4_Bool_t L4_IsCacheAllocationHintEqual(L4_CacheAllocationHint_t l,
                                                  L4_CacheAllocationHint_t r)
{
    return l.raw == r.raw;
}

L4_INLINE L4_Bool_t L4_IsCacheAllocationHintNotEqual(L4_CacheAllocationHint_t l,
                                                     L4_CacheAllocationHint_t r)
{
    return l.raw != r.raw;
}

L4_INLINE L4_StringItem_t L4_AddCacheAllocationHint(L4_StringItem_t s, L4_CacheAllocationHint_t h)
{
    s.raw[0] |= h.raw;
    return s;
}

L4_INLINE L4_StringItem_t L4_AddCacheAllocationHintTo(L4_StringItem_t *s,
                                                      L4_CacheAllocationHint_t h)
{
    return *s = L4_AddCacheAllocationHint(*s, h);
}
