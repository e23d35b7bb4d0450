/* L4 IPC as the reference words it: phases and their time-outs, the order of senders, who runs,
 * what is sent in another's name, and IPC that is cancelled; by threads of this space, on the other
 * CPU if there is one. */
#include <l4/ipc.h>
#include <l4/schedule.h>
#include <l4/thread.h>

#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/l4_mate.h"
#include "tests/qemu/tap.h"

#define LOW    (THREAD_PRIORITY - 20)
#define SECOND (L4_TimePeriod(1000000))
#define TEN_MS (L4_TimePeriod(10000))
#define ROUNDS 20u
#define MOST   10u /* of them: a slice may end in any */

static void no_phase(void)
{
    L4_ThreadId_t from;
    bool good = true;

    L4_Set_MsgTag(L4_MsgTagMake(5, 3, 0));
    for (unsigned i = 1; i <= 40; i++)
        L4_LoadMR(i, i * 11);
    L4_MsgTag_t tag = L4_Ipc(L4_nilthread, L4_nilthread, L4_Timeouts(L4_Never, L4_Never), &from);
    for (unsigned i = 1; i <= 40; i++)
        good &= L4_Utcb()[i] == i * 11;
    tap_ok(!(tag.raw & TAG_ERROR) && good, "to nobody and from nobody: nothing happens");
}

static void receives_late(void *argument)
{
    L4_ThreadId_t from;

    (void)argument;
    L4_Sleep(L4_TimePeriod(60000));
    L4_Wait(&from);
    L4_Sleep(L4_Never);
}

/* The receive phase is shorter than the send phase takes. */
static void phases(void)
{
    static struct thread t;
    uint64_t before = L4_SystemClock().raw;

    thread_run(&t, receives_late, NULL, mate_cpu(), THREAD_PRIORITY + 1);
    L4_Set_MsgTag(L4_Niltag);
    L4_MsgTag_t tag = L4_Call_Timeouts(L4_ThreadIdOf(t.id), L4_Never, L4_TimePeriod(30000));
    tap_ok(ipc_failed(tag, IPC_TIMEOUT, IPC_RECEIVE_PHASE),
           "a receive timeout that is shorter than the send phase");
    tap_ok(L4_SystemClock().raw - before >= 89000, "begins with its phase");
    thread_destroy(&t);
}

static void order(void)
{
    static struct mate a[5];
    L4_ThreadId_t from;
    bool good = true;

    for (unsigned i = 0; i < 5; i++) {
        a[i] = mate(L4_MyGlobalId(), L4_nilthread, i + 10);
        mate_start(&a[i], mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    }
    L4_MsgTag_t tag = L4_Receive(L4_ThreadIdOf(a[3].thread.id));
    tap_ok(L4_IpcSucceeded(tag) && L4_Utcb()[1] == 13,
           "a closed wait passes over three that came before");
    tap_ok(!a[0].back && !a[1].back && !a[2].back && !a[4].back, "they go on waiting");
    for (unsigned i = 0; i < 5; i++) {
        if (i == 3)
            continue;
        tag = L4_Wait_Timeout(SECOND, &from);
        good &= L4_IpcSucceeded(tag) && L4_Utcb()[1] == i + 10 && from.raw == mate_local_id(&a[i]);
    }
    tap_ok(good, "and are served in the order in which they came");
    for (unsigned i = 0; i < 5; i++)
        thread_join(&a[i].thread);
}

static volatile uint64_t served, raced;
static volatile bool racing;

static void serve(void *argument)
{
    L4_ThreadId_t from;

    (void)argument;
    L4_MsgTag_t tag = L4_Wait(&from);
    for (;;) {
        served++;
        L4_Set_MsgTag(L4_Niltag);
        tag = L4_Label(tag) ? L4_ReplyWait(from, &from) : L4_Wait(&from);
    }
}

static void race(void *argument)
{
    (void)argument;
    while (racing)
        raced++;
}

struct turns {
    L4_ThreadId_t server;
    unsigned stayed, direct;
};

/* Sends, then calls, beside equals. */
static void take_turns(void *argument)
{
    struct turns *t = argument;

    for (unsigned i = 0; i < ROUNDS; i++) {
        L4_Yield();
        uint64_t before = served;
        L4_Set_MsgTag(L4_MsgTagMake(0, 0, 0));
        L4_Send(t->server);
        t->stayed += served == before;
        L4_Sleep(L4_TimePeriod(1000));
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        L4_Yield();
        uint64_t before = raced;
        L4_Set_MsgTag(L4_MsgTagMake(1, 0, 0));
        L4_Call(t->server);
        t->direct += raced == before;
    }
}

static void who_runs(void)
{
    static struct thread server, competitor, caller;
    static struct turns t;

    racing = true;
    thread_run(&server, serve, NULL, THREAD_CPU_HERE, LOW);
    guest_sleep(5000);
    t = (struct turns){L4_ThreadIdOf(server.id), 0, 0};
    thread_run(&competitor, race, NULL, THREAD_CPU_HERE, LOW);
    thread_run(&caller, take_turns, &t, THREAD_CPU_HERE, LOW);
    thread_join(&caller);
    if (!tap_ok(t.stayed >= MOST, "a send leaves the sender running"))
        tap_note("%u of %u", t.stayed, ROUNDS);
    if (!tap_ok(t.direct >= MOST,
                "a call goes to the partner at once, and its answer comes back so"))
        tap_note("%u of %u", t.direct, ROUNDS);
    tap_is(served, 2 * ROUNDS, "each came");
    tap_ok(raced > 0, "beside an equal that runs");
    racing = false;
    thread_join(&competitor);
    thread_destroy(&server);
}

/* In the name of one that ends before the message is taken. */
static void name_that_ends(void)
{
    static struct mate name, sender;
    L4_ThreadId_t from;

    name = mate(L4_nilthread, L4_MyGlobalId(), 0);
    sender = mate(L4_MyGlobalId(), L4_nilthread, 3);
    sender.virtual = mate_start(&name, mate_cpu(), L4_SCHEDRESULT_WAITING);
    mate_start(&sender, mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    tap_ok(!sender.back, "a message in another's name waits");
    thread_destroy(&name.thread);
    tap_ok(mate_told(&sender, IPC_NO_PARTNER, IPC_SEND_PHASE),
           "when that one ends, the sender is told");
    tap_ok(ipc_failed(L4_Wait_Timeout(TEN_MS, &from), IPC_TIMEOUT, IPC_RECEIVE_PHASE),
           "and its message does not come");
    thread_join(&sender.thread);
}

/* The mate waits for our message, which will come from q; one in the name of q is there already. */
static void name_that_sent_already(void)
{
    static struct mate first, q, third;
    L4_MsgTag_t tag = L4_MsgTagMake(5, 1, 0);

    first = mate(L4_nilthread, L4_MyGlobalId(), 0);
    q = mate(L4_nilthread, L4_anythread, 0);
    L4_ThreadId_t mate_id = mate_start(&first, mate_cpu(), L4_SCHEDRESULT_WAITING);
    L4_ThreadId_t q_id = mate_start(&q, mate_cpu(), L4_SCHEDRESULT_WAITING);
    third = mate(mate_id, L4_nilthread, 91);
    third.virtual = q_id;
    mate_start(&third, mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    tap_ok(!first.back, "a message in q's name does not come to who waits for another");
    L4_Set_VirtualSender(mate_id);
    L4_Set_Propagation(&tag);
    L4_LoadMR(1, 92);
    L4_Set_MsgTag(tag);
    tap_ok(L4_IpcSucceeded(L4_Send_Timeout(q_id, L4_ZeroTime)), "its name is handed on to q");
    guest_await(&q.back, 1);
    guest_await(&first.back, 1);
    tap_ok(q.got == 92 && q.who == mate_local_id(&first) && q.actual == L4_MyLocalId().raw,
           "q hears of it in its name");
    tap_ok(first.got == 91 && first.who == mate_local_id(&q) &&
               first.actual == mate_local_id(&third),
           "then it waits for q, and what was sent before is delivered");
    tap_ok(guest_await(&third.back, 1) && !(third.tag & TAG_ERROR), "whose sender is done");
    thread_join(&first.thread);
    thread_join(&q.thread);
    thread_join(&third.thread);
}

static void cancelled(void)
{
    static struct mate s, r;
    struct raw idle;

    raw_make(&idle, BLOB(pct_serve)); /* it never receives */
    raw_start(&idle, 0);
    s = mate(L4_ThreadIdOf(idle.id), L4_nilthread, 1);
    r = mate(L4_nilthread, L4_ThreadIdOf(idle.id), 1);
    L4_ThreadId_t sid = mate_start(&s, mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    L4_ThreadId_t rid = mate_start(&r, mate_cpu(), L4_SCHEDRESULT_WAITING);
    L4_ThreadState_t state = L4_AbortSend_and_stop(sid);
    tap_ok(L4_ThreadWasSending(state) && !L4_ThreadWasReceiving(state),
           "ExchangeRegisters ends a send phase");
    state = L4_AbortReceive_and_stop(rid);
    tap_ok(L4_ThreadWasReceiving(state) && !L4_ThreadWasSending(state), "and a receive phase");
    L4_Start(sid);
    L4_Start(rid);
    tap_ok(mate_told(&s, IPC_CANCELLED, IPC_SEND_PHASE),
           "its sender is told that it was cancelled");
    tap_ok(mate_told(&r, IPC_CANCELLED, IPC_RECEIVE_PHASE), "and the receiver in its phase");
    thread_join(&s.thread);
    thread_join(&r.thread);
    raw_destroy(&idle);
}

static void schedule(void)
{
    static struct mate r;
    struct raw stranger;
    L4_Word_t old, error;

    r = mate(L4_nilthread, L4_MyGlobalId(), 1);
    L4_ThreadId_t t = mate_start(&r, mate_cpu(), L4_SCHEDRESULT_WAITING);
    tap_is(L4_Schedule(t, ~0ul, ~0ul, ~0ul, ~0ul, &old), L4_SCHEDRESULT_WAITING,
           "Schedule tells that a thread waits");
    tap_is(L4_Schedule(L4_Myself(), ~0ul, ~0ul, ~0ul, ~0ul, &old), L4_SCHEDRESULT_RUNNING,
           "or runs");
    L4_Word_t result = L4_Schedule(t, ~0ul, ~0ul, 256, ~0ul, &old);
    error = L4_ErrorCode();
    tap_ok(result == L4_SCHEDRESULT_ERROR && error == CALL_ERROR_PARAMETER,
           "a priority that is none");
    result = L4_Set_Priority(t, 255);
    error = L4_ErrorCode();
    tap_ok(result == L4_SCHEDRESULT_ERROR && error == CALL_ERROR_NO_PRIVILEGE,
           "a priority above the caller's own");
    result = L4_Set_ProcessorNo(t, KINFO->cpu_count);
    error = L4_ErrorCode();
    tap_ok(result == L4_SCHEDRESULT_ERROR && error == CALL_ERROR_PARAMETER,
           "a processor that is none");
    result = L4_Set_Priority(L4_GlobalId(4000, 1), 5);
    error = L4_ErrorCode();
    tap_ok(result == L4_SCHEDRESULT_ERROR && error == CALL_ERROR_THREAD, "a thread that is none");
    thread_destroy(&r.thread);
    raw_make(&stranger, BLOB(pct_serve));
    result = L4_Set_Priority(L4_ThreadIdOf(stranger.id), 5);
    error = L4_ErrorCode();
    tap_ok(result == L4_SCHEDRESULT_ERROR && error == CALL_ERROR_NO_PRIVILEGE,
           "a thread whose scheduler is another");
    raw_destroy(&stranger);
}

int main(void)
{
    guest_begin();
    no_phase();
    phases();
    order();
    who_runs();
    name_that_ends();
    name_that_sent_already();
    cancelled();
    schedule();
    return tap_done();
}
