/*
 * Four hostile threads of two spaces, on two CPUs, one space privileged, and whatever threads and
 * spaces they make, play random calls of X.2 (tests/fuzz/x2_call.h), meet page faults and
 * exceptions, and are each other's pagers. Every invariant is tested after each step
 * (kernel_check.c), free memory is poisoned, and in the end nothing may be left.
 *
 *   test_fuzz_l4 [SECONDS [SEED]]   rounds for so long, the first with that seed
 *
 * Each round is a process of its own, so that its seed alone says what happens in it. A failure
 * tells the seed and the last steps.
 */
#include "tests/fuzz/chance.h"
#include "tests/fuzz/x2_call.h"
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/arch/upward.h"
#include "exo/env/sched.h"

#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS      12u /* when no time is given */
#define STEPS       2000u
#define HISTORY     24u
#define PATIENCE    60u /* seconds of a round; only to notice a hang */
#define FIRST       20u /* the boss's slots for parties, 4 each, then these: */
#define MATES       30u
#define PAGES       32u
#define KMEM        34u
#define IDLER       36u /* 4 */
#define KMEM_FRAMES 192u
#define PLAY        ((vaddr_t)0x40000000)

enum what { CALL, CALL_SLOW, FAULT, EXCEPTION, TIME, BOSS_ACT };

struct event {
    enum what what;
    unsigned step, cpu, state; /* of the thread, after it */
    word_t thread, a, b;
    struct x2_call call;
    word_t tag, result, error;
};

static struct event history[HISTORY];
static unsigned events;
static uint64_t round_seed;
static bool in_round;

static struct party party[2], idler; /* the first party is privileged */
static struct thread *player[X2_PLAYERS];
static struct x2_world fuzz = {.cpus = 2,
                               .priorities = 255,
                               .whole = true,
                               .first_new = 200,
                               .pages = PLAY,
                               .kip = 0x80100000,
                               .utcbs = 0x80000000,
                               .code = 0x400000,
                               .code_end = 0x401000,
                               .stack = 0x500000};

/* The sanitizer's look for leaks at the end would call the kernel's sched_yield for the C
 * library's. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static struct event *note(enum what what, const struct thread *t)
{
    struct event *e = &history[events++ % HISTORY];

    *e = (struct event){.what = what, .step = world.step, .thread = t ? t->global_id : 0};
    e->cpu = t ? t->cpu : 0;
    return e;
}

static void print_call(const struct event *e)
{
    static const char *const names[LINK_COUNT] = {"ThreadSwitch",  "SystemClock",
                                                  "Unmap",         "ThreadControl",
                                                  "SpaceControl",  "ExchangeRegisters",
                                                  "Schedule",      "ProcessorControl",
                                                  "MemoryControl", "Ipc",
                                                  "Lipc"};
    const struct x2_regs *r = &e->call.reg;

    printf("%s%s rdi %lx rsi %lx rdx %lx r8 %lx r9 %lx rax %lx rbx %lx r10 %lx r12 %lx r13 %lx\n",
           names[e->call.link], e->what == CALL_SLOW ? " (slow)" : "", r->rdi, r->rsi, r->rdx,
           r->r8, r->r9, r->rax, r->rbx, r->r10, r->r12, r->r13);
    printf("#     ");
    for (unsigned i = 0; i < e->call.count && i < 10; i++)
        printf(" [%d] %lx", e->call.words[i].at, e->call.words[i].value);
    printf(" -> state %u, result %lx, tag %lx, error %lx\n", e->state, e->result, e->tag, e->error);
}

static void print_history(void)
{
    unsigned first = events > HISTORY ? events - HISTORY : 0;

    if (!in_round)
        return;
    in_round = false;
    printf("# seed %lu, step %u; the last steps:\n", round_seed, world.step);
    for (unsigned i = first; i < events; i++) {
        const struct event *e = &history[i % HISTORY];
        printf("# %4u cpu %u thread %lx: ", e->step, e->cpu, e->thread);
        if (e->what <= CALL_SLOW)
            print_call(e);
        else
            printf("%s %lx %lx\n",
                   e->what == FAULT       ? "page fault"
                   : e->what == EXCEPTION ? "exception"
                   : e->what == TIME      ? "time"
                                          : "the boss",
                   e->a, e->b);
    }
    fflush(stdout);
}

/* ---- The world. ---- */

static void place(slot_t thread, uint32_t cpu, uint8_t priority)
{
    OK(BOSS(thread_place, thread, SLOT_CPU, cpu, priority));
}

/* Pages for party `n` to map on: half of what both may have, at both places. */
static void give_pages(unsigned n)
{
    slot_t slot = PAGES + n;

    if (cap_slot(world.root, slot)->kind)
        OK(BOSS(cap_delete, slot));
    if (frame_find(world.base, WORLD_FRAMES, X2_PAGES + 16) == PFN_ANY)
        return;
    pfn_t first = make_frames(slot, X2_PAGES);
    for (unsigned i = 0; i < X2_PAGES; i++) {
        vaddr_t va = PLAY + (i % 2 ? X2_FAR : 0) + i * PAGE_SIZE;
        make_tables(party[n].env, va);
        const struct page_entry e = {va, first + i, RWX};
        put_entries(world.boss, SCRATCH, &e, 1);
        BOSS(page_bind, party[n].env, slot, SCRATCH, 1);
    }
}

static void give_kernel_memory(void)
{
    if (cap_slot(world.root, KMEM)->kind)
        OK(BOSS(cap_delete, KMEM));
    OK(BOSS(cap_copy, SLOT_ENV, KMEM, REGION, RIGHT_ALL, world.base + world.count - KMEM_FRAMES,
            KMEM_FRAMES));
    for (unsigned n = 0; n < 2; n++)
        BOSS(env_kmem, party[n].env, KMEM);
}

static void meet(unsigned i, struct thread *t)
{
    player[i] = t;
    fuzz.global[i] = t->global_id;
    fuzz.local[i] = local_id(t);
    *thread_mr(t, TCR_PAGER) = fuzz.global[rnd(X2_PLAYERS)];
}

static void begin_party(unsigned n)
{
    const slot_t first = FIRST + 4 * n;

    for (slot_t s = first; s < first + 4; s++)
        if (cap_slot(world.root, s)->kind)
            OK(BOSS(cap_delete, s));
    if (cap_slot(world.root, MATES + n)->kind)
        OK(BOSS(cap_delete, MATES + n));
    party_make(&party[n], first);
    struct thread *mate = party_thread(&party[n], MATES + n, 1);
    meet(2 * n, party[n].t);
    meet(2 * n + 1, mate);
    place(party[n].thread, 0, (uint8_t)(1 + rnd(100)));
    place(MATES + n, cpu_count - 1, (uint8_t)(1 + rnd(100)));
    give_pages(n);
}

static void begin(void)
{
    party_make(&idler, IDLER);
    cpu_count = fuzz.cpus = rarely(4) ? 1 : 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    for (unsigned n = 0; n < 2; n++)
        begin_party(n);
    place(idler.thread, cpu_count - 1, 0);
    give_kernel_memory();
    OK(BOSS(env_privilege, party[0].env, SLOT_MACHINE));
}

/* ---- What threads do. ---- */

static bool may_run(const struct thread *t)
{
    return t->state == THREAD_READY || t->state == THREAD_RUNNING;
}

/* Any thread that can run, but for the boss and the idler; or NULL. */
static struct thread *any_ready(void)
{
    struct thread *found = NULL;
    uint32_t seen = 0;

    for (uint32_t n = THREAD_FIRST; n < THREAD_FIRST + 256; n++) {
        struct thread *t = thread_by_number(n);
        bool plays = t && t != world.boss && t != idler.t && t->env != world.root;
        if (plays && may_run(t) && rnd(++seen) == 0)
            found = t;
    }
    return found;
}

/* Gives `t` its CPU; false when something keeps it from running. */
static bool run(struct thread *t)
{
    host.cpu = arch_cpu_number(t->cpu);
    struct cpu *c = cpu_this();

    if (c->current != t || t->state != THREAD_RUNNING) {
        sched_yield();
        sched_handoff(t);
        sched_leave();
        host_tlb_fill(c->number);
    }
    return c->current == t && t->state == THREAD_RUNNING;
}

static void tell(struct event *e, word_t id)
{
    struct thread *t = thread_by_number((uint32_t)(id >> 32));

    if (!t || t->state == THREAD_DEAD)
        return;
    e->state = t->state;
    e->result = thread_regs(t)->rax;
    e->tag = thread_regs(t)->r9;
    e->error = *thread_mr(t, TCR_ERROR);
}

static void play_call(struct thread *t)
{
    struct event *e = note(rarely(2) ? CALL : CALL_SLOW, t);
    const struct x2_call *c = &e->call;
    const word_t id = t->global_id;

    x2_choose(&e->call, &fuzz);
    for (unsigned i = 0; i < c->count; i++)
        *thread_mr(t, c->words[i].at) = c->words[i].value;
    struct regs *r = thread_regs(t);
    r->rax = c->reg.rax;
    r->rbx = c->reg.rbx;
    r->rcx = c->reg.rcx;
    r->rdx = c->reg.rdx;
    r->rsi = c->reg.rsi;
    r->rdi = c->reg.rdi;
    r->r8 = c->reg.r8;
    r->r9 = c->reg.r9;
    r->r10 = c->reg.r10;
    r->r11 = c->reg.r11;
    r->r12 = c->reg.r12;
    r->r13 = c->reg.r13;
    r->r14 = c->reg.r14;
    r->r15 = c->reg.r15;
    ipc_always_slow = e->what == CALL_SLOW;
    l4_enter(t, c->link);
    tell(e, id);
}

static void play_fault(struct thread *t)
{
    struct event *e = note(FAULT, t);

    e->a = x2_page(&fuzz) + rnd(PAGE_SIZE);
    e->b = rarely(8) ? 20 : 4 + 2 * rnd(2);
    page_fault(t, e->a, e->b);
}

static void play_exception(struct thread *t)
{
    static const unsigned vectors[] = {VECTOR_DIVIDE, VECTOR_UNDEFINED, VECTOR_PROTECTION};
    struct event *e = note(EXCEPTION, t);
    struct regs *r = thread_regs(t);

    e->a = vectors[rnd(3)];
    r->vector = e->a;
    r->error = 0;
    r->rip = 0x400120;
    host_trap(r);
    world_check();
}

static void play_time(void)
{
    struct event *e = note(TIME, NULL);

    e->a = rarely(4) ? TICKS_1MS * 20 : rnd(50000);
    host.ticks += e->a;
    for (unsigned i = cpu_count; i-- > 0;) {
        host.cpu = arch_cpu_number(i);
        cpu_timer();
        sched_leave();
    }
    world_check();
}

/* ---- What the boss does: capabilities of what the players have come and go. ---- */

static void restart(unsigned n)
{
    const bool ended = party[n].e->ended;

    note(BOSS_ACT, NULL)->a = ended;
    if (ended) {
        begin_party(n);
        BOSS(env_kmem, party[n].env, KMEM);
        if (n == 0)
            OK(BOSS(env_privilege, party[0].env, SLOT_MACHINE));
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        slot_t slot = i ? MATES + n : party[n].thread;
        struct thread *t = player[2 * n + i];
        BOSS(thread_stop, slot);
        BOSS(thread_start, slot, 0x400000, 0x500000, 0);
        fuzz.global[2 * n + i] = t->global_id; /* another version, perhaps */
    }
}

static void play_boss(void)
{
    struct event *e = note(BOSS_ACT, NULL);

    e->a = 10 + rnd(4);
    switch (e->a) {
    case 10:
        give_kernel_memory();
        break;
    case 11:
        give_pages(rnd(2));
        break;
    case 12:
        BOSS(cap_revoke, PAGES + rnd(2));
        break;
    default:
        restart(rnd(2));
    }
}

/* Whoever runs is in user mode until its next step, where another CPU's mail interrupts it. */
static void leave_kernel(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct thread *t = cpu_number(i)->current;
        if (t && t->state == THREAD_RUNNING)
            thread_regs(t)->vector = VECTOR_MAILBOX;
    }
}

static void step(void)
{
    struct thread *t = any_ready();

    leave_kernel();

    if (rarely(12) || (!t && !rarely(4))) {
        play_time();
        return;
    }
    if (rarely(150)) {
        play_boss();
        return;
    }
    if (!t || party[0].e->ended || party[1].e->ended) {
        restart(party[0].e->ended ? 0 : party[1].e->ended ? 1 : rnd(2));
        return;
    }
    if (!run(t))
        return;
    if (rarely(12))
        play_fault(t);
    else if (rarely(60))
        play_exception(t);
    else
        play_call(t);
}

static void hangs(int signal)
{
    (void)signal;
    print_history();
    abort();
}

/* One round: a world, its steps, and nothing that stays. Does not return. */
static void play(uint64_t from, void **state)
{
    round_seed = rnd_state = from;
    in_round = true;
    signal(SIGALRM, hangs);
    alarm(PATIENCE);
    for (unsigned i = 0; i < 8; i++) /* small seeds are alike at first */
        rnd_word();
    world_begin(state);
    begin();
    for (world.step = 0; world.step < STEPS; world.step++)
        step();
    cap_slot(world.root, SLOT_CPU)->count = 1;
    world_end(state);
    in_round = false;
    _exit(0);
}

/* ---- Rounds. ---- */

static uint64_t seconds, first_seed = 1;

static bool is_over(uint64_t rounds, time_t began)
{
    return seconds ? (uint64_t)(time(NULL) - began) >= seconds : rounds >= ROUNDS;
}

static void no_call_of_x2_breaks_an_invariant_or_leaks(void **state)
{
    const time_t began = time(NULL);
    uint64_t rounds = 0;
    int status = 0;

    for (; !is_over(rounds, began) && status == 0; rounds++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            play(first_seed + rounds, state);
        assert_true(child > 0 && waitpid(child, &status, 0) == child);
        if (seconds && rounds % 256 == 255)
            printf("# %lu rounds of %u steps, %lu s\n", rounds + 1, STEPS,
                   (uint64_t)(time(NULL) - began));
    }
    printf("# %lu rounds of %u steps, seeds from %lu on\n", rounds, STEPS, first_seed);
    if (status)
        fail_msg("the round of seed %lu failed", first_seed + rounds - 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_of_x2_breaks_an_invariant_or_leaks),
    };

    seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    first_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    __sanitizer_set_death_callback(print_history);
    int failed = cmocka_run_group_tests_name("l4core, random calls", tests, NULL, NULL);
    print_history();
    return failed;
}
