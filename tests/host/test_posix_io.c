/* Host tests of the calls on descriptors: data, positions, duplicates, devices, pipes, waiting. */
#include "tests/host/posix_world.h"

#include "libos-posix/file/cpio.h"

#define P(text) user_text(text)

static void reading_moves_the_position(void **state)
{
    (void)state;
    long fd = SYS(open, P("/etc/text"), O_RDONLY);

    IS(SYS(read, fd, world.user, 4), 4);
    assert_memory_equal(world.user, "one\n", 4);
    IS(SYS(pread64, fd, world.user, 3, 8), 3);
    assert_memory_equal(world.user, "thr", 3);
    IS(SYS(read, fd, world.user, 100), 10);
    IS(SYS(read, fd, world.user, 100), 0);
    IS(SYS(lseek, fd, -6, SEEK_END), 8);
    IS(SYS(lseek, fd, -2, SEEK_CUR), 6);
    IS(SYS(lseek, fd, 5, SEEK_DATA), 5);
    IS(SYS(lseek, fd, 5, SEEK_HOLE), 14);
    IS(SYS(lseek, fd, 14, SEEK_DATA), -ENXIO);
    IS(SYS(lseek, fd, -1, SEEK_SET), -EINVAL);
    IS(SYS(lseek, fd, 0, 9), -EINVAL);
    IS(SYS(lseek, 1, 0, SEEK_SET), -ESPIPE);
    IS(SYS(pread64, fd, world.user, 3, -1), -EINVAL);
    IS(SYS(pread64, 0, world.user, 3, 0), -ESPIPE);
}

static void wrong_descriptors_and_modes_are_refused(void **state)
{
    (void)state;
    long in = SYS(open, P("/etc/text"), O_RDONLY), out = SYS(open, P("/new"), O_CREAT | O_WRONLY);
    long path = SYS(open, P("/etc/text"), O_PATH);

    IS(SYS(read, out, world.user, 1), -EBADF);
    IS(SYS(write, in, world.user, 1), -EBADF);
    IS(SYS(read, path, world.user, 1), -EBADF);
    IS(SYS(read, 99, world.user, 1), -EBADF);
    IS(SYS(read, -1, world.user, 1), -EBADF);
    IS(SYS(read, 1u << 31, world.user, 1), -EBADF);
    IS(SYS(close, 99), -EBADF);
    IS(SYS(ftruncate, in, 0), -EINVAL);
    IS(SYS(ftruncate, path, 0), -EBADF);
    IS(SYS(fsync, 1), -EINVAL);
    IS(SYS(fsync, out), 0);
    IS(SYS(fdatasync, 99), -EBADF);
    IS(SYS(lseek, path, 0, SEEK_SET), -EBADF);
}

static void bad_memory_is_efault_and_half_good_memory_a_short_count(void **state)
{
    (void)state;
    long in = SYS(open, P("/etc/text"), O_RDONLY), out = SYS(open, P("/new"), O_CREAT | O_RDWR);

    IS(SYS(read, in, world.hole, 4), -EFAULT);
    IS(SYS(read, in, world.read_only, 4), -EFAULT);
    IS(SYS(read, in, (vaddr_t)-8, 4), -EFAULT);
    IS(SYS(read, in, world.user + USER_BYTES - 5, 14), 5);
    IS(SYS(write, out, world.hole, 4), -EFAULT);
    IS(SYS(write, out, world.hole - 5, 14), 5);
    IS(SYS(write, 1, world.hole, 4), -EFAULT);
    IS(SYS(read, in, world.hole, 0), 0);

    struct linux_iovec *v = (struct linux_iovec *)world.user;
    v[0] = (struct linux_iovec){(uint64_t)world.user + 512, 4};
    v[1] = (struct linux_iovec){(uint64_t)world.hole, 4};
    SYS(lseek, in, 0, SEEK_SET);
    IS(SYS(readv, in, v, 2), 4);
    IS(SYS(readv, in, world.hole, 1), -EFAULT);
    IS(SYS(readv, in, v, 1025), -EINVAL);
    IS(SYS(readv, in, v, -1), -EINVAL);
    IS(SYS(readv, in, v, 0), 0);
    v[0].bytes = (uint64_t)1 << 63;
    IS(SYS(readv, in, v, 1), -EINVAL);
}

static void vectors_are_filled_in_order(void **state)
{
    (void)state;
    struct linux_iovec *v = (struct linux_iovec *)world.user;
    char *data = world.user + 512;
    long fd = SYS(open, P("/etc/text"), O_RDONLY);

    v[0] = (struct linux_iovec){(uint64_t)data, 2};
    v[1] = (struct linux_iovec){0, 0};
    v[2] = (struct linux_iovec){(uint64_t)data + 10, 100};
    IS(SYS(readv, fd, v, 3), 14);
    assert_memory_equal(data, "on", 2);
    assert_memory_equal(data + 10, "e\ntwo\nthree\n", 12);
    v[2].bytes = 3;
    IS(SYS(writev, 1, v, 3), 5);
    assert_memory_equal(fake.output, "one\nt", 5);
}

static void writing_copies_archive_pages_only_where_needed(void **state)
{
    struct cpio_entry stored;

    (void)state;
    long fd = SYS(open, P("/etc/text"), O_RDWR);
    IS(SYS(pwrite64, fd, P("TWO"), 3, 4), 3);
    IS(process_current()->arena->page_count, 1);
    IS(SYS(read, fd, world.user, 100), 14);
    assert_memory_equal(world.user, "one\nTWO\nthree\n", 14);
    assert_true(cpio_find(fake.archive, fake.archive_bytes, "etc/text", &stored));
    assert_memory_equal(stored.data, "one\ntwo\nthree\n", 14);
}

static void holes_and_cut_bytes_read_as_zero(void **state)
{
    static const char zeros[64];

    (void)state;
    long fd = SYS(open, P("/etc/text"), O_RDWR);
    IS(SYS(ftruncate, fd, 5), 0);
    IS(SYS(ftruncate, fd, 3 * PAGE_SIZE), 0);
    IS(SYS(pread64, fd, world.user, 64, 0), 64);
    assert_memory_equal(world.user, "one\nt", 5);
    assert_memory_equal(world.user + 5, zeros, 59);
    IS(SYS(pwrite64, fd, P("end"), 3, 2 * PAGE_SIZE + 10), 3);
    IS(SYS(pread64, fd, world.user, 20, 2 * PAGE_SIZE), 20);
    assert_memory_equal(world.user, zeros, 10);
    assert_memory_equal(world.user + 10, "end", 3);
    IS(SYS(ftruncate, fd, 2 * PAGE_SIZE + 11), 0);
    IS(SYS(ftruncate, fd, 2 * PAGE_SIZE + 20), 0);
    IS(SYS(pread64, fd, world.user, 20, 2 * PAGE_SIZE), 20);
    assert_memory_equal(world.user + 11, zeros, 9);
    IS(SYS(truncate, P("/etc/text"), 0), 0);
    IS(process_current()->arena->page_count, 0);
    IS(SYS(truncate, P("/etc"), 0), -EISDIR);
    IS(SYS(truncate, P("/etc/text"), -1), -EINVAL);
    IS(SYS(truncate, P("/etc/text"), FILE_BYTES_MAX + 1), -EFBIG);
    IS(SYS(pwrite64, fd, P("x"), 1, FILE_BYTES_MAX), -EFBIG);
    IS(SYS(truncate, P("/dev/null"), 0), -EINVAL);
}

static void a_full_memory_is_enospc_and_what_was_written_stays(void **state)
{
    (void)state;
    long fd = SYS(open, P("/big"), O_CREAT | O_RDWR, 0600), n, total = 0;

    fake.limit_bytes = fake.mapped_bytes + ((size_t)1 << 20);
    while ((n = SYS(write, fd, world.user, USER_BYTES)) > 0)
        total += n;
    IS(n, -ENOSPC);
    assert_true(total > 0);
    IS(SYS(lseek, fd, 0, SEEK_END), total);
    IS(SYS(ftruncate, fd, 0), 0);
    IS(SYS(write, fd, world.user, USER_BYTES), USER_BYTES);
}

static void append_writes_at_the_end(void **state)
{
    (void)state;
    long fd = SYS(open, P("/etc/text"), O_WRONLY | O_APPEND);

    IS(SYS(write, fd, P("four\n"), 5), 5);
    IS(SYS(lseek, fd, 0, SEEK_CUR), 19);
    IS(SYS(lseek, fd, 0, SEEK_SET), 0);
    IS(SYS(write, fd, P("x"), 1), 1);
    IS(SYS(lseek, fd, 0, SEEK_CUR), 20);
    IS(SYS(open, P("/etc/text"), O_WRONLY | O_TRUNC), fd + 1);
    IS(SYS(lseek, fd, 0, SEEK_END), 0);
}

static void duplicates_share_the_position(void **state)
{
    (void)state;
    long fd = SYS(open, P("/etc/text"), O_RDONLY);

    IS(SYS(dup, fd), 4);
    IS(SYS(dup2, fd, 10), 10);
    IS(SYS(dup2, fd, fd), fd);
    IS(SYS(dup3, fd, fd, 0), -EINVAL);
    IS(SYS(dup3, fd, 11, O_CLOEXEC), 11);
    IS(SYS(dup3, fd, 12, O_APPEND), -EINVAL);
    IS(SYS(dup2, fd, 5000), -EBADF);
    IS(SYS(dup2, 99, 5), -EBADF);
    IS(SYS(dup, 99), -EBADF);
    IS(SYS(fcntl, 11, F_GETFD), FD_CLOEXEC);
    IS(SYS(fcntl, 11, F_SETFD, 0), 0);
    IS(SYS(fcntl, 11, F_GETFD), 0);
    IS(SYS(fcntl, fd, F_DUPFD, 20), 20);
    IS(SYS(fcntl, fd, F_DUPFD_CLOEXEC, 20), 21);
    IS(SYS(fcntl, fd, F_DUPFD, 5000), -EINVAL);
    IS(SYS(read, 10, world.user, 4), 4);
    IS(SYS(lseek, 4, 0, SEEK_CUR), 4);
    IS(SYS(close, fd), 0);
    IS(SYS(read, 4, world.user, 4), 4);
}

static void descriptors_run_out(void **state)
{
    struct linux_rlimit *limit = (struct linux_rlimit *)world.user;

    (void)state;
    for (long want = 3; want < DESCRIPTOR_COUNT; want++)
        IS(SYS(dup, 1), want);
    IS(SYS(dup, 1), -EMFILE);
    IS(SYS(open, P("/etc/text"), O_RDONLY), -EMFILE);
    IS(SYS(pipe2, world.user, 0), -EMFILE);
    IS(SYS(close, 7), 0);
    IS(SYS(pipe2, world.user, 0), -EMFILE);
    IS(SYS(dup, 1), 7);
    IS(SYS(close, 500), 0);
    *limit = (struct linux_rlimit){100, DESCRIPTOR_COUNT};
    IS(SYS(setrlimit, RLIMIT_NOFILE, limit), 0);
    IS(SYS(dup, 1), -EMFILE);
}

static void fcntl_and_ioctl_keep_flags(void **state)
{
    (void)state;
    int32_t *on = (int32_t *)world.user;
    long fd = SYS(open, P("/etc/text"), O_RDWR | O_APPEND);

    IS(SYS(fcntl, fd, F_GETFL), O_RDWR | O_APPEND);
    IS(SYS(fcntl, fd, F_SETFL, O_NONBLOCK | O_WRONLY), 0);
    IS(SYS(fcntl, fd, F_GETFL), O_RDWR | O_NONBLOCK);
    *on = 0;
    IS(SYS(ioctl, fd, FIONBIO, on), 0);
    IS(SYS(fcntl, fd, F_GETFL), O_RDWR);
    IS(SYS(ioctl, fd, FIOCLEX), 0);
    IS(SYS(fcntl, fd, F_GETFD), FD_CLOEXEC);
    IS(SYS(ioctl, fd, FIONREAD, on), 0);
    IS(*on, 14);
    IS(SYS(ioctl, fd, TCGETS, on), -ENOTTY);
    IS(SYS(ioctl, 99, TCGETS, on), -EBADF);
    IS(SYS(fcntl, fd, 12345), -EINVAL);
    IS(SYS(fcntl, 99, F_GETFL), -EBADF);
    IS(SYS(fcntl, fd, F_GETLK, world.hole), -EFAULT);
    *(struct linux_flock *)world.user = (struct linux_flock){.type = F_WRLCK};
    IS(SYS(fcntl, fd, F_GETLK, world.user), 0);
    IS(((struct linux_flock *)world.user)->type, F_UNLCK);
    IS(SYS(flock, fd, 2), 0);
    IS(SYS(flock, fd, 3), -EINVAL);
}

static void the_console_is_a_terminal_only_if_the_platform_says_so(void **state)
{
    (void)state;
    struct linux_winsize *size = (struct linux_winsize *)world.user;
    struct linux_termios *t = (struct linux_termios *)(world.user + 64);

    IS(SYS(ioctl, 1, TIOCGWINSZ, size), -ENOTTY);
    IS(SYS(ioctl, 1, TCGETS, t), -ENOTTY);
    fake.is_terminal = true;
    IS(SYS(ioctl, 1, TIOCGWINSZ, size), 0);
    IS(size->rows, 25);
    IS(size->columns, 80);
    IS(SYS(ioctl, 1, TIOCGWINSZ, world.hole), -EFAULT);
    IS(SYS(ioctl, 1, TCGETS, t), 0);
    t->local ^= 8;
    uint32_t local = t->local;
    IS(SYS(ioctl, 1, TCSETS, t), 0);
    t->local = 0;
    IS(SYS(ioctl, 0, TCGETS, t), 0);
    IS(t->local, local);
}

static void the_console_reads_and_writes(void **state)
{
    (void)state;
    fake.input = "typed";
    IS(SYS(read, 0, world.user, 3), 3);
    IS(SYS(read, 0, world.user + 3, 10), 2);
    assert_memory_equal(world.user, "typed", 5);
    IS(SYS(read, 0, world.user, 10), 0);
    SYS(fcntl, 0, F_SETFL, O_NONBLOCK);
    IS(SYS(read, 0, world.user, 10), -EAGAIN);
    IS(SYS(write, 2, P("oops"), 4), 4);
    IS(fake.error_bytes, 4);
    IS(SYS(dup2, 1, 2), 2); /* as a shell does for 2>&1 */
    IS(SYS(write, 2, P("more"), 4), 4);
    IS(fake.error_bytes, 4);
    memset(world.user, 'z', 2000);
    IS(SYS(write, 1, world.user, 2000), 2000);
    IS(fake.output_bytes, 2008);
}

static void devices_do_what_their_names_say(void **state)
{
    (void)state;
    static const char zeros[100];

    IS(SYS(open, P("/dev/null"), O_RDWR), 3);
    IS(SYS(read, 3, world.user, 10), 0);
    IS(SYS(write, 3, world.user, 10), 10);
    IS(SYS(open, P("/dev/zero"), O_RDWR), 4);
    memset(world.user, 1, 100);
    IS(SYS(read, 4, world.user, 100), 100);
    assert_memory_equal(world.user, zeros, 100);
    IS(SYS(open, P("/dev/full"), O_RDWR), 5);
    IS(SYS(write, 5, world.user, 1), -ENOSPC);
    IS(SYS(open, P("/dev/urandom"), O_RDONLY), 6);
    IS(SYS(read, 6, world.user, 1000), 1000);
    assert_memory_not_equal(world.user, zeros, 100);
    IS(SYS(read, 6, world.hole, 10), -EFAULT);
    IS(SYS(open, P("/dev/stdout"), O_WRONLY), 7);
    IS(SYS(write, 7, P("hi"), 2), 2);
    assert_memory_equal(fake.output, "hi", 2);
    IS(SYS(close, 0), 0);
    IS(SYS(open, P("/dev/stdin"), O_RDONLY), -ENOENT);
    IS(SYS(open, P("/proc/uptime"), O_RDONLY), 0);
    IS(SYS(read, 0, world.user, 100), 10);
    assert_memory_equal(world.user, "1.00 0.50\n", 10);
    IS(SYS(read, 0, world.user, 100), 0);
    IS(SYS(open, P("/proc/meminfo"), O_RDONLY), 8);
    assert_true(SYS(read, 8, world.user, 1000) > 100);
    assert_memory_equal(world.user, "MemTotal:         524288 kB\n", 27);
}

static void pipes_carry_bytes_around_their_ring(void **state)
{
    (void)state;
    int32_t *fd = (int32_t *)world.user;
    char *data = world.user + 64;

    IS(SYS(pipe2, fd, O_CLOEXEC), 0);
    int in = fd[0], out = fd[1];
    IS(SYS(fcntl, in, F_GETFD), FD_CLOEXEC);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 1700; i++)
            data[i] = (char)(round + i);
        IS(SYS(write, out, data, 1700), 1700);
        memset(data, 0, 1700);
        IS(SYS(read, in, data, 5000), 1700);
        for (int i = 0; i < 1700; i++)
            IS(data[i], (char)(round + i));
    }
    IS(SYS(read, in, data, 1), -EDEADLK);
    IS(SYS(read, out, data, 1), -EBADF);
    IS(SYS(lseek, in, 0, SEEK_SET), -ESPIPE);
    IS(SYS(write, out, data, 3), 3);
    IS(SYS(close, out), 0);
    IS(SYS(read, in, data, 100), 3);
    IS(SYS(read, in, data, 100), 0);
    IS(SYS(pipe2, fd, O_APPEND), -EINVAL);
    IS(SYS(pipe2, world.hole, 0), -EFAULT);
    IS(SYS(pipe, fd), 0);
}

static void a_full_pipe_does_not_wait_for_itself(void **state)
{
    (void)state;
    int32_t *fd = (int32_t *)world.user;

    IS(SYS(pipe2, fd, O_NONBLOCK), 0);
    int in = fd[0], out = fd[1];
    IS(SYS(read, in, world.user, 1), -EAGAIN);
    IS(SYS(write, out, world.user, USER_BYTES), USER_BYTES);
    IS(SYS(write, out, world.user, 1), -EAGAIN);
    IS(SYS(read, in, world.user, 10), 10);
    IS(SYS(write, out, world.user, 100), -EAGAIN); /* at most PIPE_BUF: all or nothing */
    IS(SYS(write, out, world.user, 5000), 10);
}

static void a_pipe_without_reader_ends_the_writer(void **state)
{
    (void)state;
    int32_t *fd = (int32_t *)world.user;

    IS(SYS(pipe, fd), 0);
    int in = fd[0], out = fd[1];
    IS(SYS(close, in), 0);
    FAKE_EXPECT_EXIT(SYS(write, out, world.user, 1));
    IS(fake.exit_status, 128 + SIGPIPE);
    struct linux_sigaction *ignore = (struct linux_sigaction *)world.user;
    *ignore = (struct linux_sigaction){.handler = SIG_IGN};
    world_revive();
    IS(SYS(rt_sigaction, SIGPIPE, ignore, 0, 8), 0);
    IS(SYS(write, out, world.user, 1), -EPIPE);
}

static void sendfile_moves_what_was_written(void **state)
{
    (void)state;
    int64_t *at = (int64_t *)world.user;
    long in = SYS(open, P("/etc/text"), O_RDONLY), out = SYS(creat, P("/copy"), 0644);

    IS(SYS(sendfile, out, in, 0, 5), 5);
    IS(SYS(lseek, in, 0, SEEK_CUR), 5);
    *at = 8;
    IS(SYS(sendfile, out, in, at, 100), 6);
    IS(*at, 14);
    IS(SYS(lseek, in, 0, SEEK_CUR), 5);
    IS(SYS(lseek, out, 0, SEEK_END), 11);
    *at = -1;
    IS(SYS(sendfile, out, in, at, 100), -EINVAL);
    IS(SYS(sendfile, out, in, world.hole, 100), -EFAULT);
    IS(SYS(sendfile, in, out, 0, 100), -EBADF);
    IS(SYS(sendfile, out, 0, 0, 100), -EINVAL);
}

static void poll_tells_what_is_ready(void **state)
{
    (void)state;
    struct linux_pollfd *p = (struct linux_pollfd *)world.user;
    int32_t *fd = (int32_t *)(world.user + 512);

    IS(SYS(pipe, fd), 0);
    p[0] = (struct linux_pollfd){(int32_t)SYS(open, P("/etc/text")), POLLIN | POLLOUT, 0};
    p[1] = (struct linux_pollfd){-1, POLLIN, 7};
    p[2] = (struct linux_pollfd){99, 0, 0};
    p[3] = (struct linux_pollfd){fd[0], POLLIN, 0};
    p[4] = (struct linux_pollfd){fd[1], POLLOUT, 0};
    IS(SYS(poll, p, 5, -1), 3);
    IS(p[0].revents, POLLIN | POLLOUT);
    IS(p[1].revents, 0);
    IS(p[2].revents, POLLNVAL);
    IS(p[3].revents, 0);
    IS(p[4].revents, POLLOUT);
    SYS(close, fd[1]);
    IS(SYS(poll, &p[3], 1, 0), 1);
    IS(p[3].revents, POLLHUP);
    IS(SYS(poll, p, 5000, 0), -EINVAL);
    IS(SYS(poll, world.hole, 1, 0), -EFAULT);
}

static void poll_waits_for_time_and_for_the_console(void **state)
{
    (void)state;
    struct linux_pollfd *p = (struct linux_pollfd *)world.user;
    struct linux_timespec *t = (struct linux_timespec *)(world.user + 512);

    p[0] = (struct linux_pollfd){0, POLLIN, 0};
    uint64_t before = fake.now_ns;
    IS(SYS(poll, p, 1, 250), 0);
    IS(fake.now_ns, before + 250000000);
    *t = (struct linux_timespec){2, 5};
    before = fake.now_ns;
    IS(SYS(ppoll, p, 1, t, 0, 8), 0);
    IS(fake.now_ns, before + 2000000005);
    t->nanoseconds = -1;
    IS(SYS(ppoll, p, 1, t, 0, 8), -EINVAL);
    IS(SYS(ppoll, p, 1, world.hole, 0, 8), -EFAULT);
    IS(SYS(ppoll, p, 1, 0, world.user, 4), -EINVAL);
    fake.input = "x";
    IS(SYS(poll, p, 1, -1), 1);
    IS(p[0].revents, POLLIN);
}

static void select_uses_bits(void **state)
{
    (void)state;
    uint64_t *in = (uint64_t *)world.user, *out = in + 16;
    struct linux_timeval *t = (struct linux_timeval *)(in + 32);
    long fd = SYS(dup2, SYS(open, P("/etc/text")), 70);

    in[0] = 1;
    in[1] = (uint64_t)1 << (fd - 64);
    out[0] = 2;
    IS(SYS(select, 71, in, out, 0, 0), 2);
    IS(in[0], 0);
    IS(in[1], (uint64_t)1 << (fd - 64));
    IS(out[0], 2);
    in[0] = 1;
    in[1] = 0;
    *t = (struct linux_timeval){1, 500000};
    uint64_t before = fake.now_ns;
    IS(SYS(select, 1, in, 0, 0, t), 0);
    IS(fake.now_ns, before + 1500000000);
    in[0] = (uint64_t)1 << 50;
    IS(SYS(select, 64, in, 0, 0, t), -EBADF);
    IS(SYS(select, -1, in, 0, 0, t), -EINVAL);
    IS(SYS(select, 64, world.hole, 0, 0, t), -EFAULT);
    t->microseconds = 1000000;
    IS(SYS(select, 0, 0, 0, 0, t), -EINVAL);
    IS(SYS(pselect6, 1, 0, 0, 0, world.hole, 0), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(reading_moves_the_position),
        WORLD_TEST(wrong_descriptors_and_modes_are_refused),
        WORLD_TEST(bad_memory_is_efault_and_half_good_memory_a_short_count),
        WORLD_TEST(vectors_are_filled_in_order),
        WORLD_TEST(writing_copies_archive_pages_only_where_needed),
        WORLD_TEST(holes_and_cut_bytes_read_as_zero),
        WORLD_TEST(a_full_memory_is_enospc_and_what_was_written_stays),
        WORLD_TEST(append_writes_at_the_end),
        WORLD_TEST(duplicates_share_the_position),
        WORLD_TEST(descriptors_run_out),
        WORLD_TEST(fcntl_and_ioctl_keep_flags),
        WORLD_TEST(the_console_is_a_terminal_only_if_the_platform_says_so),
        WORLD_TEST(the_console_reads_and_writes),
        WORLD_TEST(devices_do_what_their_names_say),
        WORLD_TEST(pipes_carry_bytes_around_their_ring),
        WORLD_TEST(a_full_pipe_does_not_wait_for_itself),
        WORLD_TEST(a_pipe_without_reader_ends_the_writer),
        WORLD_TEST(sendfile_moves_what_was_written),
        WORLD_TEST(poll_tells_what_is_ready),
        WORLD_TEST(poll_waits_for_time_and_for_the_console),
        WORLD_TEST(select_uses_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
