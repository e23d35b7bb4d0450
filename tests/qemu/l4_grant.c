/* L4 grant items, and mappings through several spaces: who loses a page, who keeps it, and what the
 * exokernel's owner of the frames takes back. */
#include <l4/ipc.h>
#include <l4/space.h>

#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CHILD_FRAMES 512u
#define PAGES        16u
#define OWN          GUEST_FREE                /* this program's own pages, aligned to them all */
#define ARRIVED      (GUEST_FREE + 0x40000000) /* where pages come to, in each space            */
#define LOG2         16u                       /* of the window there: as many pages            */
#define MARK         0x2000u
#define FAULT        (~(L4_Word_t)0)

/* What a helper is asked to do; the second word is an address in its space. */
enum command { TAKE, READ, MAP, GRANT, GRANT_EIGHT };

static L4_ThreadId_t first, second;
static slot_t frames;

/* Puts the answer to a request in the message registers. */
static void answer(enum command command, L4_Word_t at)
{
    L4_Fpage_t page = L4_FpageAddRights(L4_FpageLog2(at, PAGE_BITS), L4_ReadWriteOnly);
    L4_Msg_t reply;

    L4_MsgClear(&reply);
    if (command == READ)
        L4_MsgAppendWord(&reply, probe_read(at) ? FAULT : *(volatile L4_Word_t *)at);
    else if (command == MAP)
        L4_MsgAppendMapItem(&reply, L4_MapItem(page, at));
    else if (command == GRANT)
        L4_MsgAppendGrantItem(&reply, L4_GrantItem(page, at));
    else if (command == GRANT_EIGHT) /* the third and on are meant for a smaller window */
        L4_MsgAppendGrantItem(
            &reply,
            L4_GrantItem(L4_FpageAddRights(L4_FpageLog2(at, PAGE_BITS + 3), L4_ReadWriteOnly),
                         2 * PAGE_SIZE));
    L4_MsgLoad(&reply);
}

static _Noreturn void helper(void)
{
    L4_ThreadId_t client;

    exo_env_kmem(SLOT_ENV, SLOT_MEMORY);
    L4_Accept(L4_MapGrantItems(L4_FpageLog2(ARRIVED, LOG2)));
    L4_MsgTag_t tag = L4_Wait(&client);
    for (;;) {
        L4_Word_t w[2];
        L4_StoreMRs(1, 2, w);
        if (L4_IpcSucceeded(tag))
            answer((enum command)w[0], w[1]);
        tag = L4_IpcFailed(tag) ? L4_Wait(&client) : L4_ReplyWait(client, &client);
    }
}

static L4_Fpage_t window(unsigned log2)
{
    return L4_FpageLog2(ARRIVED, log2);
}

/* A request; what it answers with goes to the window `to`. */
static L4_MsgTag_t ask(L4_ThreadId_t helper_id, enum command command, vaddr_t at, L4_Fpage_t to)
{
    L4_Msg_t m;

    L4_Accept(L4_MapGrantItems(to));
    L4_MsgClear(&m);
    L4_MsgAppendWord(&m, command);
    L4_MsgAppendWord(&m, at);
    L4_MsgLoad(&m);
    return L4_Call(helper_id);
}

static L4_Word_t read_at(L4_ThreadId_t helper_id, vaddr_t at)
{
    L4_MsgTag_t tag = ask(helper_id, READ, at, L4_Nilpage);

    return L4_IpcFailed(tag) ? 1 : L4_Utcb()[1];
}

/* Sends pages to ARRIVED of a helper, by a map or a grant item. */
static L4_MsgTag_t send(L4_ThreadId_t helper_id, vaddr_t page, unsigned log2, L4_Word_t base,
                        bool grant)
{
    L4_Fpage_t fpage = L4_FpageAddRights(L4_FpageLog2(page, log2), L4_ReadWriteOnly);
    L4_Msg_t m;

    L4_MsgClear(&m);
    L4_MsgAppendWord(&m, TAKE);
    L4_MsgAppendWord(&m, 0);
    if (grant)
        L4_MsgAppendGrantItem(&m, L4_GrantItem(fpage, base));
    else
        L4_MsgAppendMapItem(&m, L4_MapItem(fpage, base));
    L4_MsgLoad(&m);
    return L4_Call(helper_id);
}

static vaddr_t own(uint32_t page)
{
    return OWN + page * PAGE_SIZE;
}

static vaddr_t arrived(uint32_t page)
{
    return ARRIVED + page * PAGE_SIZE;
}

static void make_pages(void)
{
    pfn_t pfn;
    bool good = true;

    frames = guest_frames(PAGES, &pfn);
    tap_is(guest_tables(SLOT_ENV, OWN), ERR_OK, "page tables");
    for (uint32_t i = 0; i < PAGES; i++) {
        good &= guest_bind(SLOT_ENV, frames, own(i), pfn + i, RIGHT_READ | RIGHT_WRITE) == ERR_OK;
        *(volatile L4_Word_t *)own(i) = MARK + i;
    }
    tap_ok(good, "sixteen pages of one's own");
    tap_is(exo_env_kmem(SLOT_ENV, SLOT_MEMORY), ERR_OK, "memory for further tables is lent");
}

static void grants(void)
{
    tap_ok(L4_IpcSucceeded(send(first, own(0), 12, 0, true)), "a page is granted");
    tap_is(read_at(first, arrived(0)), MARK, "the receiver has it");
    tap_ok(probe_read(own(0)), "the sender has lost it");
    tap_ok(!probe_read(own(1)), "but not the next one");
    ask(first, GRANT, arrived(0), window(LOG2));
    tap_is(*(volatile L4_Word_t *)arrived(0), MARK, "it is granted back, to another place");
    tap_ok(!probe_write(arrived(0)), "with its rights");
    tap_is(read_at(first, arrived(0)), FAULT, "and the helper has lost it");
}

/* The page goes on as the child of what the granted one was a child of. */
static void grants_of_mappings(void)
{
    send(first, own(1), 12, PAGE_SIZE, false);
    send(second, own(1), 12, PAGE_SIZE, false);
    ask(first, GRANT, arrived(1), window(LOG2));
    tap_is(*(volatile L4_Word_t *)arrived(1), MARK + 1, "a mapping is granted on");
    tap_is(read_at(first, arrived(1)), FAULT, "by who has it no more");
    L4_UnmapFpage(L4_FpageAddRights(L4_FpageLog2(own(1), 12), L4_Writable));
    tap_ok(probe_write(arrived(1)) && !probe_read(arrived(1)),
           "the first mapper takes writing back");
    L4_UnmapFpage(L4_FpageAddRights(L4_FpageLog2(own(1), 12), L4_FullyAccessible));
    tap_ok(probe_read(arrived(1)), "and the page");
    tap_is(read_at(second, arrived(1)), FAULT, "from all that it mapped it to");
    tap_ok(!probe_write(own(1)), "and keeps its own");
    send(second, own(2), 12, 2 * PAGE_SIZE, false);
    send(first, own(2), 12, 2 * PAGE_SIZE, true);
    tap_is(read_at(second, arrived(2)), MARK + 2, "what was mapped before a grant stays");
    ask(first, MAP, arrived(2), window(LOG2));
    tap_is(*(volatile L4_Word_t *)arrived(2), MARK + 2, "who was granted it can map it on");
}

static void grant_of_more_than_the_window(void)
{
    L4_MsgTag_t tag = send(first, own(8), 15, 0, true);

    tap_ok(L4_IpcSucceeded(tag) && read_at(first, arrived(0)) == MARK + 8 &&
               read_at(first, arrived(7)) == MARK + 15,
           "eight pages in one item");
    tap_ok(probe_read(own(8)) && probe_read(own(15)), "none of them is left here");
    ask(first, GRANT_EIGHT, arrived(0), window(PAGE_BITS + 1));
    tap_ok(*(volatile L4_Word_t *)arrived(0) == MARK + 10 &&
               *(volatile L4_Word_t *)arrived(1) == MARK + 11,
           "of eight pages two fit in the window");
    tap_ok(read_at(first, arrived(0)) == FAULT && read_at(first, arrived(2)) == FAULT &&
               read_at(first, arrived(7)) == FAULT,
           "and the granter has none of them any more");
}

/* From this space to a helper's, back here, to the other's and back again. */
static void revocation(void)
{
    send(first, own(4), 12, 4 * PAGE_SIZE, false);
    ask(first, MAP, arrived(4), window(LOG2));
    send(second, arrived(4), 12, 5 * PAGE_SIZE, false);
    ask(second, MAP, arrived(5), window(LOG2));
    send(second, arrived(5), 12, 6 * PAGE_SIZE, true);
    tap_ok(read_at(first, arrived(4)) == MARK + 4 && read_at(second, arrived(5)) == MARK + 4 &&
               read_at(second, arrived(6)) == MARK + 4 && !probe_read(arrived(4)),
           "a page mapped through four spaces, and granted");
    tap_is(exo_cap_revoke(frames), ERR_OK, "the frames' owner revokes them");
    tap_ok(probe_read(own(4)) && probe_read(arrived(4)), "they are gone here");
    tap_is(read_at(first, arrived(4)), FAULT, "in the first helper's space");
    tap_is(read_at(second, arrived(5)), FAULT, "in the second's");
    tap_is(read_at(second, arrived(6)), FAULT, "where they were granted");
    tap_ok(probe_read(arrived(0)), "and what was granted back and forth");
}

static void complete_space(void)
{
    L4_Fpage_t all = L4_FpageAddRights(L4_CompleteAddressSpace, L4_Writable);
    static volatile L4_Word_t word = 5;

    L4_UnmapFpage(all);
    word = 6;
    tap_is(word, 6, "Unmap of the complete space leaves one's own pages");
    tap_is(L4_Utcb()[TCR_GLOBAL_ID], L4_MyGlobalId().raw, "and the UTCB");
}

int main(int argc, char **argv)
{
    struct spawn_child a, b;

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "helper"))
        helper();
    tap_is(guest_spawn(&a, argv[0], "helper", CHILD_FRAMES, THREAD_CPU_HERE, THREAD_PRIORITY + 1),
           ERR_OK, "a helper in another space");
    tap_is(guest_spawn(&b, argv[0], "helper", CHILD_FRAMES, THREAD_CPU_HERE, THREAD_PRIORITY + 1),
           ERR_OK, "and one in a third");
    guest_sleep(20000);
    first = L4_ThreadIdOf(a.thread_id);
    second = L4_ThreadIdOf(b.thread_id);
    make_pages();
    grants();
    grants_of_mappings();
    grant_of_more_than_the_window();
    revocation();
    complete_space();
    return tap_done();
}
