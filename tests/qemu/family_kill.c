/* Members of a family that are ended from outside at any moment, while they take memory, copy
 * themselves and end: the keeper makes good what they leave undone. */
#include "libos-posix/family/keeper.h"
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/member.h"
#include "libos-posix/family/space.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/libos.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "tests/qemu/tap.h"

#define ARENA_BYTES ((uint64_t)2 << 20)
#define POOL_FRAMES 2048u
#define MEMORY      ((vaddr_t)0x400000)
#define PAGES       64u
#define RW          (RIGHT_READ | RIGHT_WRITE)
#define WORKERS     4u
#define WARM        5u   /* ended before the counts of what there is begin */
#define SLACK       100u /* frames */

/* In the arena. */
struct common {
    volatile uint64_t turns[MEMBERS_MAX], wrong, forks;
};
#define COMMON ((struct common *)FAMILY_CORE)

static uint32_t kills, told, wanted = 40;
static uint64_t next, seed = 1;
/* Frames that were free at least, by how many environments there were, in each half of the test. */
static uint32_t lowest[2][MEMBERS_MAX];

static uint64_t chance(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
}

static volatile uint64_t *page(uint64_t i)
{
    return (volatile uint64_t *)(MEMORY + i % PAGES * PAGE_SIZE);
}

/* All that changes the pool: first touches, copies, pages hidden and given back. */
static void work(uint64_t turn)
{
    const vaddr_t part = MEMORY + turn % 4 * (PAGES / 4) * PAGE_SIZE;
    enum err e = ERR_OK;
    uint32_t task;

    for (uint64_t i = 0; i < 8; i++)
        *page(turn * 5 + i * 7) = turn;
    if (*page(turn * 5) != turn)
        COMMON->wrong++;
    if (turn % 3 == 0 &&
        (!space_protect(part, PAGE_SIZE, 0) || !space_protect(part, PAGE_SIZE, RW)))
        COMMON->wrong++;
    if (turn % 5 == 0)
        space_discard(part, PAGES / 4 * PAGE_SIZE);
    if (turn % 4 == 0 && member_fork(1, 0, &task, &e) == 0) {
        COMMON->forks++;
        *page(turn * 5) = 0;
        member_end();
    }
}

/* The first process makes the workers, and new ones for those that were ended. */
static void first(void *argument)
{
    enum err e;
    uint32_t task;

    (void)argument;
    member_begin();
    for (;;) {
        if (member_fork(2, 0, &task, &e) == 0) {
            if (!space_map(MEMORY, PAGES * PAGE_SIZE, RW))
                COMMON->wrong++;
            for (uint64_t turn = 0;; turn++) {
                COMMON->turns[member_place()->member]++;
                work(turn);
            }
        }
        member_sleep(FOREVER);
    }
}

/* Workers and their copies; not the first process. */
static uint32_t alive(void)
{
    uint32_t count = 0;

    for (uint32_t m = 1; m < FAMILY->member_count; m++)
        count += FAMILY->members[m].state == MEMBER_ALIVE;
    return count;
}

static void kill_one(void)
{
    const uint32_t count = FAMILY->member_count;
    uint32_t chosen = (uint32_t)chance() % count;

    for (uint32_t i = 0; i < count; i++, chosen = (chosen + 1) % count)
        if (chosen && FAMILY->members[chosen].state == MEMBER_ALIVE &&
            slot_cap(keeper_kept[chosen].env)) {
            exo_cap_delete(keeper_kept[chosen].env);
            kills++;
            return;
        }
}

static void count_free(void)
{
    uint32_t count = 0, now = region_free_count();

    for (uint32_t m = 1; m < MEMBERS_MAX; m++)
        count += slot_cap(keeper_kept[m].env) != NULL;
    uint32_t *low = &lowest[kills > (wanted + WARM) / 2][count % MEMBERS_MAX];
    if (kills >= WARM && (!*low || now < *low))
        *low = now;
}

/* Does the second half need more than the first for any number of environments? */
static bool takes_more(void)
{
    uint32_t compared = 0;

    for (uint32_t m = 0; m < MEMBERS_MAX; m++) {
        if (!lowest[0][m] || !lowest[1][m])
            continue;
        compared++;
        tap_note("%u environments: %u free at least, then %u", m, lowest[0][m], lowest[1][m]);
        if (lowest[1][m] + SLACK < lowest[0][m])
            return true;
    }
    return !compared;
}

static bool step(word_t bits, uint64_t *deadline)
{
    (void)bits;
    if (cpu_ticks() >= next) {
        next = cpu_ticks() + KINFO->tsc_khz * (1 + chance() % 64) / 16;
        if (alive() < WORKERS)
            keeper_wake(1, 1); /* the first process' only task */
        else if (kills < wanted)
            kill_one();
        count_free();
    }
    *deadline = next;
    return kills == wanted && told == wanted;
}

static const char *lost(vaddr_t core)
{
    told += core == 1 || core == 2;
    return NULL;
}

static void check_pool(uint32_t used)
{
    uint32_t left = 0;

    keeper_end();
    for (uint32_t i = 0; i < 100 && !keeper_sweep(); i++)
        exo_yield(SLOT_NONE);
    tap_ok(!frame_list_check(POOL, &left), "the list of frames is sound");
    tap_ok(left <= kills, "one at most is missing for each that was ended");
    tap_ok(POOL->used - used <= left, "and none is thought to be used");
}

int main(int argc, char **argv)
{
    (void)argv;
    wanted = argc > 1 ? 8 : wanted; /* few */
    const struct keeper_work hooks = {.step = step, .lost = lost};
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = keeper_begin(POOL_FRAMES);
    if (e == ERR_OK)
        e = keeper_extend(FAMILY_CORE, ARENA_BYTES);
    const uint32_t used = POOL->used;
    if (e == ERR_OK)
        e = keeper_first(first, NULL, 1);
    tap_is(e, ERR_OK, "a family begins");
    if (e)
        return tap_done();
    next = cpu_ticks();
    const char *broken = keeper_run(&hooks);
    tap_ok(!takes_more(), "kernel objects do not become more");
    tap_ok(!broken && kills == wanted, "it goes on while members are ended from outside");
    tap_is(COMMON->wrong, 0, "who lives has what he wrote");
    tap_ok(COMMON->forks > 0, "and copies himself");
    tap_note("%u ended, %lu copies", kills, COMMON->forks);
    check_pool(used);
    return tap_done();
}
