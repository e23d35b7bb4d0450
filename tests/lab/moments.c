/*
 * Experiments: what a graft adds where nobody makes a call: at an interrupt line, and where
 * something is taken by force; and where messages that leave a space are sent to its redirector.
 * Each is the whole with a graft that decides as if there were none, less the whole without.
 */
#include <l4/ipc.h>
#include <l4/space.h>
#include <l4/thread.h>

#include "exo/abi/graft.h"
#include "exo/abi/revoke.h"
#include "grafts/examples/clan.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "tests/lab/graft_tools.h"
#include "tests/lab/lab.h"
#include "tests/qemu/rtc.h"

#define BIT       ((word_t)1)
#define UPDATED   0x10u /* in RTC_B: an interrupt each second, or at once if one has gone by */
#define SECOND    (L4_TimePeriod(1100000))
#define PIECE     (LAB_SLOT_OUT + 1) /* the child's slot for what is taken */
#define SOON      ((uint64_t)400000) /* nanoseconds */
#define AFTER     ((uint64_t)300000)
#define KIP_AREA  ((L4_Word_t)0x380000000000)
#define UTCB_AREA ((L4_Word_t)0x380000100000)
#define TABLES    16u /* frames of kernel memory for the child */

static struct lab_series series;

/* What was done meanwhile besides looking at the counter, each look at which costs the same. */
static uint64_t time_away(uint64_t until)
{
    const uint64_t begin = lab_stamp();
    uint64_t last = begin, least = FOREVER, looks = 0;

    while (last < until) {
        const uint64_t now = lab_stamp(), gone = now - last;
        least = gone < least ? gone : least;
        last = now;
        looks++;
    }
    return last - begin - looks * least;
}

static void need(const char *key, enum err e)
{
    if (e)
        lab_fail(key, e);
}

/* The clock's line, which fires while its register is written: the call and what interrupts it. */
static void fire(void *argument, uint32_t round)
{
    (void)round;
    exo_port_write(SLOT_PORTS, RTC_DATA, 1, *(const uint32_t *)argument | UPDATED);
}

static void measure_line(const char *key, slot_t note)
{
    uint32_t mode = (uint32_t)rtc_read(RTC_B) & ~UPDATED;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        L4_Sleep(SECOND);
        rtc_read(RTC_B); /* so that this register is the one that is written */
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp();
        fire(&mode, i);
        lab_keep(&series, i, lab_stamp() - begin, before);
        need(key, exo_notify_wait(note, BIT, 0));
        rtc_write(RTC_B, mode);
        rtc_read(RTC_C);
    }
}

static void line(void)
{
    static const char key[] = "graft.empty.irq";
    const slot_t graft = lab_constant(GRAFT_HOOK_IRQ, 1);
    slot_t note, own;

    need(key, notify_new(&note));
    need(key, slot_take(&own));
    need(key, exo_cap_copy(SLOT_ENV, own, SLOT_IRQ, RIGHT_READ | RIGHT_WRITE, RTC_LINE, 1));
    need(key, exo_irq_bind(own, RTC_LINE, note, BIT));
    measure_line(key, note);
    const uint64_t bare = lab_median(&series);
    lab_bind(key, graft, own, GRAFT_HOOK_IRQ);
    measure_line(key, note);
    lab_report(key, &series, bare, 1, 1);
    slot_delete(graft);
    slot_delete(own);
    slot_delete(note);
}

/* A port that the child has is taken when it is due, which the alarm's interrupt sees to. */
static void measure_taking(const char *key, const struct spawn_child *child, slot_t port)
{
    word_t left = 0;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        need(key, exo_cap_copy(child->env, PIECE, port, RIGHT_READ, 0, 0));
        const uint64_t due = clock_deadline(SOON);
        need(key, exo_revoke_ask_get(port, child->number, REVOKE_PORTS, 1, due, SLOT_NONE, &left));
        struct lab_sample before = lab_counters();
        lab_keep(&series, i, time_away(due + AFTER), before);
        if (exo_revoke_look(port, child->number) != ERR_NOT_BOUND)
            lab_fail(key, ERR_BAD_STATE);
    }
}

static void taking(const struct archive *a)
{
    static const char key[] = "graft.empty.reclaim";
    const slot_t graft = lab_constant(GRAFT_HOOK_RECLAIM, UINT32_MAX);
    struct spawn_child child;
    slot_t port;

    lab_partner(a, "server", &child);
    need(key, slot_take(&port));
    need(key, exo_cap_copy(SLOT_ENV, port, SLOT_PORTS, RIGHT_READ | RIGHT_GRANT, RTC_INDEX, 1));
    measure_taking(key, &child, port);
    const uint64_t bare = lab_median(&series);
    lab_bind(key, graft, child.env, GRAFT_HOOK_RECLAIM);
    measure_taking(key, &child, port);
    lab_report(key, &series, bare, 1, 1);
    slot_delete(graft);
    slot_delete(port);
    spawn_destroy(&child);
}

static void ask(void *argument, uint32_t round)
{
    (void)round;
    L4_Call(L4_ThreadIdOf(*(const uint64_t *)argument));
}

static void measure_asking(const char *key, const struct spawn_child *child)
{
    uint64_t id = child->thread_id;

    lab_measure(&series, NULL, ask, &id);
    if (L4_IpcFailed(L4_MsgTag()))
        lab_fail(key, ERR_BAD_STATE);
}

/* This thread is the redirector of the space that it asks, which answers are sent to. */
static void redirection(const struct archive *a)
{
    static const char key[] = "graft.ipc.redirect";
    const slot_t empty = lab_constant(GRAFT_HOOK_IPC, GRAFT_IPC_DEFAULT);
    vaddr_t at = 0;
    const slot_t map = lab_map(sizeof(struct clan_rule), 1, &at);
    const slot_t graft = lab_graft(a, ".exo4/ipc_redirect.o", GRAFT_HOOK_IPC, map);
    struct spawn_child child;
    slot_t kmem;
    pfn_t first;
    L4_Word_t old;

    lab_partner(a, "closed", &child);
    need(key, slot_take(&kmem));
    need(key, region_find(TABLES, &first));
    need(key, exo_cap_copy(SLOT_ENV, kmem, SLOT_MEMORY, RIGHT_ALL, first, TABLES));
    need(key, exo_env_kmem(child.env, kmem));
    need(key, exo_env_privilege(SLOT_ENV, SLOT_MACHINE));
    if (!L4_SpaceControl(L4_ThreadIdOf(child.thread_id), 0, L4_FpageLog2(KIP_AREA, PAGE_BITS),
                         L4_FpageLog2(UTCB_AREA, PAGE_BITS + 4), L4_Myself(), &old))
        lab_fail(key, ERR_BAD_STATE);
    L4_Set_MsgTag(L4_Niltag);
    const uint64_t none = lab_empty();
    measure_asking(key, &child);
    lab_report("ipc.redirected", &series, none, 1, 1);
    lab_bind(key, empty, child.env, GRAFT_HOOK_IPC);
    measure_asking(key, &child);
    lab_report("ipc.redirected.graft", &series, none, 1, 1);
    *(volatile struct clan_rule *)at = (struct clan_rule){0, ~(uint64_t)0};
    lab_bind(key, graft, child.env, GRAFT_HOOK_IPC);
    measure_asking(key, &child);
    lab_report(key, &series, none, 1, 1);
    slot_delete(graft);
    slot_delete(map);
    slot_delete(empty);
    spawn_destroy(&child);
    slot_delete(kmem);
}

void lab_moments(const struct archive *a)
{
    taking(a);
    line();
    redirection(a);
}
