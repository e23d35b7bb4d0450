/* L4 X.2 threads: thread control registers of the running thread, ThreadControl, ExchangeRegisters
 * and what is derived from them. */
#pragma once

#include <l4/syscalls.h>
#include <l4/types.h>
#include <l4/utcb.h>

/* Thread control registers. */
L4_INLINE L4_ThreadId_t L4_MyLocalId(void)
{
    return L4_ThreadIdOf((L4_Word_t)L4_Utcb());
}

L4_INLINE L4_ThreadId_t L4_MyGlobalId(void)
{
    return L4_ThreadIdOf(L4_Tcr(L4_TCR_GLOBAL_ID));
}

L4_INLINE L4_ThreadId_t L4_Myself(void)
{
    return L4_MyGlobalId();
}

L4_INLINE L4_Word_t L4_ProcessorNo(void)
{
    return L4_Tcr(L4_TCR_PROCESSOR_NO);
}

L4_INLINE L4_Word_t L4_UserDefinedHandle(void)
{
    return L4_Tcr(L4_TCR_USER_DEFINED_HANDLE);
}

L4_INLINE void L4_Set_UserDefinedHandle(L4_Word_t handle)
{
    L4_Set_Tcr(L4_TCR_USER_DEFINED_HANDLE, handle);
}

L4_INLINE L4_ThreadId_t L4_Pager(void)
{
    return L4_ThreadIdOf(L4_Tcr(L4_TCR_PAGER));
}

L4_INLINE void L4_Set_Pager(L4_ThreadId_t pager)
{
    L4_Set_Tcr(L4_TCR_PAGER, pager.raw);
}

L4_INLINE L4_ThreadId_t L4_ExceptionHandler(void)
{
    return L4_ThreadIdOf(L4_Tcr(L4_TCR_EXCEPTION_HANDLER));
}

L4_INLINE void L4_Set_ExceptionHandler(L4_ThreadId_t handler)
{
    L4_Set_Tcr(L4_TCR_EXCEPTION_HANDLER, handler.raw);
}

L4_INLINE L4_Word_t L4_ErrorCode(void)
{
    return L4_Tcr(L4_TCR_ERROR_CODE);
}

L4_INLINE const char *L4_ErrorCode_String(L4_Word_t error)
{
    static const char *const names[] = {"ok",
                                        "no privilege",
                                        "invalid thread",
                                        "invalid space",
                                        "invalid scheduler",
                                        "invalid parameter",
                                        "bad UTCB area or location",
                                        "bad kernel interface page area",
                                        "out of memory"};

    return error < sizeof names / sizeof names[0] ? names[error] : "unknown error code";
}

L4_INLINE L4_Word_t L4_XferTimeouts(void)
{
    return L4_Tcr(L4_TCR_XFER_TIMEOUTS);
}

L4_INLINE void L4_Set_XferTimeouts(L4_Word_t timeouts)
{
    L4_Set_Tcr(L4_TCR_XFER_TIMEOUTS, timeouts);
}

L4_INLINE L4_ThreadId_t L4_IntendedReceiver(void)
{
    return L4_ThreadIdOf(L4_Tcr(L4_TCR_INTENDED_RECEIVER));
}

L4_INLINE L4_ThreadId_t L4_ActualSender(void)
{
    return L4_ThreadIdOf(L4_Tcr(L4_TCR_VIRTUAL_SENDER));
}

L4_INLINE void L4_Set_VirtualSender(L4_ThreadId_t sender)
{
    L4_Set_Tcr(L4_TCR_VIRTUAL_SENDER, sender.raw);
}

/* Words that the kernel leaves alone; n is 0 or 1. */
L4_INLINE L4_Word_t L4_ThreadWord(unsigned n)
{
    return L4_Tcr(n ? L4_TCR_THREAD_WORD1 : L4_TCR_THREAD_WORD0);
}

L4_INLINE void L4_Set_ThreadWord(unsigned n, L4_Word_t word)
{
    L4_Set_Tcr(n ? L4_TCR_THREAD_WORD1 : L4_TCR_THREAD_WORD0, word);
}

L4_INLINE L4_Word_t L4_WordSizeMask(void)
{
    return ~(L4_Word_t)0;
}

L4_INLINE void L4_Reset_WordSizeMask(void)
{
}

/* Preemption flags: each function returns what was set before. */
#define L4_PREEMPT_SIGNAL  0x20u
#define L4_PREEMPT_DELAY   0x40u
#define L4_PREEMPT_PENDING 0x80u

L4_INLINE L4_Bool_t L4_ChangePreemptFlags(L4_Word8_t clear, L4_Word8_t set, L4_Word8_t ask)
{
    volatile L4_Word8_t *flags = (volatile L4_Word8_t *)(L4_Utcb() + L4_TCR_FLAGS);
    L4_Word8_t old = *flags;

    *flags = (L4_Word8_t)((old & ~clear) | set);
    return (old & ask) != 0;
}

L4_INLINE L4_Bool_t L4_EnablePreemptionFaultException(void)
{
    return L4_ChangePreemptFlags(0, L4_PREEMPT_SIGNAL, L4_PREEMPT_SIGNAL);
}

L4_INLINE L4_Bool_t L4_DisablePreemptionFaultException(void)
{
    return L4_ChangePreemptFlags(L4_PREEMPT_SIGNAL, 0, L4_PREEMPT_SIGNAL);
}

L4_INLINE L4_Bool_t L4_DisablePreemption(void)
{
    return L4_ChangePreemptFlags(0, L4_PREEMPT_DELAY, L4_PREEMPT_DELAY);
}

L4_INLINE L4_Bool_t L4_EnablePreemption(void)
{
    return L4_ChangePreemptFlags(L4_PREEMPT_DELAY, 0, L4_PREEMPT_DELAY);
}

L4_INLINE L4_Bool_t L4_PreemptionPending(void)
{
    return L4_ChangePreemptFlags(L4_PREEMPT_PENDING, 0, L4_PREEMPT_PENDING);
}

L4_INLINE void L4_Set_CopFlag(L4_Word_t n)
{
    *((volatile L4_Word8_t *)(L4_Utcb() + L4_TCR_FLAGS) + 1) |= (L4_Word8_t)(1u << n);
}

L4_INLINE void L4_Clr_CopFlag(L4_Word_t n)
{
    *((volatile L4_Word8_t *)(L4_Utcb() + L4_TCR_FLAGS) + 1) &= (L4_Word8_t) ~(1u << n);
}

/* Derived from ExchangeRegisters. Control bits of its argument and of its result. */
#define L4_EXREGS_HALT    (1u << 0)
#define L4_EXREGS_RECEIVE (1u << 1)
#define L4_EXREGS_SEND    (1u << 2)
#define L4_EXREGS_SP      (1u << 3)
#define L4_EXREGS_IP      (1u << 4)
#define L4_EXREGS_FLAGS   (1u << 5)
#define L4_EXREGS_HANDLE  (1u << 6)
#define L4_EXREGS_PAGER   (1u << 7)
#define L4_EXREGS_SET     (1u << 8) /* take over L4_EXREGS_HALT */
#define L4_EXREGS_DELIVER (1u << 9)

typedef struct {
    L4_Word_t raw;
} L4_ThreadState_t;

L4_INLINE L4_Bool_t L4_ThreadWasHalted(L4_ThreadState_t s)
{
    return (s.raw & L4_EXREGS_HALT) != 0;
}

L4_INLINE L4_Bool_t L4_ThreadWasReceiving(L4_ThreadState_t s)
{
    return (s.raw & L4_EXREGS_RECEIVE) != 0;
}

L4_INLINE L4_Bool_t L4_ThreadWasSending(L4_ThreadState_t s)
{
    return (s.raw & L4_EXREGS_SEND) != 0;
}

L4_INLINE L4_Bool_t L4_ThreadWasIpcing(L4_ThreadState_t s)
{
    return (s.raw & (L4_EXREGS_RECEIVE | L4_EXREGS_SEND)) != 0;
}

/* Not of X.2: ExchangeRegisters by a structure in and out; the ID of the other kind. */
L4_INLINE L4_ThreadId_t L4_ExchangeThread(L4_ThreadId_t t, L4_Exregs_t *r)
{
    return L4_ExchangeRegisters(t, r->control, r->sp, r->ip, r->flags, r->handle, r->pager,
                                &r->control, &r->sp, &r->ip, &r->flags, &r->handle, &r->pager);
}

L4_INLINE L4_ThreadId_t L4_OtherIdOf(L4_ThreadId_t t)
{
    L4_Exregs_t r = {0, 0, 0, 0, 0, {0}};
    return L4_ExchangeThread(t, &r);
}

L4_INLINE L4_ThreadId_t L4_GlobalIdOf(L4_ThreadId_t t)
{
    return L4_IsLocalId(t) ? L4_OtherIdOf(t) : t;
}

L4_INLINE L4_ThreadId_t L4_LocalIdOf(L4_ThreadId_t t)
{
    return L4_IsGlobalId(t) ? L4_OtherIdOf(t) : t;
}

L4_INLINE L4_Bool_t L4_SameThreads(L4_ThreadId_t l, L4_ThreadId_t r)
{
    return L4_GlobalIdOf(l).raw == L4_GlobalIdOf(r).raw;
}

L4_INLINE L4_Word_t L4_UserDefinedHandleOf(L4_ThreadId_t t)
{
    L4_Exregs_t r = {L4_EXREGS_DELIVER, 0, 0, 0, 0, {0}};
    L4_ExchangeThread(t, &r);
    return r.handle;
}

L4_INLINE void L4_Set_UserDefinedHandleOf(L4_ThreadId_t t, L4_Word_t handle)
{
    L4_Exregs_t r = {L4_EXREGS_HANDLE, 0, 0, 0, handle, {0}};
    L4_ExchangeThread(t, &r);
}

L4_INLINE L4_ThreadId_t L4_PagerOf(L4_ThreadId_t t)
{
    L4_Exregs_t r = {L4_EXREGS_DELIVER, 0, 0, 0, 0, {0}};
    L4_ExchangeThread(t, &r);
    return r.pager;
}

L4_INLINE void L4_Set_PagerOf(L4_ThreadId_t t, L4_ThreadId_t pager)
{
    L4_Exregs_t r = {L4_EXREGS_PAGER, 0, 0, 0, 0, {pager.raw}};
    L4_ExchangeThread(t, &r);
}

#define L4_EXREGS_START (L4_EXREGS_SET | L4_EXREGS_SEND | L4_EXREGS_RECEIVE)
#define L4_EXREGS_STOP  (L4_EXREGS_SET | L4_EXREGS_HALT | L4_EXREGS_DELIVER)

L4_INLINE void L4_Start(L4_ThreadId_t t)
{
    L4_Exregs_t r = {L4_EXREGS_START, 0, 0, 0, 0, {0}};
    L4_ExchangeThread(t, &r);
}

L4_INLINE void L4_Start_SpIp(L4_ThreadId_t t, L4_Word_t sp, L4_Word_t ip)
{
    L4_Exregs_t r = {L4_EXREGS_START | L4_EXREGS_SP | L4_EXREGS_IP, sp, ip, 0, 0, {0}};
    L4_ExchangeThread(t, &r);
}

L4_INLINE void L4_Start_SpIpFlags(L4_ThreadId_t t, L4_Word_t sp, L4_Word_t ip, L4_Word_t flags)
{
    L4_Exregs_t r = {
        L4_EXREGS_START | L4_EXREGS_SP | L4_EXREGS_IP | L4_EXREGS_FLAGS, sp, ip, flags, 0, {0}};
    L4_ExchangeThread(t, &r);
}

/* Not of X.2: stops `t`, aborting the phases of its IPC that `abort` names; the registers go where
 * a pointer is not NULL. */
L4_INLINE L4_ThreadState_t L4_StopThread(L4_ThreadId_t t, L4_Word_t abort, L4_Word_t *sp,
                                         L4_Word_t *ip, L4_Word_t *flags)
{
    L4_Exregs_t r = {L4_EXREGS_STOP | abort, 0, 0, 0, 0, {0}};
    L4_ThreadState_t state;

    L4_ExchangeThread(t, &r);
    if (sp)
        *sp = r.sp;
    if (ip)
        *ip = r.ip;
    if (flags)
        *flags = r.flags;
    state.raw = r.control;
    return state;
}

#define L4_STOP_FUNCTIONS(name, abort)                                                             \
    L4_INLINE L4_ThreadState_t name(L4_ThreadId_t t)                                               \
    {                                                                                              \
        return L4_StopThread(t, abort, NULL, NULL, NULL);                                          \
    }                                                                                              \
    L4_INLINE L4_ThreadState_t name##_SpIpFlags(L4_ThreadId_t t, L4_Word_t *sp, L4_Word_t *ip,     \
                                                L4_Word_t *flags)                                  \
    {                                                                                              \
        return L4_StopThread(t, abort, sp, ip, flags);                                             \
    }

L4_STOP_FUNCTIONS(L4_Stop, 0)
L4_STOP_FUNCTIONS(L4_AbortReceive_and_stop, L4_EXREGS_RECEIVE)
L4_STOP_FUNCTIONS(L4_AbortSend_and_stop, L4_EXREGS_SEND)
L4_STOP_FUNCTIONS(L4_AbortIpc_and_stop, L4_EXREGS_RECEIVE | L4_EXREGS_SEND)
#undef L4_STOP_FUNCTIONS

/* Derived from ThreadControl. */
L4_INLINE L4_Word_t L4_AssociateInterrupt(L4_ThreadId_t interrupt, L4_ThreadId_t handler)
{
    return L4_ThreadControl(interrupt, interrupt, L4_nilthread, handler, (void *)~(L4_Word_t)0);
}

L4_INLINE L4_Word_t L4_DeassociateInterrupt(L4_ThreadId_t interrupt)
{
    return L4_AssociateInterrupt(interrupt, interrupt);
}

#ifdef __cplusplus
static inline L4_ThreadId_t L4_GlobalId(L4_ThreadId_t t)
{
    return L4_GlobalIdOf(t);
}
static inline L4_ThreadId_t L4_LocalId(L4_ThreadId_t t)
{
    return L4_LocalIdOf(t);
}
static inline L4_Word_t L4_UserDefinedHandle(L4_ThreadId_t t)
{
    return L4_UserDefinedHandleOf(t);
}
static inline void L4_Set_UserDefinedHandle(L4_ThreadId_t t, L4_Word_t handle)
{
    L4_Set_UserDefinedHandleOf(t, handle);
}
static inline L4_ThreadId_t L4_Pager(L4_ThreadId_t t)
{
    return L4_PagerOf(t);
}
static inline void L4_Set_Pager(L4_ThreadId_t t, L4_ThreadId_t pager)
{
    L4_Set_PagerOf(t, pager);
}
static inline void L4_Start(L4_ThreadId_t t, L4_Word_t sp, L4_Word_t ip)
{
    L4_Start_SpIp(t, sp, ip);
}
static inline void L4_Start(L4_ThreadId_t t, L4_Word_t sp, L4_Word_t ip, L4_Word_t flags)
{
    L4_Start_SpIpFlags(t, sp, ip, flags);
}
static inline L4_ThreadState_t L4_Stop(L4_ThreadId_t t, L4_Word_t *sp, L4_Word_t *ip,
                                       L4_Word_t *flags)
{
    return L4_Stop_SpIpFlags(t, sp, ip, flags);
}
static inline L4_ThreadState_t L4_AbortReceive_and_stop(L4_ThreadId_t t, L4_Word_t *sp,
                                                        L4_Word_t *ip, L4_Word_t *flags)
{
    return L4_AbortReceive_and_stop_SpIpFlags(t, sp, ip, flags);
}
static inline L4_ThreadState_t L4_AbortSend_and_stop(L4_ThreadId_t t, L4_Word_t *sp, L4_Word_t *ip,
                                                     L4_Word_t *flags)
{
    return L4_AbortSend_and_stop_SpIpFlags(t, sp, ip, flags);
}
static inline L4_ThreadState_t L4_AbortIpc_and_stop(L4_ThreadId_t t, L4_Word_t *sp, L4_Word_t *ip,
                                                    L4_Word_t *flags)
{
    return L4_AbortIpc_and_stop_SpIpFlags(t, sp, ip, flags);
}
#endif
