/* Grafts of environments at work: a clan's border for messages, one that counts, one that says what
 * a redirector sees, stride scheduling against that of libos, and clean memory that goes first. */
#include <l4/ipc.h>
#include <l4/space.h>

#include "exo/abi/graft.h"
#include "exo/abi/l4.h"
#include "exo/abi/revoke.h"
#include "grafts/examples/clan.h"
#include "grafts/examples/marks.h"
#include "grafts/examples/stride.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/dispatch.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/graft_rig.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CHILD_FRAMES 512u
#define THERE        (KINFO->cpu_count - 1)
#define FIRST        100u /* labels that stay inside */
#define LAST         199u
#define REPORT       9u    /* label: the answer could not be sent, MR1 says why */
#define RELAYED      4242u /* MR2 of a message that the redirector has handed on */
#define KIP_AREA     ((word_t)GUEST_FREE)
#define UTCB_AREA    ((word_t)GUEST_FREE + 0x100000)
#define TABLES       16u
#define PIECE        120u /* and those behind it: the child's slots of memory  */
#define PIECES       3u
#define PIECE_FRAMES 4u
#define WORKERS      3u
#define QUANTA       120u
#define DEADLINE     ((uint64_t)20 * CLOCK_NS_PER_MS)

/* The child: answers with the label that MR1 says, and says what it has in slot MR2. */
static _Noreturn void serve(void)
{
    L4_ThreadId_t client;

    for (uint32_t i = 0; i < PIECES; i++)
        exo_frames_alloc(SLOT_MEMORY, PFN_ANY, PIECE_FRAMES, PIECE + i);
    for (;;) {
        L4_MsgTag_t tag = L4_Wait(&client);
        if (L4_IpcFailed(tag))
            continue;
        const word_t label = L4_Utcb()[1];
        const volatile struct cap *c = slot_cap((slot_t)L4_Utcb()[2]);
        L4_LoadMR(2, c ? c->count : 0);
        L4_Set_MsgTag(L4_MsgTagMake(label, 2, 0));
        if (L4_IpcSucceeded(L4_Send(client)))
            continue;
        L4_LoadMR(1, L4_ErrorCode());
        L4_Set_MsgTag(L4_MsgTagMake(REPORT, 2, 0));
        L4_Send(client);
    }
}

/* The redirector: hands on what it gets, in the sender's name, and says so in MR2. */
static _Noreturn void relay(void)
{
    L4_ThreadId_t from;

    for (;;) {
        L4_MsgTag_t tag = L4_Wait(&from);
        if (L4_IpcFailed(tag) || !L4_IpcRedirected(tag))
            continue;
        const L4_ThreadId_t to = L4_IntendedReceiver();
        tag = L4_MsgTagMake(L4_Label(tag), L4_UntypedWords(tag), 0);
        L4_Set_VirtualSender(from);
        L4_Set_Propagation(&tag);
        L4_LoadMR(2, RELAYED);
        L4_Set_MsgTag(tag);
        L4_Send(to);
    }
}

/* The label of the child's answer, which MR1 and MR2 have the rest of. */
static word_t ask(const struct spawn_child *child, word_t label, slot_t slot)
{
    L4_LoadMR(1, label);
    L4_LoadMR(2, slot);
    L4_Set_MsgTag(L4_MsgTagMake(0, 2, 0));
    L4_MsgTag_t tag = L4_Call(L4_ThreadIdOf(child->thread_id));
    return L4_IpcSucceeded(tag) ? L4_Label(tag) : ~(word_t)0;
}

static uint64_t counted(slot_t map, uint64_t from, uint64_t to)
{
    struct clan_pair pair = {from, to};
    uint64_t count = 0;

    exo_graft_map_read(map, (vaddr_t)&pair, (vaddr_t)&count, 0);
    return count;
}

static void test_clan(struct spawn_child *child)
{
    const struct graft_map_def pairs = {GRAFT_MAP_LRU_HASH, sizeof(struct clan_pair), 8, 32},
                               rules = {GRAFT_MAP_ARRAY, 4, sizeof(struct clan_rule), 1};
    const uint64_t me = *book_tcr(TCR_GLOBAL_ID);
    vaddr_t at = 0;
    slot_t maps[2];

    maps[0] = make_map(pairs, 0, SLOT_NONE, NULL);
    maps[1] = make_map(rules, 1, SLOT_NONE, &at);
    *(volatile struct clan_rule *)at = (struct clan_rule){FIRST, LAST};
    slot_t graft = make_graft(".exo4/ipc_clan.o", GRAFT_HOOK_IPC, maps, 2);
    slot_t copy = guest_slot();
    exo_cap_copy(SLOT_ENV, copy, child->env, RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT, 0, 0);
    tap_is(exo_graft_bind(graft, copy, GRAFT_HOOK_IPC), ERR_NO_RIGHT,
           "only who made an environment draws its border");
    slot_delete(copy);
    tap_is(ask(child, FIRST, 0), FIRST, "before, every label leaves");
    tap_is(exo_graft_bind(graft, child->env, GRAFT_HOOK_IPC), ERR_OK, "a border");
    tap_is(ask(child, FIRST - 1, 0), FIRST - 1, "a label that may leave");
    tap_is(ask(child, FIRST, 0), REPORT, "one that may not");
    tap_is(L4_Utcb()[1], IPC_NO_PARTNER << 1, "is refused as if there were nobody");
    tap_is(ask(child, LAST + 1, 0), LAST + 1, "and the next that may");
    tap_is(counted(maps[0], child->thread_id, me), 4, "messages that leave are counted");
    tap_is(counted(maps[0], me, child->thread_id), 3, "and those that enter");
    ((volatile struct clan_rule *)at)->last = 0;
    tap_is(ask(child, FIRST, 0), FIRST, "the rule is changed in memory");
    ((volatile struct clan_rule *)at)->last = LAST;
    slot_delete(graft);
    tap_is(ask(child, FIRST, 0), FIRST, "without the graft there is no border");
    slot_delete(maps[0]);
    slot_delete(maps[1]);
}

static void test_monitor(struct spawn_child *child)
{
    const struct graft_map_def def = {GRAFT_MAP_ARRAY, 4, 2 * sizeof(struct clan_traffic), 1};
    vaddr_t at = 0;
    slot_t map = make_map(def, 1, SLOT_NONE, &at);
    const volatile struct clan_traffic *traffic = (const volatile struct clan_traffic *)at;
    slot_t graft = make_graft(".exo4/ipc_monitor.o", GRAFT_HOOK_IPC, &map, 1);

    tap_is(exo_graft_bind(graft, child->env, GRAFT_HOOK_IPC), ERR_OK, "a monitor");
    tap_ok(ask(child, FIRST, 0) == FIRST && ask(child, FIRST, 0) == FIRST, "changes nothing");
    tap_ok(traffic[GRAFT_IPC_SEND].messages == 2 && traffic[GRAFT_IPC_SEND].words == 4,
           "and counts what leaves");
    tap_ok(traffic[GRAFT_IPC_RECEIVE].messages == 2 && traffic[GRAFT_IPC_RECEIVE].words == 4,
           "and what enters");
    slot_delete(graft);
    slot_delete(map);
}

static word_t redirect_to(const struct spawn_child *child, L4_ThreadId_t redirector)
{
    word_t old;

    return L4_SpaceControl(L4_ThreadIdOf(child->thread_id), 0, L4_FpageLog2(KIP_AREA, PAGE_BITS),
                           L4_FpageLog2(UTCB_AREA, PAGE_BITS + 4), redirector, &old);
}

/* Does the child's answer with that label come by `by`? */
static bool comes_by(const struct spawn_child *child, word_t label, const struct spawn_child *by)
{
    return ask(child, label, 0) == label && L4_IpcPropagated(L4_MsgTag()) &&
           L4_Utcb()[2] == RELAYED && L4_ActualSender().raw == by->thread_id;
}

static bool comes_straight(const struct spawn_child *child, word_t label)
{
    return ask(child, label, 0) == label && !L4_IpcPropagated(L4_MsgTag()) &&
           L4_Utcb()[2] != RELAYED;
}

static void test_redirect(struct spawn_child *child)
{
    const struct graft_map_def def = {GRAFT_MAP_ARRAY, 4, sizeof(struct clan_rule), 1};
    struct spawn_child by;
    vaddr_t at = 0;
    slot_t tables = guest_slot();
    pfn_t first;
    slot_t map = make_map(def, 1, SLOT_NONE, &at);
    slot_t graft = make_graft(".exo4/ipc_redirect.o", GRAFT_HOOK_IPC, &map, 1);

    *(volatile struct clan_rule *)at = (struct clan_rule){FIRST, LAST};
    tap_is(guest_spawn(&by, "places_env", "relay", 64, THREAD_CPU_HERE, THREAD_PRIORITY), ERR_OK,
           "a redirector");
    region_find(TABLES, &first);
    exo_cap_copy(SLOT_ENV, tables, SLOT_MEMORY, RIGHT_ALL, first, TABLES);
    tap_is(exo_env_kmem(child->env, tables), ERR_OK, "memory for the child's tables");
    tap_is(exo_env_privilege(SLOT_ENV, SLOT_MACHINE), ERR_OK, "privilege");
    tap_is(redirect_to(child, L4_ThreadIdOf(by.thread_id)), 1, "is named");
    tap_ok(comes_by(child, FIRST - 1, &by) && comes_by(child, FIRST, &by),
           "what the child sends comes by it");
    tap_is(exo_graft_bind(graft, child->env, GRAFT_HOOK_IPC), ERR_OK, "a graft says what it sees");
    tap_ok(comes_by(child, FIRST, &by) && comes_by(child, LAST, &by), "labels of the rule");
    tap_ok(comes_straight(child, FIRST - 1) && comes_straight(child, LAST + 1), "and no others");
    ((volatile struct clan_rule *)at)->first = FIRST + 1;
    tap_ok(comes_straight(child, FIRST), "the rule is changed in memory");
    slot_delete(graft);
    tap_ok(comes_by(child, FIRST, &by), "without the graft all comes by it again");
    tap_is(redirect_to(child, L4_anythread), 1, "the redirector is taken away");
    tap_ok(comes_straight(child, FIRST), "and with it the detour");
    spawn_destroy(&by);
    slot_delete(map);
    slot_delete(tables);
}

static word_t has(const struct spawn_child *child, uint32_t piece)
{
    ask(child, 1, PIECE + piece);
    return L4_Utcb()[2];
}

/* Takes as much as one piece, with a deadline that the child lets pass. */
static void take(const struct spawn_child *child)
{
    word_t left = 0;
    enum err e = exo_revoke_ask_get(SLOT_MEMORY, child->number, REVOKE_FRAMES, PIECE_FRAMES,
                                    clock_deadline(DEADLINE), SLOT_NONE, &left);

    tap_is(e, ERR_OK, "ask for a piece");
    for (unsigned i = 0; i < 100 && e != ERR_NOT_BOUND; i++) {
        guest_sleep(10000);
        e = exo_revoke_look(SLOT_MEMORY, child->number);
    }
    tap_is(e, ERR_NOT_BOUND, "it is taken");
}

static void test_reclaim(struct spawn_child *child)
{
    const struct graft_map_def window = {GRAFT_MAP_WINDOW, 4, PAGE_SIZE, 1};
    vaddr_t at = 0;
    slot_t map = make_map(window, 1, SLOT_NONE, &at);
    volatile uint8_t *marks = (volatile uint8_t *)at;
    slot_t graft = make_graft(".exo4/reclaim_clean.o", GRAFT_HOOK_RECLAIM, &map, 1);

    tap_is(exo_graft_bind(graft, child->env, GRAFT_HOOK_RECLAIM), ERR_OK, "clean memory first");
    for (uint32_t i = 0; i < MARK_SLOTS; i++)
        marks[i] = MARK_NONE; /* the page has been used */
    marks[PIECE] = marks[PIECE + 2] = MARK_DIRTY;
    marks[PIECE + 1] = MARK_CLEAN;
    take(child);
    tap_ok(has(child, 0) && !has(child, 1) && has(child, 2), "the clean piece is gone");
    take(child);
    tap_ok(has(child, 0) && !has(child, 2), "then the highest, as without a graft");
    tap_ok(runs_of(graft) >= 2, "it ran for each");
    slot_delete(graft);
    slot_delete(map);
}

static volatile uint64_t turns[WORKERS];
static struct thread threads[WORKERS];

static void count(void *argument)
{
    volatile uint64_t *turn = argument;

    for (;;)
        ++*turn;
}

/* Thousandths of the whole that each worker has had since `before`. */
static void shares(const uint64_t before[WORKERS], uint64_t share[WORKERS])
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < WORKERS; i++)
        all += share[i] = turns[i] - before[i];
    for (uint32_t i = 0; i < WORKERS; i++)
        share[i] = share[i] * 1000 / (all ? all : 1);
    tap_note("%lu %lu %lu", share[0], share[1], share[2]);
}

static void remember(uint64_t before[WORKERS])
{
    for (uint32_t i = 0; i < WORKERS; i++)
        before[i] = turns[i];
}

/* As libos has it: a thread of its own that has the slices, and hands each on. */
static void by_dispatcher(uint64_t share[WORKERS])
{
    static struct dispatch_thread workers[WORKERS];
    uint64_t before[WORKERS];
    struct scheduler s;

    sched_stride(&s);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i].thread = threads[i].slot;
        workers[i].entity = (struct sched_entity){.tickets = WORKERS - i};
        sched_add(&s, &workers[i].entity, 0);
        sched_set_ready(&s, &workers[i].entity, true, 0);
    }
    remember(before);
    tap_is(dispatch_run(&s, QUANTA, false), ERR_OK, "stride by libos");
    shares(before, share);
}

static void by_graft(volatile struct stride *table, uint64_t share[WORKERS])
{
    uint64_t before[WORKERS];
    slot_t nothing;

    notify_new(&nothing);
    for (uint32_t i = 0; i < WORKERS; i++)
        table->threads[i] = (struct stride_thread){.number = (uint32_t)(threads[i].id >> 32),
                                                   .stride = STRIDE_ONE / (WORKERS - i)};
    remember(before);
    notify_until(nothing, 1, clock_deadline(QUANTA * SLICE_MICROS * (uint64_t)1000), NULL);
    shares(before, share);
    slot_delete(nothing);
}

static bool are_near(const uint64_t a[WORKERS], const uint64_t b[WORKERS], uint64_t thousandths)
{
    bool good = true;

    for (uint32_t i = 0; i < WORKERS; i++)
        good &= a[i] + thousandths >= b[i] && b[i] + thousandths >= a[i];
    return good;
}

static bool are_alike(const uint64_t theirs[WORKERS], const uint64_t ours[WORKERS])
{
    const uint64_t ideal[WORKERS] = {500, 333, 167};

    return are_near(ideal, theirs, 15) && are_near(theirs, ours, 40);
}

/* 3 : 2 : 1, but for the last round. */
static bool are_counted(const volatile struct stride *table)
{
    const uint64_t least = table->threads[2].count;

    return least > 5 && table->threads[0].count + 3 >= 3 * least &&
           table->threads[0].count <= 3 * least + 3 && table->threads[1].count + 2 >= 2 * least &&
           table->threads[1].count <= 2 * least + 2;
}

/* One position is nobody's: in it who is awake runs by its priority, so this thread comes back. */
static void test_stride(bool judged)
{
    const struct graft_map_def def = {GRAFT_MAP_ARRAY, 4, sizeof(struct stride), 1};
    uint64_t theirs[WORKERS], ours[WORKERS];
    vaddr_t at = 0;
    uint32_t got = 0;
    slot_t map = make_map(def, 1, SLOT_NONE, &at);
    volatile struct stride *table = (volatile struct stride *)at;
    slot_t graft = make_graft(".exo4/slice_stride.o", GRAFT_HOOK_SLICE_END, &map, 1);

    for (uint32_t i = 0; i < WORKERS; i++)
        thread_run(&threads[i], count, (void *)&turns[i], THREAD_CPU_HERE, 1);
    tap_is(dispatch_take_slices(SLICE_COUNT - 1, &got), ERR_OK, "nearly all positions");
    by_dispatcher(theirs);
    tap_is(exo_graft_bind(graft, SLOT_ENV, GRAFT_HOOK_SLICE_END), ERR_OK, "stride by a graft");
    by_graft(table, ours);
    if (judged)
        tap_ok(are_alike(theirs, ours), "gives the same shares");
    tap_ok(are_counted(table), "3 : 2 : 1 of what it gave");
    tap_ok(runs_of(graft) >= QUANTA, "it ran for each position");
    slot_delete(graft);
    dispatch_give_slices();
    for (uint32_t i = 0; i < WORKERS; i++)
        thread_destroy(&threads[i]);
    slot_delete(map);
}

int main(int argc, char **argv)
{
    struct spawn_child child;

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "serve"))
        serve();
    if (argc > 1 && !strcmp(argv[1], "relay"))
        relay();
    if (!graft_rig_begin())
        return 1;
    tap_is(guest_spawn(&child, "places_env", "serve", CHILD_FRAMES, THERE, THREAD_PRIORITY), ERR_OK,
           "a program");
    test_clan(&child);
    test_monitor(&child);
    test_redirect(&child);
    test_reclaim(&child);
    spawn_destroy(&child);
    test_stride(argc == 1 || strcmp(argv[1], "unjudged") != 0);
    return tap_done();
}
