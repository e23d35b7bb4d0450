/* Host tests of who a process acts as, which descriptor is next, transfers at places, odd calls,
 * and /proc. */
#include "tests/host/posix_family.h"

#include <stdio.h>

#include "libos-posix/file/file.h"

#define P(text) user_text(text)

static void a_user_may_only_take_what_it_has(void **state)
{
    uint32_t *ids = (uint32_t *)world.user;

    (void)state;
    IS(SYS(setresuid, 1, 2, 3), 0);
    IS(SYS(getresuid, ids, ids + 1, ids + 2), 0);
    IS(ids[0], 1);
    IS(ids[1], 2);
    IS(ids[2], 3);
    IS(SYS(setuid, 4), -EPERM);
    IS(SYS(setuid, 3), 0);
    IS(SYS(geteuid), 3);
    IS(SYS(getuid), 1);
    IS(SYS(setreuid, -1, 1), 0);
    IS(SYS(setresuid, -1, 7, -1), -EPERM);
    IS(SYS(setgid, 0), 0); /* the group it has */
    IS(SYS(setgid, 9), -EPERM);
    IS(SYS(setgroups, 0, 0), -EPERM);
    IS(SYS(kill, 1, 0), 0);
    IS(SYS(sethostname, P("x"), 1), -EPERM);
}

static void groups_are_kept(void **state)
{
    uint32_t *groups = (uint32_t *)world.user;

    (void)state;
    groups[0] = 5;
    groups[1] = 6;
    IS(SYS(setgroups, 2, groups), 0);
    groups[0] = groups[1] = 0;
    IS(SYS(getgroups, 0, 0), 2);
    IS(SYS(getgroups, 1, groups), -EINVAL);
    IS(SYS(getgroups, 2, groups), 2);
    IS(groups[1], 6);
    IS(SYS(setgroups, GROUPS_MAX + 1, groups), -EINVAL);
}

static void bytes_move_at_places(void **state)
{
    struct linux_iovec *v = (struct linux_iovec *)(world.user + 512);
    uint64_t *at = (uint64_t *)(world.user + 600);

    (void)state;
    long in = SYS(open, P("/etc/text"), O_RDONLY), out = SYS(creat, P("/out"), 0600);
    v[0] = (struct linux_iovec){(uint64_t)world.user, 2};
    v[1] = (struct linux_iovec){(uint64_t)world.user + 10, 2};
    IS(SYS(preadv, in, v, 2, 4), 4);
    assert_memory_equal(world.user, "tw", 2);
    assert_memory_equal(world.user + 10, "o\n", 2);
    IS(SYS(preadv, in, v, 2, -1), -EINVAL);
    IS(SYS(preadv2, in, v, 2, -1, 0, 0), 4);
    assert_memory_equal(world.user, "on", 2);
    IS(SYS(preadv2, in, v, 2, 0, 0, 0x100), -EOPNOTSUPP);
    *at = 8;
    IS(SYS(copy_file_range, in, at, out, 0, 100, 0), 6);
    IS(*at, 14);
    IS(SYS(copy_file_range, in, at, out, 0, 100, 1), -EINVAL);
    IS(SYS(copy_file_range, out, 0, in, 0, 1, 0), -EBADF);
    IS(SYS(fallocate, out, 0, 0, 5000), 0);
    IS(file_get(process_current(), (word_t)out)->node->size, 5000);
    IS(SYS(fallocate, out, 3, 0, 1), -EOPNOTSUPP);
    IS(SYS(fallocate, out, 0, 0, 0), -EINVAL);
}

static void limits_stop_writes(void **state)
{
    struct linux_rlimit *limit = (struct linux_rlimit *)world.user;

    (void)state;
    long fd = SYS(creat, P("/out"), 0600);
    *limit = (struct linux_rlimit){10, 10};
    IS(SYS(setrlimit, RLIMIT_FSIZE, limit), 0);
    action_set(SIGXFSZ, SIG_IGN, 0);
    IS(SYS(write, fd, world.user, 100), 10);
    IS(SYS(write, fd, world.user, 1), -EFBIG);
}

static void descriptors_close_in_ranges(void **state)
{
    (void)state;
    for (long i = 3; i < 8; i++)
        IS(SYS(dup, 0), i);
    IS(SYS(close_range, 5, 6, 0), 0);
    IS(SYS(fcntl, 5, F_GETFD), -EBADF);
    IS(SYS(close_range, 7, UINT32_MAX, 4), 0);
    IS(SYS(fcntl, 7, F_GETFD), FD_CLOEXEC);
    IS(SYS(close_range, 6, 5, 0), -EINVAL);
    IS(SYS(memfd_create, P("name"), 1), 5);
    IS(SYS(write, 5, world.user, 3), 3);
}

static void attributes_are_kept_by_name(void **state)
{
    char *to = world.user;

    (void)state;
    IS(SYS(setxattr, P("/etc/text"), P("user.a"), P("value"), 5, 0), 0);
    IS(SYS(setxattr, P("/etc/text"), P("user.a"), P("v"), 1, 1), -EEXIST);
    IS(SYS(setxattr, P("/etc/text"), P("user.b"), P("v"), 1, 2), -ENODATA);
    IS(SYS(setxattr, P("/etc/text"), P("system.x"), P("v"), 1, 0), -EOPNOTSUPP);
    IS(SYS(setxattr, P("/etc/text"), P("user.b"), world.hole, 5, 0), -EFAULT);
    IS(SYS(getxattr, P("/etc/link"), P("user.a"), to, 10), 5);
    assert_memory_equal(to, "value", 5);
    IS(SYS(getxattr, P("/etc/text"), P("user.a"), to, 4), -ERANGE);
    IS(SYS(getxattr, P("/etc/text"), P("user.a"), 0, 0), 5);
    IS(SYS(lsetxattr, P("/etc/link"), P("user.a"), P("v"), 1, 0), -EPERM);
    IS(SYS(setxattr, P("/etc/text"), P("user.a"), P("new"), 3, 2), 0);
    IS(SYS(setxattr, P("/etc/text"), P("trusted.t"), 0, 0, 0), 0);
    IS(SYS(listxattr, P("/etc/text"), to, 100), 17);
    assert_memory_equal(to, "trusted.t\0user.a", 17);
    IS(SYS(listxattr, P("/etc/text"), to, 16), -ERANGE);
    IS(SYS(removexattr, P("/etc/text"), P("user.a")), 0);
    IS(SYS(removexattr, P("/etc/text"), P("user.a")), -ENODATA);
    IS(SYS(setxattr, P("/missing"), P("user.a"), 0, 0, 0), -ENOENT);
}

static void child_pauses(struct task *t)
{
    (void)t;
    SYS(pause);
    SYS(exit_group, 1);
}

static long read_all(const char *path, char *to)
{
    long fd = SYS(open, P(path), O_RDONLY), n;

    if (fd < 0)
        return fd;
    n = SYS(read, fd, to, 4096);
    to[n] = 0;
    IS(SYS(close, fd), 0);
    return n;
}

static void processes_stand_in_proc(void **state)
{
    char path[64], *to = world.user + PAGE_SIZE;

    (void)state;
    assert_true(read_all("/proc/1/stat", to) > 0);
    uint64_t nodes = arena_get()->node_count;
    int32_t pid = child_start(child_pauses);
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    assert_true(read_all(path, to) > 0);
    assert_int_equal(atoi(to), pid);
    assert_non_null(strstr(to, ") "));
    assert_true(read_all("/proc/self/status", to) > 0);
    assert_non_null(strstr(to, "Pid:\t1\n"));
    IS(SYS(readlink, P("/proc/self"), to, 10), 1);
    IS(SYS(readlink, P("/proc/self/cwd"), to, 10), 1);
    IS(*to, '/');
    IS(SYS(kill, pid, SIGKILL), 0);
    IS(child_wait(pid), SIGKILL);
    IS(read_all(path, to), -ENOENT);
    IS(arena_get()->node_count, nodes); /* all that told of it has gone */
    IS(read_all("/proc/99999999999/stat", to), -ENOENT);
    assert_true(read_all("/proc/1/maps", to) > 0);
}

static void times_are_set_by_older_calls(void **state)
{
    struct linux_stat *s = (struct linux_stat *)world.user;
    int64_t *t = (int64_t *)(world.user + 512);

    (void)state;
    t[0] = 1000;
    t[1] = 2000;
    IS(SYS(utime, user_text("/etc/text"), t), 0);
    IS(SYS(stat, user_text("/etc/text"), s), 0);
    IS(s->atime.seconds, 1000);
    IS(s->mtime.seconds, 2000);
    t[1] = 7; /* microseconds */
    t[2] = 3000;
    t[3] = 999999;
    IS(SYS(utimes, user_text("/etc/text"), t), 0);
    IS(SYS(stat, user_text("/etc/text"), s), 0);
    IS(s->atime.nanoseconds, 7000);
    IS(s->mtime.nanoseconds, 999999000);
    t[3] = 1000000;
    IS(SYS(futimesat, AT_FDCWD, user_text("/etc/text"), t), -EINVAL);
    IS(SYS(futimesat, AT_FDCWD, user_text("/none"), 0), -ENOENT);
    IS(SYS(utimes, 0, 0), -EFAULT);
    IS(SYS(utime, user_text("/etc/text"), world.hole), -EFAULT);
    IS(SYS(utime, user_text("/etc/text"), 0), 0);
}

static void a_process_has_a_clock(void **state)
{
    struct linux_timespec *t = (struct linux_timespec *)world.user;

    (void)state;
    IS(SYS(clock_gettime, ~1 * 8 + 2, t), 0); /* of process 1 */
    IS(SYS(clock_gettime, ~0 * 8 + 2, t), 0);
    IS(SYS(clock_getres, ~1 * 8 + 6, t), 0); /* of thread 1 */
    IS(SYS(clock_gettime, ~2 * 8 + 2, t), -EINVAL);
    IS(SYS(clock_gettime, ~2 * 8 + 6, t), -EINVAL);
    IS(SYS(clock_gettime, ~1 * 8 + 3, t), -EINVAL);
}

static void what_expires_while_a_signal_waits_is_counted(void **state)
{
    struct linux_timespec *t = (struct linux_timespec *)world.user; /* period, first */
    struct linux_siginfo *info = (struct linux_siginfo *)(world.user + 256);
    uint64_t *set = (uint64_t *)(world.user + 128);
    int32_t *id = (int32_t *)(world.user + 160);

    (void)state;
    *set = signal_bit(SIGALRM);
    IS(SYS(rt_sigprocmask, SIG_BLOCK, set, 0, 8), 0);
    IS(SYS(timer_create, CLOCK_MONOTONIC, 0, id), 0);
    t[0] = (struct linux_timespec){0, 50};
    t[1] = (struct linux_timespec){0, 100};
    IS(SYS(timer_settime, *id, 0, t, 0), 0);
    for (unsigned i = 0; i < 3; i++) { /* it expires at 100, 150, 200 and 250 */
        t[2] = (struct linux_timespec){0, i ? 60 : 140};
        IS(SYS(nanosleep, t + 2, 0), 0);
    }
    t[2] = (struct linux_timespec){0, 0};
    IS(SYS(rt_sigtimedwait, set, info, t + 2, 8), SIGALRM);
    IS(info->u.timer.overrun, 3);
    IS(SYS(timer_getoverrun, *id), 3);
    IS(SYS(rt_sigtimedwait, set, info, t + 2, 8), -EAGAIN);
    IS(SYS(timer_delete, *id), 0);
    IS(SYS(timer_getoverrun, *id), -EINVAL);
}

static void a_stack_that_is_given_up_is_forgotten(void **state)
{
    struct linux_stack *s = (struct linux_stack *)world.user;

    (void)state;
    *s = (struct linux_stack){.base = 4096, .flags = SS_DISABLE, .bytes = 8192};
    IS(SYS(sigaltstack, s, 0), 0);
    IS(SYS(sigaltstack, 0, s), 0);
    IS(s->base, 0);
    IS(s->bytes, 0);
    IS(s->flags, SS_DISABLE);
}

static void a_terminals_first_process_is_not_ended_by_signals(void **state)
{
    uint64_t *set = (uint64_t *)world.user;

    (void)state;
    fake.is_terminal = true;
    IS(SYS(kill, 1, SIGKILL), 0);
    IS(SYS(kill, 1, SIGSTOP), 0);
    IS(SYS(tgkill, 1, 1, SIGALRM), 0);
    IS(SYS(kill, 0, SIGINT), 0);
    *set = (uint64_t)1 << (SIGALRM - 1);
    IS(SYS(rt_sigprocmask, SIG_BLOCK, set, 0, 8), 0);
    IS(SYS(kill, 1, SIGALRM), 0);
    IS(SYS(rt_sigpending, set, 8), 0);
    IS(*set, (uint64_t)1 << (SIGALRM - 1)); /* it may be asked for */
}

#define KEPT ((size_t)4 << 20)

static long made(const char *prefix, long number)
{
    char name[32];

    snprintf(name, sizeof name, "%s%ld", prefix, number);
    return SYS(mkdir, P(name), 0700);
}

static void files_leave_memory_to_programs(void **state)
{
    long n, count = 0, fd = SYS(open, P("/big"), O_CREAT | O_RDWR, 0600);

    (void)state;
    fake.limit_bytes = HEAP_KEPT_SHARE * KEPT;
    while ((n = SYS(write, fd, world.user, USER_BYTES)) > 0) {
    }
    IS(n, -ENOSPC);
    for (int i = 0; i < 10000; i++) /* what calls take for themselves does not become files' */
        if (!(n = made("/full", count)))
            count++;
    IS(n, -ENOSPC);
    assert_in_range(fake.limit_bytes - fake.mapped_bytes, KEPT - PORT_CORE_STEP,
                    KEPT + PORT_CORE_STEP);
    for (int i = 0; i < 25; i++)
        IS(SYS(pipe, world.user), 0);
    IS(SYS(close, fd), 0);
    const size_t before = fake.mapped_bytes;
    IS(SYS(unlink, P("/big")), 0);
    for (count = 0; count < 20000; count++) /* from pages that the file has given back */
        IS(made("/again", count), 0);
    IS(fake.mapped_bytes, before);
}

static void the_least_free_descriptor_is_taken(void **state)
{
    enum { COUNT = 40 };
    bool open[COUNT] = {true, true, true};

    (void)state;
    srand(7);
    for (unsigned round = 0; round < 4000; round++) {
        const unsigned fd = 3 + (unsigned)rand() % (COUNT - 3), from = rand() % 2 ? 0 : fd;
        unsigned least = from;
        while (least < COUNT && open[least])
            least++;
        const unsigned what = (unsigned)rand() % 4;
        if (what == 0) {
            IS(SYS(close, fd), open[fd] ? 0 : -EBADF);
            open[fd] = false;
        } else if (what == 1) {
            IS(SYS(dup2, 1, fd), fd);
            open[fd] = true;
        } else if (least < COUNT) {
            IS(SYS(fcntl, 1, F_DUPFD, from), least);
            open[least] = true;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAMILY_TEST(a_user_may_only_take_what_it_has),
        FAMILY_TEST(groups_are_kept),
        FAMILY_TEST(bytes_move_at_places),
        FAMILY_TEST(limits_stop_writes),
        FAMILY_TEST(descriptors_close_in_ranges),
        FAMILY_TEST(attributes_are_kept_by_name),
        FAMILY_TEST(processes_stand_in_proc),
        WORLD_TEST(the_least_free_descriptor_is_taken),
        WORLD_TEST(times_are_set_by_older_calls),
        WORLD_TEST(a_process_has_a_clock),
        WORLD_TEST(what_expires_while_a_signal_waits_is_counted),
        WORLD_TEST(a_stack_that_is_given_up_is_forgotten),
        WORLD_TEST(files_leave_memory_to_programs),
        FAMILY_TEST(a_terminals_first_process_is_not_ended_by_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
