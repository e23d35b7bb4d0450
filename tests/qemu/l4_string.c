/* L4 string items across spaces: lengths, buffers in pieces, overflow with its cut point, page
 * faults of either side, transfer timeouts, and partners that go in the midst. */
#include <l4/ipc.h>
#include <l4/thread.h>

#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CHILD_FRAMES 1024u
#define LARGE        (1u << 20)
#define ROOM         (LARGE + PAGE_SIZE)
#define PAGES        16u
#define ROUNDS       40u
#define HOLE         GUEST_FREE /* what no page is at */
#define SHORT_TIME   (L4_TimePeriod(10000))
#define MARK(i)      (0x1000u + (i))

/* Where partners run: on another CPU, if there is one. */
static uint32_t there(void)
{
    return KINFO->cpu_count > 1 ? 1 : THREAD_CPU_HERE;
}

static uint8_t *make_room(size_t bytes)
{
    vaddr_t at = 0;

    vm_map(&at, bytes, RIGHT_READ | RIGHT_WRITE);
    vm_populate(at, bytes);
    return (uint8_t *)at;
}

static void accept(void *buffer, L4_Word_t bytes)
{
    L4_MsgBuffer_t b;

    L4_MsgBufferClear(&b);
    L4_MsgBufferAppendSimpleRcvString(&b, L4_StringItem(bytes, buffer));
    L4_AcceptStrings(L4_StringItemsAcceptor, &b);
}

/* Sends each string back as it came; after an error, the error code. */
static _Noreturn void echo(void)
{
    uint8_t *room = make_room(ROOM);
    L4_ThreadId_t client;
    L4_Word_t last = 0;
    L4_Msg_t m;

    accept(room, LARGE);
    L4_MsgTag_t tag = L4_Wait(&client);
    for (;;) {
        L4_MsgClear(&m);
        if (L4_IpcFailed(tag)) {
            last = L4_ErrorCode();
            tag = L4_Wait(&client);
            continue;
        }
        L4_Word_t bytes = L4_TypedWords(tag) ? STRING_LENGTH(L4_Utcb()[1]) : 0;
        if (L4_TypedWords(tag))
            L4_MsgAppendSimpleStringItem(&m, L4_StringItem(bytes, room));
        else
            L4_MsgAppendWord(&m, last);
        L4_MsgLoad(&m);
        tag = L4_ReplyWait(client, &client);
    }
}

/* Answers page faults with its pages, one after the other, page i beginning with MARK(i). */
static _Noreturn void pager(void)
{
    uint8_t *pages = make_room(PAGES * PAGE_SIZE);
    L4_ThreadId_t client;
    L4_Msg_t m;

    for (unsigned i = 0; i < PAGES; i++)
        *(volatile L4_Word_t *)(pages + i * PAGE_SIZE) = MARK(i);
    L4_MsgTag_t tag = L4_Wait(&client);
    for (unsigned next = 0;;) {
        if (L4_IpcFailed(tag) || L4_Utcb()[2] != ~(L4_Word_t)0) { /* not of a string */
            tag = L4_Wait(&client);
            continue;
        }
        L4_Word_t at = L4_Utcb()[1];
        L4_Fpage_t page = L4_FpageLog2((L4_Word_t)pages + next++ % PAGES * PAGE_SIZE, PAGE_BITS);
        L4_MsgClear(&m);
        L4_MsgAppendMapItem(&m, L4_MapItem(L4_FpageAddRights(page, L4_ReadWriteOnly), at));
        L4_MsgLoad(&m);
        tag = L4_ReplyWait(client, &client);
    }
}

static void load(const void *string, L4_Word_t bytes)
{
    L4_Msg_t m;

    L4_MsgClear(&m);
    L4_MsgAppendSimpleStringItem(&m, L4_StringItem(bytes, (void *)string));
    L4_MsgLoad(&m);
}

/* There and back: what is at `back` is compared with `string` by the caller. */
static L4_MsgTag_t call(L4_ThreadId_t to, const void *string, L4_Word_t bytes, void *back,
                        L4_Word_t room)
{
    accept(back, room);
    load(string, bytes);
    return L4_Call(to);
}

/* The error that `to` met last. */
static L4_Word_t error_of(L4_ThreadId_t to)
{
    L4_Set_MsgTag(L4_Niltag);
    L4_Call(to);
    return L4_Utcb()[1];
}

static void cut(L4_MsgTag_t tag, unsigned code, unsigned phase, L4_Word_t bytes, const char *what)
{
    L4_Word_t want = IPC_ERROR(IPC_WITH_OFFSET(code, bytes), phase);
    bool good = L4_IpcFailed(tag) && L4_ErrorCode() == want;

    if (!tap_ok(good, what))
        tap_note("tag %lx, error %lx, wanted %lx", tag.raw, L4_ErrorCode(), want);
}

static void lengths(L4_ThreadId_t to, uint8_t *out, uint8_t *in)
{
    static const L4_Word_t bytes[] = {0, 1, 7, 8, 100, 4095, 4096, 4097, 65536, LARGE};
    bool good = true;
    L4_Word_t cross = KINFO->cpu_count > 1 ? TAG_CROSS : 0;

    for (unsigned i = 0; i < LARGE; i++)
        out[i] = (uint8_t)(i * 7 + i / 300);
    for (unsigned n = 0; n < sizeof bytes / sizeof bytes[0]; n++) {
        memset(in, 0xee, bytes[n] + 1);
        L4_MsgTag_t tag = call(to, out, bytes[n], in, LARGE);
        good &= (tag.raw & TAG_FLAGS) == cross && L4_TypedWords(tag) == 2 &&
                STRING_LENGTH(L4_Utcb()[1]) == bytes[n] && !memcmp(in, out, bytes[n]) &&
                in[bytes[n]] == 0xee;
    }
    tap_ok(good, "strings of 0 bytes to a mebibyte come back whole");
    tap_ok(L4_IpcSucceeded(call(to, out + 3, 5000, in + 1, 5000)) && !memcmp(in + 1, out + 3, 5000),
           "at any address");
}

/* Gathered from pieces, scattered over pieces, in both directions. */
static void pieces(L4_ThreadId_t to, uint8_t *out, uint8_t *in)
{
    L4_Word_t item[] = {(L4_Word_t)1000 << 10 | 1 << 9 | 1 << 4, (L4_Word_t)out,
                        (L4_Word_t)(out + 3000), (L4_Word_t)500 << 10, (L4_Word_t)(out + 5000)};
    L4_Word_t buffer[] = {(L4_Word_t)700 << 10 | 1 << 9, (L4_Word_t)in,
                          (L4_Word_t)900 << 10 | 1 << 4, (L4_Word_t)(in + 2000),
                          (L4_Word_t)(in + 4000)};
    L4_MsgBuffer_t b;
    L4_Msg_t m;

    memset(in, 0xee, 8000);
    L4_MsgBufferClear(&b);
    L4_MsgBufferAppendRcvString(&b, (L4_StringItem_t *)(void *)buffer);
    L4_AcceptStrings(L4_StringItemsAcceptor, &b);
    L4_MsgClear(&m);
    L4_MsgAppendStringItem(&m, (L4_StringItem_t *)(void *)item);
    L4_MsgLoad(&m);
    L4_MsgTag_t tag = L4_Call(to); /* the first group's length comes back */
    tap_ok(L4_IpcSucceeded(tag) && !memcmp(in, out, 700) && !memcmp(in + 2000, out + 700, 300) &&
               in[2300] == 0xee,
           "gathered from substrings of two groups, scattered over a compound buffer");
    tap_is(L4_Utcb()[L4_TCR_BR0 - 1], buffer[0], "buffer registers stay");
}

static void overflow(L4_ThreadId_t to, uint8_t *out, uint8_t *in)
{
    cut(call(to, out, LARGE + 1, in, LARGE), IPC_OVERFLOW, IPC_SEND_PHASE, LARGE,
        "a string that is longer than the buffer is cut there");
    tap_is(error_of(to), IPC_ERROR(IPC_WITH_OFFSET(IPC_OVERFLOW, LARGE), IPC_RECEIVE_PHASE),
           "and the receiver is told the same");
    cut(call(to, out, 1000, in, 999), IPC_OVERFLOW, IPC_RECEIVE_PHASE, 999,
        "an answer that is longer than the buffer is cut there");
    L4_Accept(L4_UntypedWordsAcceptor);
    load(out, 10);
    cut(L4_Call(to), IPC_OVERFLOW, IPC_RECEIVE_PHASE, 0, "who accepts no strings gets none");
    cut(call(to, (void *)WINDOW_BASE, 10, in, 10), IPC_OVERFLOW, IPC_SEND_PHASE, 0,
        "the kernel's memory is nobody's string");
    cut(call(to, out, 10, (void *)WINDOW_BASE, 10), IPC_OVERFLOW, IPC_RECEIVE_PHASE, 0,
        "nor a buffer");
}

static void faults(L4_ThreadId_t to, L4_ThreadId_t mapper, uint8_t *out, uint8_t *in)
{
    L4_Set_Pager(mapper);
    L4_MsgTag_t tag = call(to, out, 3 * PAGE_SIZE, (void *)(HOLE + 8), 3 * PAGE_SIZE);
    tap_ok(L4_IpcSucceeded(tag) && !memcmp((void *)(HOLE + 8), out, 3 * PAGE_SIZE),
           "pages that the receiver lacks are mapped by its pager");
    tap_is(*(volatile L4_Word_t *)HOLE, MARK(0), "which sent pages of its own");
    tag = call(to, (void *)(HOLE + 8 * PAGE_SIZE), 2 * PAGE_SIZE, in, LARGE);
    tap_ok(L4_IpcSucceeded(tag) && *(L4_Word_t *)(void *)in == MARK(4) &&
               *(L4_Word_t *)(void *)(in + PAGE_SIZE) == MARK(5),
           "and those that the sender lacks by the sender's");
    tag = call(to, (void *)(HOLE + 10 * PAGE_SIZE), PAGE_SIZE, (void *)(HOLE + 12 * PAGE_SIZE),
               PAGE_SIZE);
    tap_ok(L4_IpcSucceeded(tag) && *(volatile L4_Word_t *)(HOLE + 12 * PAGE_SIZE) == MARK(6),
           "both in one call");
    L4_Set_Pager(L4_nilthread);
}

static void timeouts(L4_ThreadId_t to, uint8_t *out, uint8_t *in)
{
    struct raw silent;
    vaddr_t none = HOLE + 32 * PAGE_SIZE;

    cut(call(to, (void *)none, 10, in, 10), IPC_XFER_TIMEOUT, IPC_SEND_PHASE, 0,
        "without a pager a fault ends the transfer");
    tap_is(error_of(to), IPC_ERROR(IPC_PARTNER_XFER, IPC_RECEIVE_PHASE),
           "the partner is told that it was not its own");
    raw_make(&silent, BLOB(pct_serve)); /* it never receives */
    raw_start(&silent, 0);
    L4_Set_Pager(L4_ThreadIdOf(silent.id));
    L4_Set_XferTimeouts(L4_Timeouts(L4_ZeroTime, L4_ZeroTime));
    cut(call(to, (void *)none, 10, in, 10), IPC_XFER_TIMEOUT, IPC_SEND_PHASE, 0,
        "a transfer timeout of zero fails at the first fault");
    cut(call(to, out, 100, (void *)none, 100), IPC_XFER_TIMEOUT, IPC_RECEIVE_PHASE, 0,
        "in the receive phase too");
    tap_is(error_of(to), IPC_ERROR(IPC_PARTNER_XFER, IPC_SEND_PHASE), "and the sender is told");
    L4_Set_XferTimeouts(L4_Timeouts(SHORT_TIME, L4_Never));
    L4_Word_t before = L4_SystemClock().raw;
    cut(call(to, (uint8_t *)(HOLE + 13 * PAGE_SIZE) - 100, 200, in, 200), IPC_XFER_TIMEOUT,
        IPC_SEND_PHASE, 100, "a pager that is silent for too long: the bytes before are counted");
    tap_ok(L4_SystemClock().raw >= before + 9900, "not before its time");
    L4_Set_XferTimeouts(0);
    L4_Set_Pager(L4_nilthread);
    raw_destroy(&silent);
}

struct sender {
    L4_ThreadId_t to, pager;
};

static void send_from_nowhere(void *argument)
{
    const struct sender *s = argument;

    L4_Set_Pager(s->pager);
    load((void *)(HOLE + 64 * PAGE_SIZE), 100);
    L4_Send(s->to);
}

/* A sender in the same space, whose pager is silent. */
static void receivers_timeout(uint8_t *in)
{
    struct raw silent;
    struct thread t;

    raw_make(&silent, BLOB(pct_serve));
    raw_start(&silent, 0);
    struct sender s = {L4_MyGlobalId(), L4_ThreadIdOf(silent.id)};
    accept(in, 100);
    thread_run(&t, send_from_nowhere, &s, there(), THREAD_PRIORITY + 1);
    L4_Set_XferTimeouts(L4_Timeouts(L4_Never, SHORT_TIME));
    cut(L4_Receive(L4_ThreadIdOf(t.id)), IPC_PARTNER_XFER, IPC_RECEIVE_PHASE, 0,
        "the receiver's part of the transfer timeouts counts for the sender's faults");
    L4_Set_XferTimeouts(0);
    thread_destroy(&t);
    raw_destroy(&silent);
}

static volatile L4_Word_t victim_error;
static volatile bool victim_back;

static void receive_for_ever(void *argument)
{
    L4_ThreadId_t from;

    accept(argument, 100);
    if (L4_IpcFailed(L4_Wait(&from)))
        victim_error = L4_ErrorCode();
    victim_back = true;
}

#define STATE_RECEIVING 7u    /* L4_Schedule's result for a side of a suspended transfer */
#define PATIENCE        1000u /* of 2 ms: another CPU may be slow                        */

static void await_receiving(L4_ThreadId_t t)
{
    L4_Word_t old;

    for (unsigned i = 0; i < PATIENCE; i++) {
        if (L4_Schedule(t, ~0ul, ~0ul, ~0ul, ~0ul, &old) == STATE_RECEIVING)
            return;
        guest_sleep(2000);
    }
}

static void stopped_in_the_midst(uint8_t *in)
{
    struct raw silent;
    struct thread sender, receiver;

    raw_make(&silent, BLOB(pct_serve));
    raw_start(&silent, 0);
    thread_run(&receiver, receive_for_ever, in, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    struct sender s = {L4_ThreadIdOf(receiver.id), L4_ThreadIdOf(silent.id)};
    thread_run(&sender, send_from_nowhere, &s, there(), THREAD_PRIORITY + 1);
    await_receiving(s.to);
    tap_is(victim_error, 0, "a transfer waits for a page");
    thread_destroy(&sender);
    for (unsigned i = 0; !victim_back && i < PATIENCE; i++)
        guest_sleep(2000);
    tap_is(victim_error, IPC_ERROR(IPC_ABORTED, IPC_RECEIVE_PHASE),
           "when the sender goes, the receiver is told that it was aborted");
    thread_join(&receiver);
    raw_destroy(&silent);
}

/* ExchangeRegisters: the phase that it names is the one in which the thread takes part. */
static void aborted(uint8_t *in)
{
    struct raw silent;
    struct thread sender, receiver;

    raw_make(&silent, BLOB(pct_serve));
    raw_start(&silent, 0);
    victim_error = 0;
    victim_back = false;
    thread_run(&receiver, receive_for_ever, in, there(), THREAD_PRIORITY + 1);
    struct sender s = {L4_ThreadIdOf(receiver.id), L4_ThreadIdOf(silent.id)};
    thread_run(&sender, send_from_nowhere, &s, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    await_receiving(s.to);
    L4_ThreadState_t state = L4_AbortSend_and_stop(L4_ThreadIdOf(receiver.id));
    tap_ok(L4_ThreadWasReceiving(state) && !L4_ThreadWasSending(state),
           "a receiver of a string is told to be receiving");
    state = L4_AbortReceive_and_stop(L4_ThreadIdOf(receiver.id));
    tap_ok(L4_ThreadWasReceiving(state) && L4_ThreadWasHalted(state),
           "aborting its sends leaves it alone, but for that it is halted");
    guest_sleep(2000);
    tap_ok(!victim_back, "who is aborted and halted does not run");
    L4_Start(L4_ThreadIdOf(receiver.id));
    for (unsigned i = 0; i < 1000 && !victim_back; i++)
        guest_sleep(1000);
    tap_is(victim_error, IPC_ERROR(IPC_ABORTED, IPC_RECEIVE_PHASE), "and is told when it goes on");
    thread_join(&receiver);
    thread_destroy(&sender);
    raw_destroy(&silent);
}

struct caller {
    L4_ThreadId_t to;
    uint8_t *out, *in;
    volatile unsigned good;
    volatile bool back;
};

static void call_often(void *argument)
{
    struct caller *c = argument;

    L4_Set_XferTimeouts(0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        c->in[LARGE - 1] = (uint8_t)~c->out[LARGE - 1];
        L4_MsgTag_t tag = call(c->to, c->out, LARGE, c->in, LARGE);
        if (L4_IpcSucceeded(tag) && !memcmp(c->in, c->out, LARGE))
            c->good++;
    }
    c->back = true;
}

/* Between CPUs, if there are two, and else between priorities. */
static void moved(L4_ThreadId_t to, uint8_t *out, uint8_t *in)
{
    static struct caller c;
    struct thread t;
    uint32_t n = 0;

    c = (struct caller){.to = to, .out = out, .in = in};
    thread_run(&t, call_often, &c, there(), THREAD_PRIORITY);
    while (!c.back) {
        guest_sleep(500);
        n++;
        exo_thread_place(t.slot, SLOT_CPU, n % KINFO->cpu_count, THREAD_PRIORITY + n % 3);
    }
    tap_is(c.good, ROUNDS, "who is moved in the midst of strings gets each whole");
    thread_join(&t);
}

int main(int argc, char **argv)
{
    struct spawn_child partner, mapper;

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "echo"))
        echo();
    if (argc > 1 && !strcmp(argv[1], "pager"))
        pager();
    tap_is(guest_spawn(&partner, "l4_string", "echo", CHILD_FRAMES, there(), THREAD_PRIORITY + 1),
           ERR_OK, "a partner in another space");
    tap_is(guest_spawn(&mapper, "l4_string", "pager", CHILD_FRAMES, THREAD_CPU_HERE,
                       THREAD_PRIORITY + 1),
           ERR_OK, "and a pager in a third");
    tap_is(exo_env_kmem(SLOT_ENV, SLOT_MEMORY), ERR_OK, "memory for page tables is lent");
    uint8_t *out = make_room(ROOM), *in = make_room(ROOM);
    L4_ThreadId_t to = L4_ThreadIdOf(partner.thread_id);
    guest_sleep(20000);
    L4_Set_XferTimeouts(0);
    lengths(to, out, in);
    pieces(to, out, in);
    overflow(to, out, in);
    faults(to, L4_ThreadIdOf(mapper.thread_id), out, in);
    timeouts(to, out, in);
    receivers_timeout(in);
    stopped_in_the_midst(in);
    aborted(in);
    moved(to, out, in);
    spawn_destroy(&mapper);
    spawn_destroy(&partner);
    return tap_done();
}
