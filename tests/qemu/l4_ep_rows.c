/* L4 IPC by endpoints: the order of senders and of receivers, answers in any order, and who leaves
 * the queues or stays there. The others are threads of this program, on the other CPU if there is
 * one. */
#include <l4/thread.h>

#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "libos/endpoint.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/l4_mate.h"
#include "tests/qemu/tap.h"

#define CALLERS 3u
#define TEN_MS  (L4_TimePeriod(10000))
#define SECOND  (L4_TimePeriod(1000000))

static slot_t point;
static struct mate m[CALLERS];

static L4_ThreadId_t call_and_wait(unsigned i, L4_Word_t word)
{
    m[i] = mate(endpoint_id(point), endpoint_id(point), word);
    return mate_start(&m[i], mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
}

/* The next message, and who may be answered. */
static L4_Word_t receive(L4_ThreadId_t *caller)
{
    L4_MsgTag_t tag =
        L4_Ipc(L4_nilthread, endpoint_id(point), L4_Timeouts(L4_ZeroTime, SECOND), caller);

    return L4_IpcSucceeded(tag) ? L4_Utcb()[1] : 0;
}

static bool is_empty(void)
{
    L4_ThreadId_t from;

    return ipc_failed(
        L4_Ipc(L4_nilthread, endpoint_id(point), L4_Timeouts(L4_ZeroTime, TEN_MS), &from),
        IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

static bool answer(L4_ThreadId_t caller, L4_Word_t word)
{
    L4_LoadMR(1, word);
    L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
    return L4_IpcSucceeded(L4_Reply(caller));
}

static bool answered(unsigned i, L4_Word_t word)
{
    return guest_await(&m[i].back, 1) && !(m[i].tag & TAG_ERROR) && m[i].got == word;
}

static void senders(void)
{
    L4_ThreadId_t caller[CALLERS];
    bool good = true;

    for (unsigned i = 0; i < CALLERS; i++)
        call_and_wait(i, i + 10);
    for (unsigned i = 0; i < CALLERS; i++)
        good &= receive(&caller[i]) == i + 10;
    tap_ok(good, "callers are received from in the order in which they came");
    tap_ok(answer(caller[2], 22) && answered(2, 22) && !m[0].back && !m[1].back,
           "the last is answered first");
    tap_ok(answer(caller[0], 20) && answered(0, 20) && !m[1].back, "then the first");
    tap_ok(answer(caller[1], 21) && answered(1, 21), "then the other: each has its own answer");
    for (unsigned i = 0; i < CALLERS; i++)
        thread_join(&m[i].thread);
}

static void receivers(void)
{
    bool good = true;

    for (unsigned i = 0; i < CALLERS; i++) {
        m[i] = mate(L4_nilthread, endpoint_id(point), 0);
        mate_start(&m[i], mate_cpu(), L4_SCHEDRESULT_WAITING);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        L4_LoadMR(1, 30 + i);
        L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
        good &= L4_IpcSucceeded(L4_Send_Timeout(endpoint_id(point), SECOND)) && answered(i, 30 + i);
        for (unsigned n = i + 1; n < CALLERS; n++)
            good &= !m[n].back;
    }
    tap_ok(good, "who came first receives first");
    for (unsigned i = 0; i < CALLERS; i++)
        thread_join(&m[i].thread);
}

static void senders_that_leave(void)
{
    call_and_wait(0, 40);
    tap_is(exo_thread_stop(m[0].thread.slot), ERR_OK, "a caller in the queue is stopped");
    tap_ok(is_empty(), "it is not there any more");
    thread_destroy(&m[0].thread);
    call_and_wait(0, 41);
    thread_destroy(&m[0].thread);
    tap_ok(is_empty(), "nor is one that ends");
    L4_ThreadId_t t = call_and_wait(0, 42);
    L4_AbortSend_and_stop(t);
    L4_Start(t);
    tap_ok(mate_told(&m[0], IPC_CANCELLED, IPC_SEND_PHASE) && is_empty(),
           "nor one that is cancelled, which is told");
    thread_join(&m[0].thread);
    m[0] = mate(endpoint_id(point), L4_nilthread, 43);
    m[0].send = L4_TimePeriod(20000);
    mate_start(&m[0], mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    tap_ok(mate_told(&m[0], IPC_TIMEOUT, IPC_SEND_PHASE) && is_empty(),
           "nor one whose time is over");
    thread_join(&m[0].thread);
    L4_ThreadId_t caller;
    call_and_wait(0, 44);
    t = call_and_wait(1, 45);
    call_and_wait(2, 46);
    L4_AbortSend_and_stop(t);
    tap_ok(receive(&caller) == 44 && receive(&caller) == 46 && is_empty(),
           "those before and behind it stay");
    for (unsigned i = 0; i < CALLERS; i++)
        thread_destroy(&m[i].thread);
}

static bool is_sent(void)
{
    L4_Set_MsgTag(L4_Niltag);
    return L4_IpcSucceeded(L4_Send_Timeout(endpoint_id(point), L4_ZeroTime));
}

static void receivers_that_leave(void)
{
    for (unsigned i = 0; i < 3; i++) {
        m[0] = mate(L4_nilthread, endpoint_id(point), 0);
        L4_ThreadId_t t = mate_start(&m[0], mate_cpu(), L4_SCHEDRESULT_WAITING);
        if (i == 0)
            exo_thread_stop(m[0].thread.slot);
        else if (i == 1)
            L4_AbortReceive_and_stop(t);
        else
            thread_destroy(&m[0].thread);
        tap_ok(!is_sent(), i == 0   ? "who was stopped does not receive"
                           : i == 1 ? "nor who was cancelled"
                                    : "nor who ended");
        if (i == 1) {
            L4_Start(t);
            tap_ok(mate_told(&m[0], IPC_CANCELLED, IPC_RECEIVE_PHASE), "which is told");
        }
        if (i < 2)
            thread_destroy(&m[0].thread);
    }
}

/* To the first CPU, and to the last, which may be the same. */
static void who_moves(void)
{
    const L4_Word_t last = KINFO->cpu_count - 1, here = L4_ProcessorNo();
    L4_ThreadId_t caller, t;

    for (L4_Word_t to = 0; to <= last; to += last ? last : 1) {
        t = call_and_wait(0, 50);
        tap_ok(L4_Set_ProcessorNo(t, to) == L4_SCHEDRESULT_PENDING_SEND, "a caller moves");
        tap_ok(receive(&caller) == 50 && L4_IpcXcpu(L4_MsgTagOf(L4_Utcb()[0])) == (to != here),
               "and is still in the queue");
        tap_ok(answer(caller, 51) && answered(0, 51), "it has its answer");
        thread_join(&m[0].thread);
        m[0] = mate(L4_nilthread, endpoint_id(point), 0);
        t = mate_start(&m[0], mate_cpu(), L4_SCHEDRESULT_WAITING);
        tap_ok(L4_Set_ProcessorNo(t, to) == L4_SCHEDRESULT_WAITING, "a receiver moves");
        tap_ok(is_sent() && guest_await(&m[0].back, 1) && !(m[0].tag & TAG_ERROR),
               "and receives there");
        thread_join(&m[0].thread);
    }
}

int main(void)
{
    guest_begin();
    tap_is(endpoint_new(&point), ERR_OK, "an endpoint");
    senders();
    receivers();
    senders_that_leave();
    receivers_that_leave();
    who_moves();
    return tap_done();
}
