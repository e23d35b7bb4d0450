/*
 * Experiments: who has the next slice, by stride among three. A thread that only looks at the
 * counter sees how long it is away from its slice's end to its next one's begin: when its slices
 * were bound to it ahead, when a graft chooses it, and when a dispatcher does that has the slices
 * and yields, in the same space and in another.
 */
#include <l4/ipc.h>

#include "exo/abi/graft.h"
#include "grafts/examples/stride.h"
#include "libos/call.h"
#include "libos/dispatch.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "tests/lab/graft_tools.h"
#include "tests/lab/lab.h"

#define SLICE   ((uint64_t)SLICE_MICROS * 1000) /* ticks */
#define WORKERS 3u

static struct lab_series series;

static void need(const char *key, enum err e)
{
    if (e)
        lab_fail(key, e);
}

static bool is_past(const void *until)
{
    return cpu_ticks() >= *(const uint64_t *)until;
}

static void bind_all(const char *key, slot_t thread)
{
    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        need(key, exo_slice_bind(SLOT_CPU, 0, i, thread));
}

static uint64_t measure(void)
{
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        const uint64_t until = cpu_ticks() + SLICE + SLICE / 4;
        struct lab_sample before = lab_counters();
        lab_keep(&series, i, lab_longest_look(is_past, &until), before);
    }
    return lab_median(&series);
}

_Noreturn void lab_dispatch(slot_t thread)
{
    static struct dispatch_thread workers[WORKERS];
    struct scheduler s;

    sched_stride(&s);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct dispatch_thread){.thread = thread, .entity = {.tickets = WORKERS - i}};
        need("slice.library", sched_add(&s, &workers[i].entity, 0));
        sched_set_ready(&s, &workers[i].entity, true, 0);
    }
    for (;;)
        dispatch_run(&s, 1, false);
}

static void dispatch(void *thread)
{
    lab_dispatch(*(const slot_t *)thread);
}

static void by_library(uint64_t look)
{
    static const char key[] = "slice.library";
    static slot_t own = SLOT_THREAD;
    struct thread t;

    need(key, thread_run(&t, dispatch, &own, THREAD_CPU_HERE, THREAD_PRIORITY + 1));
    bind_all(key, t.slot);
    measure();
    lab_report(key, &series, look, 1, 1);
    bind_all(key, SLOT_NONE);
    thread_destroy(&t);
}

static void by_server(const struct archive *a, uint64_t look)
{
    static const char key[] = "slice.server";
    struct spawn_child child;

    lab_partner(a, "dispatch", &child);
    need(key, exo_cap_copy(child.env, LAB_SLOT_IN, SLOT_THREAD, RIGHT_ALL, 0, 0));
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(L4_ThreadIdOf(child.thread_id));
    bind_all(key, child.thread);
    measure();
    lab_report(key, &series, look, 1, 1);
    bind_all(key, SLOT_NONE);
    spawn_destroy(&child);
}

/* All positions are this thread's, and so are all places in the table. */
static void by_graft(const struct archive *a, uint64_t look)
{
    static const char key[] = "slice.graft";
    vaddr_t at = 0;
    const slot_t map = lab_map(sizeof(struct stride), 1, &at);
    const slot_t graft = lab_graft(a, ".exo4/slice_stride.o", GRAFT_HOOK_SLICE_END, map);
    volatile struct stride *table = (volatile struct stride *)at;

    for (uint32_t i = 0; i < WORKERS; i++)
        table->threads[i] = (struct stride_thread){.number = (uint32_t)book_utcb()->thread,
                                                   .stride = STRIDE_ONE / (WORKERS - i)};
    lab_bind(key, graft, SLOT_ENV, GRAFT_HOOK_SLICE_END);
    measure();
    lab_report(key, &series, look, 1, 1);
    if (table->threads[0].count < LAB_ROUNDS / 2)
        lab_fail(key, ERR_BAD_STATE);
    slot_delete(graft);
    slot_delete(map);
}

void lab_slices(const struct archive *a)
{
    static const char key[] = "slice.call";
    const slot_t graft = lab_constant(GRAFT_HOOK_SLICE_END, 0);
    const uint64_t never = 0;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) /* three looks */
        lab_keep(&series, i, lab_longest_look(is_past, &never), lab_counters());
    const uint64_t look = lab_median(&series);
    bind_all(key, SLOT_THREAD);
    const uint64_t bare = measure();
    lab_report(key, &series, look, 1, 1);
    lab_bind(key, graft, SLOT_ENV, GRAFT_HOOK_SLICE_END);
    measure();
    lab_report("graft.empty.slice_end", &series, bare, 1, 1);
    slot_delete(graft);
    by_graft(a, look);
    bind_all(key, SLOT_NONE);
    by_library(look);
    by_server(a, look);
}
