/* Visible revocation: three library OSes, polite, slow and deaf, are asked for something of every
 * kind. Who lives beside them notices nothing, and is asked for nothing. */
#include "tests/qemu/revoke.h"

#include "exo/abi/revoke.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/print.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CHILD_FRAMES 2048u
#define PATIENCE     ((uint64_t)200 * CLOCK_NS_PER_MS)
#define LONG         ((uint64_t)9 * CLOCK_NS_PER_S) /* for who is known to answer, on a busy host */
#define SLICES       6u                             /* bound to each child */
#define TRIES        200u
#define LEAST        50u /* frames guaranteed to the deaf one */
#define PAIR         (RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT)
#define GIVEN        (SLOT_FREE + 1)      /* in each child: two ranges of each of three kinds */
#define LATER        (CAPS_PER_FRAME - 1) /* and one that is not used so early */

enum { POLITE, SLOW, DEAF, NEIGHBOUR, CHILDREN };

struct child {
    struct spawn_child spawned;
    volatile struct revoke_page *page;
    slot_t frame;
    pfn_t pfn;
    uint32_t n; /* its environment */
};

static struct child children[CHILDREN];
static uint32_t cpu; /* where the children live */
static const char *program;

/* What each child is given two ranges of, and asked for one. */
static const struct {
    slot_t slot;
    uint32_t base, count;
} ranges[] = {{SLOT_DISK, 64, 10}, {SLOT_IRQ, 4, 2}, {SLOT_PORTS, 0x70, 1}};
#define RANGES (sizeof ranges / sizeof ranges[0])

static enum err give_ranges(const struct child *c)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < 2 * RANGES && e == ERR_OK; i++) {
        uint32_t n = ranges[i / 2].count;
        const volatile struct cap *has = slot_cap(ranges[i / 2].slot);
        if (has)
            e = exo_cap_copy(c->spawned.env, GIVEN + i, ranges[i / 2].slot, has->rights & PAIR,
                             ranges[i / 2].base + i % 2 * n, n);
    }
    return e;
}

static bool start(struct child *c, const char *role, uint32_t first_slice)
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
                              .give = SPAWN_GIVE(SLOT_CPU) | SPAWN_GIVE(SLOT_CONSOLE) |
                                      SPAWN_GIVE(SLOT_NIC) | SPAWN_GIVE(SLOT_ARCHIVE),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = cpu};
    if (spawn_prepare(&c->spawned, &args) ||
        exo_cap_copy(c->spawned.env, SLOT_FREE, c->frame, RIGHT_READ | RIGHT_WRITE, 0, 0) ||
        give_ranges(c) || spawn_run(&c->spawned))
        return false;
    c->n = c->spawned.number;
    for (uint32_t i = 0; i < TRIES && !c->page->ready; i++)
        guest_sleep(10000);
    for (uint32_t i = 0; i < SLICES; i++)
        exo_slice_bind(SLOT_CPU, cpu, first_slice + i, c->spawned.thread);
    return c->page->ready;
}

/* It does something, and has counted what it holds. */
static bool lives(const struct child *c)
{
    uint64_t beat = c->page->beat;

    for (uint32_t i = 0; i < TRIES && c->page->beat < beat + 2; i++)
        guest_sleep(2000);
    return c->page->beat >= beat + 2;
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

static enum err ask_for(const struct child *c, slot_t cap, uint32_t kind, uint32_t count,
                        uint64_t patience)
{
    return exo_revoke_ask(cap, c->n, kind, count, clock_deadline(patience), SLOT_NONE);
}

static enum err ask(const struct child *c, slot_t cap, uint32_t kind, uint32_t count)
{
    return ask_for(c, cap, kind, count, PATIENCE);
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

/* What a child holds, as far as that is not the kernel's secret. */
static uint64_t held(const struct child *c, uint32_t kind)
{
    if (kind == REVOKE_FRAMES)
        return frames_of(c);
    return kind == REVOKE_SLICES ? slices_of(c) : c->page->held[kind];
}

static uint64_t counts[REVOKE_KIND_COUNT]; /* of the neighbour */

static bool neighbour_is_untouched(void)
{
    const struct child *c = &children[NEIGHBOUR];
    bool same = lives(c) && c->page->losses == 0;

    for (uint32_t kind = 1; kind < REVOKE_KIND_COUNT; kind++)
        same &= held(c, kind) == counts[kind];
    return same;
}

/* What the kernel wrote into a child's vector. */
static volatile struct utcb_exo *vector_of(const struct child *c)
{
    return (volatile struct utcb_exo *)(c->spawned.utcb + UTCB_EXO);
}

/* Waits for the deadline, and until the kernel has closed the ask: on two CPUs and a busy host that
 * takes its time. */
static void wait_taken(const struct child *c, slot_t cap)
{
    for (uint32_t i = 0; i < 100 * TRIES; i++) {
        if (exo_revoke_look(cap, c->n) == ERR_NOT_BOUND)
            return;
        guest_sleep(1000);
    }
}

/* Waits until an ask is closed; true: before its deadline. */
static bool is_met(const struct child *c, slot_t cap)
{
    uint64_t deadline = vector_of(c)->revoke_deadline;
    word_t rest = 1;

    while (cpu_ticks() < deadline) {
        enum err e = exo_revoke_look_get(cap, c->n, &rest);
        if (e || rest == 0)
            return e == ERR_OK && cpu_ticks() < deadline;
        guest_sleep(1000);
    }
    return false;
}

struct row {
    const char *what;
    slot_t cap;
    uint32_t kind, count, pieces; /* asked for; words that its taking comes to */
};

static void test_kind(const struct row *r)
{
    uint64_t before[CHILDREN], words[CHILDREN], losses = children[POLITE].page->losses;
    bool asked = true;
    char line[64];

    for (unsigned i = 0; i < CHILDREN - 1; i++) {
        lives(&children[i]);
        before[i] = held(&children[i], r->kind);
        words[i] = vector_of(&children[i])->repossessed_count;
        asked &= ask_for(&children[i], r->cap, r->kind, r->count, i == POLITE ? LONG : PATIENCE) ==
                 ERR_OK;
    }
    print_format(line, sizeof line, "all three are asked for %s", r->what);
    tap_ok(asked, line);
    tap_ok(is_met(&children[POLITE], r->cap), "the polite one gives before the deadline");
    tap_is(children[POLITE].page->losses, losses, "and nothing is taken from it");
    for (unsigned i = SLOW; i <= DEAF; i++) {
        wait_taken(&children[i], r->cap);
        const volatile struct utcb_exo *x = vector_of(&children[i]);
        uint64_t more = x->repossessed_count - words[i];
        tap_is(more, r->pieces, i == SLOW ? "from the slow one it is taken" : "from the deaf one");
        tap_is(REPOSSESSED_KIND(x->repossessed[words[i] + more - 1]), r->kind, "which is told so");
    }
    for (unsigned i = 0; i < CHILDREN - 1; i++) {
        bool left = lives(&children[i]);
        if (r->kind == REVOKE_FILTERS) /* of which nobody can read how many there are */
            left &= ask(&children[i], r->cap, r->kind, 1) == ERR_NOT_BOUND;
        else if (r->kind == REVOKE_FRAMES && i == POLITE)
            left &= held(&children[i], r->kind) + r->count <= before[i]; /* whole chunks */
        else
            left &= held(&children[i], r->kind) + r->count == before[i];
        tap_ok(left, "it goes on with so much less");
    }
    tap_ok(neighbour_is_untouched(), "their neighbour notices nothing");
}

/* The slow one answers when it is too late: it gives nothing more, and finds what it lost. */
static void test_late_answer(void)
{
    const struct child *c = &children[SLOW];
    uint64_t count = vector_of(c)->repossessed_count, frames = frames_of(c);

    c->page->serve = 1;
    for (uint32_t i = 0; i < TRIES && c->page->works == 0; i++)
        guest_sleep(5000);
    tap_is(c->page->losses, count, "the slow one finds its losses in its vector");
    tap_is(vector_of(c)->repossessed_count, 0, "and empties that");
    tap_is(c->page->works, CHILD_PAGES, "all its pages work, with what was left or with zeroes");
    tap_ok(frames_of(c) <= frames + 1, "its answer gives nothing twice");
}

static void test_guarantee(const struct child *c)
{
    slot_t lines = guest_slot();
    uint32_t position = 0;

    while (book_cpu(cpu)->slices[position].env != c->n)
        position++;
    tap_is(exo_revoke_guarantee(c->spawned.env, SLOT_CPU, REVOKE_SLICES, 100), ERR_OK,
           "all its slices are guaranteed");
    tap_is(exo_slice_bind(SLOT_CPU, cpu, position, SLOT_NONE), ERR_BAD_STATE, "so none is unbound");
    tap_is(ask(c, SLOT_CPU, REVOKE_SLICES, 1), ERR_BAD_STATE, "nor asked for");
    exo_revoke_guarantee(c->spawned.env, SLOT_CPU, REVOKE_SLICES, 0);
    exo_cap_copy(SLOT_ENV, lines, SLOT_IRQ, slot_cap(SLOT_IRQ)->rights, 0, 0);
    exo_cap_copy(c->spawned.env, LATER, lines, slot_cap(lines)->rights, 8, 3);
    tap_is(exo_revoke_guarantee(c->spawned.env, lines, REVOKE_IRQS, 1), ERR_OK, "lines are, too");
    tap_is(exo_cap_revoke(lines), ERR_BAD_STATE, "cap_revoke leaves them");
    tap_is(exo_cap_delete(lines), ERR_BAD_STATE, "so does cap_delete");
    lives(c);
    tap_is(held(c, REVOKE_IRQS), counts[REVOKE_IRQS] + 3, "they are there");
    tap_is(exo_revoke_guarantee(c->spawned.env, lines, REVOKE_IRQS, 0), ERR_OK, "withdrawn");
    tap_is(exo_cap_delete(lines), ERR_OK, "they go");
    lives(c);
    tap_ok(neighbour_is_untouched(), "and nothing else");
}

/* All that is above the minimum of the deaf one goes, straight into the asker's slots. */
static void test_everything(const struct child *c)
{
    uint32_t before = frames_of(c), own, got = 0, in_one = 0;
    word_t asked = 0;
    slot_t dst = guest_slot();

    while (dst % CAPS_PER_FRAME != 0) /* a table of which nothing else is used */
        dst = guest_slot();
    own = book_env((uint32_t)book_utcb()->env)->frames;
    tap_is(exo_revoke_guarantee(c->spawned.env, SLOT_MEMORY, REVOKE_FRAMES, LEAST), ERR_OK,
           "the deaf one has a guarantee");
    tap_is(exo_revoke_ask_get(SLOT_MEMORY, c->n, REVOKE_FRAMES, 1u << 20, clock_deadline(PATIENCE),
                              dst, &asked),
           ERR_OK, "and is asked for everything");
    wait_taken(c, SLOT_MEMORY);
    for (; slot_cap(dst + in_one) && slot_cap(dst + in_one)->kind == CAP_FRAMES; in_one++)
        got += slot_cap(dst + in_one)->count;
    tap_is(got, asked, "all above the minimum is in the asker's slots");
    tap_is(frames_of(c), before - asked, "it has so much less");
    tap_is(book_env((uint32_t)book_utcb()->env)->frames, own + got, "the books say so");
    tap_ok(book_frame(slot_cap(dst)->base)->owner == book_utcb()->env, "and the frame table");
    tap_is(ask(c, SLOT_MEMORY, REVOKE_FRAMES, 1), ERR_BAD_STATE, "its guaranteed frames stay");
    tap_ok(lives(c), "its program, stack and UTCB were never taken: it goes on");
    tap_ok(neighbour_is_untouched(), "its neighbour notices nothing");
    while (in_one > 0)
        exo_cap_delete(dst + --in_one);
}

static void test_ask_errors(const struct child *c)
{
    uint64_t soon = clock_deadline(LONG), far = clock_deadline((uint64_t)60 * CLOCK_NS_PER_S);
    uint32_t self = (uint32_t)book_utcb()->env, n = c->n;
    slot_t weak = guest_slot(), other = guest_slot(), dst = guest_slot();
    const struct {
        enum err error;
        slot_t cap;
        uint32_t env, kind, count;
        uint64_t deadline;
        slot_t dst;
        const char *what;
    } rows[] = {
        {ERR_BAD_ARG, SLOT_MEMORY, 0, REVOKE_FRAMES, 1, soon, 0, "nobody"},
        {ERR_BAD_ARG, SLOT_MEMORY, ENV_MAX, REVOKE_FRAMES, 1, soon, 0, "no number"},
        {ERR_BAD_ARG, SLOT_MEMORY, self, REVOKE_FRAMES, 1, soon, 0, "oneself"},
        {ERR_BAD_ARG, SLOT_MEMORY, n, 0, 1, soon, 0, "no kind"},
        {ERR_BAD_ARG, SLOT_MEMORY, n, 99, 1, soon, 0, "unknown kind"},
        {ERR_BAD_ARG, SLOT_MEMORY, n, REVOKE_FRAMES, 0, soon, 0, "nothing"},
        {ERR_BAD_ARG, SLOT_MEMORY, n, REVOKE_FRAMES, 1, 1, 0, "in the past"},
        {ERR_BAD_ARG, SLOT_MEMORY, n, REVOKE_FRAMES, 1, far, 0, "too far ahead"},
        {ERR_BAD_ARG, SLOT_MEMORY, n, REVOKE_FRAMES, 1, soon, CAP_SLOTS, "beyond the table"},
        {ERR_BAD_CAP, dst, n, REVOKE_FRAMES, 1, soon, 0, "by no capability"},
        {ERR_BAD_CAP, SLOT_CPU, n, REVOKE_FRAMES, 1, soon, dst, "frames for no region"},
        {ERR_BAD_CAP, SLOT_MEMORY, n, REVOKE_RINGS, 1, soon, dst, "rings for a slot"},
        {ERR_NO_RIGHT, weak, n, REVOKE_FRAMES, 1, soon, 0, "without RIGHT_GRANT"},
        {ERR_IN_USE, SLOT_MEMORY, n, REVOKE_FRAMES, 1, soon, SLOT_CPU, "for a filled slot"},
        {ERR_NOT_BOUND, other, n, REVOKE_FRAMES, 1, soon, 0, "by no ancestor"},
    };

    exo_cap_copy(SLOT_ENV, weak, SLOT_MEMORY, RIGHT_READ | RIGHT_WRITE, 0, 0);
    exo_cap_copy(SLOT_ENV, other, SLOT_MEMORY, RIGHT_ALL, 0, 0);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        tap_is(exo_revoke_ask(rows[i].cap, rows[i].env, rows[i].kind, rows[i].count,
                              rows[i].deadline, rows[i].dst),
               rows[i].error, rows[i].what);
}

static void test_errors(const struct child *c)
{
    slot_t copy = guest_slot(), weak = guest_slot();

    test_ask_errors(c);
    exo_cap_copy(SLOT_ENV, copy, c->spawned.env, RIGHT_ALL, 0, 0);
    exo_cap_copy(SLOT_ENV, weak, SLOT_MEMORY, RIGHT_READ | RIGHT_WRITE, 0, 0);
    tap_is(exo_revoke_look(SLOT_MEMORY, c->n), ERR_NOT_BOUND, "look without ask");
    tap_is(ask(c, SLOT_MEMORY, REVOKE_FRAMES, 1), ERR_OK, "an ask");
    tap_is(ask(c, SLOT_MEMORY, REVOKE_FRAMES, 1), ERR_IN_USE, "only one at a time");
    tap_is(exo_revoke_look(SLOT_MEMORY, 0), ERR_BAD_ARG, "look at nobody");
    tap_is(exo_revoke_look(guest_slot(), c->n), ERR_BAD_CAP, "look by no capability");
    tap_is(exo_revoke_look(SLOT_CPU, c->n), ERR_NOT_BOUND, "look by another capability");
    tap_is(exo_revoke_guarantee(c->spawned.env, SLOT_MEMORY, 0, 1), ERR_BAD_ARG,
           "guarantee of no kind");
    tap_is(exo_revoke_guarantee(SLOT_CPU, SLOT_MEMORY, REVOKE_FRAMES, 1), ERR_BAD_CAP,
           "for no environment");
    tap_is(exo_revoke_guarantee(c->spawned.env, guest_slot(), REVOKE_FRAMES, 1), ERR_BAD_CAP,
           "by no capability");
    tap_is(exo_revoke_guarantee(copy, SLOT_MEMORY, REVOKE_FRAMES, 1), ERR_NO_RIGHT,
           "by who did not make it");
    tap_is(exo_revoke_guarantee(c->spawned.env, weak, REVOKE_FRAMES, 1), ERR_NO_RIGHT,
           "by a capability without RIGHT_GRANT");
    wait_taken(c, SLOT_MEMORY);
}

/* Without a card or a disk there is none of some kinds; the machine of this test has both. */
static void test_kinds(void)
{
    static const struct row rows[] = {
        {"frames", SLOT_MEMORY, REVOKE_FRAMES, 100, 1},
        {"slices", SLOT_CPU, REVOKE_SLICES, 2, 2},
        {"a filter", SLOT_MEMORY, REVOKE_FILTERS, 1, 1},
        {"a ring", SLOT_MEMORY, REVOKE_RINGS, 1, 1},
        {"a graft", SLOT_MEMORY, REVOKE_GRAFTS, 1, 1},
        {"blocks of the disk", SLOT_DISK, REVOKE_EXTENTS, 10, 1},
        {"interrupt lines", SLOT_IRQ, REVOKE_IRQS, 2, 1},
        {"ports", SLOT_PORTS, REVOKE_PORTS, 1, 1},
    };

    for (uint32_t kind = 1; kind < REVOKE_KIND_COUNT; kind++)
        counts[kind] = held(&children[NEIGHBOUR], kind);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        test_kind(&rows[i]);
}

int main(int argc, char **argv)
{
    static const char *const roles[] = {"polite", "slow", "deaf", "polite"};
    bool started = true;

    if (argc > 1 && (argv[1][0] == 'p' || argv[1][0] == 's' || argv[1][0] == 'd'))
        return revoke_child(argv[1]);
    guest_begin();
    program = KINFO->cpu_count > 1 ? "revoke_smp" : "revoke";
    cpu = KINFO->cpu_count - 1;
    for (uint32_t i = 0; i < CHILDREN; i++)
        started &= start(&children[i], roles[i], i * SLICES);
    tap_ok(started, "three library OSes start, and one beside them");
    tap_ok(lives(&children[NEIGHBOUR]), "which live");
    test_kinds();
    test_late_answer();
    test_errors(&children[POLITE]);
    test_guarantee(&children[NEIGHBOUR]);
    test_everything(&children[DEAF]);
    tap_is(stop(&children[POLITE]), 0, "the polite one ends well, with all it used");
    tap_is(stop(&children[SLOW]), 0, "the slow one ends well");
    tap_is(stop(&children[DEAF]), 0, "the deaf one ends well");
    tap_is(stop(&children[NEIGHBOUR]), 0, "and so does who lived beside them");
    return tap_done();
}
