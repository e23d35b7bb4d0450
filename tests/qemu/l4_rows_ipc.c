/* L4 messages as the reference words them: Lipc, flags of the tag, kinds of typed items, a send
 * phase that fails, and what the kernel's own messages leave as it was. The others are threads of
 * this program, on the other CPU if there is one. */
#include <l4/ipc.h>
#include <l4/space.h>
#include <l4/thread.h>

#include "exo/abi/l4.h"
#include "exo/abi/x86_64/exception.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/l4_giver.h"
#include "tests/qemu/l4_mate.h"
#include "tests/qemu/tap.h"

#define SECOND (L4_TimePeriod(1000000))
#define TEN_MS (L4_TimePeriod(10000))
#define OWN    GUEST_FREE
#define WINDOW (GUEST_FREE + 0x100000)
#define HOLE   (GUEST_FREE + 0x200000)
#define MARK   0x7000u

/* Answers each message with its words plus one; the label says how: by Ipc, or by Lipc. */
static void echo(void *unused)
{
    L4_ThreadId_t from;
    L4_MsgTag_t tag = L4_Wait(&from);

    (void)unused;
    for (;;) {
        if (L4_IpcFailed(tag)) {
            tag = L4_Wait(&from);
            continue;
        }
        for (unsigned i = 1; i <= L4_UntypedWords(tag); i++)
            L4_Utcb()[i]++;
        L4_Set_MsgTag(L4_MsgTagMake(L4_Label(tag), L4_UntypedWords(tag), 0));
        tag = L4_Label(tag) ? L4_LreplyWait(from, &from) : L4_ReplyWait(from, &from);
    }
}

static bool lcall_words(L4_ThreadId_t to, unsigned words)
{
    L4_ThreadId_t from;

    for (unsigned i = 1; i <= words; i++)
        L4_LoadMR(i, i * 1000 + words);
    L4_Set_MsgTag(L4_MsgTagMake(words % 2, words, 0));
    L4_MsgTag_t tag = L4_Lipc(to, to, L4_Timeouts(L4_Never, L4_Never), &from);
    bool good = L4_IpcSucceeded(tag) && L4_UntypedWords(tag) == words && from.raw == to.raw;
    for (unsigned i = 1; i <= words; i++)
        good &= L4_Utcb()[i] == i * 1000 + words + 1;
    return good;
}

static void lipc(void)
{
    static struct thread partner;
    static struct mate sender;
    L4_ThreadId_t from;
    bool good = true;

    thread_run(&partner, echo, NULL, mate_cpu(), THREAD_PRIORITY + 1);
    L4_ThreadId_t to = L4_ThreadIdOf(partner.memory + UTCB_MR);
    for (unsigned words = 0; words < 64; words++)
        good &= lcall_words(to, words);
    tap_ok(good, "Lipc: calls of 0 to 63 words by local ID, answered by Lipc and by Ipc");
    L4_MsgTag_t tag =
        L4_Lipc(L4_nilthread, L4_anylocalthread, L4_Timeouts(L4_ZeroTime, TEN_MS), &from);
    tap_ok(ipc_failed(tag, IPC_TIMEOUT, IPC_RECEIVE_PHASE), "its receive phase ends in time");
    tag = L4_Lipc(L4_ThreadIdOf(0x123456000), L4_nilthread, 0, &from);
    tap_ok(ipc_failed(tag, IPC_NO_PARTNER, IPC_SEND_PHASE), "it knows who is nobody");
    sender = mate(L4_MyLocalId(), L4_nilthread, 41);
    mate_start(&sender, mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    tag = L4_Lipc(L4_nilthread, L4_anylocalthread, L4_Timeouts(L4_ZeroTime, SECOND), &from);
    tap_ok(L4_IpcSucceeded(tag) && L4_Utcb()[1] == 41 && from.raw == mate_local_id(&sender),
           "anylocalthread takes who waits");
    thread_join(&sender.thread);
    thread_destroy(&partner);
}

static void flags(void)
{
    static struct mate receiver;
    const L4_Word_t label = 0xfedcba987654;

    for (unsigned set = 0; set < 16; set++) {
        receiver = mate(L4_nilthread, L4_MyGlobalId(), 0);
        L4_ThreadId_t to = mate_start(&receiver, mate_cpu(), L4_SCHEDRESULT_WAITING);
        L4_Set_VirtualSender(L4_nilthread);
        L4_LoadMR(1, set);
        L4_Set_MsgTag(L4_MsgTagOf(label << 16 | set << 12 | 1));
        L4_Send_Timeout(to, SECOND);
        guest_await(&receiver.back, 1);
        L4_Word_t cross = mate_cpu() == 1 ? 0x4000 : 0;
        if (receiver.tag != (label << 16 | cross | 1) || receiver.got != set)
            tap_ok(false, "flags that the sender sets do not arrive");
        thread_join(&receiver.thread);
    }
    tap_ok(true, "48 bits of label arrive, and none of the flags that the sender sets");
}

static void failed_send(void)
{
    static struct mate sender;
    L4_ThreadId_t from;

    sender = mate(L4_MyGlobalId(), L4_nilthread, 51);
    mate_start(&sender, mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    L4_Set_MsgTag(L4_Niltag);
    L4_MsgTag_t tag =
        L4_Ipc(L4_GlobalId(4000, 1), L4_anythread, L4_Timeouts(L4_ZeroTime, L4_Never), &from);
    tap_ok(ipc_failed(tag, IPC_NO_PARTNER, IPC_SEND_PHASE) && L4_IsNilThread(from) && !sender.back,
           "after a send phase that fails there is no receive phase");
    tag = L4_Wait_Timeout(SECOND, &from);
    tap_ok(L4_IpcSucceeded(tag) && L4_Utcb()[1] == 51, "who waited is received from then");
    thread_join(&sender.thread);
}

static uint8_t bytes[64], target[64];

static void accept_all(void)
{
    L4_MsgBuffer_t b;

    L4_MsgBufferClear(&b);
    L4_MsgBufferAppendSimpleRcvString(&b, L4_StringItem(sizeof target, target));
    L4_AcceptStrings(
        L4_AddAcceptor(L4_MapGrantItems(L4_FpageLog2(WINDOW, 16)), L4_StringItemsAcceptor), &b);
}

/* What comes of an item of two words whose header has these low four bits. */
static L4_MsgTag_t item_of(unsigned bits)
{
    L4_Word_t words[2] = {bits, L4_FpageLog2(OWN, 12).raw | L4_ReadWriteOnly};

    if (bits < 8)
        words[0] = (L4_Word_t)sizeof bytes << 10 | bits, words[1] = (L4_Word_t)bytes;
    L4_MsgClear(&giver_gift);
    giver_gift.tag = L4_MsgTagMake(0, 0, 2);
    giver_gift.raw[1] = words[0];
    giver_gift.raw[2] = words[1];
    for (unsigned i = 0; i < sizeof target; i++)
        target[i] = 0;
    L4_Flush(L4_FpageAddRights(L4_FpageLog2(WINDOW, 16), L4_FullyAccessible));
    accept_all();
    return giver_call();
}

static void kinds(void)
{
    for (unsigned bits = 0; bits < 16; bits++) {
        L4_MsgTag_t tag = item_of(bits);
        bool string = L4_IpcSucceeded(tag) && target[sizeof target - 1] == sizeof target &&
                      probe_read(WINDOW);
        bool page = L4_IpcSucceeded(tag) && shows(WINDOW, MARK) && !target[1];
        bool none = overflow(tag) && probe_read(WINDOW) && !target[1];
        bool good = bits < 8 ? string : bits < 12 ? page : none;
        if (!good)
            tap_note("kind %x: tag %lx, error %lx", bits, tag.raw, L4_ErrorCode());
        tap_ok(good && (bits < 8 || bits > 11 || (tag.raw & 0xfff) == 2 << 6),
               bits < 8    ? "a string, whatever its cache hints and whether more follows"
               : bits < 12 ? "a map or grant item"
                           : "an item of an unknown kind: overflow");
        if (bits >= 10 && bits < 12)
            giver_grant(L4_FpageLog2(WINDOW, 12), 0, L4_FpageLog2(OWN, 12)); /* back */
    }
}

/* Two map items, neither of which says that another follows. */
static void items_end_with_the_message(void)
{
    L4_Fpage_t page = L4_FpageAddRights(L4_FpageLog2(OWN, 12), L4_Readable);

    L4_MsgClear(&giver_gift);
    giver_gift.tag = L4_MsgTagMake(0, 0, 4);
    for (unsigned i = 0; i < 2; i++) {
        giver_gift.raw[2 * i + 1] = i * PAGE_SIZE | ITEM_MAP;
        giver_gift.raw[2 * i + 2] = page.raw;
    }
    L4_Flush(L4_FpageAddRights(L4_FpageLog2(WINDOW, 16), L4_FullyAccessible));
    accept_all();
    tap_ok(L4_IpcSucceeded(giver_call()) && shows(WINDOW, MARK) && shows(WINDOW + PAGE_SIZE, MARK),
           "the tag says how many items there are");
    L4_Accept(L4_UntypedWordsAcceptor);
}

/* What a fault, an exception and their answers leave as it was, in the thread that meets them. */
static volatile uint64_t met, changed;

static void set_registers(void)
{
    for (unsigned i = 0; i < 64; i++)
        L4_LoadMR(i, 100 + i);
    for (unsigned i = 0; i < 33; i++)
        L4_LoadBR(i, 0x400 * (200 + i));
    L4_Set_XferTimeouts(0x1234);
    L4_Set_Tcr(L4_TCR_ERROR_CODE, 77);
    L4_Set_VirtualSender(L4_GlobalId(4321, 1));
}

static unsigned count_changes(void)
{
    unsigned n = L4_XferTimeouts() != 0x1234 || L4_ErrorCode() != 77 ||
                 L4_ActualSender().raw != L4_GlobalId(4321, 1).raw;

    for (unsigned i = 0; i < 64; i++)
        n += L4_Utcb()[i] != 100 + i;
    for (unsigned i = 0; i < 33; i++) {
        L4_Word_t br;
        L4_StoreBR(i, &br);
        n += br != (L4_Word_t)0x400 * (200 + i);
    }
    return n;
}

static void meet(void *argument)
{
    L4_ThreadId_t boss = L4_ThreadIdOf(*(const L4_Word_t *)argument);

    book_utcb()->entry[UPCALL_FAULT] = book_utcb()->entry[UPCALL_EXCEPTION] = 0;
    L4_Set_Pager(boss);
    L4_Set_ExceptionHandler(boss);
    set_registers();
    *(volatile L4_Word_t *)HOLE = 5;
    changed = count_changes();
    met = 1;
    __asm__ volatile("ud2");
    changed += count_changes();
    met = 2;
    L4_Sleep(L4_Never);
}

static void kernel_messages(void)
{
    static struct thread t;
    L4_Word_t me = L4_Myself().raw;
    L4_Msg_t m;

    met = 0;
    thread_run(&t, meet, &me, mate_cpu(), THREAD_PRIORITY + 1);
    L4_ThreadId_t id = L4_ThreadIdOf(t.id);
    L4_MsgTag_t tag = L4_Receive_Timeout(id, SECOND);
    tap_ok((L4_Label(tag) & 0xffff) == ((LABEL_PAGE_FAULT | FPAGE_WRITE) & 0xffff) &&
               L4_Utcb()[1] == HOLE && L4_UntypedWords(tag) == 2 && !L4_TypedWords(tag),
           "a page fault of a write says so");
    L4_MsgClear(&m);
    L4_MsgAppendWord(&m, 0xbad);
    L4_MsgAppendGrantItem(
        &m, L4_GrantItem(L4_FpageAddRights(L4_FpageLog2(OWN, 12), L4_ReadWriteOnly), HOLE));
    L4_MsgLoad(&m);
    tap_ok(L4_IpcSucceeded(L4_Send_Timeout(id, SECOND)) && guest_await(&met, 1),
           "the answer's page may be granted, and its words say nothing");
    tap_ok(probe_read(OWN) && *(volatile L4_Word_t *)HOLE == 5, "the page has gone there");
    tap_is(changed, 0, "message and buffer registers, error code and senders are as they were");
    tag = L4_Receive_Timeout(id, SECOND);
    L4_Utcb()[EXCEPTION_IP] += 2;
    L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
    L4_Send_Timeout(id, SECOND);
    tap_ok(guest_await(&met, 2) == 2 && changed == 0, "after an exception, too");
    thread_destroy(&t);
}

int main(void)
{
    pfn_t pfn;
    slot_t frame;

    guest_begin();
    frame = guest_frames(1, &pfn);
    guest_tables(SLOT_ENV, OWN);
    tap_is(exo_env_kmem(SLOT_ENV, SLOT_MEMORY), ERR_OK, "memory for tables is lent");
    guest_bind(SLOT_ENV, frame, OWN, pfn, RIGHT_READ | RIGHT_WRITE);
    *(volatile L4_Word_t *)OWN = MARK;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i + 1);
    lipc();
    flags();
    failed_send();
    giver_start();
    kinds();
    items_end_with_the_message();
    giver_end();
    kernel_messages();
    return tap_done();
}
