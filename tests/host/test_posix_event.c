/* Host tests of files that are made of events, of locks, FIFOs and shared memory. */
#include "tests/host/posix_family.h"

#include "libos-posix/file/lockf.h"
#include "libos-posix/process/signal.h"

#define EPOLLET      (1u << 31)
#define EPOLLONESHOT (1u << 30)
#define P(text)      user_text(text)

struct __attribute__((packed)) event {
    uint32_t events;
    uint64_t data;
};

static long shared_fd;

static void ctl(long epoll, long what, long fd, uint32_t events, long want)
{
    struct event *e = (struct event *)(world.user + 1024);

    *e = (struct event){events, (uint64_t)fd};
    IS(SYS(epoll_ctl, epoll, what, fd, e), want);
}

static long ready(long epoll, int timeout)
{
    return SYS(epoll_wait, epoll, world.user + 1100, 8, timeout);
}

static uint32_t told(void)
{
    return ((struct event *)(world.user + 1100))->events;
}

static void a_counter_counts(void **state)
{
    uint64_t *value = (uint64_t *)world.user;

    (void)state;
    long fd = SYS(eventfd2, 3, O_NONBLOCK);
    IS(SYS(read, fd, value, 8), 8);
    IS(*value, 3);
    IS(SYS(read, fd, value, 8), -EAGAIN);
    *value = UINT64_MAX - 1;
    IS(SYS(write, fd, value, 8), 8);
    *value = 1;
    IS(SYS(write, fd, value, 8), -EAGAIN);
    *value = UINT64_MAX;
    IS(SYS(write, fd, value, 8), -EINVAL);
    IS(SYS(read, fd, value, 4), -EINVAL);
    fd = SYS(eventfd2, 2, 1 | O_NONBLOCK); /* one by one */
    IS(SYS(read, fd, value, 8), 8);
    IS(*value, 1);
    IS(SYS(read, fd, value, 8), 8);
    IS(SYS(read, fd, value, 8), -EAGAIN);
    IS(SYS(eventfd2, 0, 0x100), -EINVAL);
}

static void child_adds(struct task *t)
{
    uint64_t *value = (uint64_t *)(world.user + 256);

    (void)t;
    *value = 5;
    IS(SYS(write, shared_fd, value, 8), 8);
    SYS(exit_group, 0);
}

static void a_reader_waits_for_the_counter(void **state)
{
    uint64_t *value = (uint64_t *)world.user;

    (void)state;
    shared_fd = SYS(eventfd2, 0, 0);
    int32_t pid = child_start(child_adds);
    IS(SYS(read, shared_fd, value, 8), 8);
    IS(*value, 5);
    IS(child_wait(pid), EXITED(0));
}

static void a_timer_expires_and_repeats(void **state)
{
    int64_t *spec = (int64_t *)world.user;
    uint64_t *times = (uint64_t *)(world.user + 64), before = fake.now_ns;

    (void)state;
    long fd = SYS(timerfd_create, CLOCK_MONOTONIC, 0);
    spec[0] = 0;
    spec[1] = 100;
    spec[2] = 0;
    spec[3] = 250;
    IS(SYS(timerfd_settime, fd, 0, spec, 0), 0);
    IS(SYS(read, fd, times, 8), 8);
    IS(*times, 1);
    IS(fake.now_ns, before + 250);
    fake.now_ns += 350;
    IS(SYS(read, fd, times, 8), 8);
    IS(*times, 3);
    IS(SYS(timerfd_gettime, fd, spec), 0);
    IS(spec[1], 100);
    IS(spec[3], 50);
    spec[3] = 1000000000;
    IS(SYS(timerfd_settime, fd, 0, spec, 0), -EINVAL);
    IS(SYS(timerfd_settime, 0, 0, spec + 4, 0), -EINVAL);
    IS(SYS(timerfd_create, 77, 0), -EINVAL);
}

static void a_timer_follows_the_time_of_day(void **state)
{
    int64_t *spec = (int64_t *)world.user, *now = (int64_t *)(world.user + 100 * 8);
    uint64_t *times = (uint64_t *)(world.user + 64), before = fake.now_ns;

    (void)state;
    IS(SYS(clock_gettime, CLOCK_REALTIME, now), 0);
    const int64_t began = now[0];
    for (long cancel = 0; cancel <= 2; cancel += 2) {
        long fd = SYS(timerfd_create, CLOCK_REALTIME, O_NONBLOCK);
        memset(spec, 0, 32);
        spec[2] = began + 1000 * (1 + cancel);
        IS(SYS(timerfd_settime, fd, 1 | cancel, spec, 0), 0);
        IS(SYS(read, fd, times, 8), -EAGAIN);
        now[0] = began + 1000 * (1 + cancel) - 1;
        now[1] = 0;
        IS(SYS(clock_settime, CLOCK_REALTIME, now), 0);
        IS(SYS(read, fd, times, 8), cancel ? -ECANCELED : -EAGAIN);
        IS(SYS(timerfd_gettime, fd, spec), 0);
        assert_true(spec[2] <= 1 && fake.now_ns - before < 1000000000);
        now[0] += 2;
        IS(SYS(settimeofday, now, 0), 0);
        IS(SYS(read, fd, times, 8), cancel ? -ECANCELED : 8);
        IS(SYS(close, fd), 0);
    }
    now[0] = 0;
    IS(SYS(clock_settime, CLOCK_REALTIME, world.hole), -EFAULT);
    now[1] = 1000000000;
    IS(SYS(clock_settime, CLOCK_REALTIME, now), -EINVAL);
    IS(SYS(clock_settime, CLOCK_MONOTONIC, now), -EINVAL);
    IS(SYS(clock_settime, CLOCK_PROCESS_CPUTIME_ID, now), -EPERM);
    now[0] = began;
    now[1] = 0;
    IS(SYS(setresuid, 1, 1, 1), 0);
    IS(SYS(clock_settime, CLOCK_REALTIME, now), -EPERM);
}

static void signals_can_be_read(void **state)
{
    uint64_t *set = (uint64_t *)world.user;
    uint32_t *record = (uint32_t *)(world.user + 512);

    (void)state;
    *set = signal_bit(SIGALRM);
    IS(SYS(rt_sigprocmask, SIG_BLOCK, set, 0, 8), 0);
    long fd = SYS(signalfd4, -1, set, 8, O_NONBLOCK);
    IS(SYS(read, fd, record, 128), -EAGAIN);
    IS(SYS(kill, 1, SIGALRM), 0);
    IS(SYS(read, fd, record, 127), -EINVAL);
    IS(SYS(read, fd, record, 256), 128);
    IS(record[0], SIGALRM);
    IS(record[3], 1); /* the sender */
    IS(SYS(signalfd4, 0, set, 8, 0), -EINVAL);
}

static void levels_stay_edges_are_told_once(void **state)
{
    int32_t *fd = (int32_t *)world.user;

    (void)state;
    IS(SYS(pipe, fd), 0);
    long in = fd[0], out = fd[1], level = SYS(epoll_create1, 0), edge = SYS(epoll_create1, 0);
    ctl(level, 1, in, POLLIN, 0);
    ctl(level, 1, in, POLLIN, -EEXIST);
    struct linux_timespec *none = (struct linux_timespec *)(world.user + 2000);
    *none = (struct linux_timespec){0, 0};
    IS(SYS(epoll_pwait2, level, world.user + 1100, 8, none, 0), 0);
    none->nanoseconds = -1;
    IS(SYS(epoll_pwait2, level, world.user + 1100, 8, none, 0), -EINVAL);
    IS(SYS(epoll_pwait2, level, world.user + 1100, 8, 0, world.hole, 8), -EFAULT);
    ctl(edge, 1, in, POLLIN | EPOLLET, 0);
    IS(ready(level, 0), 0);
    IS(SYS(write, out, world.user, 1), 1);
    IS(ready(level, 0), 1);
    IS(ready(level, 0), 1);
    IS(told(), POLLIN);
    IS(ready(edge, 0), 1);
    IS(ready(edge, 0), 0);
    IS(SYS(write, out, world.user, 1), 1); /* more came, though it was ready before */
    IS(ready(edge, 0), 1);
    ctl(level, 3, in, POLLIN | EPOLLONESHOT, 0);
    IS(ready(level, 0), 1);
    IS(ready(level, 0), 0);
    ctl(level, 2, in, 0, 0);
    ctl(level, 2, in, 0, -ENOENT);
    uint64_t before = fake.now_ns;
    IS(ready(level, 3), 0);
    IS(fake.now_ns, before + 3000000);
    IS(SYS(close, out), 0);
    IS(ready(edge, 0), 1);
    assert_true(told() & POLLHUP);
    IS(SYS(close, in), 0); /* the set forgets it */
    IS(ready(edge, 0), 0);
}

static void sets_in_sets_have_a_limit(void **state)
{
    (void)state;
    long a = SYS(epoll_create1, 0), b = SYS(epoll_create1, 0), file;
    ctl(a, 1, b, POLLIN, 0);
    ctl(b, 1, a, POLLIN, -ELOOP);
    ctl(a, 1, a, POLLIN, -EINVAL);
    file = SYS(open, P("/etc/text"), O_RDONLY);
    ctl(a, 1, file, POLLIN, -EPERM);
    long event = SYS(eventfd2, 1, 0);
    ctl(b, 1, event, POLLIN, 0);
    IS(ready(a, 0), 1);
    IS(SYS(epoll_wait, file, world.user, 1, 0), -EINVAL);
    IS(SYS(epoll_wait, a, world.user, 0, 0), -EINVAL);
    IS(SYS(epoll_wait, a, world.hole, 1, 0), -EFAULT);
}

static struct linux_flock *lock_at(int16_t type, int64_t start, int64_t bytes)
{
    struct linux_flock *l = (struct linux_flock *)(world.user + 1200);

    *l = (struct linux_flock){.type = type, .start = start, .bytes = bytes};
    return l;
}

static void child_meets_locks(struct task *t)
{
    struct linux_flock *l;

    (void)t;
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_WRLCK, 5, 1)), -EAGAIN);
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_WRLCK, 20, 5)), 0);
    l = lock_at(F_WRLCK, 0, 0);
    IS(SYS(fcntl, shared_fd, F_GETLK, l), 0);
    IS(l->type, F_WRLCK);
    IS(l->start, 0);
    IS(l->bytes, 4);
    IS(l->pid, 1);
    IS(SYS(fcntl, shared_fd, F_SETLKW, lock_at(F_WRLCK, 6, 1)), 0); /* when the parent gives up */
    SYS(exit_group, 4);
}

static void child_waits_for_the_parents(struct task *t)
{
    (void)t;
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_WRLCK, 1, 1)), 0);
    SYS(exit_group, SYS(fcntl, shared_fd, F_SETLKW, lock_at(F_WRLCK, 0, 1)) == 0 ? 5 : 6);
}

static void who_waits_in_a_circle_is_told(void **state)
{
    (void)state;
    shared_fd = SYS(open, P("/etc/text"), O_RDWR);
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_WRLCK, 0, 1)), 0);
    int32_t pid = child_start(child_waits_for_the_parents);
    struct linux_timespec *t = (struct linux_timespec *)world.user;
    *t = (struct linux_timespec){0, 1000};
    IS(SYS(nanosleep, t, 0), 0);
    IS(SYS(fcntl, shared_fd, F_SETLKW, lock_at(F_WRLCK, 1, 1)), -EDEADLK);
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_UNLCK, 0, 1)), 0);
    IS(SYS(fcntl, shared_fd, F_SETLKW, lock_at(F_WRLCK, 1, 1)), 0); /* now it is only a wait */
    IS(child_wait(pid), EXITED(5));
}

static void records_are_cut_and_waited_for(void **state)
{
    (void)state;
    shared_fd = SYS(open, P("/etc/text"), O_RDWR);
    const struct node *n = file_get(process_current(), (word_t)shared_fd)->node;
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_WRLCK, 0, 10)), 0);
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_UNLCK, 4, 1)), 0); /* two are left */
    assert_null(lockf_check(n));
    int32_t pid = child_start(child_meets_locks);
    struct linux_timespec *t = (struct linux_timespec *)world.user;
    *t = (struct linux_timespec){0, 1000};
    IS(SYS(nanosleep, t, 0), 0);
    assert_null(lockf_check(n));
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_WRLCK, 22, 1)), -EAGAIN);
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_UNLCK, 5, 5)), 0);
    IS(child_wait(pid), EXITED(4));
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_WRLCK, 22, 1)), 0); /* the child's went with it */
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(9, 0, 0)), -EINVAL);
    IS(SYS(fcntl, shared_fd, F_SETLK, lock_at(F_WRLCK, -5, 0)), -EINVAL);
    long again = SYS(dup, shared_fd);
    IS(SYS(close, again), 0);
    assert_null(n->locks); /* closing any descriptor of the file gives all up */
}

static void whole_files_are_locked_by_open_files(void **state)
{
    const long shared = 1, exclusive = 2, no_wait = 4, unlock = 8;

    (void)state;
    long a = SYS(open, P("/etc/text"), O_RDONLY), b = SYS(open, P("/etc/text"), O_RDONLY);
    IS(SYS(flock, a, shared), 0);
    IS(SYS(flock, b, shared), 0);
    IS(SYS(flock, b, exclusive | no_wait), -EAGAIN);
    IS(SYS(flock, a, unlock), 0);
    IS(SYS(flock, b, exclusive | no_wait), 0);
    IS(SYS(flock, a, shared | no_wait), -EAGAIN);
    IS(SYS(close, b), 0);
    IS(SYS(flock, a, shared | no_wait), 0);
    IS(SYS(flock, a, 5 | 8), -EINVAL);
}

static void child_writes_to_fifo(struct task *t)
{
    (void)t;
    long fd = SYS(open, P("/fifo"), O_WRONLY);
    IS(SYS(write, fd, P("through"), 7), 7);
    SYS(exit_group, 0);
}

static void a_fifo_joins_those_who_open_it(void **state)
{
    (void)state;
    IS(SYS(mknod, P("/fifo"), S_IFIFO | 0600, 0), 0);
    IS(SYS(mknod, P("/fifo"), S_IFIFO | 0600, 0), -EEXIST);
    IS(SYS(open, P("/fifo"), O_WRONLY | O_NONBLOCK), -ENXIO);
    int32_t pid = child_start(child_writes_to_fifo);
    long fd = SYS(open, P("/fifo"), O_RDONLY);
    IS(SYS(read, fd, world.user, 10), 7);
    assert_memory_equal(world.user, "through", 7);
    IS(SYS(read, fd, world.user, 10), 0);
    IS(child_wait(pid), EXITED(0));
    IS(SYS(lseek, fd, 0, 0), -ESPIPE);
}

static char *shared_memory;

static void whoever_asked_is_told_by_a_signal(void **state)
{
    int32_t *both = (int32_t *)world.user, on = 1;

    (void)state;
    IS(SYS(pipe2, both, O_NONBLOCK), 0);
    const long in = both[0], out = both[1], counter = SYS(eventfd2, 0, 0), own = SYS(getpid);
    uint64_t *blocked = (uint64_t *)(world.user + 512);
    *blocked = signal_bit(SIGIO);
    IS(SYS(rt_sigprocmask, 0, blocked, 0, 8), 0);
    *(int32_t *)(world.user + 64) = on;
    IS(SYS(ioctl, counter, FIOASYNC, world.user + 64), -ENOTTY);
    IS(SYS(ioctl, in, FIOASYNC, 0), -EFAULT);
    IS(SYS(ioctl, in, FIOASYNC, world.user + 64), 0);
    IS(SYS(fcntl, in, F_GETFL, 0) & O_ASYNC, O_ASYNC);
    IS(SYS(write, out, P("x"), 1), 1); /* nobody owns it */
    IS(SYS(rt_sigpending, world.user + 520, 8), 0);
    IS(*(uint64_t *)(world.user + 520), 0);
    IS(SYS(fcntl, in, F_SETOWN, 30000), -ESRCH);
    IS(SYS(fcntl, in, F_SETOWN, -30000), -ESRCH);
    IS(SYS(fcntl, in, F_SETOWN, INT32_MIN), -EINVAL);
    IS(SYS(fcntl, in, F_SETOWN, own), 0);
    IS(SYS(fcntl, in, F_GETOWN, 0), own);
    IS(SYS(write, out, P("x"), 1), 1);
    IS(SYS(rt_sigpending, world.user + 520, 8), 0);
    IS(*(uint64_t *)(world.user + 520), signal_bit(SIGIO));
    IS(SYS(rt_sigtimedwait, blocked, 0, world.user + 600, 8), SIGIO);
    IS(SYS(fcntl, in, F_SETOWN, -SYS(getpgid, 0)), 0);
    IS(SYS(write, out, P("x"), 1), 1);
    IS(SYS(rt_sigtimedwait, blocked, 0, world.user + 600, 8), SIGIO);
    IS(SYS(fcntl, in, F_SETFL, O_NONBLOCK), 0); /* takes O_ASYNC away */
    IS(SYS(write, out, P("x"), 1), 1);
    IS(SYS(fcntl, in, F_SETFL, O_NONBLOCK | O_ASYNC), 0);
    IS(SYS(rt_sigpending, world.user + 520, 8), 0);
    IS(*(uint64_t *)(world.user + 520), 0);
    IS(SYS(close, in), 0);
    IS(SYS(close, out), 0);
    assert_null(arena_get()->asyncs);
}

static void child_changes_memory(struct task *t)
{
    (void)t;
    shared_memory[0] = 'C';
    SYS(exit_group, 0);
}

static void shared_memory_is_the_file_s(void **state)
{
    (void)state;
    long fd = SYS(open, P("/etc/text"), O_RDWR);
    shared_memory = (char *)SYS(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_memory_equal(shared_memory, "one\ntwo", 7);
    shared_memory[1] = 'N';
    IS(SYS(pread64, fd, world.user, 3, 0), 3);
    assert_memory_equal(world.user, "oNe", 3);
    IS(SYS(pwrite64, fd, P("E"), 1, 2), 1);
    IS(shared_memory[2], 'E');
    int32_t pid = child_start(child_changes_memory);
    IS(child_wait(pid), EXITED(0));
    IS(SYS(ftruncate, fd, 0), 0);
    IS(SYS(getrandom, shared_memory, 1, 0), -EFAULT); /* cut while it is seen */
    IS(SYS(ftruncate, fd, 10), 0);
    IS(SYS(getrandom, shared_memory + 9, 1, 0), 1);
    IS(shared_memory[1], 0);
    IS(SYS(mprotect, shared_memory, 4096, PROT_READ), 0);
    IS(SYS(munmap, shared_memory, 4096), 0);
    IS(file_get(process_current(), (word_t)fd)->node->shown, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAMILY_TEST(a_counter_counts),
        FAMILY_TEST(a_reader_waits_for_the_counter),
        FAMILY_TEST(a_timer_expires_and_repeats),
        FAMILY_TEST(a_timer_follows_the_time_of_day),
        FAMILY_TEST(signals_can_be_read),
        FAMILY_TEST(levels_stay_edges_are_told_once),
        FAMILY_TEST(sets_in_sets_have_a_limit),
        FAMILY_TEST(records_are_cut_and_waited_for),
        FAMILY_TEST(who_waits_in_a_circle_is_told),
        FAMILY_TEST(whole_files_are_locked_by_open_files),
        FAMILY_TEST(a_fifo_joins_those_who_open_it),
        FAMILY_TEST(whoever_asked_is_told_by_a_signal),
        FAMILY_TEST(shared_memory_is_the_file_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
