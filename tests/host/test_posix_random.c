/* Host test: any call with any arguments answers, and leaves sound structures. The sanitizers and
 * the fake platform's own checks see what goes wrong on the way. */
#include "tests/host/posix_world.h"

#define ROUNDS 60000u

static const struct {
    long number;
    const char *name;
} calls[] = {
#define CALL(number, name, arguments) {(number), #name},
#include "libos-posix/calls/calls.def"
#undef CALL
};

static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static const char *const paths[] = {"/etc",      "/etc/text",    "etc/link", "/etc/loop",
                                    "/a",        "/a/b",         "a/b/c",    "/tmp",
                                    "/dev/zero", "..",           ".",        "/dev/tty",
                                    "/a/./b/",   "/proc/mounts", "",         "/dev/stdin"};

/* Arguments of the kinds that calls want, and of kinds that they do not. */
static long argument(void)
{
    switch (random_next() % 10) {
    case 0:
        return (long)random_next();
    case 1:
        return (long)(random_next() % 4096);
    case 2:
        return AT_FDCWD;
    case 3:
        return (long)world.user + (long)(random_next() % (USER_BYTES + 2 * PAGE_SIZE));
    case 4:
        return (long)world.user + (long)(random_next() % 16 * PAGE_SIZE);
    case 5:
    case 6:
        return (long)user_text(paths[random_next() % (sizeof paths / sizeof paths[0])]);
    case 7:
        return (long)((1ul << random_next() % 64) - random_next() % 2);
    default:
        return (long)(random_next() % 12);
    }
}

/* Calls that end the program by right, or that take its memory away from under this test. */
static bool is_left_out(long number)
{
    switch (number) {
    case NR_exit:
    case NR_exit_group:
    case NR_kill:
    case NR_tkill:
    case NR_tgkill:
    case NR_rt_sigqueueinfo:
    case NR_rt_tgsigqueueinfo:
    case NR_pidfd_send_signal:
    case NR_mq_notify:
    case NR_alarm: /* the default of its signal ends the process */
    case NR_setitimer:
    case NR_timer_settime:
    case NR_setrlimit:
    case NR_prlimit64:
    case NR_munmap:
    case NR_mremap:
    case NR_madvise:
    case NR_mprotect:
    case NR_rt_sigaction: /* SIGPIPE stays ignored */
        return true;
    default:
        return false;
    }
}

/* Waiting without an end is right for some arguments; this clock ends it. */
static bool may_wait_for_ever(long number)
{
    return number == NR_poll || number == NR_ppoll || number == NR_select ||
           number == NR_pselect6 || number == NR_nanosleep || number == NR_clock_nanosleep ||
           number == NR_futex || number == NR_rt_sigsuspend || number == NR_pause ||
           number == NR_rt_sigtimedwait;
}

static void any_call_with_any_arguments_answers(void **state)
{
    struct process *p = process_current();

    (void)state;
    random_state = 88172645463325252u;
    p->action[SIGPIPE - 1].handler = SIG_IGN;
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t i = random_next() % (sizeof calls / sizeof calls[0]);
        long a[6];
        for (int k = 0; k < 6; k++)
            a[k] = argument();
        if (is_left_out(calls[i].number) || may_wait_for_ever(calls[i].number))
            continue;
        if (calls[i].number == NR_mmap)
            a[3] &= ~(long)MAP_FIXED;
        if (calls[i].number == NR_shmat)
            a[2] &= ~040000L; /* SHM_REMAP */
        fake.input = "input";
        long result = posix_syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (result < 0 && result > -4096)
            assert_true(-result <= ETIMEDOUT);
        if (round % 64)
            continue;
        const char *broken = arena_check(arena_get());
        if (broken)
            fail_msg("after %s: %s", calls[i].name, broken);
    }
}

/* The same for the calls on memory, in a part of the map range where nothing of the test lies. */
static void memory_calls_keep_the_areas_sound(void **state)
{
    static const long numbers[] = {NR_mmap, NR_munmap, NR_mprotect, NR_mremap, NR_madvise};
    const long low = (long)FAKE_MAP_LOW;
    struct process *p = process_current();

    (void)state;
    random_state = 1234567;
    for (unsigned round = 0; round < ROUNDS; round++) {
        long number = numbers[random_next() % 5];
        long at = low + (long)(random_next() % 64 * PAGE_SIZE);
        long bytes = (long)(random_next() % (20 * PAGE_SIZE));
        if (number == NR_mmap)
            posix_syscall(number, at, bytes, (long)(random_next() % 8),
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        else if (number == NR_mremap)
            posix_syscall(number, at, bytes, (long)(random_next() % (8 * PAGE_SIZE)), 0, 0, 0);
        else
            posix_syscall(number, at, bytes, (long)(random_next() % 8), 0, 0, 0);
        const char *broken = area_check(p);
        if (broken)
            fail_msg("round %u, call %ld: %s", round, number, broken);
    }
    IS(SYS(munmap, low, 100 * PAGE_SIZE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(any_call_with_any_arguments_answers),
        WORLD_TEST(memory_calls_keep_the_areas_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
