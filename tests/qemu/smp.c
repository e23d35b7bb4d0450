/* Two CPUs: threads on the second, notifications, TLB shootdown, stopping and slices across them.
 */
#include <l4/ipc.h>

#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/pct.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define ROUNDS 1000u
#define LIMIT  ((uint64_t)20 * CLOCK_NS_PER_S) /* only a failure takes so long */
#define RW     (RIGHT_READ | RIGHT_WRITE)
#define VA     (RAW_CODE + 0x10000)

/* Where a thread finds itself. */
struct place {
    volatile uint64_t processor, shown, turns;
};

static void look(void *argument)
{
    struct place *p = argument;

    p->processor = *book_tcr(TCR_PROCESSOR);
    p->shown = book_cpu(1)->thread;
}

static void count(void *argument)
{
    struct place *p = argument;

    for (;;)
        p->turns++;
}

static void places(void)
{
    static struct place p;
    struct thread t;

    tap_is(KINFO->cpu_count, 2, "two CPUs");
    tap_ok(book_cpu(0)->online && book_cpu(1)->online, "both run");
    tap_ok(book_cpu(0)->number == 0 && book_cpu(1)->number == 1, "and have their records");
    tap_is(thread_run(&t, look, &p, 1, THREAD_PRIORITY), ERR_OK, "a thread on the second");
    uint64_t id = t.id;
    thread_join(&t);
    tap_is(p.processor, 1, "its thread control register says so");
    tap_is(p.shown, id >> 32, "and the CPU's record named it while it ran");
}

static bool runs_on(const struct place *p)
{
    uint64_t before = p->turns, give_up = clock_deadline(LIMIT);

    while (p->turns == before && cpu_ticks() < give_up)
        guest_sleep(200);
    return p->turns > before;
}

static void stopping(void)
{
    static struct place p;
    struct thread t;
    uint64_t before;
    bool still = true;

    thread_run(&t, count, &p, 1, THREAD_PRIORITY);
    tap_ok(runs_on(&p), "a thread runs there beside us");
    tap_is(exo_yield(t.slot), ERR_BAD_STATE, "yield to another CPU");
    for (unsigned i = 0; i < 50; i++) {
        still &= exo_thread_stop(t.slot) == ERR_OK;
        before = p.turns;
        guest_sleep(200);
        still &= p.turns == before;
        exo_thread_start(t.slot, (vaddr_t)count, t.memory + t.bytes - 8, (word_t)&p);
        still &= runs_on(&p);
    }
    tap_ok(still, "fifty times: stopped, it is still at once; started, it runs");
    tap_is(exo_slice_bind(SLOT_CPU, 0, 3, t.slot), ERR_BAD_STATE, "a slice of another CPU");
    tap_is(exo_slice_bind(SLOT_CPU, 1, 3, t.slot), ERR_OK, "a slice of its own");
    tap_ok(book_cpu(1)->slices[3].thread == t.id >> 32 && book_cpu(0)->slices[3].thread == 0,
           "the vectors of both show it");
    exo_thread_stop(t.slot);
    tap_is(exo_thread_place(t.slot, SLOT_CPU, 0, 1), ERR_BAD_STATE,
           "a thread does not move away from its slices");
    tap_is(exo_thread_place(t.slot, SLOT_CPU, 1, 1), ERR_OK, "but it may change its priority");
    exo_thread_start(t.slot, (vaddr_t)count, t.memory + t.bytes - 8, (word_t)&p);
    guest_sleep(20000);
    thread_destroy(&t);
    before = p.turns;
    guest_sleep(5000);
    tap_is(p.turns, before, "destroyed, it does not run any more");
    tap_is(book_cpu(1)->slices[3].thread, 0, "and has no slice");
}

/* All rounds where the two CPUs run at once; fewer where a host has no time for both. */
#define PATIENCE ((uint64_t)3 * CLOCK_NS_PER_S)
#define FEWEST   50u

static bool is_to_go_on(unsigned round, unsigned rounds, uint64_t enough)
{
    return round < rounds && (round < FEWEST || cpu_ticks() < enough);
}

static slot_t there, back;

static void answer(void *argument)
{
    struct place *p = argument;

    for (unsigned i = 0; i < ROUNDS; i++) {
        exo_notify_wait(there, 1, FOREVER);
        p->turns++;
        exo_notify(back, 1);
    }
}

static void notifications(void)
{
    static struct place p;
    struct thread t;
    bool good = true;

    notify_new(&there);
    notify_new(&back);
    thread_run(&t, answer, &p, 1, THREAD_PRIORITY);
    uint64_t enough = clock_deadline(PATIENCE);
    for (unsigned i = 0; is_to_go_on(i, ROUNDS, enough) && good; i++) {
        exo_notify(there, 1);
        good = notify_until(back, 1, clock_deadline(LIMIT), NULL) == ERR_OK && p.turns == i + 1;
    }
    tap_ok(good, "up to a thousand notifications there and back");
    thread_destroy(&t);
}

/* Waits with deadlines so short that they pass while the other CPU raises the bit. */
static void impatient(void *argument)
{
    struct place *p = argument;

    for (;;) {
        enum err e = exo_notify_wait(there, 1, cpu_ticks() + 3000);
        if (e == ERR_OK)
            p->turns++;
        else if (e != ERR_TIMEOUT)
            return;
    }
}

static void deadlines(void)
{
    static struct place p;
    struct thread t;
    uint64_t raised = 0;
    bool good = true;

    thread_run(&t, impatient, &p, 1, THREAD_PRIORITY);
    uint64_t enough = clock_deadline(PATIENCE);
    for (unsigned i = 0; is_to_go_on(i, 4 * ROUNDS, enough) && good; i++) {
        exo_notify(there, 1);
        raised++;
        uint64_t give_up = clock_deadline(LIMIT);
        while (p.turns < raised && cpu_ticks() < give_up)
            cpu_pause();
        good = p.turns == raised;
    }
    if (!tap_ok(good, "no bit is lost when a deadline passes at the same time"))
        tap_note("%lu raised, %lu taken", raised, p.turns);
    thread_destroy(&t);
}

/* A program on the second CPU writes to a page; here it is taken away. */
static void shootdown(bool protect)
{
    struct raw r;
    pfn_t first;
    slot_t frames = guest_frames(1, &first);
    vaddr_t here = 0;

    vm_map_frames(frames, first, 1, &here, RIGHT_READ);
    volatile uint64_t *word = (volatile uint64_t *)here;
    raw_make(&r, BLOB(writer));
    exo_thread_place(r.thread, SLOT_CPU, 1, THREAD_PRIORITY);
    guest_bind(r.env, frames, VA, first, RW);
    raw_start(&r, VA);
    uint64_t before = guest_await(word, 1);
    enum err e = protect ? guest_protect(r.env, VA, RIGHT_READ) : guest_unbind(r.env, VA);
    uint64_t at_once = *word;
    bool ended = raw_wait(&r) == ERR_OK;
    tap_ok(e == ERR_OK && before > 0 && ended && *word == at_once,
           protect ? "made read-only here, it is not written there any more"
                   : "unbound here, it is not written there any more");
    raw_destroy(&r);
    vm_unmap(here, PAGE_SIZE);
    region_give_frames(frames, first, 1);
}

static void apart(void)
{
    struct pct_words w = {{0, 0, 0, 0, 0}};
    struct raw r;

    raw_make(&r, BLOB(pct_serve));
    raw_exo(&r)->entry[UPCALL_PCT] = RAW_CODE;
    exo_thread_place(r.thread, SLOT_CPU, 1, THREAD_PRIORITY);
    raw_start(&r, 0);
    guest_sleep(5000);
    tap_is(pct_call(r.thread, &w), ERR_BAD_STATE, "transfer to another CPU is refused");
    raw_destroy(&r);
    raw_make(&r, BLOB(undefined));
    exo_thread_place(r.thread, SLOT_CPU, 1, THREAD_PRIORITY);
    raw_start(&r, 0);
    tap_is(raw_wait(&r), ERR_OK, "an end there is told here");
    raw_destroy(&r);
}

/* Clients there fault to a pager there, which is destroyed from here. */
static void pagers(void)
{
    struct raw pager, client[4];
    unsigned ended = 0;

    raw_make(&pager, BLOB(pct_serve));
    exo_thread_place(pager.thread, SLOT_CPU, 1, THREAD_PRIORITY);
    raw_start(&pager, 0);
    for (unsigned i = 0; i < 4; i++) {
        raw_make(&client[i], BLOB(load));
        exo_thread_place(client[i].thread, SLOT_CPU, 1, THREAD_PRIORITY);
        raw_mr(&client[i])[TCR_PAGER] = pager.id;
        raw_start(&client[i], 0x10000);
    }
    guest_sleep(10000);
    raw_destroy(&pager);
    for (unsigned i = 0; i < 4; i++)
        ended += raw_wait(&client[i]) == ERR_OK;
    tap_is(ended, 4, "a pager there destroyed from here: its clients end");
    for (unsigned i = 0; i < 4; i++)
        raw_destroy(&client[i]);
}

static void lives(void)
{
    struct raw r[4];
    bool good = true;

    for (unsigned i = 0; i < 50; i++) {
        for (unsigned j = 0; j < 4; j++) {
            good &= raw_make(&r[j], BLOB(spin)) == ERR_OK;
            good &= exo_thread_place(r[j].thread, SLOT_CPU, j & 1, 50) == ERR_OK;
            good &= raw_start(&r[j], 0) == ERR_OK;
        }
        for (unsigned j = 0; j < 4; j++)
            raw_destroy(&r[j]);
    }
    tap_ok(good, "two hundred programs started and destroyed on both");
}

int main(void)
{
    guest_begin();
    places();
    stopping();
    notifications();
    deadlines();
    for (unsigned i = 0; i < 5; i++) {
        shootdown(false);
        shootdown(true);
    }
    apart();
    pagers();
    lives();
    return tap_done();
}
