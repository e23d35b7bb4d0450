/* L4 IPC: messages in one space and across spaces, timeouts, partners that are not there, local
 * IDs; the kernel interface page, SystemClock and ThreadSwitch. */
#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/schedule.h>

#include "exo/abi/kip.h"
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
#define SECOND       (L4_TimePeriod(1000000)) /* a checked kernel takes its time */

/* Answers each message with every word plus one, and with who sent it as the label. */
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

static void kernel_interface(void)
{
    L4_Word_t version, flags, id;
    const struct kip *k = L4_KernelInterface(&version, &flags, &id);
    const uint64_t *links = &k->space_control;
    bool good = true;

    tap_is((vaddr_t)k, WINDOW_KIP, "lock; nop finds the kernel interface page");
    tap_ok(version == KIP_API_VERSION && flags == KIP_API_FLAGS && id == KIP_KERNEL_ID,
           "and says which interface it is");
    tap_is(k->magic, KIP_MAGIC, "the page begins with its magic");
    tap_ok(k->api_version == version && k->api_flags == flags, "and says the same");
    for (unsigned i = 0; i < LINK_COUNT; i++)
        good &= links[i] >= WINDOW_LINKS && links[i] < WINDOW_LINKS + PAGE_SIZE;
    tap_ok(good, "every link leads to the page of links");
    tap_ok(k->page_info >> 10 & 4, "pages of 4 KiB");
    tap_is(k->utcb_info >> 10 & 63, 12, "a UTCB is one page");
    tap_is(L4_ThreadIdUserBase((void *)L4_KIP_WINDOW), THREAD_FIRST,
           "the first thread number of users");
    tap_is((k->processor_info & 0xffff) + 1, KINFO->cpu_count, "as many processors as there are");
    const uint64_t *memory = (const void *)((const char *)k + (k->memory_info >> 32));
    tap_ok((k->memory_info & 0xffff) >= 2 && (memory[0] & 15) == 2 && (memory[2] & 15) == 1,
           "memory: reserved, but for what is conventional");
}

/* A call with `words` words, each checked on the way back. */
static bool call_words(L4_ThreadId_t to, unsigned words)
{
    for (unsigned i = 1; i <= WORDS_MAX; i++)
        L4_LoadMR(i, i * 1000 + words);
    L4_Set_MsgTag(L4_MsgTagMake(words + 7, words, 0));
    L4_MsgTag_t tag = L4_Call(to);
    bool good = L4_IpcSucceeded(tag) && L4_UntypedWords(tag) == words && L4_TypedWords(tag) == 0 &&
                L4_Label(tag) == words + 8;
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

static void timeouts(L4_ThreadId_t idle)
{
    L4_ThreadId_t from;
    uint64_t before;

    L4_Set_MsgTag(L4_Niltag);
    failed(L4_Wait_Timeout(L4_ZeroTime, &from), IPC_TIMEOUT, IPC_RECEIVE_PHASE,
           "nobody sends: time-out at once");
    before = clock_ns();
    failed(L4_Wait_Timeout(TEN_MS, &from), IPC_TIMEOUT, IPC_RECEIVE_PHASE,
           "nobody sends: time-out after ten milliseconds");
    tap_ok(clock_ns() - before >= 9900 * 1000u, "not earlier");
    failed(L4_Reply(idle), IPC_TIMEOUT, IPC_SEND_PHASE, "nobody receives: time-out at once");
    before = clock_ns();
    failed(L4_Send_Timeout(idle, TEN_MS), IPC_TIMEOUT, IPC_SEND_PHASE,
           "nobody receives: time-out after ten milliseconds");
    tap_ok(clock_ns() - before >= 9900 * 1000u, "not earlier");
    failed(L4_Call_Timeouts(idle, TEN_MS, L4_Never), IPC_TIMEOUT, IPC_SEND_PHASE,
           "a call ends in its send phase");
    before = clock_ns();
    L4_Sleep(TEN_MS);
    tap_ok(clock_ns() - before >= 9900 * 1000u, "receiving from oneself is sleeping");
}

static void no_partner(L4_ThreadId_t other)
{
    L4_ThreadId_t nobody = L4_GlobalId(4000, 1), stale = L4_ThreadIdOf(other.raw + 2);
    L4_ThreadId_t local = L4_ThreadIdOf((L4_Word_t)0x123456000), from;

    L4_Set_MsgTag(L4_Niltag);
    failed(L4_Send(nobody), IPC_NO_PARTNER, IPC_SEND_PHASE, "a number without a thread");
    failed(L4_Send(stale), IPC_NO_PARTNER, IPC_SEND_PHASE, "a thread of another version");
    failed(L4_Send(local), IPC_NO_PARTNER, IPC_SEND_PHASE, "a local ID of nobody");
    failed(L4_Send(L4_ThreadIdOf((L4_Word_t)WINDOW_KIP)), IPC_NO_PARTNER, IPC_SEND_PHASE,
           "a local ID in the kernel");
    failed(L4_Send(L4_ThreadIdOf((L4_Word_t)1 << 63)), IPC_NO_PARTNER, IPC_SEND_PHASE,
           "a local ID that is no address");
    failed(L4_Send(L4_ThreadIdOf((L4_Word_t)UINT32_MAX << 32 | 1)), IPC_NO_PARTNER, IPC_SEND_PHASE,
           "the highest thread number");
    failed(L4_Receive(nobody), IPC_NO_PARTNER, IPC_RECEIVE_PHASE, "receiving from nobody");
    failed(L4_Ipc(L4_nilthread, stale, 0, &from), IPC_NO_PARTNER, IPC_RECEIVE_PHASE,
           "receiving from another version");
    tap_ok(L4_IsNilThread(from), "says that it was nobody");
}

static void malformed(L4_ThreadId_t to)
{
    L4_Set_MsgTag(L4_MsgTagMake(1, 63, 2));
    failed(L4_Call(to), IPC_OVERFLOW, IPC_SEND_PHASE, "more words than there are");
    L4_Set_MsgTag(L4_MsgTagMake(1, 0, 1));
    failed(L4_Call(to), IPC_OVERFLOW, IPC_SEND_PHASE, "half a typed item");
    L4_Set_MsgTag(L4_MsgTagMake(1, 0, 2));
    L4_LoadMR(1, 0x4);
    L4_LoadMR(2, 0);
    failed(L4_Call(to), IPC_OVERFLOW, IPC_SEND_PHASE, "an item of an unknown kind");
    tap_ok(call_words(to, 3), "the partner goes on");
}

struct sender {
    struct thread thread;
    L4_ThreadId_t to;
    L4_Word_t word;
    volatile L4_Word_t tag, error;
    volatile bool back;
};

static void send(void *argument)
{
    struct sender *s = argument;

    L4_LoadMR(1, s->word);
    L4_Set_MsgTag(L4_MsgTagMake(5, 1, 0));
    s->tag = L4_Send(s->to).raw;
    s->error = L4_ErrorCode();
    s->back = true;
}

/* Senders wait until they are received from, in their order or by name. */
static void waiting_senders(void)
{
    static struct sender s[3];
    L4_ThreadId_t from;

    for (unsigned i = 0; i < 3; i++) {
        s[i] = (struct sender){.to = L4_MyGlobalId(), .word = i + 10};
        thread_run(&s[i].thread, send, &s[i], THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    }
    tap_ok(!s[0].back && !s[1].back && !s[2].back, "three senders wait");
    L4_MsgTag_t tag = L4_Receive(L4_ThreadIdOf(s[1].thread.id));
    tap_ok(L4_IpcSucceeded(tag) && L4_Utcb()[1] == 11, "the second can be received from by name");
    tag = L4_Wait(&from);
    tap_ok(L4_IpcSucceeded(tag) && L4_Utcb()[1] == 10, "then the first that came");
    tap_is(from.raw, s[0].thread.memory + UTCB_MR,
           "named by its local ID, since it is of our space");
    thread_destroy(&s[2].thread);
    failed(L4_Wait_Timeout(L4_ZeroTime, &from), IPC_TIMEOUT, IPC_RECEIVE_PHASE,
           "a sender that was destroyed sends nothing");
    tap_ok(s[0].back && s[1].back && !(s[0].tag & TAG_ERROR), "the others were told");
    thread_join(&s[0].thread);
    thread_join(&s[1].thread);
}

/* Who waits for a partner that ends is told. */
static void partner_ends(void)
{
    static struct sender s;
    struct raw r;

    raw_make(&r, BLOB(pct_serve));
    raw_start(&r, 0);
    s = (struct sender){.to = L4_ThreadIdOf(r.id)};
    thread_run(&s.thread, send, &s, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    guest_sleep(5000);
    tap_ok(!s.back, "a sender waits for another space");
    raw_destroy(&r);
    guest_sleep(5000);
    tap_ok(s.back && (s.tag & TAG_ERROR) && s.error == IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE),
           "its end ends the waiting");
    thread_join(&s.thread);
}

static void any_local(L4_ThreadId_t remote)
{
    static struct sender s;
    L4_ThreadId_t from;

    L4_LoadMR(1, 1);
    L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
    L4_Send(remote); /* its answer now waits for us, if we let it */
    s = (struct sender){.to = L4_MyLocalId(), .word = 77};
    thread_run(&s.thread, send, &s, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    L4_MsgTag_t tag = L4_Ipc(L4_nilthread, L4_anylocalthread, 0, &from);
    tap_ok(L4_IpcSucceeded(tag) && L4_Utcb()[1] == 77, "anylocal takes a message of this space");
    tap_ok(L4_IsLocalId(from), "from a local ID");
    failed(L4_Ipc(L4_nilthread, L4_anylocalthread, L4_Timeouts(L4_ZeroTime, TEN_MS), &from),
           IPC_TIMEOUT, IPC_RECEIVE_PHASE, "and none of another");
    thread_join(&s.thread);
}

/* Calls, through the main thread, a partner that it does not know. */
struct caller {
    struct thread thread;
    L4_ThreadId_t to;
    volatile L4_Word_t from, tag, word;
    volatile bool back;
};

static void call_through(void *argument)
{
    struct caller *c = argument;
    L4_ThreadId_t from;

    L4_LoadMR(1, 30);
    L4_Set_MsgTag(L4_MsgTagMake(5, 1, 0));
    c->tag = L4_Ipc(c->to, c->to, L4_Timeouts(L4_Never, L4_Never), &from).raw;
    c->from = from.raw;
    c->word = L4_Utcb()[1];
    c->back = true;
}

static void propagation(L4_ThreadId_t remote)
{
    static struct caller c;
    L4_ThreadId_t from;

    c = (struct caller){.to = L4_MyGlobalId()};
    thread_run(&c.thread, call_through, &c, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    L4_MsgTag_t tag = L4_Wait(&from);
    L4_Set_VirtualSender(from);
    L4_Set_Propagation(&tag);
    L4_Set_MsgTag(tag);
    tap_ok(L4_IpcSucceeded(L4_Send(remote)), "a message is handed on in its sender's name");
    guest_sleep(5000);
    tap_ok(c.back && c.word == 31 && !(c.tag & TAG_ERROR), "the answer reaches who called first");
    tap_is(c.from, remote.raw, "from whom the message was handed on to");
    thread_join(&c.thread);
}

static void points_of_time(L4_ThreadId_t idle)
{
    L4_ThreadId_t from;
    L4_Clock_t at = {L4_SystemClock().raw + 500000};

    L4_Set_MsgTag(L4_Niltag);
    failed(L4_Wait_Timeout(L4_TimePoint(at), &from), IPC_TIMEOUT, IPC_RECEIVE_PHASE,
           "a receive phase ends at a point of time");
    L4_Word_t now = L4_SystemClock().raw; /* points that far ahead are of 512 microseconds */
    tap_ok(now + 512 >= at.raw && now < at.raw + 500000, "and then");
    at.raw = now + 500000;
    failed(L4_Send_Timeout(idle, L4_TimePoint(at)), IPC_TIMEOUT, IPC_SEND_PHASE,
           "a send phase, too");
    tap_ok(L4_SystemClock().raw + 512 >= at.raw, "not earlier");
}

static volatile uint32_t switched;

static void note(void *unused)
{
    (void)unused;
    switched++;
}

static void clock_and_switch(void)
{
    static struct thread t;
    uint64_t ns = clock_ns(), us = L4_SystemClock().raw;

    tap_ok(us >= ns / 1000 && us < ns / 1000 + 100000, "SystemClock counts microseconds");
    guest_sleep(10000);
    tap_ok(L4_SystemClock().raw >= us + 10000, "and goes on");
    thread_run(&t, note, NULL, THREAD_CPU_HERE, 1);
    L4_Yield();
    tap_is(switched, 0, "ThreadSwitch to nobody keeps to priorities");
    for (unsigned i = 0; i < 20 && !switched; i++) /* the slice may end just then */
        L4_ThreadSwitch(L4_ThreadIdOf(t.id));
    tap_is(switched, 1, "ThreadSwitch to a thread of low priority runs it");
    L4_ThreadSwitch(L4_GlobalId(4000, 1));
    tap_ok(true, "ThreadSwitch to nobody comes back");
    thread_join(&t);
}

/* Meets an exception, and tells of what it is afterwards. */
static void meets_exceptions(void *argument)
{
    L4_ThreadId_t handler = L4_ThreadIdOf(*(const L4_Word_t *)argument);
    L4_Word_t rax = 5, kept = 6;

    book_utcb()->entry[UPCALL_EXCEPTION] = 0;
    L4_Set_ExceptionHandler(handler);
    L4_LoadMR(8, 0x1234);
    __asm__ volatile("ud2" : "+a"(rax), "+b"(kept));
    L4_Word_t mr8 = L4_Utcb()[8];
    L4_LoadMR(1, rax);
    L4_LoadMR(2, kept);
    L4_LoadMR(3, mr8);
    L4_Set_MsgTag(L4_MsgTagMake(1, 3, 0));
    L4_Send(handler);
    __asm__ volatile("divq %1" : "+a"(rax) : "r"(0ul), "d"(0ul));
}

static void exceptions(void)
{
    struct thread t;
    L4_Word_t me = L4_Myself().raw, label = ((L4_Word_t)-5 << 4) & (((L4_Word_t)1 << 48) - 1);
    L4_ThreadId_t from;

    thread_run(&t, meets_exceptions, &me, THREAD_CPU_HERE, THREAD_PRIORITY);
    L4_MsgTag_t tag = L4_Wait_Timeout(SECOND, &from);
    tap_is(L4_Label(tag), label, "an exception is a message to the exception handler");
    tap_is(L4_UntypedWords(tag), EXCEPTION_LAST, "with all registers");
    tap_ok(L4_Utcb()[EXCEPTION_VECTOR] == 6 && L4_Utcb()[EXCEPTION_RAX] == 5 &&
               *(const uint16_t *)L4_Utcb()[EXCEPTION_IP] == 0x0b0f,
           "number, rax, and where the instruction is");
    L4_Utcb()[EXCEPTION_IP] += 2;
    L4_Utcb()[EXCEPTION_RAX] = 55;
    L4_Set_MsgTag(L4_MsgTagMake(0, EXCEPTION_LAST, 0));
    tag = L4_Call_Timeouts(from, L4_ZeroTime, SECOND);
    tap_ok(L4_Label(tag) == 1 && L4_Utcb()[1] == 55 && L4_Utcb()[2] == 6,
           "it goes on with the reply's registers");
    tap_is(L4_Utcb()[3], 0x1234, "and its message registers are as they were");
    tag = L4_Wait_Timeout(SECOND, &from);
    tap_ok(L4_Label(tag) == label && L4_Utcb()[EXCEPTION_VECTOR] == 0, "a division by 0 likewise");
    thread_destroy(&t);
}

int main(int argc, char **argv)
{
    static struct thread partner;
    struct spawn_child child;
    struct raw idle;

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "echo"))
        echo(NULL);
    kernel_interface();
    thread_run(&partner, echo, NULL, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    all_lengths(L4_ThreadIdOf(partner.id), "in one space: calls of 0 to 63 words");
    all_lengths(L4_ThreadIdOf(partner.memory + UTCB_MR), "the same by local ID");
    tap_is(guest_spawn(&child, "l4", "echo", CHILD_FRAMES, THREAD_CPU_HERE, THREAD_PRIORITY + 1),
           ERR_OK, "a partner in another space");
    guest_sleep(20000);
    all_lengths(L4_ThreadIdOf(child.thread_id), "across spaces: calls of 0 to 63 words");
    raw_make(&idle, BLOB(pct_serve));
    raw_start(&idle, 0);
    timeouts(L4_ThreadIdOf(idle.id));
    points_of_time(L4_ThreadIdOf(idle.id));
    raw_destroy(&idle);
    no_partner(L4_ThreadIdOf(partner.id));
    malformed(L4_ThreadIdOf(partner.id));
    malformed(L4_ThreadIdOf(child.thread_id));
    waiting_senders();
    partner_ends();
    any_local(L4_ThreadIdOf(child.thread_id));
    propagation(L4_ThreadIdOf(child.thread_id));
    clock_and_switch();
    exceptions();
    L4_ThreadId_t gone = L4_ThreadIdOf(child.thread_id);
    spawn_destroy(&child);
    L4_Set_MsgTag(L4_Niltag);
    failed(L4_Call(gone), IPC_NO_PARTNER, IPC_SEND_PHASE, "a partner that was destroyed");
    thread_destroy(&partner);
    return tap_done();
}
