/* L4 X.2 acceptors and message buffers: what a receiver takes beside untyped words. */
#pragma once

#include <l4/items.h>
#include <l4/types.h>
#include <l4/utcb.h>

typedef union {
    L4_Word_t raw;
    struct {
        L4_Word_t s : 1;
        L4_Word_t c : 1;
        L4_Word_t __zeros : 2;
        L4_Word_t RcvWindow : 60;
    } X;
} L4_Acceptor_t;

L4_INLINE L4_Acceptor_t L4_AcceptorOf(L4_Word_t raw)
{
    L4_Acceptor_t a;
    a.raw = raw;
    return a;
}

#define L4_UntypedWordsAcceptor (L4_AcceptorOf(0))
#define L4_StringItemsAcceptor  (L4_AcceptorOf(1))

L4_INLINE L4_Acceptor_t L4_MapGrantItems(L4_Fpage_t window)
{
    return L4_AcceptorOf(window.raw & ~(L4_Word_t)0xf);
}

/* The window of `r`, if it has one, replaces that of `l`. */
L4_INLINE L4_Acceptor_t L4_AddAcceptor(L4_Acceptor_t l, L4_Acceptor_t r)
{
    L4_Word_t window = (r.X.RcvWindow ? r.raw : l.raw) & ~(L4_Word_t)0xf;

    return L4_AcceptorOf(window | ((l.raw | r.raw) & 0xf));
}

L4_INLINE L4_Acceptor_t L4_AddAcceptorTo(L4_Acceptor_t *l, L4_Acceptor_t r)
{
    return *l = L4_AddAcceptor(*l, r);
}

L4_INLINE L4_Acceptor_t L4_RemoveAcceptor(L4_Acceptor_t l, L4_Acceptor_t r)
{
    L4_Word_t window = r.X.RcvWindow ? 0 : l.raw & ~(L4_Word_t)0xf;

    return L4_AcceptorOf(window | (l.raw & ~r.raw & 0xf));
}

L4_INLINE L4_Acceptor_t L4_RemoveAcceptorFrom(L4_Acceptor_t *l, L4_Acceptor_t r)
{
    return *l = L4_RemoveAcceptor(*l, r);
}

L4_INLINE L4_Bool_t L4_HasStringItems(L4_Acceptor_t a)
{
    return a.X.s;
}

L4_INLINE L4_Bool_t L4_HasMapGrantItems(L4_Acceptor_t a)
{
    return a.X.RcvWindow != 0;
}

L4_INLINE L4_Fpage_t L4_RcvWindow(L4_Acceptor_t a)
{
    return L4_FpageOf(a.raw & ~(L4_Word_t)0xf);
}

L4_INLINE void L4_Accept(L4_Acceptor_t a)
{
    L4_LoadBR(0, a.raw);
}

L4_INLINE L4_Acceptor_t L4_Accepted(void)
{
    return L4_AcceptorOf(L4_Utcb()[L4_TCR_BR0]);
}

/* Buffers for strings: items in a row, all but the last with `C`. Empty: a length of 0 and no C. */
typedef union {
    L4_Word_t raw[L4_NumBRs - 1];
    L4_StringItem_t string[(L4_NumBRs - 1) / 2];
} L4_MsgBuffer_t;

L4_INLINE void L4_MsgBufferClear(L4_MsgBuffer_t *b)
{
    b->raw[0] = b->raw[1] = 0;
}

/* Words in use; `*last`: index of the last item. */
L4_INLINE unsigned L4_MsgBufferWords(const L4_MsgBuffer_t *b, unsigned *last)
{
    unsigned words = 0;

    *last = 0;
    if (!b->raw[0] && !b->raw[1])
        return 0;
    do {
        *last = words;
        words += L4_StringWords(&b->raw[words]);
    } while (b->raw[*last] & 1);
    return words;
}

/* What has no room is dropped. */
L4_INLINE void L4_MsgBufferAppendRcvString(L4_MsgBuffer_t *b, const L4_StringItem_t *item)
{
    const L4_Word_t *from = (const L4_Word_t *)(const void *)item;
    unsigned last, at = L4_MsgBufferWords(b, &last), words = L4_StringWords(from);

    if (at + words > L4_NumBRs - 1)
        return;
    for (unsigned i = 0; i < words; i++)
        b->raw[at + i] = from[i];
    b->raw[at] &= ~(L4_Word_t)1;
    if (at)
        b->raw[last] |= 1;
}

L4_INLINE void L4_MsgBufferAppendSimpleRcvString(L4_MsgBuffer_t *b, L4_StringItem_t item)
{
    item.X.j = 0;
    item.X.c = 0;
    L4_MsgBufferAppendRcvString(b, &item);
}

L4_INLINE void L4_AcceptStrings(L4_Acceptor_t a, const L4_MsgBuffer_t *b)
{
    unsigned last, words = L4_MsgBufferWords(b, &last);

    L4_LoadBR(0, a.raw);
    if (words)
        L4_LoadBRs(1, words, b->raw);
    else
        L4_LoadBR(1, 0);
}

#ifdef __cplusplus
static inline L4_Acceptor_t operator+(L4_Acceptor_t l, L4_Acceptor_t r)
{
    return L4_AddAcceptor(l, r);
}
static inline L4_Acceptor_t operator+=(L4_Acceptor_t &l, L4_Acceptor_t r)
{
    return L4_AddAcceptorTo(&l, r);
}
static inline L4_Acceptor_t operator-(L4_Acceptor_t l, L4_Acceptor_t r)
{
    return L4_RemoveAcceptor(l, r);
}
static inline L4_Acceptor_t operator-=(L4_Acceptor_t &l, L4_Acceptor_t r)
{
    return L4_RemoveAcceptorFrom(&l, r);
}
static inline L4_Bool_t L4_StringItems(L4_Acceptor_t a)
{
    return L4_HasStringItems(a);
}
static inline L4_Bool_t L4_MapGrantItems(L4_Acceptor_t a)
{
    return L4_HasMapGrantItems(a);
}
static inline void L4_Accept(L4_Acceptor_t a, const L4_MsgBuffer_t *b)
{
    L4_AcceptStrings(a, b);
}
static inline void L4_Clear(L4_MsgBuffer_t *b)
{
    L4_MsgBufferClear(b);
}
static inline void L4_Append(L4_MsgBuffer_t *b, L4_StringItem_t item)
{
    L4_MsgBufferAppendSimpleRcvString(b, item);
}
static inline void L4_Append(L4_MsgBuffer_t *b, const L4_StringItem_t *item)
{
    L4_MsgBufferAppendRcvString(b, item);
}
#endif
