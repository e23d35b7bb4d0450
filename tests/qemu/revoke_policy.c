/* A resource policy as a user-level server: a client asks it for frames by IPC, and it has them
 * from a polite and a deaf program in proportion to what they hold. */
#include <l4/ipc.h>

#include "tests/qemu/revoke.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/policy.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define NAME         "revoke_policy"
#define CHILD_FRAMES 2048u
#define WANT         150u
#define PATIENCE     ((uint64_t)200 * CLOCK_NS_PER_MS)

static volatile struct revoke_page *page; /* of all the children */
static slot_t page_slot;

static bool start(struct spawn_child *child, const char *role)
{
    const char *arguments[] = {NAME, role, NULL};
    struct archive_entry entry;

    if (program_find(guest_archive(), NAME, &entry))
        return false;
    struct spawn_args args = {.image = entry.data,
                              .image_bytes = entry.bytes,
                              .name = role,
                              .arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE) | SPAWN_GIVE(SLOT_CPU),
                              .memory_frames = CHILD_FRAMES};
    page->ready = 0;
    if (spawn_prepare(child, &args) ||
        exo_cap_copy(child->env, SLOT_FREE, page_slot, RIGHT_READ | RIGHT_WRITE, 0, 0) ||
        spawn_run(child))
        return false;
    for (uint32_t i = 0; i < 200 && !page->ready; i++)
        guest_sleep(10000);
    return page->ready;
}

/* The client: asks thread `expected` of the page; status 0 when it got all. */
static int be_client(void)
{
    const volatile struct cap *c;
    vaddr_t va = 0;

    if (libos_setup())
        return 3;
    c = slot_cap(SLOT_FREE);
    if (vm_map_frames(SLOT_FREE, c->base, 1, &va, RIGHT_READ | RIGHT_WRITE) ||
        vm_populate(va, PAGE_SIZE))
        return 3;
    volatile struct revoke_page *shared = (volatile struct revoke_page *)va;
    shared->ready = 1;
    L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
    L4_LoadMR(1, WANT);
    L4_MsgTag_t tag = L4_Call(L4_ThreadIdOf(shared->serve));
    return L4_IpcFailed(tag) || L4_Utcb()[1] != WANT;
}

/* Serves one request out of what the clients hold. */
static uint32_t serve(struct policy_client *clients, uint32_t count)
{
    L4_ThreadId_t client;
    L4_MsgTag_t tag = L4_Wait(&client);
    uint32_t got = 0;

    if (L4_IpcFailed(tag))
        return 0;
    policy_collect(SLOT_MEMORY, clients, count, (uint32_t)L4_Utcb()[1], PATIENCE, &got);
    L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
    L4_LoadMR(1, got);
    L4_Send(client);
    return got;
}

static void test_server(void)
{
    static struct spawn_child polite, deaf, client;
    struct spawn_end end = {0};
    uint32_t got;

    tap_ok(start(&polite, "polite") && start(&deaf, "deaf"), "two programs hold frames");
    struct policy_client clients[] = {{.env = polite.number, .least = 300},
                                      {.env = deaf.number, .least = 20}};
    uint32_t before[] = {book_env(polite.number)->frames, book_env(deaf.number)->frames};
    page->serve = *book_tcr(TCR_GLOBAL_ID);
    tap_ok(start(&client, "client"), "a third asks the server for some");
    got = serve(clients, 2);
    tap_is(got, WANT, "the server collects as many as it was asked for");
    tap_ok(clients[0].share > 0 && clients[1].share > 0, "from both");
    tap_ok(book_env(polite.number)->frames + clients[0].share <= before[0], "the polite one gave");
    tap_is(book_env(deaf.number)->frames, before[1] - clients[1].share,
           "the deaf one lost its part");
    spawn_wait(&client, &end);
    tap_ok(end.exited && end.status == 0, "the client is answered");
    page->stop = 1;
    spawn_wait(&polite, &end);
    tap_ok(end.exited && end.status == 0, "the polite one ends well");
    spawn_wait(&deaf, &end);
    tap_ok(end.exited && end.status == 0, "and so does the deaf one");
    spawn_destroy(&client);
    spawn_destroy(&polite);
    spawn_destroy(&deaf);
}

static void test_shares(void)
{
    struct policy_client c[] = {
        {.held = 100, .least = 0}, {.held = 400, .least = 100}, {.held = 5, .least = 9}};
    uint32_t got;

    tap_is(policy_divide(c, 3, 40), 40, "shares add up");
    tap_ok(c[0].share == 10 && c[1].share == 30 && c[2].share == 0, "in proportion");
    tap_is(policy_divide(c, 3, 1000), 400, "no more than there is above the least");
    tap_is(policy_divide(c, 0, 10), 0, "of nobody nothing");
    tap_is(policy_collect(SLOT_MEMORY, c, 0, 1, 0, &got), ERR_BAD_ARG, "no patience");
}

int main(int argc, char **argv)
{
    pfn_t pfn;
    vaddr_t va = 0;

    if (argc > 1 && !strcmp(argv[1], "client"))
        return be_client();
    if (argc > 1 && (!strcmp(argv[1], "polite") || !strcmp(argv[1], "deaf")))
        return revoke_child(argv[1]);
    guest_begin();
    page_slot = guest_frames(1, &pfn);
    if (vm_map_frames(page_slot, pfn, 1, &va, RIGHT_READ | RIGHT_WRITE) ||
        vm_populate(va, PAGE_SIZE))
        return 1;
    page = (volatile struct revoke_page *)va;
    *page = (struct revoke_page){0};
    test_shares();
    test_server();
    return tap_done();
}
