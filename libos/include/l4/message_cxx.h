/* L4 X.2 messages in C++: operators, and one name for what C tells apart by several. Included by
 * l4/message.h. */
#pragma once

#include <l4/message.h>

#ifdef __cplusplus
static inline bool operator==(L4_MsgTag_t l, L4_MsgTag_t r)
{
    return l.raw == r.raw;
}
static inline bool operator!=(L4_MsgTag_t l, L4_MsgTag_t r)
{
    return l.raw != r.raw;
}
static inline L4_MsgTag_t operator+(L4_MsgTag_t t, int label)
{
    return L4_MsgTagAddLabel(t, label);
}
static inline L4_MsgTag_t operator+=(L4_MsgTag_t &t, int label)
{
    return L4_MsgTagAddLabelTo(&t, label);
}
static inline L4_Bool_t L4_MapItem(L4_MapItem_t item)
{
    return L4_IsMapItem(item);
}
static inline L4_Bool_t L4_GrantItem(L4_GrantItem_t item)
{
    return L4_IsGrantItem(item);
}
static inline L4_Bool_t L4_StringItem(const L4_StringItem_t *s)
{
    return L4_IsStringItem(s);
}
static inline L4_Fpage_t L4_SndFpage(L4_MapItem_t item)
{
    return L4_MapItemSndFpage(item);
}
static inline L4_Fpage_t L4_SndFpage(L4_GrantItem_t item)
{
    return L4_GrantItemSndFpage(item);
}
static inline L4_Word_t L4_SndBase(L4_MapItem_t item)
{
    return L4_MapItemSndBase(item);
}
static inline L4_Word_t L4_SndBase(L4_GrantItem_t item)
{
    return L4_GrantItemSndBase(item);
}
static inline L4_StringItem_t *operator+=(L4_StringItem_t &dest, L4_StringItem_t group)
{
    group.X.c = 0;
    L4_AddSubstringTo(&dest, &group);
    return &dest;
}
static inline L4_StringItem_t *operator+=(L4_StringItem_t &dest, void *address)
{
    return L4_AddSubstringAddressTo(&dest, address);
}
static inline bool operator==(L4_CacheAllocationHint_t l, L4_CacheAllocationHint_t r)
{
    return l.raw == r.raw;
}
static inline bool operator!=(L4_CacheAllocationHint_t l, L4_CacheAllocationHint_t r)
{
    return l.raw != r.raw;
}
static inline L4_StringItem_t operator+(L4_StringItem_t s, L4_CacheAllocationHint_t h)
{
    return L4_AddCacheAllocationHint(s, h);
}
static inline L4_StringItem_t operator+=(L4_StringItem_t &s, L4_CacheAllocationHint_t h)
{
    return L4_AddCacheAllocationHintTo(&s, h);
}
static inline void L4_Put(L4_Msg_t *m, L4_Word_t label, int u, L4_Word_t *untyped, int t,
                          void *items)
{
    L4_MsgPut(m, label, (unsigned)u, untyped, (unsigned)t, items);
}
static inline void L4_Get(const L4_Msg_t *m, L4_Word_t *untyped, void *items)
{
    L4_MsgGet(m, untyped, items);
}
static inline L4_MsgTag_t L4_MsgTag(const L4_Msg_t *m)
{
    return L4_MsgMsgTag(m);
}
static inline void L4_Set_MsgTag(L4_Msg_t *m, L4_MsgTag_t t)
{
    L4_Set_MsgMsgTag(m, t);
}
static inline L4_Word_t L4_Label(const L4_Msg_t *m)
{
    return L4_MsgLabel(m);
}
static inline void L4_Set_Label(L4_Msg_t *m, L4_Word_t label)
{
    L4_Set_MsgLabel(m, label);
}
static inline void L4_Load(const L4_Msg_t *m)
{
    L4_MsgLoad(m);
}
static inline void L4_Store(L4_MsgTag_t t, L4_Msg_t *m)
{
    L4_MsgStore(t, m);
}
static inline void L4_Clear(L4_Msg_t *m)
{
    L4_MsgClear(m);
}
static inline void L4_Append(L4_Msg_t *m, L4_Word_t word)
{
    L4_MsgAppendWord(m, word);
}
static inline void L4_Append(L4_Msg_t *m, int word)
{
    L4_MsgAppendWord(m, (L4_Word_t)word);
}
static inline void L4_Append(L4_Msg_t *m, L4_MapItem_t item)
{
    L4_MsgAppendMapItem(m, item);
}
static inline void L4_Append(L4_Msg_t *m, L4_GrantItem_t item)
{
    L4_MsgAppendGrantItem(m, item);
}
static inline void L4_Append(L4_Msg_t *m, L4_StringItem_t item)
{
    L4_MsgAppendSimpleStringItem(m, item);
}
static inline void L4_Append(L4_Msg_t *m, L4_StringItem_t *item)
{
    L4_MsgAppendStringItem(m, item);
}
static inline void L4_Put(L4_Msg_t *m, L4_Word_t u, L4_Word_t word)
{
    L4_MsgPutWord(m, u, word);
}
static inline void L4_Put(L4_Msg_t *m, L4_Word_t t, L4_MapItem_t item)
{
    L4_MsgPutMapItem(m, t, item);
}
static inline void L4_Put(L4_Msg_t *m, L4_Word_t t, L4_GrantItem_t item)
{
    L4_MsgPutGrantItem(m, t, item);
}
static inline void L4_Put(L4_Msg_t *m, L4_Word_t t, L4_StringItem_t item)
{
    L4_MsgPutSimpleStringItem(m, t, item);
}
static inline void L4_Put(L4_Msg_t *m, L4_Word_t t, L4_StringItem_t *item)
{
    L4_MsgPutStringItem(m, t, item);
}
static inline L4_Word_t L4_Get(const L4_Msg_t *m, L4_Word_t u)
{
    return L4_MsgWord(m, u);
}
static inline void L4_Get(const L4_Msg_t *m, L4_Word_t u, L4_Word_t *word)
{
    L4_MsgGetWord(m, u, word);
}
static inline L4_Word_t L4_Get(const L4_Msg_t *m, L4_Word_t t, L4_MapItem_t *item)
{
    return L4_MsgGetMapItem(m, t, item);
}
static inline L4_Word_t L4_Get(const L4_Msg_t *m, L4_Word_t t, L4_GrantItem_t *item)
{
    return L4_MsgGetGrantItem(m, t, item);
}
static inline L4_Word_t L4_Get(const L4_Msg_t *m, L4_Word_t t, L4_StringItem_t *item)
{
    return L4_MsgGetStringItem(m, t, item);
}
#endif
