/* The life in the picture: a pager that maps pages by L4 IPC, a client that faults for them and
 * also has memory shared with it by capability, and a thread with a slice and a notification. */
#include <l4/ipc.h>

#include "exo/abi/batch.h"
#include "libos/call.h"
#include "libos/examples/graph.h"
#include "libos/notify.h"
#include "libos/print.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/tables.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "libos/book.h"

#define MAPPED         ((vaddr_t)0x330000000000) /* of the client: pages from the pager  */
#define SHARED         ((vaddr_t)0x331000000000) /* of the client: pages of this program */
#define MAPPED_PAGES   8u
#define SHARED_PAGES   4u
#define CHILD_FRAMES   256u
#define KMEM_FRAMES    64u
#define SLICE_POSITION 7u

static struct spawn_child pager, client;
static struct thread worker;
static slot_t worker_waits;

/* Answers each page fault with a page of its own. */
static _Noreturn void serve_pages(void)
{
    vaddr_t own = 0;
    L4_ThreadId_t from;

    if (vm_map(&own, MAPPED_PAGES * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE) ||
        vm_populate(own, MAPPED_PAGES * PAGE_SIZE))
        program_fail(1, "graph", "the pager has no memory");
    L4_Wait(&from);
    for (;; own += PAGE_SIZE) {
        L4_Fpage_t page = L4_FpageAddRights(L4_FpageLog2(own, PAGE_BITS), L4_ReadWriteOnly);
        L4_MapItem_t item = L4_MapItem(page, L4_Utcb()[1]);
        L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
        L4_LoadMRs(1, 2, item.raw);
        L4_ReplyWait(from, &from);
    }
}

/* Takes pages by fault from the pager, whose thread ID is given in decimal. */
static _Noreturn void take_pages(const char *partner)
{
    uint64_t id = 0;

    for (; *partner >= '0' && *partner <= '9'; partner++)
        id = id * 10 + (uint64_t)(*partner - '0');
    L4_Set_Pager(L4_ThreadIdOf(id));
    book_utcb()->entry[UPCALL_FAULT] = 0;
    for (uint32_t i = 0; i < MAPPED_PAGES; i++)
        *(volatile uint8_t *)(MAPPED + i * PAGE_SIZE) = 1;
    for (;;)
        L4_Receive(L4_ThreadIdOf(id));
}

void graph_play(const char *role, const char *partner)
{
    if (!strcmp(role, "pager"))
        serve_pages();
    if (!strcmp(role, "client"))
        take_pages(partner);
    program_fail(1, "graph", "there is no such role");
}

static enum err prepare(const struct archive *a, const char *role, const char *partner,
                        struct spawn_child *child)
{
    const char *arguments[] = {"graph", role, partner, NULL};
    struct archive_entry entry;
    enum err e = program_find(a, "graph", &entry);
    struct spawn_args args = {.image = entry.data,
                              .image_bytes = entry.bytes,
                              .name = role,
                              .arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = THREAD_CPU_HERE,
                              .priority = THREAD_PRIORITY + 1}; /* it runs until it waits */

    return e ? e : spawn_prepare(child, &args);
}

/* A region of its own from which the kernel makes page tables for pages mapped into the client. */
static enum err give_kmem(void)
{
    pfn_t first;
    slot_t slot;
    enum err e = region_promise(KMEM_FRAMES, &first);

    if (e == ERR_OK)
        e = slot_take(&slot);
    if (e == ERR_OK)
        e = exo_cap_copy(SLOT_ENV, slot, SLOT_MEMORY, RIGHT_ALL, first, KMEM_FRAMES);
    return e ? e : exo_env_kmem(client.env, slot);
}

static enum err make_table(slot_t env, vaddr_t va, uint32_t level)
{
    pfn_t frame;
    enum err e = region_find(TABLE_FRAMES, &frame);

    return e ? e : exo_table_create(env, SLOT_MEMORY, frame, va, level);
}

/* Binds pages of this program in the client, too, read-only. */
static enum err share(void)
{
    struct page_entry entries[SHARED_PAGES];
    vaddr_t here = 0;
    slot_t slot;
    pfn_t first;
    enum err e = region_frames(SHARED_PAGES, &slot, &first);

    if (e == ERR_OK)
        e = vm_map_frames(slot, first, SHARED_PAGES, &here, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = vm_populate(here, SHARED_PAGES * PAGE_SIZE);
    for (uint32_t level = 3; level > 0 && e == ERR_OK; level--)
        e = make_table(client.env, SHARED, level);
    for (uint32_t i = 0; i < SHARED_PAGES; i++)
        entries[i] = (struct page_entry){SHARED + i * PAGE_SIZE, first + i, RIGHT_READ};
    return e ? e : exo_page_bind(client.env, slot, (vaddr_t)entries, SHARED_PAGES);
}

static void wait_for_ever(void *unused)
{
    (void)unused;
    while (exo_notify_wait(worker_waits, 1, FOREVER) == ERR_OK)
        ;
}

static enum err start_worker(void)
{
    enum err e = notify_new(&worker_waits);

    if (e == ERR_OK)
        e = thread_run(&worker, wait_for_ever, NULL, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    return e ? e : exo_slice_bind(SLOT_CPU, 0, SLICE_POSITION, worker.slot);
}

enum err graph_make_life(void)
{
    struct archive archive;
    char id[24];
    enum err e = archive_map(&archive);

    if (e == ERR_OK)
        e = prepare(&archive, "pager", NULL, &pager);
    if (e == ERR_OK)
        e = spawn_run(&pager);
    print_format(id, sizeof id, "%lu", pager.thread_id);
    if (e == ERR_OK)
        e = prepare(&archive, "client", id, &client);
    if (e == ERR_OK)
        e = give_kmem();
    if (e == ERR_OK)
        e = share();
    if (e == ERR_OK)
        e = spawn_run(&client);
    if (e == ERR_OK)
        e = start_worker();
    for (uint32_t i = 0; i < 8 && e == ERR_OK; i++)
        exo_yield(SLOT_NONE);
    return e;
}
