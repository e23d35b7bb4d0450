/* L4 map and grant items and Unmap as the reference words them: fpages that are too small, have
 * holes, or are the complete space; grants onto pages; several fpages in one Unmap; types of memory
 * that are inherited; strings beside them in one message. By two threads of one space, the giver on
 * the other CPU if there is one. */
#include <l4/ipc.h>
#include <l4/misc.h>
#include <l4/schedule.h>
#include <l4/space.h>
#include <l4/thread.h>

#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/string.h"
#include "libos/tables.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/l4_giver.h"
#include "tests/qemu/tap.h"

#define PAGES    16u
#define LOG2     16u        /* of them all */
#define OWN      GUEST_FREE /* the giver's pages, aligned to them all */
#define WINDOW   (GUEST_FREE + 0x10000)
#define FURTHER  (GUEST_FREE + 0x20000)
#define FAR      (GUEST_FREE + 0x40000000) /* no table is there */
#define HOLE     (GUEST_FREE + 0x30000)    /* what no page is at */
#define MARK     0x3000u
#define TYPE     ((uint64_t)0x98) /* PAT, PCD, PWT of an entry */
#define NO_CACHE 0x18u

static slot_t frames;
static pfn_t first;

static vaddr_t own(unsigned n)
{
    return OWN + n * PAGE_SIZE;
}

static vaddr_t in_window(unsigned n)
{
    return WINDOW + n * PAGE_SIZE;
}

static L4_Fpage_t page_at(vaddr_t at)
{
    return L4_FpageLog2(at, PAGE_BITS);
}

static L4_Fpage_t all_at(vaddr_t at)
{
    return L4_FpageLog2(at, LOG2);
}

/* Sixteen pages anew, and nothing in the windows. */
static void renew(void)
{
    L4_Flush(L4_FpageAddRights(all_at(WINDOW), L4_FullyAccessible));
    L4_Flush(L4_FpageAddRights(all_at(FURTHER), L4_FullyAccessible));
    for (unsigned i = 0; i < PAGES; i++) {
        guest_unbind(SLOT_ENV, own(i));
        guest_bind(SLOT_ENV, frames, own(i), first + i, RIGHT_READ | RIGHT_WRITE);
        *(volatile L4_Word_t *)own(i) = MARK + i;
    }
}

static void small_fpages(void)
{
    L4_MsgTag_t tag = giver_map(L4_FpageLog2(own(0), 11), 0, all_at(WINDOW));

    tap_ok(L4_IpcSucceeded(tag) && L4_TypedWords(tag) == 2 && probe_read(WINDOW),
           "an fpage smaller than a page maps nothing");
    tap_ok(overflow(giver_map(page_at(own(0)), 0, L4_FpageLog2(WINDOW, 11))) && probe_read(WINDOW),
           "as a window it takes nothing: overflow");
    tag = giver_map(L4_Nilpage, 0, all_at(WINDOW));
    tap_ok(L4_IpcSucceeded(tag) && probe_read(WINDOW), "nor is there anything in a nil fpage");
}

static void what_is_there(void)
{
    bool good = true;

    guest_unbind(SLOT_ENV, own(5));
    giver_map(all_at(OWN), 0, all_at(WINDOW));
    for (unsigned i = 0; i < PAGES; i++)
        good &= i == 5 ? probe_read(in_window(i)) : shows(in_window(i), MARK + i);
    tap_ok(good, "of an fpage with a hole what is there is mapped");
    renew();
    good = true;
    L4_MsgTag_t tag = giver_map(L4_CompleteAddressSpace, OWN, all_at(WINDOW));
    for (unsigned i = 0; i < PAGES; i++)
        good &= shows(in_window(i), MARK + i);
    tap_ok(L4_IpcSucceeded(tag) && good, "the complete space is an fpage: its part at the base");
    renew();
}

static void several_fpages(void)
{
    L4_Fpage_t some[3] = {page_at(own(1)), page_at(own(4)), L4_FpageLog2(own(8), PAGE_BITS + 2)};
    bool good = true;

    giver_map(all_at(OWN), 0, all_at(WINDOW));
    for (unsigned i = 0; i < 3; i++)
        some[i] = L4_FpageAddRights(some[i], L4_FullyAccessible);
    L4_UnmapFpages(3, some);
    for (unsigned i = 0; i < PAGES; i++) {
        bool gone = i == 1 || i == 4 || (i >= 8 && i < 12);
        good &= probe_read(in_window(i)) == gone && !probe_read(own(i));
    }
    tap_ok(good, "three fpages in one Unmap: six pages, and no others");
    some[0] = L4_FpageAddRights(page_at(in_window(0)), L4_FullyAccessible);
    some[1] = L4_FpageAddRights(page_at(in_window(15)), L4_FullyAccessible);
    L4_FlushFpages(2, some);
    tap_ok(probe_read(in_window(0)) && probe_read(in_window(15)) && shows(in_window(14), MARK + 14),
           "two in one Flush");
    renew();
}

static void grants(void)
{
    giver_map(page_at(own(0)), 0, page_at(WINDOW));
    giver_grant(page_at(own(0)), 0, page_at(WINDOW));
    tap_ok(shows(WINDOW, MARK) && !probe_write(WINDOW) && probe_read(own(0)),
           "a grant onto a mapping of the same page takes its place");
    giver_map(page_at(own(2)), 0, page_at(WINDOW));
    giver_map(page_at(WINDOW), 0, page_at(FURTHER));
    tap_ok(shows(FURTHER, MARK + 2), "a page that was mapped on");
    *(volatile L4_Word_t *)own(1) = MARK + 1;
    giver_grant(page_at(own(1)), 0, page_at(WINDOW));
    tap_ok(shows(WINDOW, MARK + 1) && probe_read(own(1)), "a grant replaces another page");
    tap_ok(probe_read(FURTHER) && shows(own(2), MARK + 2), "with what was mapped from it");
    renew();
}

static void utcbs(void)
{
    L4_Word_t me = L4_MyGlobalId().raw;
    vaddr_t utcb = (vaddr_t)L4_Utcb() & ~(vaddr_t)(PAGE_SIZE - 1);

    L4_MsgTag_t tag = giver_grant(page_at(utcb), 0, page_at(WINDOW));
    tap_ok(L4_IpcSucceeded(tag) && probe_read(WINDOW) && L4_MyGlobalId().raw == me,
           "a UTCB is not granted");
    tag = giver_map(page_at(utcb), 0, page_at(WINDOW));
    tap_ok(L4_IpcSucceeded(tag) && probe_read(WINDOW), "nor mapped on");
    giver_grant(page_at(own(0)), 0, page_at(utcb));
    tap_ok(L4_MyGlobalId().raw == me, "nor is there a grant over it");
    L4_Flush(L4_FpageAddRights(page_at(utcb), L4_FullyAccessible));
    tap_ok(L4_MyGlobalId().raw == me, "nor is it flushed");
    renew();
}

static void replaced_only_by_others(void)
{
    giver_map(page_at(own(0)), 0, page_at(WINDOW));
    giver_map(page_at(WINDOW), 0, page_at(FURTHER));
    giver_map(page_at(own(0)), 0, page_at(WINDOW));
    tap_ok(shows(FURTHER, MARK), "the same page again takes nothing from what was mapped on");
    giver_map(page_at(own(1)), 0, page_at(WINDOW));
    tap_ok(shows(WINDOW, MARK + 1) && probe_read(FURTHER), "another page does");
    renew();
}

static uint64_t type_of(vaddr_t at)
{
    return tables_entry(at) & TYPE;
}

static void types(void)
{
    tap_is(exo_env_privilege(SLOT_ENV, SLOT_MACHINE), ERR_OK, "privilege");
    giver_map(page_at(own(6)), 0, page_at(in_window(6)));
    tap_is(L4_Set_PageAttribute(page_at(own(6)), L4_UncacheableMemory), 1,
           "a page is made uncacheable");
    tap_is(type_of(in_window(6)), NO_CACHE, "what was mapped from it has its type");
    giver_map(page_at(own(6)), 0, page_at(in_window(7)));
    tap_ok(shows(in_window(7), MARK + 6) && type_of(in_window(7)) == NO_CACHE,
           "and so has what is mapped then");
    giver_map(page_at(in_window(7)), 0, page_at(FURTHER));
    tap_ok(shows(FURTHER, MARK + 6) && type_of(FURTHER) == NO_CACHE, "and what is mapped on");
    giver_map(page_at(own(8)), 0, page_at(in_window(8)));
    tap_is(type_of(in_window(8)), 0, "another page has the default type");
    L4_Set_PageAttribute(page_at(own(6)), L4_DefaultMemory);
    tap_is(type_of(FURTHER), 0, "all change back together");
    renew();
}

static uint8_t source[256], target[512];

static void accept(L4_Fpage_t window, const L4_Word_t *bytes, unsigned count)
{
    L4_MsgBuffer_t b;

    L4_MsgBufferClear(&b);
    for (unsigned i = 0; i < count; i++)
        L4_MsgBufferAppendSimpleRcvString(&b, L4_StringItem(bytes[i], target + 100 * i));
    L4_AcceptStrings(L4_AddAcceptor(L4_MapGrantItems(window), L4_StringItemsAcceptor), &b);
    memset(target, 0xee, sizeof target);
}

static void strings_and_maps(void)
{
    static const L4_Word_t one[] = {50}, three[] = {50, 10, 30};

    for (unsigned i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i * 3 + 1);
    accept(all_at(WINDOW), one, 1);
    L4_MsgClear(&giver_gift);
    L4_MsgAppendWord(&giver_gift, 77);
    L4_MsgAppendMapItem(&giver_gift,
                        L4_MapItem(L4_FpageAddRights(page_at(own(3)), L4_Readable), 0));
    L4_MsgAppendSimpleStringItem(&giver_gift, L4_StringItem(40, source));
    L4_MsgAppendMapItem(&giver_gift,
                        L4_MapItem(L4_FpageAddRights(page_at(own(4)), L4_Readable), PAGE_SIZE));
    L4_MsgTag_t tag = giver_call();
    tap_ok(L4_IpcSucceeded(tag) && L4_TypedWords(tag) == 6 && L4_Utcb()[1] == 77,
           "a word, two map items and a string in one message");
    tap_ok(shows(in_window(0), MARK + 3) && shows(in_window(1), MARK + 4), "the pages are there");
    tap_ok(!memcmp(target, source, 40) && target[40] == 0xee, "and the string");
    accept(L4_Nilpage, three, 3);
    L4_MsgClear(&giver_gift);
    L4_MsgAppendSimpleStringItem(&giver_gift, L4_StringItem(20, source));
    L4_MsgAppendSimpleStringItem(&giver_gift, L4_StringItem(0, source));
    L4_MsgAppendSimpleStringItem(&giver_gift, L4_StringItem(30, source + 100));
    tap_ok(L4_IpcSucceeded(giver_call()) && !memcmp(target, source, 20) && target[20] == 0xee &&
               target[100] == 0xee && !memcmp(target + 200, source + 100, 30) &&
               target[230] == 0xee,
           "the n-th string goes to the n-th buffer");
    accept(L4_Nilpage, three, 2);
    tap_ok(L4_IpcFailed(giver_call()) &&
               L4_ErrorCode() == IPC_ERROR(IPC_WITH_OFFSET(IPC_OVERFLOW, 20), IPC_RECEIVE_PHASE),
           "there is none for the third: overflow");
    L4_Accept(L4_UntypedWordsAcceptor);
    renew();
}

struct side {
    struct thread thread;
    L4_ThreadId_t to, pager;
    volatile L4_Word_t error;
    volatile uint64_t back;
};

static void send_from_hole(void *argument)
{
    struct side *s = argument;
    L4_Msg_t m;

    L4_Set_Pager(s->pager);
    L4_Set_XferTimeouts(0);
    L4_MsgClear(&m);
    L4_MsgAppendSimpleStringItem(&m, L4_StringItem(100, (void *)HOLE));
    L4_MsgLoad(&m);
    s->error = L4_IpcFailed(L4_Send(s->to)) ? L4_ErrorCode() : 0;
    s->back = 1;
}

static void receive_string(void *argument)
{
    static const L4_Word_t bytes[] = {100};
    struct side *s = argument;
    L4_ThreadId_t from;

    L4_Set_XferTimeouts(0);
    accept(L4_Nilpage, bytes, 1);
    s->error = L4_IpcFailed(L4_Wait(&from)) ? L4_ErrorCode() : 0;
    s->back = 1;
}

static bool string_fault(L4_ThreadId_t of)
{
    L4_MsgTag_t tag = L4_Receive_Timeout(of, L4_TimePeriod(1000000));
    bool good = L4_IpcSucceeded(tag) && L4_UntypedWords(tag) == 2 && L4_Utcb()[1] == HOLE &&
                L4_Utcb()[2] == ~(L4_Word_t)0;

    if (!good)
        tap_note("tag %lx: %lx %lx, error %lx", tag.raw, L4_Utcb()[1], L4_Utcb()[2],
                 L4_ErrorCode());
    return good;
}

static L4_Word_t state_of(L4_ThreadId_t t)
{
    L4_Word_t old;

    return L4_Schedule(t, ~0ul, ~0ul, ~0ul, ~0ul, &old);
}

/* A transfer whose page we map, after answers that do not help. */
static void suspended(uint32_t cpu)
{
    static struct side sender, receiver;
    L4_Msg_t m;

    receiver = (struct side){.back = 0};
    thread_run(&receiver.thread, receive_string, &receiver, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    L4_ThreadId_t r = L4_ThreadIdOf(receiver.thread.id);
    sender = (struct side){.to = r, .pager = L4_MyGlobalId()};
    thread_run(&sender.thread, send_from_hole, &sender, cpu, THREAD_PRIORITY + 1);
    L4_ThreadId_t s = L4_ThreadIdOf(sender.thread.id);
    tap_ok(string_fault(s), "a string waits for a page");
    tap_is(state_of(s), L4_SCHEDRESULT_SENDING, "Schedule tells that its sender sends");
    tap_is(state_of(r), L4_SCHEDRESULT_RECEIVING, "and that its receiver receives");
    L4_Set_MsgTag(L4_Niltag);
    tap_ok(L4_IpcFailed(L4_Send_Timeout(r, L4_TimePeriod(10000))) &&
               L4_ErrorCode() == IPC_ERROR(IPC_TIMEOUT, IPC_SEND_PHASE),
           "who is in a transfer receives from nobody else");
    for (unsigned i = 0; i < 3; i++) {
        L4_Set_MsgTag(L4_Niltag);
        L4_Send(s);
        tap_ok(string_fault(s), "after a useless answer the fault comes again");
    }
    L4_MsgClear(&m);
    L4_MsgAppendMapItem(&m, L4_MapItem(L4_FpageAddRights(page_at(own(9)), L4_Readable), HOLE));
    L4_MsgLoad(&m);
    L4_Send(s);
    guest_await(&receiver.back, 1);
    guest_await(&sender.back, 1);
    tap_ok(!sender.error && !receiver.error && *(L4_Word_t *)(void *)target == MARK + 9,
           "with the page the string goes on");
    thread_join(&sender.thread);
    thread_join(&receiver.thread);
    L4_Flush(L4_FpageAddRights(page_at(HOLE), L4_FullyAccessible));
}

static void without_memory(void)
{
    tap_ok(overflow(giver_grant(page_at(own(0)), 0, page_at(FAR))) && shows(own(0), MARK),
           "without memory for a table a grant overflows and leaves the page");
}

int main(void)
{
    const uint32_t cpu = KINFO->cpu_count > 1 ? 1 : THREAD_CPU_HERE;

    guest_begin();
    frames = guest_frames(PAGES, &first);
    tap_is(tables_make(OWN), ERR_OK, "page tables");
    giver_start();
    renew();
    without_memory();
    tap_is(exo_env_kmem(SLOT_ENV, SLOT_MEMORY), ERR_OK, "memory for further tables is lent");
    tap_ok(shows(own(15), MARK + 15) && probe_read(WINDOW), "sixteen pages");
    small_fpages();
    what_is_there();
    several_fpages();
    grants();
    utcbs();
    replaced_only_by_others();
    types();
    strings_and_maps();
    suspended(cpu);
    giver_end();
    return tap_done();
}
