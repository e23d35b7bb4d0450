/* A family without the core: its keeper makes processes that fork, share an arena, sleep and wake
 * one another; afterwards nothing is missing. */
#include "libos-posix/family/keeper.h"
#include "libos-posix/family/member.h"
#include "libos-posix/family/space.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/string.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define ARENA_BYTES ((uint64_t)2 << 20)
#define POOL_FRAMES 4096u
#define MEMORY      ((vaddr_t)0x400000) /* a program's */
#define COUNTED     16u
#define MEMORY_SIZE ((uint64_t)64 << 12)
#define RW          (RIGHT_READ | RIGHT_WRITE)

/* In the arena. */
struct common {
    uint64_t good[64], count; /* results of checks, by number */
    uint64_t words[64];
    uint32_t task[8];
};
#define COMMON ((struct common *)FAMILY_CORE)

static const char *const checks[] = {
    "the first process sees its own copy of the image",
    "memory is zero when first read",
    "fork returns 1 to the parent",
    "its pages of the image stay bound to be written, for a fault may need any of them",
    "and so do those of the copy",
    "a copy sees what was there",
    "what the copy wrote the parent does not see",
    "what the parent wrote the copy does not see",
    "both see the arena",
    "of a page that the copy has left the parent writes in place",
    "stacks are each its own",
    "many copies one after the other",
    "copies of copies",
    "a task sleeps until it is woken",
    "who is woken before he sleeps does not",
    "a sleep ends at its deadline",
    "memory that may not be touched keeps what it holds",
    "in a copy, too",
    "the arena is shown in the program's memory",
    "in a copy, too, and both see what either writes",
    "what is unmapped is given back",
    "a running program is interrupted",
    "a second thread sees the same memory",
    "and ends alone",
    "a program that begins in kept memory finds zeros where it has memory, and nothing elsewhere",
    "so does one that has left another",
};
enum { CHECKS = sizeof checks / sizeof checks[0] };

static uint32_t many_count = 30;
static uint64_t own = 5;                               /* in the image: each process' own */
static volatile uint8_t pages_of_image[24][PAGE_SIZE]; /* more than a fork copies of a program */

static void check(bool good)
{
    struct common *c = COMMON;

    c->good[c->count++] = good;
}

static void wait_for(volatile uint64_t *word, uint64_t least)
{
    while (*word < least)
        exo_yield(SLOT_NONE);
}

static volatile uint64_t *page(uint32_t i)
{
    return (volatile uint64_t *)(MEMORY + i * PAGE_SIZE);
}

/* Ends the copy, after telling. */
static _Noreturn void tell_and_end(volatile uint64_t *word)
{
    __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
    member_end();
}

/* 1, or 0 in the copy. */
static int fork_now(void)
{
    enum err e = ERR_OK;
    uint32_t task;
    int who = member_fork(1, 0, &task, &e);

    if (who < 0) {
        log_line("# fork: error %d", (int)e);
        member_end();
    }
    return who;
}

/* To make a shared page its writer's own takes it away for a moment: of these none may be. */
static bool image_is_writable(void)
{
    const uint32_t m = member_place()->member;
    uint32_t bound = 0;

    for (vaddr_t va = FAMILY->image_data; va < FAMILY->image_high; va += PAGE_SIZE) {
        const volatile uint64_t *entry = space_entry(m, va);
        if (!entry || !cpu_pte_is_bound(*entry) || !frame_list_has(POOL, cpu_pte_pfn(*entry)))
            continue;
        if (!(*entry & CPU_PTE_WRITE))
            return false;
        bound++;
    }
    return bound >= sizeof pages_of_image / PAGE_SIZE;
}

static void copying(void)
{
    struct common *c = COMMON;
    volatile uint64_t *w = c->words;
    volatile uint64_t local = 3;

    own = 6;
    check(own == 6 && space_map(MEMORY, MEMORY_SIZE, RW));
    check(*page(0) == 0 && *page(33) == 0);
    *page(0) = 11;
    *page(1) = 12;
    for (uint32_t i = 0; i < sizeof pages_of_image / PAGE_SIZE; i++)
        pages_of_image[i][0] = 1;
    int who = fork_now();
    const bool writable = image_is_writable();
    if (who == 0) {
        w[4] = writable;
        w[1] = *page(0) == 11 && *page(1) == 12 && *page(2) == 0 && own == 6 && local == 3;
        *page(0) = 21;
        own = 7;
        local = 4;
        w[0] = 1;
        wait_for(&w[2], 1);
        w[3] = *page(1) == 12 && *page(0) == 21 && own == 7 && local == 4;
        tell_and_end(&w[0]);
    }
    check(who == 1);
    check(writable);
    wait_for(&w[0], 1);
    check(w[4]);
    check(w[1]);
    check(*page(0) == 11 && own == 6);
    *page(1) = 99;
    w[2] = 1;
    wait_for(&w[0], 2);
    check(w[3]);
    check(w[0] == 2);
    while (((volatile struct member *)&FAMILY->members[1])->state == MEMBER_ALIVE)
        exo_yield(SLOT_NONE);
    member_request(REQUEST_MEMORY, 0, 0); /* else its environment keeps it */
    pfn_t before = cpu_pte_pfn(*space_entry(0, MEMORY + 2 * PAGE_SIZE));
    *page(2) = 1;
    check(cpu_pte_pfn(*space_entry(0, MEMORY + 2 * PAGE_SIZE)) == before && *page(1) == 99);
    check(local == 3);
}

static void many(void)
{
    volatile uint64_t *w = COMMON->words;

    for (uint32_t i = 0; i < many_count; i++) {
        w[8] = 0;

        *page(3) = i;
        if (fork_now() == 0) {
            w[9] += *page(3) == i;
            *page(3) = 1000;
            tell_and_end(&w[8]);
        }
        wait_for(&w[8], 1);
    }
    check(w[9] == many_count);
    w[10] = 0;
    uint32_t depth = 0;
    for (; depth < 5 && fork_now() == 0; depth++)
        *page(4) = depth + 1;
    if (depth) {
        w[11] += *page(4) == depth;
        tell_and_end(&w[10]);
    }
    wait_for(&w[10], 5);
    check(w[11] == 5);
}

static void sleeping(void)
{
    struct common *c = COMMON;
    volatile uint64_t *w = c->words;

    w[16] = w[17] = 0;
    c->task[0] = member_place()->task;
    if (fork_now() == 0) {
        c->task[1] = member_place()->task;
        w[16] = 1;
        while (!w[17])
            member_sleep(FOREVER);
        w[18] = 1;
        member_wake(c->task[0]);
        member_end();
    }
    wait_for(&w[16], 1);
    for (uint32_t i = 0; i < 10; i++) /* it sleeps by now */
        exo_yield(SLOT_NONE);
    w[17] = 1;
    member_wake(c->task[1]);
    while (!w[18])
        member_sleep(FOREVER);
    check(w[18] == 1);
    member_wake(member_place()->task);
    member_sleep(FOREVER);
    check(true);
    member_was_woken();
    uint64_t until = cpu_ticks() + KINFO->tsc_khz;
    while (cpu_ticks() < until)
        member_sleep(until);
    check(cpu_ticks() >= until);
}

static void memory(void)
{
    struct common *c = COMMON;
    volatile uint64_t *w = c->words;
    volatile uint64_t *shown = page(40);
    const uint32_t used = POOL->used;

    *page(5) = 55;
    bool good = space_protect(MEMORY + 5 * PAGE_SIZE, PAGE_SIZE, 0);
    w[20] = 0;
    if (fork_now() == 0) {
        w[21] = space_protect(MEMORY + 5 * PAGE_SIZE, PAGE_SIZE, RW) && *page(5) == 55;
        *page(5) = 56;
        tell_and_end(&w[20]);
    }
    wait_for(&w[20], 1);
    check(good && space_protect(MEMORY + 5 * PAGE_SIZE, PAGE_SIZE, RIGHT_READ) && *page(5) == 55);
    check(w[21]);
    good = space_unmap((vaddr_t)shown, PAGE_SIZE) &&
           space_show((vaddr_t)shown, FAMILY_CORE + 4 * PAGE_SIZE, PAGE_SIZE, RW);
    *(volatile uint64_t *)(FAMILY_CORE + 4 * PAGE_SIZE) = 77;
    check(good && *shown == 77);
    w[20] = 0;
    if (fork_now() == 0) {
        w[22] = *shown == 77;
        *shown = 78;
        tell_and_end(&w[20]);
    }
    wait_for(&w[20], 1);
    *(shown + 1) = 79;
    check(w[22] && *shown == 78 && ((uint64_t *)(FAMILY_CORE + 4 * PAGE_SIZE))[1] == 79);
    good = space_unmap(MEMORY, MEMORY_SIZE);
    while (POOL->used >= used) /* what the copies had the keeper gives back, when it is asked to */
        member_request(REQUEST_MEMORY, 0, 0);
    check(space_map(MEMORY, MEMORY_SIZE, RW) && good && *page(5) == 0);
}

/* Where the interrupted code goes on. */
static void escape(void)
{
    tell_and_end(&COMMON->words[24]);
}

static void on_interrupt(struct libos_regs *r)
{
    r->frame.ip = (vaddr_t)escape;
    r->frame.sp = (r->frame.sp & ~(vaddr_t)15) - 8;
}

RAW_BLOB(spin) /* for ever: RAW_DATA ++ */

/* The program of the copy is but a loop. */
static void interrupting(void)
{
    struct common *c = COMMON;
    volatile uint64_t *w = c->words;
    const vaddr_t code = RAW_CODE;
    void (*spin)(void);

    w[24] = 0;
    if (fork_now() == 0) {
        c->task[2] = member_place()->task;
        member_interrupt = on_interrupt;
        memcpy((void *)code, blob_spin, (size_t)(blob_spin_end - blob_spin));
        space_protect(code, PAGE_SIZE, RIGHT_READ | RIGHT_EXEC);
        memcpy(&spin, &code, sizeof spin);
        w[25] = 1;
        spin();
    }
    wait_for(&w[25], 1);
    for (uint32_t i = 0; i < 5; i++)
        exo_yield(SLOT_NONE);
    member_wake(c->task[2]);
    wait_for(&w[24], 1);
    check(true);
}

static void run_thread(void *argument)
{
    volatile uint64_t *w = COMMON->words;

    member_begin();
    w[26] = *page(6) == 66 && *(const uint64_t *)argument == 2;
    *page(6) = 67;
    w[27] = 1;
    member_thread_end();
}

static void threads(void)
{
    const uint64_t data[FAMILY_START_BYTES / 8] __attribute__((aligned(256))) = {2};
    volatile uint64_t *w = COMMON->words;
    uint32_t good = 0, task;

    for (uint32_t i = 0; i < 20; i++) {
        w[26] = w[27] = 0;
        *page(6) = 66;
        good += member_thread(1, run_thread, data, &task) == ERR_OK;
        wait_for(&w[27], 1);
        good += w[26] && *page(6) == 67;
    }
    check(good == 40);
    const volatile struct member *self = &FAMILY->members[member_place()->member];
    while ((self->blocks & ~self->parked) != 1)
        exo_yield(SLOT_NONE);
    check(self->blocks != 1); /* the last ones wait for the next */
}

/* Begins anew in an environment that has kept what others of this kind had. 1, or 0 there. */
static int renew_now(word_t kind)
{
    enum err e = ERR_OK;
    uint32_t task;
    int who = member_fork(1, kind, &task, &e);

    if (who == 0)
        space_renew();
    return who;
}

#define KIND      ((word_t)0x7000)
#define SOMEWHERE ((vaddr_t)0x40000000)

/* Memory here and there; all of it is written to, for who comes next. */
static bool is_new(uint32_t turn)
{
    const volatile uint64_t *entry = NULL;
    bool good = space_map(MEMORY, 24 * PAGE_SIZE, RW) &&
                space_map(SOMEWHERE + turn * 4 * PAGE_SIZE, 4 * PAGE_SIZE, RW);

    space_settle();
    for (uint32_t i = 0; i < 12; i++) {
        const vaddr_t va = SOMEWHERE + i * PAGE_SIZE;
        entry = space_entry(member_place()->member, va);
        if (i / 4 != turn && entry && *entry)
            good = false;
    }
    entry = space_entry(member_place()->member, MEMORY + 30 * PAGE_SIZE);
    if (entry && *entry)
        good = false;
    for (uint32_t i = 0; i < 24; i++) {
        for (uint32_t word = 0; word < PAGE_SIZE / sizeof(uint64_t); word++)
            good = good && page(i)[word] == 0;
        page(i)[i] = page(i)[511] = 77;
    }
    for (uint32_t i = 0; i < 4; i++)
        *(volatile uint64_t *)(SOMEWHERE + (turn * 4 + i) * PAGE_SIZE) += 5;
    return good && *(volatile uint64_t *)(SOMEWHERE + turn * 4 * PAGE_SIZE) == 5;
}

static void beginning_anew(void)
{
    volatile uint64_t *w = COMMON->words;
    uint64_t good = 0;

    for (uint32_t turn = 0; turn < 9; turn++) {
        w[28] = w[29] = 0;
        if (renew_now(KIND) == 0) {
            w[29] = is_new(turn % 3);
            tell_and_end(&w[28]);
        }
        wait_for(&w[28], 1);
        good += w[29];
    }
    check(good == 9);
    good = 0;
    for (uint32_t turn = 0; turn < 6; turn++) {
        w[28] = w[29] = 0;
        *page(30) = 31;
        if (fork_now() == 0) {
            *page(30) = 32; /* which goes with the environment */
            if (renew_now(KIND | FORK_MOVE) != 0)
                member_end();
            w[29] = is_new(turn % 3);
            tell_and_end(&w[28]);
        }
        wait_for(&w[28], 1);
        good += w[29] && *page(30) == 31;
    }
    check(good == 6);
}

/* What a copy costs that ends at once, with the waiting for it. */
static void counting(void)
{
    volatile uint64_t *w = COMMON->words;
    uint64_t begin = 0;

    COMMON->task[0] = member_place()->task;
    for (uint32_t i = 0; many_count > 8 && i < 8 + COUNTED; i++) {
        if (i == 8)
            begin = cpu_ticks();
        w[50] = 0;
        if (fork_now() == 0) {
            w[50] = 1;
            member_wake(COMMON->task[0]);
            member_end();
        }
        while (!w[50])
            member_sleep(FOREVER);
    }
    w[40] = (cpu_ticks() - begin) / COUNTED;
}

static void first(void *argument)
{
    (void)argument;
    member_begin();
    copying();
    many();
    sleeping();
    memory();
    interrupting();
    threads();
    beginning_anew();
    counting();
    member_end();
}

static bool step(word_t bits, uint64_t *deadline)
{
    (void)bits, (void)deadline;
    for (uint32_t m = 0; m < FAMILY->member_count; m++)
        if (FAMILY->members[m].state == MEMBER_ALIVE)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    (void)argv;
    many_count = argc > 1 ? 5 : many_count; /* few */
    const struct keeper_work work = {.step = step};
    enum err e = libos_setup();
    uint32_t lost = 0;

    if (e == ERR_OK)
        e = keeper_begin(POOL_FRAMES);
    if (e == ERR_OK)
        e = keeper_extend(FAMILY_CORE, ARENA_BYTES);
    tap_is(e, ERR_OK, "a keeper begins");
    if (e)
        return tap_done();
    const uint32_t used = POOL->used;
    tap_is(keeper_first(first, NULL, 1), ERR_OK, "and makes a process");
    const char *broken = keeper_run(&work);
    tap_ok(!broken, "the family ends by itself");
    for (uint32_t i = 0; i < CHECKS; i++)
        tap_ok(i < COMMON->count && COMMON->good[i], checks[i]);
    tap_note("a fork, an end: %lu ticks", COMMON->words[40]);
    keeper_end();
    tap_is(POOL->used, used, "all frames are given back");
    tap_ok(!frame_list_check(POOL, &lost) && lost == 0, "and the list of them is sound");
    return tap_done();
}
