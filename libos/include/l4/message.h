/* L4 X.2 messages: tag, items, message and buffer registers. */
#pragma once

#include <l4/thread.h>
#include <l4/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define L4_NumMRs 64u
#define L4_NumBRs 33u

/* Tag: label in bits 63 to 16, flags in 15 to 12, typed words in 11 to 6, untyped in 5 to 0. */
typedef struct {
    L4_Word_t raw;
} L4_MsgTag_t;

L4_INLINE L4_MsgTag_t L4_MsgTagOf(L4_Word_t raw)
{
    L4_MsgTag_t t;
    t.raw = raw;
    return t;
}

#define L4_Niltag (L4_MsgTagOf(0))

/* Not of X.2: a tag from its parts. */
L4_INLINE L4_MsgTag_t L4_MsgTagMake(L4_Word_t label, L4_Word_t untyped, L4_Word_t typed)
{
    return L4_MsgTagOf(label << 16 | (typed & 63) << 6 | (untyped & 63));
}

L4_INLINE L4_Word_t L4_Label(L4_MsgTag_t t)
{
    return t.raw >> 16;
}

L4_INLINE L4_Word_t L4_UntypedWords(L4_MsgTag_t t)
{
    return t.raw & 63;
}

L4_INLINE L4_Word_t L4_TypedWords(L4_MsgTag_t t)
{
    return t.raw >> 6 & 63;
}

L4_INLINE L4_Bool_t L4_IpcFailed(L4_MsgTag_t t)
{
    return (t.raw & 0x8000) != 0;
}

L4_INLINE L4_Bool_t L4_IpcSucceeded(L4_MsgTag_t t)
{
    return (t.raw & 0x8000) == 0;
}

L4_INLINE L4_Bool_t L4_IpcXcpu(L4_MsgTag_t t)
{
    return (t.raw & 0x4000) != 0;
}

L4_INLINE L4_Bool_t L4_IpcRedirected(L4_MsgTag_t t)
{
    return (t.raw & 0x2000) != 0;
}

L4_INLINE L4_Bool_t L4_IpcPropagated(L4_MsgTag_t t)
{
    return (t.raw & 0x1000) != 0;
}

L4_INLINE void L4_Set_Propagation(L4_MsgTag_t *t)
{
    t->raw |= 0x1000;
}

/* Message registers. */
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

L4_INLINE L4_MsgTag_t L4_MsgTag(void)
{
    return L4_MsgTagOf(L4_Utcb()[0]);
}

L4_INLINE void L4_Set_MsgTag(L4_MsgTag_t t)
{
    L4_Utcb()[0] = t.raw;
}

/* Typed items. */
typedef struct {
    L4_Word_t raw[2];
} L4_MapItem_t;
typedef L4_MapItem_t L4_GrantItem_t;
typedef struct {
    L4_Word_t raw[2];
} L4_StringItem_t;

L4_INLINE L4_MapItem_t L4_MapItem(L4_Fpage_t f, L4_Word_t send_base)
{
    L4_MapItem_t item;

    item.raw[0] = (send_base & ~(L4_Word_t)0x3ff) | 8;
    item.raw[1] = f.raw;
    return item;
}

L4_INLINE L4_GrantItem_t L4_GrantItem(L4_Fpage_t f, L4_Word_t send_base)
{
    L4_GrantItem_t item;

    item.raw[0] = (send_base & ~(L4_Word_t)0x3ff) | 0xa;
    item.raw[1] = f.raw;
    return item;
}

L4_INLINE L4_Bool_t L4_IsMapItem(L4_MapItem_t item)
{
    return (item.raw[0] & 0xe) == 8;
}

L4_INLINE L4_Bool_t L4_IsGrantItem(L4_GrantItem_t item)
{
    return (item.raw[0] & 0xe) == 0xa;
}

L4_INLINE L4_Fpage_t L4_SndFpage(L4_MapItem_t item)
{
    return L4_FpageOf(item.raw[1]);
}

L4_INLINE L4_Word_t L4_SndBase(L4_MapItem_t item)
{
    return item.raw[0] & ~(L4_Word_t)0x3ff;
}

/* A string of one piece. */
L4_INLINE L4_StringItem_t L4_StringItem(L4_Word_t bytes, void *string)
{
    L4_StringItem_t item;

    item.raw[0] = bytes << 10;
    item.raw[1] = (L4_Word_t)string;
    return item;
}

/* Acceptor and buffer registers. */
typedef struct {
    L4_Word_t raw;
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

L4_INLINE void L4_LoadBR(unsigned i, L4_Word_t word)
{
    L4_Utcb()[-16 - (ptrdiff_t)i] = word;
}

L4_INLINE void L4_StoreBR(unsigned i, L4_Word_t *word)
{
    *word = L4_Utcb()[-16 - (ptrdiff_t)i];
}

L4_INLINE void L4_Accept(L4_Acceptor_t a)
{
    L4_LoadBR(0, a.raw);
}

/* A message being put together, or taken apart, in memory. */
typedef union {
    L4_Word_t raw[L4_NumMRs];
    L4_Word_t msg[L4_NumMRs];
    L4_MsgTag_t tag;
} L4_Msg_t;

L4_INLINE void L4_MsgClear(L4_Msg_t *m)
{
    m->raw[0] = 0;
}

L4_INLINE L4_MsgTag_t L4_MsgMsgTag(const L4_Msg_t *m)
{
    return m->tag;
}

L4_INLINE void L4_Set_MsgMsgTag(L4_Msg_t *m, L4_MsgTag_t t)
{
    m->tag = t;
}

L4_INLINE void L4_Set_MsgLabel(L4_Msg_t *m, L4_Word_t label)
{
    m->raw[0] = (m->raw[0] & 0xffff) | label << 16;
}

L4_INLINE L4_Word_t L4_MsgLabel(const L4_Msg_t *m)
{
    return m->raw[0] >> 16;
}

/* Untyped words stand before typed items: those that there are move up by one. */
L4_INLINE void L4_MsgAppendWord(L4_Msg_t *m, L4_Word_t word)
{
    unsigned u = (unsigned)L4_UntypedWords(m->tag), t = (unsigned)L4_TypedWords(m->tag);

    if (u + t + 1 >= L4_NumMRs)
        return;
    for (unsigned i = u + t; i > u; i--)
        m->raw[i + 1] = m->raw[i];
    m->raw[u + 1] = word;
    m->raw[0]++;
}

/* Two words of a typed item behind all that there is. */
L4_INLINE void L4_MsgAppendPair(L4_Msg_t *m, L4_Word_t first, L4_Word_t second)
{
    unsigned end = (unsigned)(L4_UntypedWords(m->tag) + L4_TypedWords(m->tag)) + 1;

    if (end + 2 > L4_NumMRs)
        return;
    m->raw[end] = first;
    m->raw[end + 1] = second;
    m->raw[0] += 2u << 6;
}

L4_INLINE void L4_MsgAppendMapItem(L4_Msg_t *m, L4_MapItem_t item)
{
    L4_MsgAppendPair(m, item.raw[0], item.raw[1]);
}

L4_INLINE void L4_MsgAppendGrantItem(L4_Msg_t *m, L4_GrantItem_t item)
{
    L4_MsgAppendPair(m, item.raw[0], item.raw[1]);
}

L4_INLINE void L4_MsgAppendSimpleStringItem(L4_Msg_t *m, L4_StringItem_t item)
{
    L4_MsgAppendPair(m, item.raw[0], item.raw[1]);
}

L4_INLINE L4_Word_t L4_MsgWord(const L4_Msg_t *m, unsigned i)
{
    return m->raw[i + 1];
}

L4_INLINE void L4_Set_MsgWord(L4_Msg_t *m, unsigned i, L4_Word_t word)
{
    m->raw[i + 1] = word;
}

/* To the message registers, and from them. */
L4_INLINE void L4_MsgLoad(const L4_Msg_t *m)
{
    L4_LoadMRs(0, (unsigned)(L4_UntypedWords(m->tag) + L4_TypedWords(m->tag)) + 1, m->raw);
}

L4_INLINE void L4_MsgStore(L4_MsgTag_t t, L4_Msg_t *m)
{
    L4_StoreMRs(1, (unsigned)(L4_UntypedWords(t) + L4_TypedWords(t)), m->raw + 1);
    m->tag = t;
}

#ifdef __cplusplus
}
#endif
