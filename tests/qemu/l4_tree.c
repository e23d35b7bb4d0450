/* Trees of mappings: a page is mapped on from place to place by map and grant items, branch by
 * branch, rights and pages are taken back at any node, and what is where is what a model of the
 * tree says. */
#include <l4/ipc.h>
#include <l4/space.h>

#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/thread.h"
#include "tests/fuzz/chance.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define NODES    64u
#define STEPS    300u
#define BASE     GUEST_FREE
#define MARK     0x7ee0u
#define PATIENCE (L4_TimePeriod(1000000))
#define RW       (RIGHT_READ | RIGHT_WRITE)

/* The model: node 0 is the page as it was bound. */
static struct {
    bool there, writable;
    unsigned parent;
} node[NODES];

static struct thread taker;
static volatile unsigned wanted; /* the node that the taker opens its window for */
static unsigned long wrong;

static vaddr_t place(unsigned n)
{
    return BASE + n * PAGE_SIZE;
}

static L4_Fpage_t page(unsigned n, L4_Word_t rights)
{
    return L4_FpageAddRights(L4_FpageLog2(place(n), PAGE_BITS), rights);
}

/* Another thread of this space, so that what it is mapped is mapped here. */
static void take(void *unused)
{
    L4_ThreadId_t from;

    (void)unused;
    for (;;) {
        L4_Accept(L4_MapGrantItems(L4_FpageLog2(place(wanted), PAGE_BITS)));
        L4_MsgTag_t tag = L4_Wait(&from);
        if (L4_IpcSucceeded(tag) && !L4_TypedWords(tag) && !L4_Label(tag))
            return;
    }
}

/* A message without items and with a label has the taker open another window. */
static void tell(L4_Word_t label)
{
    L4_Set_MsgTag(L4_MsgTagMake(label, 0, 0));
    L4_Send_Timeout(L4_ThreadIdOf(taker.id), PATIENCE);
}

static void pass(unsigned from, unsigned to, L4_Word_t rights, bool grant)
{
    L4_Word_t words[2] = {grant ? ITEM_GRANT : ITEM_MAP, page(from, rights).raw};

    wanted = to;
    tell(1);
    L4_LoadMRs(1, 2, words);
    L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
    wrong += L4_IpcFailed(L4_Send_Timeout(L4_ThreadIdOf(taker.id), PATIENCE));
}

/* ---- The same in the model. ---- */

static bool is_below(unsigned n, unsigned top)
{
    while (n && n != top)
        n = node[n].parent;
    return n == top;
}

static void model_take(unsigned top, bool itself, bool all)
{
    bool below[NODES];

    for (unsigned n = 0; n < NODES; n++)
        below[n] = node[n].there && is_below(n, top) && (n != top || itself);
    for (unsigned n = 0; n < NODES; n++)
        if (below[n]) {
            node[n].there &= !all;
            node[n].writable = false;
        }
}

static void model_grant(unsigned from, unsigned to)
{
    node[to] = node[from];
    for (unsigned n = 0; n < NODES; n++)
        if (node[n].there && node[n].parent == from)
            node[n].parent = to;
    node[from].there = false;
}

/* ---- Steps. ---- */

static unsigned any(bool there)
{
    unsigned found = NODES, seen = 0;

    for (unsigned n = 0; n < NODES; n++)
        if (node[n].there == there && rnd(++seen) == 0)
            found = n;
    return found;
}

static void add(bool grant)
{
    const unsigned from = any(true), to = any(false);
    const bool write = !rarely(4);

    if (to == NODES || (grant && from == 0))
        return;
    pass(from, to, write ? L4_ReadWriteOnly : L4_Readable, grant);
    if (grant) {
        model_grant(from, to);
        if (!write) { /* what hangs on it has no more than it */
            model_take(to, true, false);
        }
        return;
    }
    node[to].there = true;
    node[to].parent = from;
    node[to].writable = write && node[from].writable;
}

static void take_back(void)
{
    const unsigned top = any(true);
    const bool all = rarely(2), itself = top && rarely(2);
    L4_Fpage_t f = page(top, all ? L4_FullyAccessible : L4_Writable);

    if (itself)
        L4_Flush(f);
    else
        L4_UnmapFpage(f);
    model_take(top, itself, all);
}

/* Writes through each node and reads it at the top: every page is the same page. */
static void look(void)
{
    for (unsigned n = 0; n < NODES; n++) {
        volatile L4_Word_t *word = (volatile L4_Word_t *)place(n);
        const bool there = !probe_read(place(n));
        wrong += there != node[n].there;
        if (!there)
            continue;
        *(volatile L4_Word_t *)place(0) = MARK + n;
        wrong += *word != MARK + n;
        wrong += probe_write(place(n)) == node[n].writable;
    }
}

/* ---- The tests. ---- */

static void a_chain(void)
{
    for (unsigned n = 1; n < NODES; n++) {
        pass(n - 1, n, L4_ReadWriteOnly, false);
        node[n].there = node[n].writable = true;
        node[n].parent = n - 1;
    }
    look();
    tap_is(wrong, 0, "a page is mapped on 63 times");
    L4_UnmapFpage(page(0, L4_Nilpage.raw));
    *(volatile L4_Word_t *)place(NODES - 1) = 1;
    tap_is(L4_Rights(L4_UnmapFpage(page(0, 0))), L4_ReadWriteOnly,
           "what is written through the last is told at the first");
    L4_UnmapFpage(page(40, L4_Writable));
    model_take(40, false, false);
    look();
    tap_is(wrong, 0, "writing is taken in its midst: from all behind that, and from nobody before");
    L4_Flush(page(20, L4_FullyAccessible));
    model_take(20, true, true);
    look();
    tap_is(wrong, 0, "flushed in its midst, all behind goes");
}

static void any_tree(void)
{
    unsigned most = 0, now = 0;

    for (unsigned i = 0; i < STEPS; i++) {
        const uint32_t kind = rnd(10);
        if (kind < 7)
            add(false);
        else if (kind < 9)
            add(true);
        else
            take_back();
        if (i % 10 == 9)
            look();
        now = 0;
        for (unsigned n = 0; n < NODES; n++)
            now += node[n].there;
        most = now > most ? now : most;
    }
    tap_is(wrong, 0, "any maps, grants, unmaps and flushes: what is where is what a model says");
    tap_ok(most > NODES / 2, "in trees of many branches");
}

static void revoked(slot_t frames)
{
    tap_is(exo_cap_revoke(frames), ERR_OK, "the frames' owner revokes them");
    for (unsigned n = 0; n < NODES; n++)
        node[n].there = false;
    look();
    tap_is(wrong, 0, "and nothing of the tree is left");
}

int main(void)
{
    pfn_t pfn;

    guest_begin();
    rnd_state = 88172645463325252u;
    slot_t frames = guest_frames(1, &pfn);
    tap_is(exo_env_kmem(SLOT_ENV, SLOT_MEMORY), ERR_OK, "memory for page tables is lent");
    guest_tables(SLOT_ENV, BASE);
    tap_is(guest_bind(SLOT_ENV, frames, place(0), pfn, RW), ERR_OK, "a page");
    node[0].there = node[0].writable = true;
    thread_run(&taker, take, NULL, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    a_chain();
    any_tree();
    revoked(frames);
    tell(0);
    thread_join(&taker);
    return tap_done();
}
