/* L4 X.2 scheduling: what is derived from ThreadSwitch, Schedule and SystemClock. */
#pragma once

#include <l4/syscalls.h>
#include <l4/types.h>

#define L4_UNCHANGED (~(L4_Word_t)0)

/* Results of Schedule. */
#define L4_SCHEDRESULT_ERROR        0u
#define L4_SCHEDRESULT_DEAD         1u
#define L4_SCHEDRESULT_INACTIVE     2u
#define L4_SCHEDRESULT_RUNNING      3u
#define L4_SCHEDRESULT_PENDING_SEND 4u
#define L4_SCHEDRESULT_SENDING      5u
#define L4_SCHEDRESULT_WAITING      6u
#define L4_SCHEDRESULT_RECEIVING    7u

L4_INLINE void L4_Yield(void)
{
    L4_ThreadSwitch(L4_nilthread);
}

L4_INLINE L4_Word_t L4_Set_Priority(L4_ThreadId_t t, L4_Word_t priority)
{
    return L4_Schedule(t, L4_UNCHANGED, L4_UNCHANGED, priority & 0xff, L4_UNCHANGED, NULL);
}

L4_INLINE L4_Word_t L4_Set_ProcessorNo(L4_ThreadId_t t, L4_Word_t processor)
{
    return L4_Schedule(t, L4_UNCHANGED, processor & 0xffff, L4_UNCHANGED, L4_UNCHANGED, NULL);
}

L4_INLINE L4_Word_t L4_Set_Timeslice(L4_ThreadId_t t, L4_Time_t slice, L4_Time_t quantum)
{
    return L4_Schedule(t, (L4_Word_t)slice.raw << 16 | quantum.raw, L4_UNCHANGED, L4_UNCHANGED,
                       L4_UNCHANGED, NULL);
}

/* What is left of both. */
L4_INLINE L4_Word_t L4_Timeslice(L4_ThreadId_t t, L4_Time_t *slice, L4_Time_t *quantum)
{
    L4_Word_t left = 0;
    L4_Word_t result =
        L4_Schedule(t, L4_UNCHANGED, L4_UNCHANGED, L4_UNCHANGED, L4_UNCHANGED, &left);

    *slice = L4_TimeOf((unsigned)(left >> 16) & 0xffff);
    *quantum = L4_TimeOf((unsigned)left & 0xffff);
    return result;
}

L4_INLINE L4_Word_t L4_Set_PreemptionDelay(L4_ThreadId_t t, L4_Word_t sensitive_priority,
                                           L4_Word_t max_delay)
{
    return L4_Schedule(t, L4_UNCHANGED, L4_UNCHANGED, L4_UNCHANGED,
                       (sensitive_priority & 0xff) << 16 | (max_delay & 0xffff), NULL);
}

/* The last point of time not behind `at`; never, when it is past or more than 2^25 us ahead. */
L4_INLINE L4_Time_t L4_TimePoint(L4_Clock_t at)
{
    return L4_TimePointFrom(L4_SystemClock(), at);
}
