/* The kernel's book-keeping is true: what the frame table and the records of environments count is
 * what the page tables and capability tables hold, and the derivation forest is linked as it says.
 * All of the system is looked at three times: as it is, with another environment that has pages
 * from here by L4 IPC and by capability, and after that is gone. */
#include <l4/ipc.h>

#include "exo/abi/batch.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/inspect.h"
#include "libos/libos.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/tables.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/tap.h"

#define MAPPED       ((vaddr_t)0x330000000000) /* in the child: a page that is mapped by L4 IPC */
#define TABLE_BYTES  ((vaddr_t)1 << TABLE_BITS)
#define CHILD_FRAMES 256u
#define POSITION     5u /* of a slice */
#define RESULTS      9u /* of one look */

/* What one look at everything counts. */
struct census {
    uint32_t items, caps, pages, tables, shares, slices;
    uint32_t mapped;    /* pages derived from pages                                            */
    uint32_t lost;      /* nodes that their parent or elder sibling does not lead to           */
    uint32_t unseen;    /* nodes whose elder sibling lies in a frame that cannot be read       */
    uint32_t orphans;   /* nodes without a parent outside the first environment                */
    uint32_t strangers; /* children that name another parent                                  */
    uint32_t wider;     /* with more rights than what they were derived from                   */
    uint32_t outside;   /* pages and capabilities outside the range of their parent            */
    uint32_t loose;     /* page tables and objects whose frames do not say so                  */
};

static struct census census;
static uint32_t *shown; /* how many pages show each frame */

/* ---- One node. ---- */

/* Is the node led to by its elder sibling, or by its parent? */
static void check_links(const struct inspect_item *item)
{
    const volatile struct node *parent = inspect_node(item->node.parent);
    const volatile struct node *elder = inspect_node(item->node.prev);
    const volatile struct node *next = inspect_node(item->node.next);

    census.orphans += !item->node.parent && item->env != 1;
    if (item->node.prev && !elder)
        census.unseen++;
    else if (elder)
        census.lost += elder->next != item->name || elder->parent != item->node.parent;
    else if (parent)
        census.lost += parent->child != item->name;
    if (next)
        census.lost += next->prev != item->name;
    for (node_t child = item->node.child; inspect_node(child); child = inspect_node(child)->next)
        census.strangers += inspect_node(child)->parent != item->name;
}

/* The capability that a node belongs to, or NULL. */
static const volatile struct cap *cap_of(node_t name)
{
    const volatile struct node *n = inspect_node(name);

    if (!n || book_frame(inspect_node_frame(name))->type != FRAME_CAPTABLE)
        return NULL;
    return (const volatile struct cap *)n;
}

static bool contains(const volatile struct cap *c, uint32_t base, uint32_t count)
{
    return base >= c->base && base - c->base <= c->count && count <= c->count - (base - c->base);
}

static void check_cap(const struct inspect_item *item)
{
    const volatile struct cap *parent = cap_of(item->node.parent);
    const struct cap *c = &item->cap;

    census.caps++;
    if (c->flags & CAP_ORIGIN)
        for (pfn_t pfn = c->base; pfn < c->base + c->count; pfn++)
            census.loose += book_frame(pfn)->type == FRAME_FREE;
    if (c->flags & CAP_ORIGIN && c->kind != CAP_ENV)
        census.loose += book_frame(c->base)->origin != item->name;
    if (!parent)
        return;
    census.wider += (c->rights & ~parent->rights) != 0;
    census.outside += !contains(parent, c->base, c->count);
}

/* The page-table entry that a node belongs to, or 0. */
static uint64_t entry_of(node_t name)
{
    pfn_t frame = inspect_node_frame(name);

    if (!inspect_node(name) || book_frame(frame)->type != FRAME_NODES)
        return 0;
    pfn_t table = book_frame(frame)->first;
    const volatile uint64_t *entries = inspect_frame(table);
    uint32_t bytes = (frame - table - 1) * (uint32_t)PAGE_SIZE + inspect_node_offset(name);
    return entries ? entries[bytes / sizeof(struct node)] : 0;
}

/* A page from a page shows the same frame with no more rights; one from a capability lies in it. */
static void check_page(const struct inspect_item *item)
{
    const volatile struct cap *parent = cap_of(item->node.parent);

    census.pages++;
    if (parent && parent->kind == CAP_WINDOW)
        return; /* device memory, which the frame table does not count */
    for (pfn_t pfn = item->pfn; pfn < item->pfn + item->frames; pfn++)
        shown[pfn]++;
    if (!parent) {
        uint64_t entry = entry_of(item->node.parent);
        census.mapped++;
        census.outside += cpu_pte_pfn(entry) != item->pfn;
        census.wider += (item->rights & ~cpu_pte_rights(entry)) != 0;
        return;
    }
    census.wider += (item->rights & ~(rights_t)parent->rights) != 0;
    if (parent->kind == CAP_FRAMES)
        census.outside += !contains(parent, item->pfn, item->frames);
}

static void check_item(void *context, const struct inspect_item *item)
{
    (void)context;
    census.items++;
    check_links(item);
    switch (item->kind) {
    case INSPECT_CAP:
        check_cap(item);
        break;
    case INSPECT_PAGE:
        check_page(item);
        break;
    case INSPECT_TABLE:
        census.tables++;
        census.loose += book_frame(item->pfn)->type != FRAME_TABLE ||
                        book_frame(item->pfn)->level != item->level ||
                        book_frame(item->pfn)->owner != item->env;
        break;
    case INSPECT_SHARE:
        census.shares++;
        census.loose += book_frame(item->pfn)->type != FRAME_TABLE ||
                        book_frame(item->pfn)->level != item->level ||
                        book_frame(item->pfn)->origin == item->name;
        census.wider += (item->rights & ~cpu_pte_rights(entry_of(item->node.parent))) != 0;
        census.outside += cpu_pte_pfn(entry_of(item->node.parent)) != item->pfn;
        break;
    case INSPECT_SLICE:
        census.slices++;
        break;
    }
}

/* ---- The sums. ---- */

static uint32_t wrong_bindings(void)
{
    uint32_t wrong = 0;

    for (pfn_t pfn = 0; pfn < KINFO->frame_count; pfn++)
        wrong += book_frame(pfn)->bindings != shown[pfn];
    return wrong;
}

static uint32_t wrong_owners(void)
{
    static uint32_t owned[ENV_MAX];
    uint32_t wrong = 0;

    memset(owned, 0, sizeof owned);
    for (pfn_t pfn = 0; pfn < KINFO->frame_count; pfn++)
        owned[book_frame(pfn)->owner % ENV_MAX]++;
    for (uint32_t env = 1; env < ENV_MAX; env++)
        wrong += book_env(env)->frames != owned[env];
    return wrong;
}

/* Page tables that no entry leads to: the roots are the environments' own. */
static uint32_t table_frames(void)
{
    uint32_t count = 0;

    for (pfn_t pfn = 0; pfn < KINFO->frame_count; pfn++)
        count += book_frame(pfn)->type == FRAME_TABLE;
    for (uint32_t env = 1; env < ENV_MAX; env++)
        count -= book_env(env)->frame != 0;
    return count;
}

static uint32_t bound_slices(void)
{
    uint32_t count = 0;

    for (uint32_t cpu = 0; cpu < KINFO->cpu_count; cpu++)
        for (uint32_t i = 0; i < SLICE_COUNT; i++)
            count += book_cpu(cpu)->slices[i].thread != 0;
    return count;
}

/* A look at everything; `when` is part of the results' names. */
static void look(const char *when)
{
    if (!tap_is(inspect_open(), ERR_OK, when))
        return;
    census = (struct census){0};
    memset(shown, 0, KINFO->frame_count * sizeof *shown);
    for (uint32_t env = 1; env < ENV_MAX; env++)
        inspect_env(env, check_item, NULL);
    inspect_slices(check_item, NULL);
    tap_is(census.lost + census.strangers, 0, "each node's parent lists it, and no other's child");
    tap_is(census.orphans, 0, "only the first environment has roots");
    tap_is(census.wider + census.outside, 0, "nothing derived has more rights or reaches further");
    tap_is(census.loose, 0, "frames of tables and objects name what they are");
    tap_is(wrong_bindings(), 0, "each frame is shown as often as it counts bindings");
    tap_is(wrong_owners(), 0, "each environment owns as many frames as it counts");
    tap_is(census.tables, table_frames(), "each page table is led to by one entry");
    tap_is(census.slices, bound_slices(), "each slice that is bound has a node");
    inspect_close();
}

/* ---- The other environment. ---- */

/* Faults for a page of the starter, and waits for ever. */
static int fault_and_wait(void)
{
    L4_ThreadId_t starter = L4_ThreadIdOf(START->parent_id);

    if (tables_make(MAPPED))
        return 1;
    L4_Set_Pager(starter);
    book_utcb()->entry[UPCALL_FAULT] = 0;
    *(volatile uint8_t *)MAPPED = 1;
    for (;;)
        L4_Receive(starter);
}

/* Maps `page` to the child when it faults, and lets it run until it waits again. */
static bool map_to(const struct spawn_child *child, vaddr_t page)
{
    L4_ThreadId_t id = L4_ThreadIdOf(child->thread_id);
    L4_MsgTag_t tag = L4_Receive(id);
    L4_MapItem_t item = L4_MapItem(
        L4_FpageAddRights(L4_FpageLog2(page, PAGE_BITS), L4_ReadWriteOnly), L4_Utcb()[1]);

    if (L4_IpcFailed(tag))
        return false;
    L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
    L4_LoadMRs(1, 2, item.raw);
    if (L4_IpcFailed(L4_Reply(id)))
        return false;
    exo_yield(child->thread); /* BAD_STATE: the slice ended, and it ran and waits already */
    return true;
}

static enum err start_child(struct spawn_child *child)
{
    const char *arguments[] = {"book", "child", NULL};
    struct archive archive;
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = THREAD_CPU_HERE};
    enum err e = archive_map(&archive);

    return e ? e : program_start(&archive, "book", &args, child);
}

int main(int argc, char **argv)
{
    struct spawn_child child;
    vaddr_t counts = 0, page = 0;
    struct vm_info info;

    if (libos_setup())
        return 1;
    if (argc > 1 && !strcmp(argv[1], "child"))
        return fault_and_wait();
    uint64_t bytes = KINFO->frame_count * sizeof *shown;
    if (vm_map(&counts, bytes, RIGHT_READ | RIGHT_WRITE) || vm_populate(counts, bytes) ||
        vm_map(&page, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE) || vm_populate(page, PAGE_SIZE))
        return 1;
    shown = (uint32_t *)counts;

    tap_plan(3 * RESULTS + 11);
    look("look at the system as it is");
    tap_is(start_child(&child), ERR_OK, "start another environment");
    tap_ok(map_to(&child, page), "map a page to it by L4 IPC");
    tap_is(exo_slice_bind(SLOT_CPU, 0, POSITION, child.thread), ERR_OK, "bind a slice to it");
    tap_is(exo_table_share(SLOT_ENV, page & ~(TABLE_BYTES - 1), child.env, MAPPED + TABLE_BYTES, 1,
                           RIGHT_READ),
           ERR_OK, "share a table with it");
    look("look at both");
    tap_is(census.mapped, 1, "one page is derived from a page");
    tap_is(census.slices, 1, "one slice is bound");
    tap_is(census.shares, 1, "one table is shared");
    vm_query(page, &info);
    tap_is(book_frame(info.pfn)->bindings, 2, "the page is shown here and there");
    spawn_destroy(&child);
    tap_is(book_frame(info.pfn)->bindings, 1, "destroying the other takes its mapping away");
    look("look when it is gone");
    tap_is(census.shares, 0, "no table is shared any more");
    tap_is(census.mapped, 0, "no page is derived from a page any more");
    return tap_done();
}
