/* Visible revocation: three library OSes, polite, slow and deaf, are asked for frames and slices;
 * one with a ring for filter, ring and graft. Who lives beside them notices nothing. */
#include "tests/qemu/revoke.h"

#include "exo/abi/revoke.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CHILD_FRAMES 2048u
#define PATIENCE     ((uint64_t)300 * CLOCK_NS_PER_MS)
#define SLICES       6u /* bound to each child */
#define TRIES        200u
#define LEAST        50u /* frames guaranteed to the deaf one */

struct child {
    struct spawn_child spawned;
    volatile struct revoke_page *page;
    slot_t frame;
    pfn_t pfn;
    uint32_t n; /* its environment */
};

static uint32_t cpu; /* where the children live */
static const char *program;

static bool start(struct child *c, const char *role)
{
    const char *arguments[] = {program, role, NULL};
    struct archive_entry entry;
    vaddr_t va = 0;

    *c = (struct child){.frame = guest_frames(1, &c->pfn)};
    c->pfn = slot_cap(c->frame)->base;
    if (vm_map_frames(c->frame, c->pfn, 1, &va, RIGHT_READ | RIGHT_WRITE) ||
        vm_populate(va, PAGE_SIZE) || program_find(guest_archive(), program, &entry))
        return false;
    c->page = (volatile struct revoke_page *)va;
    *c->page = (struct revoke_page){0};
    struct spawn_args args = {.image = entry.data,
                              .image_bytes = entry.bytes,
                              .name = role,
                              .arguments = arguments,
                              .give = SPAWN_GIVE_ALL & ~SPAWN_GIVE(SLOT_MACHINE),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = cpu};
    if (spawn_prepare(&c->spawned, &args) ||
        exo_cap_copy(c->spawned.env, SLOT_FREE, c->frame, RIGHT_READ | RIGHT_WRITE, 0, 0) ||
        spawn_run(&c->spawned))
        return false;
    c->n = c->spawned.number;
    for (uint32_t i = 0; i < TRIES && !c->page->ready; i++)
        guest_sleep(10000);
    return c->page->ready;
}

static bool lives(const struct child *c)
{
    uint64_t beat = c->page->beat;

    for (uint32_t i = 0; i < TRIES && c->page->beat == beat; i++)
        guest_sleep(2000);
    return c->page->beat != beat;
}

/* Its exit status, or -1. */
static int stop(struct child *c)
{
    struct spawn_end end = {0};

    c->page->stop = 1;
    if (spawn_wait(&c->spawned, &end))
        return -1;
    spawn_destroy(&c->spawned);
    vm_unmap((vaddr_t)c->page, PAGE_SIZE);
    region_give_frames(c->frame, c->pfn, 1);
    return end.exited ? end.status : -1;
}

static enum err ask(const struct child *c, slot_t cap, uint32_t kind, uint32_t count)
{
    return exo_revoke_ask(cap, c->n, kind, count, clock_deadline(PATIENCE));
}

static uint32_t frames_of(const struct child *c)
{
    return book_env(c->n)->frames;
}

static uint32_t slices_of(const struct child *c)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        count += book_cpu(cpu)->slices[i].env == c->n;
    return count;
}

/* Takes until nothing is left to take, or an error comes. */
static enum err take_all(const struct child *c, slot_t cap, uint32_t *calls)
{
    word_t rest = 1;
    enum err e = ERR_OK;

    for (*calls = 0; e == ERR_OK && rest > 0; ++*calls)
        e = exo_revoke_take_get(cap, c->n, SLOT_NONE, &rest);
    return e;
}

static void wait_deadline(void)
{
    guest_sleep((PATIENCE + 50 * CLOCK_NS_PER_MS) / 1000);
}

static void bind_slices(const struct child *c, uint32_t from)
{
    for (uint32_t i = 0; i < SLICES; i++)
        exo_slice_bind(SLOT_CPU, cpu, from + i, c->spawned.thread);
}

static void test_polite(const struct child *c, const struct child *neighbour)
{
    uint32_t before = frames_of(c), other = frames_of(neighbour);
    word_t rest = 1;
    enum err e = ERR_BAD_STATE;

    tap_is(ask(c, SLOT_MEMORY, REVOKE_FRAMES, 100), ERR_OK, "the polite one is asked for frames");
    for (uint32_t i = 0; i < TRIES && e == ERR_BAD_STATE; i++) {
        e = exo_revoke_take_get(SLOT_MEMORY, c->n, SLOT_NONE, &rest);
        if (e == ERR_BAD_STATE)
            guest_sleep(1000);
    }
    tap_ok(e == ERR_OK && rest == 0, "it has given them before the deadline");
    tap_ok(frames_of(c) + 100 <= before, "it has that many less");
    tap_is(c->page->losses, 0, "nothing was taken from it");
    bind_slices(c, 0);
    tap_is(ask(c, SLOT_CPU, REVOKE_SLICES, 4), ERR_OK, "it is asked for slices");
    for (uint32_t i = 0; i < TRIES && slices_of(c) > SLICES - 4; i++)
        guest_sleep(1000);
    tap_is(slices_of(c), SLICES - 4, "it has given them");
    tap_is(exo_revoke_take(SLOT_CPU, c->n, SLOT_NONE), ERR_OK, "and the ask is closed");
    tap_ok(lives(c), "it goes on");
    tap_ok(lives(neighbour) && frames_of(neighbour) == other, "its neighbour notices nothing");
}

static void test_slow(const struct child *c, const struct child *neighbour)
{
    uint32_t before = frames_of(c), other = frames_of(neighbour), calls;

    tap_is(ask(c, SLOT_MEMORY, REVOKE_FRAMES, 20), ERR_OK, "the slow one is asked for frames");
    tap_is(exo_revoke_take(SLOT_MEMORY, c->n, SLOT_NONE), ERR_BAD_STATE, "not before the deadline");
    wait_deadline();
    tap_is(frames_of(c), before, "it has not given in time");
    tap_is(take_all(c, SLOT_MEMORY, &calls), ERR_OK, "they are taken");
    tap_is(frames_of(c), before - 20, "exactly as many as were asked for");
    bind_slices(c, 10);
    tap_is(ask(c, SLOT_CPU, REVOKE_SLICES, 2), ERR_OK, "it is asked for slices");
    wait_deadline();
    tap_is(take_all(c, SLOT_CPU, &calls), ERR_OK, "which are taken");
    tap_ok(calls == 2 && slices_of(c) == SLICES - 2, "one by one");
    c->page->serve = 1;
    for (uint32_t i = 0; i < TRIES && c->page->works == 0; i++)
        guest_sleep(5000);
    tap_is(c->page->losses, 3, "it finds three losses in its vector");
    tap_is(c->page->last, REPOSSESSED(REVOKE_SLICES, cpu * SLICE_COUNT + 14), "each by its name");
    tap_is(c->page->works, CHILD_PAGES, "all its pages work, with what was left or with zeroes");
    tap_ok(lives(c), "it goes on");
    tap_ok(lives(neighbour) && frames_of(neighbour) == other, "its neighbour notices nothing");
}

static void test_deaf(const struct child *c, const struct child *neighbour)
{
    uint32_t before = frames_of(c), other = frames_of(neighbour), calls;
    uint32_t own = book_env((uint32_t)book_utcb()->env)->frames;
    slot_t dst = guest_slot();
    word_t asked = 0, rest = 0;

    tap_is(exo_revoke_guarantee(c->spawned.env, REVOKE_FRAMES, LEAST), ERR_OK, "a guarantee");
    tap_is(exo_revoke_ask_get(SLOT_MEMORY, c->n, REVOKE_FRAMES, 1u << 20, clock_deadline(PATIENCE),
                              &asked),
           ERR_OK, "the deaf one is asked for everything");
    wait_deadline();
    tap_is(exo_revoke_take_get(SLOT_MEMORY, c->n, dst, &rest), ERR_OK, "frames are taken");
    const volatile struct cap *got = slot_cap(dst);
    tap_ok(got->kind == CAP_FRAMES && got->count == asked - rest, "straight into the asker's slot");
    tap_is(book_env((uint32_t)book_utcb()->env)->frames, own + got->count, "the books say so");
    tap_ok(book_frame(got->base)->owner == book_utcb()->env, "and so does the frame table");
    tap_is(take_all(c, SLOT_MEMORY, &calls), ERR_OK, "the rest is taken, too");
    tap_is(frames_of(c), before - asked, "no more than was asked for");
    slot_delete(dst);
    bind_slices(c, 20);
    tap_is(ask(c, SLOT_CPU, REVOKE_SLICES, 100), ERR_OK, "it is asked for all its slices");
    wait_deadline();
    tap_is(take_all(c, SLOT_CPU, &calls), ERR_OK, "they are taken");
    tap_is(slices_of(c), 0, "it has none left");
    tap_is(ask(c, SLOT_MEMORY, REVOKE_FRAMES, 1), ERR_BAD_STATE, "its guaranteed frames stay");
    tap_ok(lives(c), "its program, stack and UTCB were never taken: it goes on");
    tap_ok(lives(neighbour) && frames_of(neighbour) == other, "its neighbour notices nothing");
}

static void test_net(void)
{
    static struct child c;
    static const struct {
        uint32_t kind;
        const char *what;
    } kinds[] = {
        {REVOKE_FILTERS, "a filter"}, {REVOKE_RINGS, "a ring"}, {REVOKE_GRAFTS, "a graft"}};
    uint32_t calls;

    tap_ok(start(&c, "net"), "one with a ring and a filter");
    for (uint32_t i = 0; i < 3; i++) {
        tap_is(ask(&c, SLOT_MEMORY, kinds[i].kind, 1), ERR_OK, kinds[i].what);
        wait_deadline();
        tap_is(take_all(&c, SLOT_MEMORY, &calls), ERR_OK, "is taken");
        for (uint32_t j = 0; j < TRIES && c.page->losses < i + 1; j++)
            guest_sleep(2000);
        tap_is(REPOSSESSED_KIND(c.page->last), kinds[i].kind, "its owner is told");
        tap_is(ask(&c, SLOT_MEMORY, kinds[i].kind, 1), ERR_NOT_BOUND, "and has none left");
    }
    tap_ok(lives(&c), "it goes on");
    tap_is(stop(&c), 0, "and ends well");
}

static void test_errors(const struct child *c)
{
    uint64_t soon = clock_deadline(PATIENCE), far = clock_deadline((uint64_t)11 * CLOCK_NS_PER_S);
    uint32_t self = (uint32_t)book_utcb()->env;
    slot_t weak = guest_slot(), copy = guest_slot(), other = guest_slot();

    exo_cap_copy(SLOT_ENV, weak, SLOT_MEMORY, RIGHT_READ | RIGHT_WRITE, 0, 0);
    exo_cap_copy(SLOT_ENV, copy, c->spawned.env, RIGHT_ALL, 0, 0);
    exo_cap_copy(SLOT_ENV, other, SLOT_MEMORY, RIGHT_ALL, 0, 0);
    tap_is(exo_revoke_ask(SLOT_MEMORY, 0, REVOKE_FRAMES, 1, soon), ERR_BAD_ARG, "nobody");
    tap_is(exo_revoke_ask(SLOT_MEMORY, ENV_MAX, REVOKE_FRAMES, 1, soon), ERR_BAD_ARG, "no number");
    tap_is(exo_revoke_ask(SLOT_MEMORY, self, REVOKE_FRAMES, 1, soon), ERR_BAD_ARG, "oneself");
    tap_is(exo_revoke_ask(SLOT_MEMORY, c->n, 0, 1, soon), ERR_BAD_ARG, "no kind");
    tap_is(exo_revoke_ask(SLOT_MEMORY, c->n, 99, 1, soon), ERR_BAD_ARG, "unknown kind");
    tap_is(exo_revoke_ask(SLOT_MEMORY, c->n, REVOKE_FRAMES, 0, soon), ERR_BAD_ARG, "nothing");
    tap_is(exo_revoke_ask(SLOT_MEMORY, c->n, REVOKE_FRAMES, 1, 1), ERR_BAD_ARG, "in the past");
    tap_is(exo_revoke_ask(SLOT_MEMORY, c->n, REVOKE_FRAMES, 1, far), ERR_BAD_ARG, "too far ahead");
    tap_is(ask(c, guest_slot(), REVOKE_FRAMES, 1), ERR_BAD_CAP, "ask by no capability");
    tap_is(ask(c, weak, REVOKE_FRAMES, 1), ERR_NO_RIGHT, "ask without RIGHT_GRANT");
    tap_is(ask(c, other, REVOKE_FRAMES, 1), ERR_NOT_BOUND, "ask by no ancestor");
    tap_is(exo_revoke_take(SLOT_MEMORY, c->n, SLOT_NONE), ERR_NOT_BOUND, "take without ask");
    tap_is(ask(c, SLOT_MEMORY, REVOKE_FRAMES, 1), ERR_OK, "an ask");
    tap_is(ask(c, SLOT_MEMORY, REVOKE_FRAMES, 1), ERR_IN_USE, "only one at a time");
    tap_is(exo_revoke_take(SLOT_MEMORY, 0, SLOT_NONE), ERR_BAD_ARG, "take from nobody");
    tap_is(exo_revoke_take(SLOT_MEMORY, c->n, CAP_SLOTS), ERR_BAD_ARG, "take beyond the table");
    tap_is(exo_revoke_take(guest_slot(), c->n, SLOT_NONE), ERR_BAD_CAP, "take by no capability");
    tap_is(exo_revoke_take(SLOT_CPU, c->n, guest_slot()), ERR_BAD_CAP, "frames for no region");
    tap_is(exo_revoke_take(SLOT_MEMORY, c->n, SLOT_CPU), ERR_IN_USE, "take into a filled slot");
    tap_is(exo_revoke_guarantee(c->spawned.env, 0, 1), ERR_BAD_ARG, "guarantee of no kind");
    tap_is(exo_revoke_guarantee(SLOT_CPU, REVOKE_FRAMES, 1), ERR_BAD_CAP, "of no environment");
    tap_is(exo_revoke_guarantee(copy, REVOKE_FRAMES, 1), ERR_NO_RIGHT, "by a copy");
    tap_is(exo_revoke_guarantee(SLOT_ENV, REVOKE_FRAMES, 1), ERR_NO_RIGHT, "for oneself");
    wait_deadline();
    exo_revoke_take(SLOT_MEMORY, c->n, SLOT_NONE);
}

int main(int argc, char **argv)
{
    static struct child polite, slow, deaf;

    if (argc > 1 &&
        (argv[1][0] == 'p' || argv[1][0] == 's' || argv[1][0] == 'd' || argv[1][0] == 'n'))
        return revoke_child(argv[1]);
    guest_begin();
    program = KINFO->cpu_count > 1 ? "revoke_smp" : "revoke";
    cpu = KINFO->cpu_count - 1;
    tap_ok(start(&polite, "polite") && start(&slow, "slow") && start(&deaf, "deaf"),
           "three library OSes start");
    test_polite(&polite, &slow);
    test_slow(&slow, &deaf);
    test_errors(&polite);
    test_deaf(&deaf, &polite);
    tap_is(stop(&polite), 0, "the polite one ends well, with all it used");
    tap_is(stop(&slow), 0, "the slow one ends well");
    tap_is(stop(&deaf), 0, "the deaf one ends well");
    if (KINFO->nic_present)
        test_net();
    return tap_done();
}
