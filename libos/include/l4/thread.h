/* L4 X.2 thread control registers, as words of the UTCB counted from MR0. */
#pragma once

#include <l4/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Address of MR0; also the thread's local ID. */
L4_INLINE L4_Word_t *L4_Utcb(void)
{
    L4_Word_t *mr;

    __asm__ volatile("mov %%gs:0, %0" : "=r"(mr));
    return mr;
}

L4_INLINE L4_ThreadId_t L4_MyLocalId(void)
{
    return L4_ThreadIdOf((L4_Word_t)L4_Utcb());
}

L4_INLINE L4_ThreadId_t L4_MyGlobalId(void)
{
    return L4_ThreadIdOf(*(volatile L4_Word_t *)(L4_Utcb() - 15));
}

L4_INLINE L4_ThreadId_t L4_Myself(void)
{
    return L4_MyGlobalId();
}

L4_INLINE L4_Word_t L4_ProcessorNo(void)
{
    return *(volatile L4_Word_t *)(L4_Utcb() - 14);
}

L4_INLINE L4_Word_t L4_UserDefinedHandle(void)
{
    return L4_Utcb()[-13];
}

L4_INLINE void L4_Set_UserDefinedHandle(L4_Word_t handle)
{
    L4_Utcb()[-13] = handle;
}

L4_INLINE L4_ThreadId_t L4_Pager(void)
{
    return L4_ThreadIdOf(L4_Utcb()[-12]);
}

L4_INLINE void L4_Set_Pager(L4_ThreadId_t pager)
{
    *(volatile L4_Word_t *)(L4_Utcb() - 12) = pager.raw;
}

L4_INLINE L4_ThreadId_t L4_ExceptionHandler(void)
{
    return L4_ThreadIdOf(L4_Utcb()[-11]);
}

L4_INLINE void L4_Set_ExceptionHandler(L4_ThreadId_t handler)
{
    *(volatile L4_Word_t *)(L4_Utcb() - 11) = handler.raw;
}

L4_INLINE L4_Word_t L4_ErrorCode(void)
{
    return *(volatile L4_Word_t *)(L4_Utcb() - 9);
}

L4_INLINE void L4_Set_XferTimeouts(L4_Word_t timeouts)
{
    *(volatile L4_Word_t *)(L4_Utcb() - 8) = timeouts;
}

L4_INLINE L4_ThreadId_t L4_IntendedReceiver(void)
{
    return L4_ThreadIdOf(*(volatile L4_Word_t *)(L4_Utcb() - 7));
}

L4_INLINE L4_ThreadId_t L4_ActualSender(void)
{
    return L4_ThreadIdOf(*(volatile L4_Word_t *)(L4_Utcb() - 6));
}

L4_INLINE void L4_Set_VirtualSender(L4_ThreadId_t sender)
{
    *(volatile L4_Word_t *)(L4_Utcb() - 6) = sender.raw;
}

#ifdef __cplusplus
}
#endif
