/* Host tests of the calls on the process: identity, limits, time, futexes, signals, its end. */
#include "tests/host/posix_world.h"

#include "libos-posix/way/way_trampoline.h"

#define HANDLER  0x1234000u
#define RESTORER 0x1235000u
#define SIGTERM  15
#define SIGUSR1  10

static void unknown_calls_are_enosys_and_counted(void **state)
{
    (void)state;
    static const long numbers[] = {156, 174, 336, 425, 428, 440, 100000, -1, INT64_MIN, 0x40000000};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        IS(posix_syscall(numbers[i], 1, 2, 3, 4, 5, 6), -ENOSYS);
    IS(posix_unknown_calls(), sizeof numbers / sizeof numbers[0]);
}

static void the_process_knows_itself(void **state)
{
    (void)state;
    IS(SYS(getpid), 1);
    IS(SYS(gettid), 1);
    IS(SYS(getppid), 0);
    IS(SYS(getpgrp), 1);
    IS(SYS(getpgid, 0), 1);
    IS(SYS(getsid, 2), -ESRCH);
    IS(SYS(setpgid, 0, 1), -EPERM); /* it leads its session */
    IS(SYS(setpgid, 0, 5), -EPERM);
    IS(SYS(setpgid, 5, 5), -ESRCH);
    IS(SYS(setpgid, 0, -1), -EINVAL);
    IS(SYS(getuid) + SYS(geteuid) + SYS(getgid) + SYS(getegid), 0);
    IS(SYS(getgroups, 0, 0), 0);
    IS(SYS(getgroups, -1, 0), -EINVAL);
    IS(SYS(wait4, -1, 0, 0, 0), -ECHILD);
    IS(SYS(wait4, -1, 0, 0x10000, 0), -EINVAL);
    IS(SYS(set_tid_address, world.user), 1);
    IS(SYS(set_robust_list, 0, 24), 0);
    IS(SYS(set_robust_list, 0, 25), -EINVAL);
    IS(SYS(sched_yield), 0);
    IS(SYS(sched_getaffinity, 0, 128, world.user), 8);
    IS(*(uint64_t *)world.user, 3);
    IS(SYS(sched_getaffinity, 0, 4, world.user), -EINVAL);
    IS(SYS(sched_getaffinity, 9, 8, world.user), -ESRCH);
    IS(SYS(sched_getaffinity, 0, 8, world.hole), -EFAULT);
}

static void policies_and_processors_are_kept(void **state)
{
    int32_t *priority = (int32_t *)world.user;
    uint64_t *set = (uint64_t *)(world.user + 64);

    (void)state;
    *priority = 5;
    IS(SYS(sched_setscheduler, 0, 0, priority), -EINVAL);
    IS(SYS(sched_setscheduler, 0, 6, priority), -EINVAL);
    IS(SYS(sched_setscheduler, 0, -1, priority), -EINVAL);
    IS(SYS(sched_setscheduler, 9, 1, priority), -ESRCH);
    IS(SYS(sched_setscheduler, 0, 1, world.hole), -EFAULT);
    IS(SYS(sched_setscheduler, 0, 0x40000002, priority), 0);
    IS(SYS(sched_getscheduler, 0), 0x40000002);
    *priority = 6;
    IS(SYS(sched_setparam, 0, priority), 0);
    *priority = 0;
    IS(SYS(sched_getparam, 0, priority), 0);
    IS(*priority, 6);
    *set = 2;
    IS(SYS(sched_setaffinity, 0, 8, set), 0);
    *set = 4;
    IS(SYS(sched_setaffinity, 0, 8, set), -EINVAL); /* there are two */
    IS(SYS(sched_getaffinity, 0, 8, set), 8);
    IS(*set, 2);
    IS(SYS(setresuid, 1, 1, 1), 0);
    *priority = 7;
    IS(SYS(sched_setparam, 0, priority), -EPERM);
}

static void thread_pointer_and_name_are_kept(void **state)
{
    (void)state;
    IS(SYS(arch_prctl, ARCH_SET_FS, world.user), 0);
    IS(fake.fs_base, (vaddr_t)world.user);
    IS(SYS(arch_prctl, ARCH_GET_FS, world.user), 0);
    IS(*(uint64_t *)world.user, (vaddr_t)world.user);
    IS(SYS(arch_prctl, ARCH_SET_FS, (uint64_t)1 << 63), -EPERM);
    IS(SYS(arch_prctl, ARCH_SET_GS, world.user), -EPERM);
    IS(SYS(arch_prctl, ARCH_GET_FS, world.hole), -EFAULT);
    IS(SYS(arch_prctl, 0x3001), -EINVAL);
    IS(SYS(prctl, PR_SET_NAME, user_text("a name that is too long")), 0);
    IS(SYS(prctl, PR_GET_NAME, world.user), 0);
    assert_string_equal(world.user, "a name that is ");
    IS(SYS(prctl, PR_SET_NAME, world.hole), -EFAULT);
    IS(SYS(prctl, 9999), -EINVAL);
    IS(SYS(prctl, PR_GET_DUMPABLE), 1);
    IS(SYS(prctl, PR_SET_DUMPABLE, 2), -EINVAL);
}

static void limits_can_be_read_and_lowered(void **state)
{
    (void)state;
    struct linux_rlimit *limit = (struct linux_rlimit *)world.user;

    IS(SYS(getrlimit, RLIMIT_STACK, limit), 0);
    IS(limit->current, 8 << 20);
    IS(SYS(getrlimit, RLIMIT_COUNT, limit), -EINVAL);
    IS(SYS(getrlimit, RLIMIT_STACK, world.read_only), -EFAULT);
    limit[0] = (struct linux_rlimit){5, 4};
    IS(SYS(prlimit64, 0, RLIMIT_NOFILE, limit, 0), -EINVAL);
    limit[0] = (struct linux_rlimit){5, 100000};
    IS(SYS(prlimit64, 0, RLIMIT_NOFILE, limit, 0), -EPERM);
    limit[0] = (struct linux_rlimit){5, 6};
    IS(SYS(prlimit64, 1, RLIMIT_NOFILE, limit, limit + 1), 0);
    IS(limit[1].current, DESCRIPTOR_COUNT);
    IS(SYS(prlimit64, 2, RLIMIT_NOFILE, 0, limit), -ESRCH);
    IS(SYS(setrlimit, RLIMIT_NOFILE, 0), -EFAULT);
}

static void the_system_describes_itself(void **state)
{
    (void)state;
    struct linux_utsname *name = (struct linux_utsname *)world.user;
    struct linux_sysinfo *info = (struct linux_sysinfo *)world.user;

    IS(SYS(uname, name), 0);
    assert_string_equal(name->system, "Linux");
    assert_string_equal(name->machine, "x86_64");
    IS(SYS(uname, world.read_only), -EFAULT);
    IS(SYS(sysinfo, info), 0);
    IS(info->uptime, 1);
    IS(info->unit, 1);
    IS(info->total_ram, fake.limit_bytes);
    IS(info->free_ram, fake.limit_bytes - fake.mapped_bytes);
    IS(SYS(sysinfo, world.hole), -EFAULT);
    fake.now_ns = 4000000000;
    IS(SYS(getrusage, 0, world.user), 0);
    IS(((struct linux_rusage *)world.user)->user.seconds, 2);
    IS(SYS(getrusage, 5, world.user), -EINVAL);
    IS(SYS(getrandom, world.user, 1000, 0), 1000);
    IS(SYS(getrandom, world.user, 10, 8), -EINVAL);
    IS(SYS(getrandom, world.user, 10, GRND_RANDOM | GRND_INSECURE), -EINVAL);
    IS(SYS(getrandom, world.hole, 10, 0), -EFAULT);
}

static void clocks_tell_their_times(void **state)
{
    (void)state;
    struct linux_timespec *t = (struct linux_timespec *)world.user;
    struct linux_timeval *v = (struct linux_timeval *)world.user;

    fake.now_ns = 5000000123;
    IS(SYS(clock_gettime, CLOCK_MONOTONIC, t), 0);
    IS(t->seconds, 5);
    IS(t->nanoseconds, 123);
    IS(SYS(clock_gettime, CLOCK_REALTIME, t), 0);
    IS(t->seconds, 1700000005);
    IS(SYS(clock_gettime, CLOCK_PROCESS_CPUTIME_ID, t), 0);
    IS(t->seconds, 2);
    IS(SYS(clock_gettime, 77, t), -EINVAL);
    IS(SYS(clock_gettime, 0, world.hole), -EFAULT);
    IS(SYS(clock_getres, 1, t), 0);
    IS(t->nanoseconds, 1);
    IS(SYS(clock_getres, 1, 0), 0);
    IS(SYS(gettimeofday, v, world.user + 64), 0);
    IS(v->seconds, 1700000005);
    IS(SYS(gettimeofday, world.hole, 0), -EFAULT);
    IS(SYS(time, 0), 1700000005);
    IS(SYS(time, world.hole), -EFAULT);
    IS(SYS(times, world.user), 500);
    IS(((struct linux_tms *)world.user)->user, 250);
}

static void sleeps_end_when_their_time_is_over(void **state)
{
    (void)state;
    struct linux_timespec *t = (struct linux_timespec *)world.user;

    uint64_t before = fake.now_ns;
    *t = (struct linux_timespec){1, 500};
    IS(SYS(nanosleep, t, 0), 0);
    IS(fake.now_ns, before + 1000000500);
    IS(SYS(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, t, 0), 0);
    IS(fake.now_ns, before + 1000000500); /* is in the past */
    *t = (struct linux_timespec){1700000010, 0};
    IS(SYS(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, t, 0), 0);
    IS(fake.now_ns, 10000000000);
    t->nanoseconds = 1000000000;
    IS(SYS(nanosleep, t, 0), -EINVAL);
    t->seconds = -1;
    IS(SYS(nanosleep, t, 0), -EINVAL);
    IS(SYS(nanosleep, world.hole, 0), -EFAULT);
    IS(SYS(clock_nanosleep, 77, 0, t, 0), -EINVAL);
}

static void futexes_never_wait_for_a_thread_that_is_not_there(void **state)
{
    (void)state;
    uint32_t *word = (uint32_t *)world.user;
    struct linux_timespec *t = (struct linux_timespec *)(world.user + 64);

    *word = 5;
    IS(SYS(futex, word, FUTEX_WAKE, 1), 0);
    IS(SYS(futex, word, FUTEX_WAIT, 4, 0), -EAGAIN);
    IS(SYS(futex, word, FUTEX_WAIT | 0x80, 5, 0), -EDEADLK);
    *t = (struct linux_timespec){0, 700};
    uint64_t before = fake.now_ns;
    IS(SYS(futex, word, FUTEX_WAIT, 5, t), -ETIMEDOUT);
    IS(fake.now_ns, before + 700);
    *t = (struct linux_timespec){3, 0};
    IS(SYS(futex, word, FUTEX_WAIT_BITSET, 5, t, 0, -1), -ETIMEDOUT);
    IS(fake.now_ns, 3000000000);
    *t = (struct linux_timespec){1700000004, 0};
    IS(SYS(futex, word, FUTEX_WAIT_BITSET | FUTEX_REALTIME, 5, t, 0, -1), -ETIMEDOUT);
    IS(fake.now_ns, 4000000000);
    IS(SYS(futex, (char *)word + 1, FUTEX_WAKE, 1), -EINVAL);
    IS(SYS(futex, world.hole, FUTEX_WAKE, 1), -EFAULT);
    IS(SYS(futex, world.hole, FUTEX_WAIT, 1), -EFAULT);
    IS(SYS(futex, word, 99, 1), -ENOSYS);
    IS(SYS(futex, word, FUTEX_WAIT, 4, 0, 0x77), -EAGAIN); /* no second address is looked at */
    IS(SYS(futex, word, FUTEX_WAKE, 1, 0, 0x77), 0);
    IS(SYS(futex, word, FUTEX_REQUEUE, 1, 1, (char *)word + 1), -EINVAL);
    IS(SYS(futex, word, FUTEX_CMP_REQUEUE, 1, 1, (char *)word + 1, 5), -EINVAL);
    IS(SYS(futex, word, FUTEX_WAKE_OP, 1, 1, (char *)word + 1, 0), -EINVAL);
}

static void signals_of_oneself_end_the_program(void **state)
{
    (void)state;
    IS(SYS(kill, 1, 0), 0);
    IS(SYS(kill, 2, SIGTERM), -ESRCH);
    IS(SYS(kill, 1, 65), -EINVAL);
    IS(SYS(tkill, 0, SIGTERM), -EINVAL);
    IS(SYS(tkill, 7, SIGTERM), -ESRCH);
    IS(SYS(tgkill, 7, 1, SIGTERM), -ESRCH);
    IS(SYS(tgkill, 0, 1, SIGTERM), -EINVAL);
    IS(SYS(kill, 0, SIGCHLD), 0); /* ignored by default */
    IS(SYS(kill, 0, SIGTSTP), 0); /* nobody could continue it */
    FAKE_EXPECT_EXIT(SYS(tgkill, 1, 1, SIGTERM));
    IS(fake.exit_status, 128 + SIGTERM);
}

static void a_blocked_signal_waits(void **state)
{
    (void)state;
    uint64_t *set = (uint64_t *)world.user;

    *set = (uint64_t)1 << (SIGTERM - 1) | (uint64_t)1 << (SIGKILL - 1);
    IS(SYS(rt_sigprocmask, SIG_BLOCK, set, set + 1, 8), 0);
    IS(set[1], 0);
    IS(SYS(kill, 1, SIGTERM), 0);
    IS(SYS(rt_sigpending, set + 1, 8), 0);
    IS(set[1], (uint64_t)1 << (SIGTERM - 1));
    IS(SYS(rt_sigprocmask, SIG_SETMASK, 0, set + 1, 8), 0);
    IS(set[1], (uint64_t)1 << (SIGTERM - 1)); /* SIGKILL cannot be blocked */
    IS(SYS(rt_sigprocmask, 9, set, 0, 8), -EINVAL);
    IS(SYS(rt_sigprocmask, SIG_BLOCK, set, 0, 4), -EINVAL);
    IS(SYS(rt_sigprocmask, SIG_BLOCK, world.hole, 0, 8), -EFAULT);
    FAKE_EXPECT_EXIT(SYS(rt_sigprocmask, SIG_UNBLOCK, set, 0, 8));
    IS(fake.exit_status, 128 + SIGTERM);
}

static void actions_are_kept(void **state)
{
    (void)state;
    struct linux_sigaction *a = (struct linux_sigaction *)world.user;

    a[0] = (struct linux_sigaction){HANDLER, 4, RESTORER, 7};
    IS(SYS(rt_sigaction, SIGUSR1, a, a + 1, 8), 0);
    IS(a[1].handler, SIG_DFL);
    IS(SYS(rt_sigaction, SIGUSR1, 0, a + 1, 8), 0);
    assert_memory_equal(a, a + 1, sizeof *a);
    IS(SYS(rt_sigaction, SIGKILL, a, 0, 8), -EINVAL);
    IS(SYS(rt_sigaction, SIGKILL, 0, a, 8), 0);
    IS(SYS(rt_sigaction, 0, a, 0, 8), -EINVAL);
    IS(SYS(rt_sigaction, 65, a, 0, 8), -EINVAL);
    IS(SYS(rt_sigaction, SIGUSR1, a, 0, 16), -EINVAL);
    IS(SYS(rt_sigaction, SIGUSR1, world.hole, 0, 8), -EFAULT);

    struct linux_stack *s = (struct linux_stack *)world.user;
    *s = (struct linux_stack){(uint64_t)world.user, 0, 0, 100};
    IS(SYS(sigaltstack, s, 0), -ENOMEM);
    s->bytes = 8192;
    IS(SYS(sigaltstack, s, s + 1), 0);
    IS(s[1].flags, SS_DISABLE);
    s->flags = 8;
    IS(SYS(sigaltstack, s, 0), -EINVAL);
}

/* The registers of a program that calls kill(1, SIGUSR1). */
static struct posix_regs calling_kill(void)
{
    return (struct posix_regs){.rax = NR_kill,
                               .rdi = 1,
                               .rsi = SIGUSR1,
                               .rbx = 77,
                               .rsp = (word_t)world.user + USER_BYTES / 2 + 3,
                               .rip = 0x400000,
                               .rflags = 0x246};
}

static void a_handler_gets_a_frame_and_returns_through_it(void **state)
{
    (void)state;
    struct linux_sigaction *a = (struct linux_sigaction *)world.user;
    *a = (struct linux_sigaction){HANDLER, 0x04000004, RESTORER, 0x800};
    IS(SYS(rt_sigaction, SIGUSR1, a, 0, 8), 0);

    struct posix_regs before = calling_kill(), r = before;
    posix_trampoline(&r, NULL);
    IS(r.rip, HANDLER);
    IS(r.rdi, SIGUSR1);
    IS(r.rsp % 16, 8);
    assert_true(r.rsp + 440 + 128 <= before.rsp); /* below the red zone */
    IS(*(uint64_t *)r.rsp, RESTORER);
    IS(*(int32_t *)r.rsi, SIGUSR1);
    IS(task_current()->blocked, 0x800 | 1 << (SIGUSR1 - 1));

    r.rsp += 8; /* as the handler's return does */
    r.rip = RESTORER;
    r.rax = 15;
    r.rbx = 0;
    posix_trampoline(&r, NULL);
    IS(r.rip, before.rip);
    IS(r.rsp, before.rsp);
    IS(r.rbx, 77);
    IS(r.rax, 0); /* the result of kill */
    IS(r.rflags, before.rflags);
    IS(task_current()->blocked, 0);
}

static void a_frame_may_go_to_the_alternate_stack(void **state)
{
    (void)state;
    struct linux_sigaction *a = (struct linux_sigaction *)world.user;
    struct linux_stack *s = (struct linux_stack *)(world.user + 64);
    *a = (struct linux_sigaction){HANDLER, 0x08000000, RESTORER, 0};
    *s = (struct linux_stack){(uint64_t)world.user + PAGE_SIZE, 0, 0, 4096};
    IS(SYS(rt_sigaction, SIGUSR1, a, 0, 8), 0);
    IS(SYS(sigaltstack, s, 0), 0);

    struct posix_regs r = calling_kill();
    posix_trampoline(&r, NULL);
    assert_in_range(r.rsp, s->base, s->base + s->bytes - 440);
}

static void a_stack_without_room_for_the_frame_ends_the_program(void **state)
{
    (void)state;
    struct linux_sigaction *a = (struct linux_sigaction *)world.user;
    *a = (struct linux_sigaction){HANDLER, 0, RESTORER, 0};
    IS(SYS(rt_sigaction, SIGUSR1, a, 0, 8), 0);
    struct posix_regs r = calling_kill();
    r.rsp = (word_t)world.hole + 100;
    FAKE_EXPECT_EXIT(posix_trampoline(&r, NULL));
    IS(fake.exit_status, 128 + SIGSEGV);
    world_revive();
    r = calling_kill();
    r.rax = 15;
    r.rsp = UINT64_MAX - 7;
    FAKE_EXPECT_EXIT(posix_trampoline(&r, NULL));
    IS(fake.exit_status, 128 + SIGSEGV);
}

static void exit_passes_the_low_byte(void **state)
{
    (void)state;
    FAKE_EXPECT_EXIT(SYS(exit_group, 0x1234));
    IS(fake.exit_status, 0x34);
    world_revive();
    FAKE_EXPECT_EXIT(SYS(exit, 7));
    IS(fake.exit_status, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(unknown_calls_are_enosys_and_counted),
        WORLD_TEST(the_process_knows_itself),
        WORLD_TEST(policies_and_processors_are_kept),
        WORLD_TEST(thread_pointer_and_name_are_kept),
        WORLD_TEST(limits_can_be_read_and_lowered),
        WORLD_TEST(the_system_describes_itself),
        WORLD_TEST(clocks_tell_their_times),
        WORLD_TEST(sleeps_end_when_their_time_is_over),
        WORLD_TEST(futexes_never_wait_for_a_thread_that_is_not_there),
        WORLD_TEST(signals_of_oneself_end_the_program),
        WORLD_TEST(a_blocked_signal_waits),
        WORLD_TEST(actions_are_kept),
        WORLD_TEST(a_handler_gets_a_frame_and_returns_through_it),
        WORLD_TEST(a_frame_may_go_to_the_alternate_stack),
        WORLD_TEST(a_stack_without_room_for_the_frame_ends_the_program),
        WORLD_TEST(exit_passes_the_low_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
