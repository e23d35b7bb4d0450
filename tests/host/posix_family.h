/* What tests of several processes need: a started family, and children that run a function. */
#pragma once

#include "tests/host/posix_world.h"

/* Starts a family; the test goes on as the task of the first process. */
static inline int family_set_up(void **state)
{
    (void)state;
    fake_reset();
    fake.has_keeper = true;
    world_archive();
    IS(posix_start(), 0);
    port_set_self(posix_first_task());
    world_memory();
    return 0;
}

static inline int family_tear_down(void **state)
{
    return world_tear_down(state);
}

#define FAMILY_TEST(f) cmocka_unit_test_setup_teardown(f, family_set_up, family_tear_down)

/* A child that runs `what`, which ends with exit. Its pid. */
static inline int32_t child_start(void (*what)(struct task *))
{
    fake.born = what;
    long pid = SYS(fork);
    assert_true(pid > 1);
    const char *broken = arena_check(arena_get());
    if (broken)
        fail_msg("after fork: %s", broken);
    return (int32_t)pid;
}

/* Waits for it; its status as wait4 gives it. */
static inline int child_wait(int32_t pid)
{
    int32_t *status = (int32_t *)(world.user + 2048);

    IS(SYS(wait4, pid, status, 0, 0), pid);
    const char *broken = arena_check(arena_get());
    if (broken)
        fail_msg("after wait4: %s", broken);
    return *status;
}

#define EXITED(status)  ((status) << 8)
#define STOPPED(number) ((number) << 8 | 0x7f)
#define CONTINUED       0xffff
#define WNOHANG         1
#define WUNTRACED       2
#define WCONTINUED      8

static inline void action_set(unsigned number, uint64_t handler, uint64_t flags)
{
    struct linux_sigaction *a = (struct linux_sigaction *)(world.user + 3072);

    *a = (struct linux_sigaction){.handler = handler, .flags = flags, .restorer = 0x1235000};
    IS(SYS(rt_sigaction, number, a, 0, 8), 0);
}
