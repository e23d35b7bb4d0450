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
#include "tests/host/fuzz_l4.h"

#include "bindings/cap.h"
#include "exo/arch/upward.h"
#include "exo/env/sched.h"

#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS       12u /* when no time is given */
#define STEPS        2000u
#define PATIENCE     60 /* seconds of processor time of a round; only to notice a hang */
#define CONSOLE_LINE 4u
#define CODE         (PARTY_MEMORY + 3 * PAGE_SIZE)

static uint64_t round_seed;
static bool in_round;

/* The sanitizer's look for leaks at the end would call the kernel's sched_yield for the C
 * library's. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static void print_history(void)
{
    if (in_round)
        fuzz_print(round_seed);
    in_round = false;
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
        bool plays = t && t != world.boss && t != fuzz_idler.t && t->env != world.root;
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

static void tell(struct fuzz_event *e, word_t id)
{
    struct thread *t = thread_by_number((uint32_t)(id >> 32));

    if (!t || t->state == THREAD_DEAD)
        return;
    e->state = t->state;
    e->result = thread_regs(t)->rax;
    e->tag = thread_regs(t)->r9;
    e->error = *thread_mr(t, TCR_ERROR);
}

/* The name by which somebody waits for a message of `t`, or nil. */
static word_t who_waits(const struct thread *t)
{
    word_t found = L4_NIL;
    uint32_t seen = 0;

    for (uint32_t n = THREAD_FIRST; n < THREAD_FIRST + 256; n++) {
        const struct thread *p = thread_by_number(n);
        if (!p || p == t || p->state != THREAD_IPC_RECEIVE)
            continue;
        bool reply = L4_IS_REPLY(p->ipc_from) && p->ipc_server == t;
        bool plain = p->ipc_from == L4_ANY || p->ipc_from == t->global_id;
        if ((reply || plain) && rnd(++seen) == 0)
            found = reply ? p->ipc_from : p->global_id;
    }
    return found;
}

static void play_call(struct thread *t)
{
    struct fuzz_event *e = fuzz_note(rarely(2) ? FUZZ_CALL : FUZZ_CALL_SLOW, t);
    const struct x2_call *c = &e->call;
    const word_t id = t->global_id;

    x2_told(&fuzz, thread_regs(t)->rsi);
    fuzz.waits = who_waits(t);
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
    ipc_always_slow = e->what == FUZZ_CALL_SLOW;
    l4_enter(t, c->link);
    tell(e, id);
}

static void play_fault(struct thread *t)
{
    struct fuzz_event *e = fuzz_note(FUZZ_FAULT, t);

    e->a = x2_page(&fuzz) + rnd(PAGE_SIZE);
    e->b = rarely(8) ? 20 : 4 + 2 * rnd(2);
    page_fault(t, e->a, e->b);
}

static void play_exception(struct thread *t)
{
    static const unsigned vectors[] = {VECTOR_DIVIDE, VECTOR_UNDEFINED, VECTOR_PROTECTION};
    struct fuzz_event *e = fuzz_note(FUZZ_EXCEPTION, t);
    struct regs *r = thread_regs(t);

    e->a = vectors[rnd(3)];
    r->vector = e->a;
    r->error = 0;
    r->rip = 0x400120;
    host_trap(r);
    world_check();
}

/* An instruction that accesses ports, one in a piece of code of its own. */
static void play_port(struct thread *t)
{
    static const char *const code[] = {"\xec", "\xee", "\xed", "\xe5\x0a", "\x6c", "\xf3\x6f"};
    struct fuzz_event *e = fuzz_note(FUZZ_PORT, t);
    char *at = space_user(t->env->root, CODE, RIGHT_WRITE);
    struct regs *r = thread_regs(t);

    e->a = fuzz.port + rnd(fuzz.ports);
    e->b = rnd(sizeof code / sizeof code[0]);
    if (!at)
        return;
    strcpy(at, code[e->b]);
    r->rdx = e->a;
    r->rdi = r->rsi = x2_page(&fuzz) + rnd(PAGE_SIZE);
    r->rcx = rnd(4);
    r->rip = CODE;
    r->vector = VECTOR_PROTECTION;
    r->error = 0;
    host_trap(r);
    world_check();
}

static void play_line(void)
{
    struct fuzz_event *e = fuzz_note(FUZZ_LINE, NULL);

    e->a = rnd(IRQ_LINES);
    host.cpu = arch_cpu_number(0);
    if (e->a != CONSOLE_LINE && host.lines[e->a])
        host.lines[e->a]();
    sched_leave();
    world_check();
}

static void play_time(void)
{
    struct fuzz_event *e = fuzz_note(FUZZ_TIME, NULL);

    e->a = rarely(4) ? TICKS_1MS * 20 : rnd(50000);
    host.ticks += e->a;
    for (unsigned i = cpu_count; i-- > 0;) {
        host.cpu = arch_cpu_number(i);
        cpu_timer();
        sched_leave();
    }
    world_check();
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
        if (rarely(4))
            play_line();
        else
            play_time();
        return;
    }
    if (rarely(80)) {
        fuzz_boss();
        return;
    }
    if (!t || fuzz_party[0].e->ended || fuzz_party[1].e->ended) {
        fuzz_restart(fuzz_party[0].e->ended ? 0 : fuzz_party[1].e->ended ? 1 : rnd(2));
        return;
    }
    if (!run(t))
        return;
    if (rarely(12))
        play_fault(t);
    else if (rarely(60))
        play_exception(t);
    else if (rarely(30))
        play_port(t);
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
    const struct itimerval patience = {.it_value.tv_sec = PATIENCE};

    round_seed = rnd_state = from;
    in_round = true;
    signal(SIGVTALRM, hangs);
    setitimer(ITIMER_VIRTUAL, &patience, NULL);
    for (unsigned i = 0; i < 8; i++) /* small seeds are alike at first */
        rnd_word();
    world_begin(state);
    fuzz_begin();
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
