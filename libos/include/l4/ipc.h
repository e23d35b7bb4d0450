/* L4 X.2 IPC and its derived forms. Messages lie in the UTCB's message registers (l4/message.h). */
#pragma once

#include <l4/message.h>
#include <l4/syscalls.h>
#include <l4/thread.h>

/* What became of an IPC, by the tag that it returned. */
L4_INLINE L4_Bool_t L4_IpcSucceeded(L4_MsgTag_t t)
{
    return (t.raw & 0x8000) == 0;
}

L4_INLINE L4_Bool_t L4_IpcFailed(L4_MsgTag_t t)
{
    return (t.raw & 0x8000) != 0;
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
    t->raw = (t->raw & ~(L4_Word_t)0xf000) | 0x1000;
}

L4_INLINE L4_Word_t L4_Timeouts(L4_Time_t send, L4_Time_t receive)
{
    return (L4_Word_t)send.raw << 16 | receive.raw;
}

/* One link takes MR0 to MR7 in registers; they are loaded from the UTCB and stored back to it. The
 * link's code is called below the red zone; it keeps rsp, rbp, and in rdi the address of MR0. */
#define L4_CALL_IPC(call, rcx)                                                                     \
    __asm__ volatile(                                                                              \
        "leaq -128(%%rsp), %%rsp\n\t"                                                              \
        "movq %%gs:0, %%rdi\n\t" L4_MRS_TO_REGISTERS "call " call "\n\t" L4_MRS_STORE "\n\t"       \
        "leaq 128(%%rsp), %%rsp"                                                                   \
        : "+S"(source), "+d"(destination), rcx(link), "+r"(r8), "=r"(tag)                          \
        :                                                                                          \
        : "rax", "rbx", "rdi", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc")

/* exo4 has the link's address in the UTCB, too. */
L4_INLINE L4_MsgTag_t L4_Ipc(L4_ThreadId_t to, L4_ThreadId_t specifier, L4_Word_t timeouts,
                             L4_ThreadId_t *from)
{
    L4_Word_t source = to.raw, destination = specifier.raw, link;
    register L4_Word_t r8 __asm__("r8") = timeouts;
    register L4_Word_t tag __asm__("r9");

    L4_CALL_IPC("*%%gs:-8", "=c");
    if (from)
        from->raw = source;
    return L4_MsgTagOf(tag);
}

L4_INLINE L4_MsgTag_t L4_Lipc(L4_ThreadId_t to, L4_ThreadId_t specifier, L4_Word_t timeouts,
                              L4_ThreadId_t *from)
{
    L4_Word_t source = to.raw, destination = specifier.raw, link = L4_KipWord(L4_KIP_LIPC);
    register L4_Word_t r8 __asm__("r8") = timeouts;
    register L4_Word_t tag __asm__("r9");

    L4_CALL_IPC("*%%rcx", "+c");
    if (from)
        from->raw = source;
    return L4_MsgTagOf(tag);
}

L4_INLINE L4_MsgTag_t L4_Call_Timeouts(L4_ThreadId_t to, L4_Time_t send, L4_Time_t receive)
{
    return L4_Ipc(to, to, L4_Timeouts(send, receive), NULL);
}

L4_INLINE L4_MsgTag_t L4_Call(L4_ThreadId_t to)
{
    return L4_Call_Timeouts(to, L4_Never, L4_Never);
}

L4_INLINE L4_MsgTag_t L4_Lcall(L4_ThreadId_t to)
{
    return L4_Lipc(to, to, L4_Timeouts(L4_Never, L4_Never), NULL);
}

L4_INLINE L4_MsgTag_t L4_Send_Timeout(L4_ThreadId_t to, L4_Time_t send)
{
    return L4_Ipc(to, L4_nilthread, L4_Timeouts(send, L4_ZeroTime), NULL);
}

L4_INLINE L4_MsgTag_t L4_Send(L4_ThreadId_t to)
{
    return L4_Send_Timeout(to, L4_Never);
}

L4_INLINE L4_MsgTag_t L4_Reply(L4_ThreadId_t to)
{
    return L4_Send_Timeout(to, L4_ZeroTime);
}

L4_INLINE L4_MsgTag_t L4_Receive_Timeout(L4_ThreadId_t from, L4_Time_t receive)
{
    return L4_Ipc(L4_nilthread, from, L4_Timeouts(L4_ZeroTime, receive), NULL);
}

L4_INLINE L4_MsgTag_t L4_Receive(L4_ThreadId_t from)
{
    return L4_Receive_Timeout(from, L4_Never);
}

L4_INLINE L4_MsgTag_t L4_Wait_Timeout(L4_Time_t receive, L4_ThreadId_t *from)
{
    return L4_Ipc(L4_nilthread, L4_anythread, L4_Timeouts(L4_ZeroTime, receive), from);
}

L4_INLINE L4_MsgTag_t L4_Wait(L4_ThreadId_t *from)
{
    return L4_Wait_Timeout(L4_Never, from);
}

L4_INLINE L4_MsgTag_t L4_ReplyWait_Timeout(L4_ThreadId_t to, L4_Time_t receive, L4_ThreadId_t *from)
{
    return L4_Ipc(to, L4_anythread, L4_Timeouts(L4_ZeroTime, receive), from);
}

L4_INLINE L4_MsgTag_t L4_ReplyWait(L4_ThreadId_t to, L4_ThreadId_t *from)
{
    return L4_ReplyWait_Timeout(to, L4_Never, from);
}

L4_INLINE L4_MsgTag_t L4_LreplyWait(L4_ThreadId_t to, L4_ThreadId_t *from)
{
    return L4_Lipc(to, L4_anylocalthread, L4_Timeouts(L4_ZeroTime, L4_Never), from);
}

L4_INLINE void L4_Sleep(L4_Time_t time)
{
    L4_Receive_Timeout(L4_MyLocalId(), time);
}

#ifdef __cplusplus
static inline L4_MsgTag_t L4_Call(L4_ThreadId_t to, L4_Time_t send, L4_Time_t receive)
{
    return L4_Call_Timeouts(to, send, receive);
}
static inline L4_MsgTag_t L4_Send(L4_ThreadId_t to, L4_Time_t send)
{
    return L4_Send_Timeout(to, send);
}
static inline L4_MsgTag_t L4_Receive(L4_ThreadId_t from, L4_Time_t receive)
{
    return L4_Receive_Timeout(from, receive);
}
static inline L4_MsgTag_t L4_Wait(L4_Time_t receive, L4_ThreadId_t *from)
{
    return L4_Wait_Timeout(receive, from);
}
static inline L4_MsgTag_t L4_ReplyWait(L4_ThreadId_t to, L4_Time_t receive, L4_ThreadId_t *from)
{
    return L4_ReplyWait_Timeout(to, receive, from);
}
#endif
