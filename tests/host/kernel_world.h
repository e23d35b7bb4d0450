/*
 * A world for tests of the kernel: the simulated machine, booted as the real one is up to sigma0,
 * whose thread (`world.boss`) makes everything else through calls. Each test begins with the same
 * world, and what it made is gone afterwards: world_end fails the test that leaked a frame.
 *
 * After each call every invariant of the kernel is tested (bindings/check.c, kernel_check.c).
 * Memory of free frames is poisoned for AddressSanitizer, so that the kernel cannot touch an object
 * that has gone.
 */
#pragma once

#include "tests/host/host.h"

#include "exo/abi/batch.h"
#include "exo/abi/boot.h"
#include "exo/abi/cap.h"
#include "exo/abi/error.h"
#include "exo/abi/kinfo.h"
#include "exo/abi/syscall.h"
#include "exo/arch/upward.h"
#include "exo/abi/utcb.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

#define WORLD_FRAMES 2048u
#define REGION       SLOT_FREE   /* boss's slot: what a test may make things from     */
#define SCRATCH      START_STACK /* boss's memory, for what calls read; 15 pages      */
#define BLOCKED      (-1)        /* world_call: the caller waits, or is no more       */
#define RWX          (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)
#define RW           (RIGHT_READ | RIGHT_WRITE)

struct world {
    struct env *root;    /* sigma0                                                           */
    struct thread *boss; /* its thread, of the highest priority                              */
    pfn_t base;          /* the frames of REGION                                             */
    uint32_t count;
    word_t result;    /* of the last call: its rdx                                        */
    unsigned entries; /* times that the last call was entered: more than 1 is CALL_AGAIN  */
    unsigned step;    /* for tests that count: named by a failure                        */
};
extern struct world world;

int world_begin(void **state);
int world_end(void **state);

/* A test with its own world. */
#define WORLD_TEST(function) cmocka_unit_test_setup_teardown(function, world_begin, world_end)

/* Makes `t`, which can run, the running thread of its CPU; host.cpu is that CPU afterwards. */
void world_run(struct thread *t);

/* The same; false: it had something left to do in the kernel, and waits for something now. */
bool world_try(struct thread *t);

/* Entries into the kernel for `t`'s environment on its CPU. */
uint64_t world_entries(const struct thread *t);

/* `t` makes an exokernel call through the trap, and again while the kernel wants it so. Returns the
 * error, or BLOCKED. */
int world_call(struct thread *t, word_t number, const word_t reg[SYS_MAX_ARGS]);

/* The same, but entered once only: returns BLOCKED too when it is to be entered again. */
int world_enter(struct thread *t, word_t number, const word_t reg[SYS_MAX_ARGS]);

#define CALL(thread, name, ...)                                                                    \
    world_call((thread), SYS_##name, (const word_t[SYS_MAX_ARGS]){__VA_ARGS__})
#define BOSS(name, ...) CALL(world.boss, name, __VA_ARGS__)
#define OK(call)        assert_int_equal((call), ERR_OK)

/* A test that is run twice: the fast way where it is open, and the general way alone. */
#define TEST_BOTH_WAYS(f, set_up)                                                                  \
    cmocka_unit_test_setup_teardown(f, set_up, world_end),                                         \
    {                                                                                              \
#f ", the general way", f, set_up##_slow, world_end, NULL                                  \
    }
#define SET_UP_SLOW(set_up)                                                                        \
    static int set_up##_slow(void **state)                                                         \
    {                                                                                              \
        set_up(state);                                                                             \
        host.slow = true;                                                                          \
        return 0;                                                                                  \
    }

/* The call `number` (below 256) of the current thread, as the trap makes it; not counted. */
struct reply world_dispatch(word_t number, const word_t reg[SYS_MAX_ARGS]);

/* The call, made straight, returns `error` and has changed nothing in the kernel. */
#define REFUSED(error, thread, name, ...)                                                          \
    world_refused(__FILE__, __LINE__, (error), (thread), SYS_##name,                               \
                  (const word_t[SYS_MAX_ARGS]){__VA_ARGS__})
void world_refused(const char *file, int line, int error, struct thread *t, word_t number,
                   const word_t reg[SYS_MAX_ARGS]);

/* Remembers all of memory and the CPUs; true when they are still the same. */
void world_remember(void);
bool world_is_same(void);

/* NULL, or a sentence that names a broken invariant. */
const char *world_broken(void);
void world_check(void);

/* Free frames of the machine. */
uint32_t world_free(void);

/* Made by the boss, from REGION; a call that fails fails the test. */
struct env *make_env(slot_t slot);
pfn_t make_frames(slot_t slot, uint32_t count);
void make_tables(slot_t env, vaddr_t va); /* those that are missing for `va` */
void bind_page(slot_t env, slot_t frames, pfn_t pfn, vaddr_t va, rights_t rights);
struct thread *make_thread(slot_t env, slot_t dst, vaddr_t utcb);

/* An env with a started thread, 4 pages and a capability for itself in its SLOT_ENV. Takes four of
 * the boss's slots. */
struct party {
    slot_t env, thread, frames, spare;
    struct env *e;
    struct thread *t;
    pfn_t pfn; /* of its UTCB, then of its pages */
};
#define PARTY_UTCB   ((vaddr_t)0x10000000)
#define PARTY_MEMORY ((vaddr_t)0x10001000) /* 4 pages, read-write */
#define PARTY_PAGES  4u
void party_make(struct party *p, slot_t first);

/* A further thread in the party's env, started; its UTCB is page `page` (1 to 4) of its memory. */
struct thread *party_thread(const struct party *p, slot_t dst, unsigned page);

/* The boss's slot of the range of I/O ports that has `port`. */
slot_t ports_of(uint32_t port);

/* Copies `src` of the boss into an env's table. */
void give(slot_t env, slot_t dst, slot_t src, rights_t rights);

/* What `t` may write at `va`. */
void *memory_of(const struct thread *t, vaddr_t va);

/* Entries for a batch call, in the memory of `t` at `va`. */
void put_entries(const struct thread *t, vaddr_t va, const struct page_entry *e, uint32_t count);

/* The page-table entry for `va`. */
pte_t *entry_of(const struct env *e, vaddr_t va);
