/* L4 X.2 messages: the tag, and messages put together and taken apart in memory. */
#pragma once

#include <l4/buffer.h>
#include <l4/items.h>
#include <l4/types.h>
#include <l4/utcb.h>

/* Message tag. */
typedef union {
    L4_Word_t raw;
    struct {
        L4_Word_t u : 6;
        L4_Word_t t : 6;
        L4_Word_t flags : 4;
        L4_Word_t label : 48;
    } X;
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

L4_INLINE L4_Bool_t L4_IsMsgTagEqual(L4_MsgTag_t l, L4_MsgTag_t r)
{
    return l.raw == r.raw;
}

L4_INLINE L4_Bool_t L4_IsMsgTagNotEqual(L4_MsgTag_t l, L4_MsgTag_t r)
{
    return l.raw != r.raw;
}

L4_INLINE L4_Word_t L4_Label(L4_MsgTag_t t)
{
    return t.X.label;
}

L4_INLINE L4_Word_t L4_UntypedWords(L4_MsgTag_t t)
{
    return t.X.u;
}

L4_INLINE L4_Word_t L4_TypedWords(L4_MsgTag_t t)
{
    return t.X.t;
}

L4_INLINE void L4_Set_Label(L4_MsgTag_t *t, L4_Word_t label)
{
    t->raw = (t->raw & 0xffff) | label << 16;
}

L4_INLINE L4_MsgTag_t L4_MsgTagAddLabel(L4_MsgTag_t t, int label)
{
    L4_Set_Label(&t, (L4_Word_t)label);
    return t;
}

L4_INLINE L4_MsgTag_t L4_MsgTagAddLabelTo(L4_MsgTag_t *t, int label)
{
    return *t = L4_MsgTagAddLabel(*t, label);
}

L4_INLINE L4_MsgTag_t L4_MsgTag(void)
{
    return L4_MsgTagOf(L4_Utcb()[0]);
}

L4_INLINE void L4_Set_MsgTag(L4_MsgTag_t t)
{
    L4_Utcb()[0] = t.raw;
}

/* A message in memory. Words and items beyond its room are dropped. */
typedef union {
    L4_Word_t raw[L4_NumMRs];
    L4_Word_t msg[L4_NumMRs];
    L4_MsgTag_t tag;
} L4_Msg_t;

L4_INLINE void L4_MsgClear(L4_Msg_t *m)
{
    m->raw[0] = 0;
}

L4_INLINE void L4_MsgPut(L4_Msg_t *m, L4_Word_t label, unsigned u, const L4_Word_t *untyped,
                         unsigned t, const void *items)
{
    const L4_Word_t *typed = (const L4_Word_t *)items;

    for (unsigned i = 0; i < u; i++)
        m->raw[1 + i] = untyped[i];
    for (unsigned i = 0; i < t; i++)
        m->raw[1 + u + i] = typed[i];
    m->tag = L4_MsgTagMake(label, u, t);
}

L4_INLINE void L4_MsgGet(const L4_Msg_t *m, L4_Word_t *untyped, void *items)
{
    L4_Word_t *typed = (L4_Word_t *)items;

    for (unsigned i = 0; i < m->tag.X.u; i++)
        untyped[i] = m->raw[1 + i];
    for (unsigned i = 0; i < m->tag.X.t; i++)
        typed[i] = m->raw[1 + m->tag.X.u + i];
}

L4_INLINE L4_MsgTag_t L4_MsgMsgTag(const L4_Msg_t *m)
{
    return m->tag;
}

L4_INLINE void L4_Set_MsgMsgTag(L4_Msg_t *m, L4_MsgTag_t t)
{
    m->tag = t;
}

L4_INLINE L4_Word_t L4_MsgLabel(const L4_Msg_t *m)
{
    return m->tag.X.label;
}

L4_INLINE void L4_Set_MsgLabel(L4_Msg_t *m, L4_Word_t label)
{
    L4_Set_Label(&m->tag, label);
}

/* To the message registers, and from them. */
L4_INLINE void L4_MsgLoad(const L4_Msg_t *m)
{
    L4_LoadMRs(0, (unsigned)(m->tag.X.u + m->tag.X.t) + 1, m->raw);
}

L4_INLINE void L4_MsgStore(L4_MsgTag_t t, L4_Msg_t *m)
{
    L4_StoreMRs(1, (unsigned)(t.X.u + t.X.t), m->raw + 1);
    m->tag = t;
}

/* Untyped words stand before typed items: those that there are move up by one. */
L4_INLINE void L4_MsgAppendWord(L4_Msg_t *m, L4_Word_t word)
{
    unsigned u = m->tag.X.u, t = m->tag.X.t;

    if (u + t + 1 >= L4_NumMRs)
        return;
    for (unsigned i = u + t; i > u; i--)
        m->raw[i + 1] = m->raw[i];
    m->raw[u + 1] = word;
    m->raw[0]++;
}

/* Words of a typed item behind all that there is. */
L4_INLINE void L4_MsgAppendItem(L4_Msg_t *m, const L4_Word_t *item, unsigned words)
{
    unsigned end = (unsigned)(m->tag.X.u + m->tag.X.t) + 1;

    if (end + words > L4_NumMRs)
        return;
    for (unsigned i = 0; i < words; i++)
        m->raw[end + i] = item[i];
    m->raw[0] += (L4_Word_t)words << 6;
}

L4_INLINE void L4_MsgAppendMapItem(L4_Msg_t *m, L4_MapItem_t item)
{
    L4_MsgAppendItem(m, item.raw, 2);
}

L4_INLINE void L4_MsgAppendGrantItem(L4_Msg_t *m, L4_GrantItem_t item)
{
    L4_MsgAppendItem(m, item.raw, 2);
}

L4_INLINE void L4_MsgAppendSimpleStringItem(L4_Msg_t *m, L4_StringItem_t item)
{
    item.X.c = 0;
    item.X.j = 0;
    L4_MsgAppendItem(m, item.raw, 2);
}

L4_INLINE void L4_MsgAppendStringItem(L4_Msg_t *m, const L4_StringItem_t *item)
{
    const L4_Word_t *words = (const L4_Word_t *)(const void *)item;

    L4_MsgAppendItem(m, words, L4_StringWords(words));
}

/* Untyped word `u`, from 0; typed item at word `t` of the typed ones, from 0. */
L4_INLINE void L4_MsgPutWord(L4_Msg_t *m, L4_Word_t u, L4_Word_t word)
{
    m->raw[u + 1] = word;
}

L4_INLINE void L4_Set_MsgWord(L4_Msg_t *m, L4_Word_t u, L4_Word_t word)
{
    L4_MsgPutWord(m, u, word);
}

L4_INLINE void L4_MsgPutMapItem(L4_Msg_t *m, L4_Word_t t, L4_MapItem_t item)
{
    m->raw[m->tag.X.u + t + 1] = item.raw[0];
    m->raw[m->tag.X.u + t + 2] = item.raw[1];
}

L4_INLINE void L4_MsgPutGrantItem(L4_Msg_t *m, L4_Word_t t, L4_GrantItem_t item)
{
    m->raw[m->tag.X.u + t + 1] = item.raw[0];
    m->raw[m->tag.X.u + t + 2] = item.raw[1];
}

L4_INLINE void L4_MsgPutSimpleStringItem(L4_Msg_t *m, L4_Word_t t, L4_StringItem_t item)
{
    item.X.c = 0;
    item.X.j = 0;
    m->raw[m->tag.X.u + t + 1] = item.raw[0];
    m->raw[m->tag.X.u + t + 2] = item.raw[1];
}

L4_INLINE void L4_MsgPutStringItem(L4_Msg_t *m, L4_Word_t t, const L4_StringItem_t *item)
{
    const L4_Word_t *words = (const L4_Word_t *)(const void *)item;
    unsigned count = L4_StringWords(words);

    for (unsigned i = 0; i < count; i++)
        m->raw[m->tag.X.u + t + 1 + i] = words[i];
}

L4_INLINE L4_Word_t L4_MsgWord(const L4_Msg_t *m, L4_Word_t u)
{
    return m->raw[u + 1];
}

L4_INLINE void L4_MsgGetWord(const L4_Msg_t *m, L4_Word_t u, L4_Word_t *word)
{
    *word = m->raw[u + 1];
}

/* These return how many words the item has. */
L4_INLINE L4_Word_t L4_MsgGetMapItem(const L4_Msg_t *m, L4_Word_t t, L4_MapItem_t *item)
{
    item->raw[0] = m->raw[m->tag.X.u + t + 1];
    item->raw[1] = m->raw[m->tag.X.u + t + 2];
    return 2;
}

L4_INLINE L4_Word_t L4_MsgGetGrantItem(const L4_Msg_t *m, L4_Word_t t, L4_GrantItem_t *item)
{
    item->raw[0] = m->raw[m->tag.X.u + t + 1];
    item->raw[1] = m->raw[m->tag.X.u + t + 2];
    return 2;
}

/* `item` has room for all of the string's words. */
L4_INLINE L4_Word_t L4_MsgGetStringItem(const L4_Msg_t *m, L4_Word_t t, L4_StringItem_t *item)
{
    const L4_Word_t *from = &m->raw[m->tag.X.u + t + 1];
    L4_Word_t *to = (L4_Word_t *)(void *)item;
    unsigned count = L4_StringWords(from);

    for (unsigned i = 0; i < count; i++)
        to[i] = from[i];
    return count;
}

#ifdef __cplusplus
#include <l4/message_cxx.h>
#endif
