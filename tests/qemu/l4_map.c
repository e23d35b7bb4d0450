/* L4 mappings: map items across spaces with their windows and rights, Unmap and Flush, page faults
 * as messages to a pager. */
#include <l4/ipc.h>

#include "exo/abi/kip.h"
#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CHILD_FRAMES 512u
#define PAGES        16u
#define WINDOW       GUEST_FREE /* where the mapper's pages arrive */
#define MARK         0x1000u    /* page i of the mapper begins with MARK + i */
#define ARRIVED      (RAW_CODE + 0x100000)

enum command { MAP, UNMAP, FLUSH, READ };

/* Unmap of one fpage; its result. */
static L4_Word_t unmap(L4_Word_t fpage, bool flush)
{
    L4_Word_t link = L4_KipWord(L4_KIP_UNMAP), control = (L4_Word_t)flush << 6;
    register L4_Word_t r9 __asm__("r9") = fpage;

    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
                     "pushq %%rbp\n\t"
                     "call *%%rcx\n\t"
                     "popq %%rbp\n\t"
                     "leaq 128(%%rsp), %%rsp"
                     : "+d"(control), "+c"(link), "+r"(r9)
                     :
                     : "rax", "rbx", "rsi", "rdi", "r8", "r10", "r11", "r12", "r13", "r14", "r15",
                       "memory", "cc");
    return r9;
}

static L4_MsgTag_t serve(vaddr_t pages, L4_ThreadId_t client, L4_ThreadId_t *next)
{
    L4_Word_t w[4];
    L4_Msg_t reply;

    L4_StoreMRs(1, 3, w);
    L4_MsgClear(&reply);
    if (w[0] == MAP)
        L4_MsgAppendMapItem(&reply, L4_MapItem(L4_FpageOf(w[1] + pages), w[2]));
    else if (w[0] == READ)
        L4_MsgAppendWord(&reply, *(volatile L4_Word_t *)(pages + w[1]));
    else
        L4_MsgAppendWord(&reply, unmap(w[1] + pages, w[0] == FLUSH) - pages);
    L4_MsgLoad(&reply);
    return L4_ReplyWait(client, next);
}

static _Noreturn void mapper(void)
{
    vaddr_t raw = 0;
    L4_ThreadId_t client;

    vm_map(&raw, 2 * PAGES * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    vaddr_t pages = (raw + PAGES * PAGE_SIZE - 1) & ~(PAGES * PAGE_SIZE - 1);
    vm_populate(pages, PAGES * PAGE_SIZE);
    for (uint32_t i = 0; i < PAGES; i++)
        *(volatile L4_Word_t *)(pages + i * PAGE_SIZE) = MARK + i;
    L4_MsgTag_t tag = L4_Wait(&client);
    for (;;)
        tag = L4_IpcFailed(tag) ? L4_Wait(&client) : serve(pages, client, &client);
}

/* Sends a request; the answer's items arrive in `window`. */
static L4_MsgTag_t ask(L4_ThreadId_t to, enum command command, L4_Fpage_t fpage, L4_Word_t base,
                       L4_Fpage_t window)
{
    L4_Accept(L4_MapGrantItems(window));
    L4_LoadMR(1, command);
    L4_LoadMR(2, fpage.raw);
    L4_LoadMR(3, base);
    L4_Set_MsgTag(L4_MsgTagMake(0, 3, 0));
    return L4_Call(to);
}

static L4_Fpage_t part(uint32_t first, unsigned log2, L4_Word_t rights)
{
    return L4_FpageAddRights(L4_FpageLog2(first * PAGE_SIZE, log2), rights);
}

static L4_Fpage_t window(vaddr_t va, unsigned log2)
{
    return L4_FpageLog2(va, log2);
}

static bool shows(vaddr_t va, uint64_t word)
{
    return !probe_read(va) && *(volatile uint64_t *)va == word;
}

static void without(L4_ThreadId_t to)
{
    L4_MsgTag_t tag = ask(to, MAP, part(0, 12, L4_Readable), 0, L4_Nilpage);

    tap_ok(L4_IpcFailed(tag) && L4_ErrorCode() == IPC_ERROR(IPC_OVERFLOW, IPC_RECEIVE_PHASE),
           "who accepts no items is told of an overflow");
    tag = ask(to, MAP, part(0, 12, L4_Readable), 0, window(WINDOW, 12));
    tap_ok(L4_IpcFailed(tag) && L4_ErrorCode() == IPC_ERROR(IPC_OVERFLOW, IPC_RECEIVE_PHASE),
           "nor can who has no page table and lent no memory for one");
    tap_is(exo_env_kmem(SLOT_ENV, SLOT_MEMORY), ERR_OK, "memory for page tables is lent");
}

static void rights(L4_ThreadId_t to)
{
    L4_MsgTag_t tag = ask(to, MAP, part(0, 12, L4_Readable), 0, window(WINDOW, 12));

    tap_ok(L4_IpcSucceeded(tag) && L4_TypedWords(tag) == 2, "a page is mapped");
    tap_ok(shows(WINDOW, MARK), "it shows what the mapper wrote");
    tap_ok(probe_write(WINDOW), "and cannot be written");
    ask(to, MAP, part(0, 12, L4_ReadWriteOnly), 0, window(WINDOW, 12));
    tap_ok(!probe_write(WINDOW), "mapped again with more rights, it can");
    tap_ok(probe_jump(WINDOW), "but not run");
    *(volatile uint64_t *)WINDOW = 0x77;
    tag = ask(to, READ, L4_Nilpage, 0, L4_Nilpage);
    tap_is(L4_Utcb()[1], 0x77, "the mapper sees what was written");
    ask(to, MAP, part(0, 12, L4_FullyAccessible), 0, window(WINDOW, 12));
    tap_ok(probe_jump(WINDOW), "rights that the mapper lacks do not come");
}

static void unmapping(L4_ThreadId_t to)
{
    ask(to, UNMAP, part(0, 12, L4_Writable), 0, L4_Nilpage);
    tap_ok(probe_write(WINDOW) && !probe_read(WINDOW), "Unmap of writing leaves reading");
    ask(to, MAP, part(0, 12, L4_ReadWriteOnly), 0, window(WINDOW, 12));
    tap_ok(!probe_write(WINDOW), "the mapper kept its own right, and gives it anew");
    ask(to, UNMAP, part(0, 12, L4_FullyAccessible), 0, L4_Nilpage);
    tap_ok(probe_read(WINDOW), "Unmap of everything takes the page");
    L4_MsgTag_t tag = ask(to, READ, L4_Nilpage, 0, L4_Nilpage);
    tap_ok(L4_IpcSucceeded(tag) && (L4_Utcb()[1] & ~(L4_Word_t)0xff) == 0,
           "the mapper has it still");
    unmap(L4_FpageLog2(WINDOW, 12).raw | L4_FullyAccessible, true);
    tap_ok(true, "flushing what one does not have does no harm");
}

static void windows(L4_ThreadId_t to)
{
    bool good = true;

    ask(to, MAP, part(0, 16, L4_Readable), 0, window(WINDOW, 16));
    for (uint32_t i = 1; i < PAGES; i++)
        good &= shows(WINDOW + i * PAGE_SIZE, MARK + i);
    tap_ok(good, "sixteen pages in one item");
    ask(to, MAP, part(3, 12, L4_Readable), 5 * PAGE_SIZE, window(WINDOW + 16 * PAGE_SIZE, 16));
    tap_ok(shows(WINDOW + 21 * PAGE_SIZE, MARK + 3) && probe_read(WINDOW + 20 * PAGE_SIZE) &&
               probe_read(WINDOW + 22 * PAGE_SIZE),
           "one page in a large window: the send base says where");
    ask(to, MAP, part(0, 16, L4_Readable), 6 * PAGE_SIZE, window(WINDOW + 32 * PAGE_SIZE, 13));
    tap_ok(shows(WINDOW + 32 * PAGE_SIZE, MARK + 6) && shows(WINDOW + 33 * PAGE_SIZE, MARK + 7) &&
               probe_read(WINDOW + 34 * PAGE_SIZE),
           "many pages into a small window: the send base says which");
    ask(to, MAP, part(9, 12, L4_Readable), 0, window(WINDOW + 32 * PAGE_SIZE, 12));
    tap_ok(shows(WINDOW + 32 * PAGE_SIZE, MARK + 9), "another page replaces what was there");
    uint64_t before = *book_tcr(TCR_GLOBAL_ID);
    ask(to, MAP, part(9, 12, L4_Readable), 0, window(START_UTCB, 12));
    tap_is(*book_tcr(TCR_GLOBAL_ID), before, "a UTCB is not mapped over");
    L4_Word_t used = unmap(L4_FpageLog2(WINDOW + PAGE_SIZE, 12).raw, false);
    tap_is(used & 7, L4_Readable, "Unmap of no rights says what was used");
    unmap(L4_FpageLog2(WINDOW, 16).raw | L4_FullyAccessible, true);
    tap_ok(probe_read(WINDOW + PAGE_SIZE) && probe_read(WINDOW + 15 * PAGE_SIZE),
           "Flush takes one's own pages");
    tap_ok(shows(WINDOW + 21 * PAGE_SIZE, MARK + 3), "and no others");
}

/* The exokernel's view of the same: an L4 mapping is a binding like others. */
static void one_forest(L4_ThreadId_t to, struct spawn_child *child)
{
    vaddr_t at = WINDOW + 21 * PAGE_SIZE;

    tap_is(guest_protect(SLOT_ENV, at, RIGHT_READ | RIGHT_WRITE), ERR_NO_RIGHT,
           "page_protect gives a mapping no right that the mapper did not send");
    tap_ok(probe_write(at), "it cannot be written");
    ask(to, MAP, part(3, 12, L4_ReadWriteOnly), 0, window(at, 12));
    tap_is(guest_protect(SLOT_ENV, at, RIGHT_READ), ERR_OK, "but takes rights away");
    tap_ok(shows(at, MARK + 3) && probe_write(at), "as the page shows");
    tap_is(guest_unbind(SLOT_ENV, at), ERR_OK, "page_unbind takes a mapping");
    tap_ok(probe_read(at), "it is gone");
    ask(to, MAP, part(4, 12, L4_Readable), 0, window(at, 12));
    tap_ok(shows(at, MARK + 4), "mapped again");
    spawn_destroy(child);
    tap_ok(probe_read(at), "with the mapper's memory its mappings go");
}

/* Receives a page fault of `r`; *address is where. False: something else came. */
static bool fault_from(const struct raw *r, L4_Word_t rwx, L4_Word_t *address)
{
    L4_ThreadId_t from;
    L4_MsgTag_t tag = L4_Wait_Timeout(L4_TimePeriod(500000), &from);
    L4_Word_t ip = L4_Utcb()[2];

    *address = L4_Utcb()[1];
    bool good = L4_IpcSucceeded(tag) && from.raw == r->id && L4_UntypedWords(tag) == 2 &&
                L4_Label(tag) == (((L4_Word_t)-2 << 4 | rwx) & (((L4_Word_t)1 << 48) - 1)) &&
                (ip == RAW_CODE || rwx == L4_eXecutable);
    if (!good)
        tap_note("tag %lx from %lx: %lx %lx", tag.raw, from.raw, *address, ip);
    return good;
}

static void map_reply(const struct raw *r, vaddr_t page, L4_Word_t rights, vaddr_t at)
{
    L4_Msg_t m;

    L4_MsgClear(&m);
    L4_MsgAppendMapItem(&m, L4_MapItem(L4_FpageAddRights(L4_FpageLog2(page, 12), rights), at));
    L4_MsgLoad(&m);
    L4_Reply(L4_ThreadIdOf(r->id));
}

static void paging(const char *code, const char *end, L4_Word_t rwx, vaddr_t page, const char *what)
{
    struct raw r;
    L4_Word_t address = 0;

    raw_make(&r, code, end);
    raw_mr(&r)[TCR_PAGER] = L4_MyGlobalId().raw;
    unmap(L4_FpageLog2(page, 12).raw, false); /* what was used until now */
    raw_start(&r, ARRIVED + 8);
    bool came = fault_from(&r, rwx, &address);
    tap_ok(came && address == ARRIVED + 8, what);
    map_reply(&r, page, L4_ReadWriteOnly, ARRIVED);
    L4_Word_t data = guest_await(raw_data(&r), 1);
    if (rwx == L4_Readable)
        tap_is(data, 0x4711, "a map item answers it, and the program goes on");
    else
        tap_is(((volatile uint64_t *)page)[1], 0x5a, "and what it writes is seen here");
    L4_ThreadId_t from;
    tap_ok(L4_IpcFailed(L4_Wait_Timeout(L4_ZeroTime, &from)), "it does not fault again");
    raw_destroy(&r);
    tap_ok((unmap(L4_FpageLog2(page, 12).raw, false) & rwx) == rwx,
           "what it used of the page is told when it has gone");
}

/* A fault with both a handler and a pager goes to the handler; to the pager while masked. */
static void both(void)
{
    struct raw r;
    L4_Word_t address;

    raw_make(&r, BLOB(load));
    raw_mr(&r)[TCR_PAGER] = L4_MyGlobalId().raw;
    raw_exo(&r)->entry[UPCALL_FAULT] = RAW_CODE;
    raw_exo(&r)->stack[UPCALL_CLASS_FAULT] = RAW_STACK_TOP;
    raw_start(&r, ARRIVED);
    tap_ok(fault_from(&r, L4_Readable, &address), "a fault inside the handler goes to the pager");
    tap_ok(raw_exo(&r)->mask == 1 && raw_exo(&r)->save[0].address == ARRIVED,
           "the first one went to the handler");
    raw_destroy(&r);
}

static void pager_is_gone(void)
{
    struct raw r;

    raw_make(&r, BLOB(load));
    raw_mr(&r)[TCR_PAGER] = L4_GlobalId(4000, 1).raw;
    raw_start(&r, ARRIVED);
    tap_is(raw_wait(&r), ERR_OK, "a pager that is not there: the program ends");
    raw_destroy(&r);
    raw_make(&r, BLOB(load));
    raw_mr(&r)[TCR_PAGER] = r.id;
    raw_start(&r, ARRIVED);
    tap_is(raw_wait(&r), ERR_OK, "one's own pager: the program ends");
    raw_destroy(&r);
    raw_make(&r, BLOB(load));
    raw_mr(&r)[TCR_PAGER] = (uint64_t)WINDOW_KIP;
    raw_start(&r, ARRIVED);
    tap_is(raw_wait(&r), ERR_OK, "a pager that is no thread: the program ends");
    raw_destroy(&r);
}

int main(int argc, char **argv)
{
    struct spawn_child child;
    vaddr_t page = 0;

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "mapper"))
        mapper();
    tap_is(
        guest_spawn(&child, argv[0], "mapper", CHILD_FRAMES, THREAD_CPU_HERE, THREAD_PRIORITY + 1),
        ERR_OK, "a mapper in another space");
    guest_sleep(20000);
    L4_ThreadId_t to = L4_ThreadIdOf(child.thread_id);
    without(to);
    rights(to);
    unmapping(to);
    windows(to);
    one_forest(to, &child);
    vm_map(&page, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    ((volatile uint64_t *)page)[1] = 0x4711;
    paging(BLOB(load), L4_Readable, page, "a read fault comes as a message");
    paging(BLOB(store), L4_Writable, page, "a write fault says so");
    both();
    pager_is_gone();
    return tap_done();
}
