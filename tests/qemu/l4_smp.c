/* L4 IPC between two CPUs: messages, timeouts, partners that end, page faults and exceptions. */
#include <l4/ipc.h>
#include <l4/schedule.h>

#include "exo/abi/l4.h"
#include "exo/abi/x86_64/exception.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define WORDS_MAX    63u
#define CHILD_FRAMES 256u
#define TEN_MS       (L4_TimePeriod(10000))
#define SECOND       (L4_TimePeriod(1000000))
#define THERE        1u
#define ROUNDS       400u

/* Answers each message with every word plus one. */
static void echo(void *unused)
{
    L4_ThreadId_t client;
    L4_MsgTag_t tag = L4_Wait(&client);

    (void)unused;
    for (;;) {
        if (L4_IpcFailed(tag)) {
            tag = L4_Wait(&client);
            continue;
        }
        unsigned words = (unsigned)L4_UntypedWords(tag);
        for (unsigned i = 1; i <= words; i++)
            L4_Utcb()[i]++;
        L4_Set_MsgTag(L4_MsgTagMake(L4_Label(tag) + 1, words, 0));
        tag = L4_ReplyWait(client, &client);
    }
}

static bool call_words(L4_ThreadId_t to, unsigned words)
{
    for (unsigned i = 1; i <= WORDS_MAX; i++)
        L4_LoadMR(i, i * 1000 + words);
    L4_Set_MsgTag(L4_MsgTagMake(words + 7, words, 0));
    L4_MsgTag_t tag = L4_Call_Timeouts(to, SECOND, SECOND);
    bool good = L4_IpcSucceeded(tag) && L4_UntypedWords(tag) == words &&
                L4_Label(tag) == words + 8 && (tag.raw & TAG_FLAGS) == TAG_CROSS;
    for (unsigned i = 1; i <= words; i++)
        good &= L4_Utcb()[i] == i * 1000 + words + 1;
    if (!good)
        tap_note("%u words: tag %lx, error %lx", words, tag.raw, L4_ErrorCode());
    return good;
}

static void all_lengths(L4_ThreadId_t to, const char *what)
{
    bool good = true;

    for (unsigned words = 0; words <= WORDS_MAX; words++)
        good &= call_words(to, words);
    tap_ok(good, what);
}

static void failed(L4_MsgTag_t tag, unsigned code, unsigned phase, const char *what)
{
    bool good = L4_IpcFailed(tag) && L4_ErrorCode() == IPC_ERROR(code, phase);

    if (!tap_ok(good, what))
        tap_note("tag %lx, error %lx", tag.raw, L4_ErrorCode());
}

/* Two clients on this CPU and one on the other call one server at once. */
struct client {
    struct thread thread;
    L4_ThreadId_t server;
    volatile uint64_t good;
    volatile bool back;
};

static void client_run(void *argument)
{
    struct client *c = argument;

    for (uint64_t i = 0; i < ROUNDS; i++) {
        L4_LoadMR(1, i);
        L4_Set_MsgTag(L4_MsgTagMake(1, 1, 0));
        L4_MsgTag_t tag = L4_Call(c->server);
        if (L4_IpcSucceeded(tag) && L4_Utcb()[1] == i + 1)
            c->good++;
    }
    c->back = true;
}

static bool wait_for(const volatile bool *flag)
{
    for (unsigned i = 0; i < 20000 && !*flag; i++)
        guest_sleep(1000);
    return *flag;
}

static void many_clients(L4_ThreadId_t server)
{
    static struct client c[4];

    for (unsigned i = 0; i < 4; i++) {
        c[i] = (struct client){.server = server};
        thread_run(&c[i].thread, client_run, &c[i], i % 2 ? THERE : THREAD_CPU_HERE,
                   THREAD_PRIORITY);
    }
    bool back = true;
    for (unsigned i = 0; i < 4; i++)
        back &= wait_for(&c[i].back);
    tap_ok(back, "four clients of both CPUs are all served");
    for (unsigned i = 0; i < 4; i++) {
        tap_is(c[i].good, ROUNDS, "each call of one has its own answer");
        if (c[i].back)
            thread_join(&c[i].thread);
    }
}

static void timeouts(L4_ThreadId_t idle)
{
    uint64_t before = clock_ns();

    L4_Set_MsgTag(L4_Niltag);
    failed(L4_Reply(idle), IPC_TIMEOUT, IPC_SEND_PHASE, "nobody receives there: time-out at once");
    failed(L4_Send_Timeout(idle, TEN_MS), IPC_TIMEOUT, IPC_SEND_PHASE,
           "nobody receives there: time-out after ten milliseconds");
    tap_ok(clock_ns() - before >= 9900 * 1000u, "not earlier");
    failed(L4_Receive_Timeout(idle, L4_ZeroTime), IPC_TIMEOUT, IPC_RECEIVE_PHASE,
           "nobody sends there: time-out at once");
    before = clock_ns();
    failed(L4_Receive_Timeout(idle, TEN_MS), IPC_TIMEOUT, IPC_RECEIVE_PHASE,
           "nobody sends there: time-out after ten milliseconds");
    tap_ok(clock_ns() - before >= 9900 * 1000u, "not earlier");
}

/* Waits on the other CPU in a phase of an IPC with a thread that then ends. */
struct waiter {
    struct thread thread;
    L4_ThreadId_t partner;
    bool sends;
    volatile L4_Word_t tag, error;
    volatile bool back;
};

static void waiter_run(void *argument)
{
    struct waiter *w = argument;

    L4_Set_MsgTag(L4_Niltag);
    w->tag = (w->sends ? L4_Send(w->partner) : L4_Receive(w->partner)).raw;
    w->error = L4_ErrorCode();
    w->back = true;
}

static void partner_ends(void)
{
    static struct waiter w[2];
    struct raw r;

    raw_make(&r, BLOB(pct_serve));
    raw_start(&r, 0);
    for (unsigned i = 0; i < 2; i++) {
        w[i] = (struct waiter){.partner = L4_ThreadIdOf(r.id), .sends = i == 0};
        thread_run(&w[i].thread, waiter_run, &w[i], THERE, THREAD_PRIORITY);
    }
    guest_sleep(20000);
    tap_ok(!w[0].back && !w[1].back, "a sender and a receiver wait there for a thread here");
    raw_destroy(&r);
    tap_ok(wait_for(&w[0].back) && wait_for(&w[1].back), "its end ends the waiting of both");
    tap_ok((w[0].tag & TAG_ERROR) && w[0].error == IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE),
           "the sender's in its send phase");
    tap_ok((w[1].tag & TAG_ERROR) && w[1].error == IPC_ERROR(IPC_NO_PARTNER, IPC_RECEIVE_PHASE),
           "the receiver's in its receive phase");
    for (unsigned i = 0; i < 2; i++)
        thread_join(&w[i].thread);
}

/* A sender that is destroyed while it waits for us sends nothing. */
static void sender_ends(void)
{
    static struct waiter w;
    L4_ThreadId_t from;

    w = (struct waiter){.partner = L4_Myself(), .sends = true};
    thread_run(&w.thread, waiter_run, &w, THERE, THREAD_PRIORITY);
    guest_sleep(20000);
    thread_destroy(&w.thread);
    L4_Set_MsgTag(L4_Niltag);
    failed(L4_Wait_Timeout(L4_ZeroTime, &from), IPC_TIMEOUT, IPC_RECEIVE_PHASE,
           "a sender there that was destroyed sends nothing");
}

/* Meets an exception, and tells of what it is afterwards. */
static void meets_exception(void *argument)
{
    L4_ThreadId_t handler = L4_ThreadIdOf(*(const L4_Word_t *)argument);
    L4_Word_t rax = 5;

    book_utcb()->entry[UPCALL_EXCEPTION] = 0;
    L4_Set_ExceptionHandler(handler);
    __asm__ volatile("ud2" : "+a"(rax));
    L4_LoadMR(1, rax);
    L4_Set_MsgTag(L4_MsgTagMake(1, 1, 0));
    L4_Send(handler);
}

static void exceptions(void)
{
    struct thread t;
    L4_Word_t me = L4_Myself().raw, label = ((L4_Word_t)-5 << 4) & (((L4_Word_t)1 << 48) - 1);
    L4_ThreadId_t from;

    thread_run(&t, meets_exception, &me, THERE, THREAD_PRIORITY);
    L4_MsgTag_t tag = L4_Wait_Timeout(SECOND, &from);
    tap_ok(L4_Label(tag) == label && (tag.raw & TAG_CROSS) && L4_Utcb()[EXCEPTION_RAX] == 5,
           "an exception there is a message to its handler here");
    L4_Utcb()[EXCEPTION_IP] += 2;
    L4_Utcb()[EXCEPTION_RAX] = 55;
    L4_Set_MsgTag(L4_MsgTagMake(0, EXCEPTION_LAST, 0));
    tag = L4_Call_Timeouts(from, L4_ZeroTime, SECOND);
    tap_ok(L4_Label(tag) == 1 && L4_Utcb()[1] == 55, "it goes on with the reply's registers");
    thread_join(&t);
}

int main(int argc, char **argv)
{
    static struct thread partner;
    struct spawn_child child;
    struct raw idle;

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "echo"))
        echo(NULL);
    thread_run(&partner, echo, NULL, THERE, THREAD_PRIORITY);
    all_lengths(L4_ThreadIdOf(partner.id), "in one space: calls of 0 to 63 words");
    all_lengths(L4_ThreadIdOf(partner.memory + UTCB_MR), "the same by local ID");
    tap_is(guest_spawn(&child, "l4_smp", "echo", CHILD_FRAMES, THERE, THREAD_PRIORITY), ERR_OK,
           "a partner in another space");
    all_lengths(L4_ThreadIdOf(child.thread_id), "across spaces: calls of 0 to 63 words");
    many_clients(L4_ThreadIdOf(child.thread_id));
    raw_make(&idle, BLOB(pct_serve));
    exo_thread_place(idle.thread, SLOT_CPU, THERE, THREAD_PRIORITY);
    raw_start(&idle, 0);
    timeouts(L4_ThreadIdOf(idle.id));
    raw_destroy(&idle);
    partner_ends();
    sender_ends();
    exceptions();
    L4_ThreadId_t gone = L4_ThreadIdOf(child.thread_id);
    spawn_destroy(&child);
    L4_Set_MsgTag(L4_Niltag);
    failed(L4_Call(gone), IPC_NO_PARTNER, IPC_SEND_PHASE, "a partner there that was destroyed");
    thread_destroy(&partner);
    return tap_done();
}
