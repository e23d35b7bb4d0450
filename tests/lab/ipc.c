/* Experiments: L4 IPC, between two spaces and in one, and page faults served by L4 IPC. */
#include <l4/ipc.h>

#include "libos/endpoint.h"
#include "libos/print.h"
#include "libos/tables.h"
#include "libos/thread.h"
#include "tests/lab/lab.h"

#define WORDS_MAX 63u
#define FAULTS    ((vaddr_t)0x330000000000) /* where pages from a pager arrive */

static struct lab_series series;

struct call {
    L4_ThreadId_t to;
    uint32_t words;
    bool failed;
};

static void set_tag(void *argument, uint32_t round)
{
    const struct call *call = argument;

    (void)round;
    L4_Set_MsgTag(L4_MsgTagMake(0, call->words, 0));
}

CPU_INLINE void call_once(void *argument, uint32_t round)
{
    struct call *call = argument;

    (void)round;
    L4_Call(call->to);
}

/* A closed Call and its closed answer are two messages. */
static void one_way(const char *key, uint64_t partner, uint32_t words, uint64_t empty)
{
    struct call call = {.to = L4_ThreadIdOf(partner), .words = words};

    lab_measure(&series, set_tag, call_once, &call);
    if (L4_IpcFailed(L4_MsgTag()) || L4_UntypedWords(L4_MsgTag()) != words)
        lab_fail(key, ERR_BAD_STATE);
    lab_report(key, &series, empty, 2, 2);
}

static void by_length(uint64_t partner, uint64_t empty)
{
    char key[16];

    for (uint32_t words = 0; words <= WORDS_MAX; words++) {
        print_format(key, sizeof key, "ipc.words.%u", words);
        one_way(key, partner, words, empty);
    }
}

static void between_spaces(const struct archive *a, uint64_t empty)
{
    struct spawn_child child;

    lab_partner(a, "closed", &child);
    one_way("ipc.inter.0", child.thread_id, 0, empty);
    one_way("ipc.inter.7", child.thread_id, 7, empty);
    one_way("ipc.inter.10", child.thread_id, 10, empty);
    one_way("ipc.inter.63", child.thread_id, 63, empty);
    by_length(child.thread_id, empty);
    spawn_destroy(&child);
}

static void echo_thread(void *client)
{
    lab_echo_closed(*(const uint64_t *)client);
}

static _Noreturn void echo_local(void *client)
{
    const L4_ThreadId_t to = *(const L4_ThreadId_t *)client;

    L4_Receive(to);
    for (;;)
        L4_Lcall(to);
}

CPU_INLINE void lcall_once(void *argument, uint32_t round)
{
    struct call *call = argument;

    (void)round;
    L4_Lcall(call->to);
}

/* Lipc, each side by the other's local ID. */
static void lipc(uint64_t empty)
{
    L4_ThreadId_t own = L4_MyLocalId();
    struct call call = {.words = 0};
    struct thread thread;
    enum err e = thread_run(&thread, echo_local, &own, THREAD_CPU_HERE, THREAD_PRIORITY + 1);

    if (e)
        lab_fail("ipc.lipc.0", e);
    call.to = L4_LocalIdOf(L4_ThreadIdOf(thread.id));
    lab_measure(&series, set_tag, lcall_once, &call);
    if (L4_IpcFailed(L4_MsgTag()))
        lab_fail("ipc.lipc.0", ERR_BAD_STATE);
    lab_report("ipc.lipc.0", &series, empty, 2, 2);
    thread_destroy(&thread);
}

static void in_one_space(uint64_t empty)
{
    uint64_t own = L4_MyGlobalId().raw;
    struct thread thread;
    enum err e = thread_run(&thread, echo_thread, &own, THREAD_CPU_HERE, THREAD_PRIORITY + 1);

    if (e)
        lab_fail("ipc.intra.0", e);
    one_way("ipc.intra.0", thread.id, 0, empty);
    thread_destroy(&thread);
}

static void server(const struct archive *a, uint64_t empty)
{
    struct spawn_child child;
    struct call call = {.words = 0};

    lab_partner(a, "server", &child);
    call.to = L4_ThreadIdOf(child.thread_id);
    lab_measure(&series, set_tag, call_once, &call);
    if (L4_IpcFailed(L4_MsgTag()))
        lab_fail("ipc.server.roundtrip", ERR_BAD_STATE);
    lab_report("ipc.server.roundtrip", &series, empty, 1, 1);
    spawn_destroy(&child);
}

static void load_string(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    lab_load_string();
}

/* A string there and another back. */
static void strings(const struct archive *a, uint64_t empty)
{
    struct spawn_child child;
    struct call call = {.words = 0};

    lab_partner(a, "string", &child);
    call.to = L4_ThreadIdOf(child.thread_id);
    lab_accept_string();
    lab_measure(&series, load_string, call_once, &call);
    if (L4_IpcFailed(L4_MsgTag()))
        lab_fail("ipc.string.4096", ERR_BAD_STATE);
    lab_report("ipc.string.4096", &series, empty, 1, 1);
    spawn_destroy(&child);
}

/* By an endpoint: the server waits for all who may send there. */
static void endpoint(const struct archive *a, uint64_t empty)
{
    struct spawn_child child;
    slot_t point;
    enum err e = endpoint_new(&point);

    if (e == ERR_OK) {
        lab_partner(a, "endpoint", &child);
        e = exo_cap_copy(child.env, LAB_SLOT_IN, point, RIGHT_READ, 0, 0);
    }
    if (e)
        lab_fail("ipc.ep.0", e);
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(L4_ThreadIdOf(child.thread_id));
    one_way("ipc.ep.0", L4_SLOT(point), 0, empty);
    spawn_destroy(&child);
    slot_delete(point);
}

static void touch(void *argument, uint32_t round)
{
    (void)argument;
    (void)*(volatile uint8_t *)(FAULTS + round * PAGE_SIZE);
}

/* Without an entry for faults, they go to the pager. */
static void pager(const struct archive *a, uint64_t empty)
{
    struct spawn_child child;
    struct utcb_exo *utcb = book_utcb();
    uint64_t entry = utcb->entry[UPCALL_FAULT];
    enum err e = tables_make(FAULTS);

    if (e)
        lab_fail("fault.pager.map", e);
    lab_partner(a, "pager", &child);
    L4_Set_Pager(L4_ThreadIdOf(child.thread_id));
    utcb->entry[UPCALL_FAULT] = 0;
    lab_measure(&series, NULL, touch, NULL);
    utcb->entry[UPCALL_FAULT] = entry;
    L4_Set_Pager(L4_nilthread);
    lab_report("fault.pager.map", &series, empty, 1, 1);
    spawn_destroy(&child);
}

void lab_ipc(const struct archive *a)
{
    uint64_t empty = lab_empty();

    between_spaces(a, empty);
    in_one_space(empty);
    lipc(empty);
    server(a, empty);
    strings(a, empty);
    endpoint(a, empty);
    pager(a, empty);
}
