/* L4 IPC by endpoints, replies, signals and bound notifications, within a space and across, on one
 * CPU or between two. */
#include <l4/ipc.h>
#include <l4/thread.h>

#include "exo/abi/kinfo.h"
#include "libos/endpoint.h"
#include "libos/notify.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CHILD_FRAMES 512u
#define WORDS_MAX    63u
#define IN           120u /* of the child, which takes none so high: the endpoint */
#define SHORT_TIME   (L4_TimePeriod(10000))
#define SECOND       (L4_TimePeriod(1000000))
#define THERE        (KINFO->cpu_count - 1)
#define ROUNDS       100u
#define MARK         0x5a5a1234u
#define STRING_BYTES 6000u
#define WINDOW       GUEST_FREE

enum { ECHO, PAGE, STRING, END };

static uint8_t room[STRING_BYTES + PAGE_SIZE];

static void failed(L4_MsgTag_t tag, unsigned code, unsigned phase, const char *what)
{
    bool good = L4_IpcFailed(tag) && L4_ErrorCode() == IPC_ERROR(code, phase);

    if (!tap_ok(good, what))
        tap_note("tag %lx, error %lx", tag.raw, L4_ErrorCode());
}

/* The answer to what came: all words plus one, and in the label the badge; a page; the string. */
static void answer(L4_MsgTag_t tag, void *page)
{
    unsigned words = (unsigned)L4_UntypedWords(tag);
    L4_Msg_t m;

    if (L4_Label(tag) == PAGE) {
        L4_MsgClear(&m);
        L4_MsgAppendMapItem(
            &m, L4_MapItem(L4_FpageAddRights(L4_FpageLog2((L4_Word_t)page, PAGE_BITS), L4_Readable),
                           0));
        L4_MsgLoad(&m);
    } else if (L4_Label(tag) == STRING) {
        L4_MsgClear(&m);
        L4_MsgAppendSimpleStringItem(&m, L4_StringItem(STRING_LENGTH(L4_Utcb()[1]), room));
        L4_MsgLoad(&m);
    } else {
        for (unsigned i = 1; i <= words; i++)
            L4_Utcb()[i]++;
        L4_Set_MsgTag(L4_MsgTagMake(endpoint_badge(), words, 0));
    }
}

static void accept_string(void *at)
{
    L4_MsgBuffer_t b;

    L4_MsgBufferClear(&b);
    L4_MsgBufferAppendSimpleRcvString(&b, L4_StringItem(STRING_BYTES, at));
    L4_AcceptStrings(L4_StringItemsAcceptor, &b);
}

static vaddr_t
    marked; /* a page for answers; made before there are threads, as libos is one thread's */

static void make_marked(void)
{
    vm_map(&marked, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    vm_populate(marked, PAGE_SIZE);
    *(volatile L4_Word_t *)marked = MARK;
}

static void serve(slot_t in)
{
    L4_ThreadId_t client = L4_nilthread;

    accept_string(room);
    for (;;) {
        L4_MsgTag_t tag = endpoint_reply_wait(in, &client);
        if (L4_IpcFailed(tag)) {
            client = L4_nilthread;
            if (L4_ErrorCode() == IPC_ERROR(IPC_NO_PARTNER, IPC_RECEIVE_PHASE))
                return;
            continue;
        }
        if (L4_Label(tag) == END)
            return;
        answer(tag, (void *)marked);
    }
}

/* The other program: serves from when it is told that its slot is filled. */
static _Noreturn void child_serve(void)
{
    L4_ThreadId_t starter;

    L4_Wait(&starter);
    serve(IN);
    exo_thread_stop(SLOT_THREAD);
    for (;;)
        L4_Sleep(L4_Never);
}

static bool call_words(slot_t slot, word_t badge, unsigned words)
{
    for (unsigned i = 1; i <= words; i++)
        L4_LoadMR(i, i * 1000 + words);
    L4_Set_MsgTag(L4_MsgTagMake(ECHO, words, 0));
    L4_MsgTag_t tag = L4_Call(endpoint_id(slot));
    bool good = L4_IpcSucceeded(tag) && L4_UntypedWords(tag) == words && L4_Label(tag) == badge;
    for (unsigned i = 1; i <= words; i++)
        good &= L4_Utcb()[i] == i * 1000 + words + 1;
    if (!good)
        tap_note("%u words: tag %lx, error %lx", words, tag.raw, L4_ErrorCode());
    return good;
}

static slot_t badged(slot_t of, rights_t rights, word_t badge)
{
    slot_t slot = guest_slot();

    tap_is(exo_cap_badge(SLOT_ENV, slot, of, rights, badge), ERR_OK, "a copy with a badge");
    return slot;
}

struct client {
    struct thread thread;
    slot_t slot;
    word_t badge;
    volatile uint64_t good;
    volatile bool back;
};

static void client_run(void *argument)
{
    struct client *c = argument;

    for (uint64_t i = 0; i < ROUNDS; i++)
        c->good += call_words(c->slot, c->badge, (unsigned)(i % (WORDS_MAX + 1)));
    c->back = true;
}

static bool wait_for(const volatile bool *flag)
{
    for (unsigned i = 0; i < 20000 && !*flag; i++)
        guest_sleep(1000);
    return *flag;
}

static void many_clients(slot_t point, const char *what)
{
    static struct client c[4];
    bool good = true;

    for (unsigned i = 0; i < 4; i++) {
        c[i] = (struct client){.slot = badged(point, RIGHT_WRITE, i + 10), .badge = i + 10};
        thread_run(&c[i].thread, client_run, &c[i], i % 2 ? THERE : 0, THREAD_PRIORITY);
    }
    for (unsigned i = 0; i < 4; i++) {
        good &= wait_for(&c[i].back) && c[i].good == ROUNDS;
        if (c[i].back)
            thread_join(&c[i].thread);
        slot_delete(c[i].slot);
    }
    tap_ok(good, what);
}

static void items(slot_t plain, slot_t grants)
{
    static uint8_t sent[STRING_BYTES], back[STRING_BYTES];
    L4_Msg_t m;

    for (unsigned i = 0; i < STRING_BYTES; i++)
        sent[i] = (uint8_t)(i * 7);
    guest_tables(SLOT_ENV, WINDOW);
    L4_Accept(L4_MapGrantItems(L4_FpageLog2(WINDOW, PAGE_BITS)));
    L4_Set_MsgTag(L4_MsgTagMake(PAGE, 0, 0));
    L4_MsgTag_t tag = L4_Call(endpoint_id(plain));
    tap_ok(L4_IpcSucceeded(tag) && L4_TypedWords(tag) == 2, "an answer brings a page");
    tap_is(*(volatile L4_Word_t *)WINDOW, MARK, "which can be read");
    accept_string(back);
    for (unsigned i = 0; i < 2; i++) {
        L4_MsgClear(&m);
        L4_MsgAppendSimpleStringItem(&m, L4_StringItem(STRING_BYTES, sent));
        L4_Set_MsgLabel(&m, STRING);
        L4_MsgLoad(&m);
        tag = L4_Call(endpoint_id(i ? grants : plain));
        if (!i)
            failed(tag, IPC_OVERFLOW, IPC_SEND_PHASE, "items need the right to grant");
    }
    tap_ok(L4_IpcSucceeded(tag) && !memcmp(sent, back, STRING_BYTES),
           "a string goes there and back");
    L4_Accept(L4_UntypedWordsAcceptor);
}

static void rights(slot_t to_receive)
{
    L4_Set_MsgTag(L4_Niltag);
    failed(L4_Send_Timeout(endpoint_id(to_receive), SECOND), IPC_NO_PARTNER, IPC_SEND_PHASE,
           "no right to send");
    failed(L4_Receive_Timeout(endpoint_id(guest_slot()), SECOND), IPC_NO_PARTNER, IPC_RECEIVE_PHASE,
           "an empty slot");
}

static void times(slot_t point)
{
    L4_ThreadId_t from;

    failed(L4_Call_Timeouts(endpoint_id(point), SHORT_TIME, SECOND), IPC_TIMEOUT, IPC_SEND_PHASE,
           "nobody receives in time");
    failed(L4_Ipc(L4_nilthread, endpoint_id(point), L4_Timeouts(L4_ZeroTime, SHORT_TIME), &from),
           IPC_TIMEOUT, IPC_RECEIVE_PHASE, "nobody sends in time");
}

/* Calls once, and keeps what the call said. */
struct caller {
    struct thread thread;
    slot_t slot;
    volatile L4_Word_t error;
    volatile bool back;
};

static void call_once(void *argument)
{
    struct caller *c = argument;

    L4_Set_MsgTag(L4_Niltag);
    L4_MsgTag_t tag = L4_Call(endpoint_id(c->slot));
    c->error = L4_IpcFailed(tag) ? L4_ErrorCode() : 0;
    c->back = true;
}

static void called(struct caller *c, slot_t slot)
{
    *c = (struct caller){.slot = slot};
    thread_run(&c->thread, call_once, c, THERE, THREAD_PRIORITY);
    guest_sleep(20000);
}

static void ended(struct caller *c, L4_Word_t error, const char *what)
{
    bool good = wait_for(&c->back) && c->error == error;

    if (!tap_ok(good, what))
        tap_note("back %u, error %lx", c->back, c->error);
    if (c->back)
        thread_join(&c->thread);
}

static void what_goes(slot_t point)
{
    static struct caller first, second;
    L4_ThreadId_t client = L4_nilthread;
    slot_t copy = badged(point, RIGHT_WRITE, 1);

    called(&first, copy);
    called(&second, point);
    slot_delete(copy);
    ended(&first, IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE),
          "whose capability goes while it is queued is told");
    L4_MsgTag_t tag = endpoint_reply_wait(point, &client);
    tap_ok(L4_IpcSucceeded(tag) && L4_IS_REPLY(client.raw) && endpoint_badge() == 0,
           "the other is still there, without a badge");
    L4_Set_MsgTag(L4_Niltag);
    L4_Set_MsgTag(L4_MsgTagMake(0, 0, 0));
    tap_ok(L4_IpcSucceeded(L4_Reply(client)),
           "it is answered by a thread that does not know its ID");
    ended(&second, 0, "and goes on");
    failed(L4_Reply(client), IPC_NO_PARTNER, IPC_SEND_PHASE, "it cannot be answered twice");
    called(&first, point);
    tap_is(exo_cap_delete(point), ERR_OK, "the endpoint goes");
    ended(&first, IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE), "and who is queued there is told");
}

static void serve_thread(void *point)
{
    serve(*(slot_t *)point);
}

/* A server that takes a call and ends. */
static void take_and_wait(void *point)
{
    L4_ThreadId_t client = L4_nilthread;

    endpoint_reply_wait(*(slot_t *)point, &client);
    L4_Sleep(L4_Never);
}

static void server_ends(void)
{
    static struct caller c;
    struct thread server;
    slot_t point;

    endpoint_new(&point);
    thread_run(&server, take_and_wait, &point, THERE, THREAD_PRIORITY);
    called(&c, point);
    thread_destroy(&server);
    ended(&c, IPC_ERROR(IPC_NO_PARTNER, IPC_RECEIVE_PHASE), "a caller hears of its server's end");
    slot_delete(point);
}

/* Raises bits after a while: by its badge, then by a word. */
struct raiser {
    struct thread thread;
    slot_t badge, note;
};

static void raise_both(void *argument)
{
    const struct raiser *r = argument;

    guest_sleep(20000);
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(endpoint_id(r->badge));
    guest_sleep(20000);
    L4_LoadMR(1, 8);
    L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
    L4_Send(endpoint_id(r->note));
}

static void got_bits(L4_MsgTag_t tag, L4_ThreadId_t from, L4_Word_t name, word_t bits,
                     const char *what)
{
    bool good = L4_IpcSucceeded(tag) && from.raw == name && L4_UntypedWords(tag) == 1 &&
                L4_Utcb()[1] == bits && endpoint_badge() == bits;

    if (!tap_ok(good, what))
        tap_note("tag %lx, from %lx, bits %lx", tag.raw, from.raw, L4_Utcb()[1]);
}

static void notifications(void)
{
    static struct raiser r;
    L4_ThreadId_t from = L4_nilthread;
    slot_t point;

    endpoint_new(&point);
    notify_new(&r.note);
    r.badge = badged(r.note, RIGHT_WRITE, 6);
    thread_run(&r.thread, raise_both, &r, THERE, THREAD_PRIORITY);
    L4_MsgTag_t tag = endpoint_reply_wait(r.note, &from);
    got_bits(tag, from, L4_SLOT(r.note), 6, "a message by a badge raises its bits");
    from = L4_nilthread;
    tag = endpoint_reply_wait(r.note, &from);
    got_bits(tag, from, L4_SLOT(r.note), 8, "one without a badge those that it names");
    thread_join(&r.thread);
    tap_is(exo_notify(r.badge, 6), ERR_BAD_CAP, "by a badge no other bits are raised");
    tap_is(exo_notify_bind(r.note, SLOT_THREAD, 14), ERR_OK, "the notification is bound");
    book_utcb()->entry[UPCALL_NOTIFY] = 0;
    thread_run(&r.thread, raise_both, &r, THERE, THREAD_PRIORITY);
    tag = L4_Wait(&from);
    got_bits(tag, from, L4_BOUND, 6, "an open wait gets its bits");
    from = L4_nilthread;
    tag = endpoint_reply_wait(point, &from);
    got_bits(tag, from, L4_BOUND, 8, "a wait at an endpoint, too");
    thread_join(&r.thread);
    slot_delete(r.note);
    slot_delete(point);
}

static void across_spaces(slot_t point)
{
    struct spawn_child child;

    tap_is(guest_spawn(&child, "l4_ep", "serve", CHILD_FRAMES, THERE, THREAD_PRIORITY), ERR_OK,
           "a server in another space");
    tap_is(exo_cap_copy(child.env, IN, point, RIGHT_READ, 0, 0), ERR_OK, "may receive");
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(L4_ThreadIdOf(child.thread_id));
    bool good = true;
    for (unsigned words = 0; words <= WORDS_MAX; words++)
        good &= call_words(point, 0, words);
    tap_ok(good, "across spaces: calls of 0 to 63 words");
    many_clients(point, "four clients with badges, one server");
    slot_t plain = badged(point, RIGHT_WRITE, 5);
    items(plain, point);
    slot_delete(plain);
    spawn_destroy(&child);
}

int main(int argc, char **argv)
{
    static struct thread servers[2];
    slot_t point, to_receive;

    guest_begin();
    make_marked();
    if (argc > 1 && !strcmp(argv[1], "serve"))
        child_serve();
    tap_is(endpoint_new(&point), ERR_OK, "an endpoint");
    to_receive = guest_slot();
    exo_cap_copy(SLOT_ENV, to_receive, point, RIGHT_READ, 0, 0);
    rights(to_receive);
    if (argc < 2 || strcmp(argv[1], "untimed")) /* a kernel in which nobody sleeps in an IPC */
        times(point);
    across_spaces(point);
    for (unsigned i = 0; i < 2; i++)
        thread_run(&servers[i], serve_thread, &to_receive, i ? THERE : 0, THREAD_PRIORITY);
    many_clients(point, "in one space: four clients, two servers");
    slot_delete(to_receive);
    for (unsigned i = 0; i < 2; i++)
        thread_join(&servers[i]);
    tap_ok(true, "servers end when they may receive no more");
    what_goes(point);
    server_ends();
    notifications();
    return tap_done();
}
