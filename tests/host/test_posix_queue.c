/* Host tests of queues of messages: mq_open and its kin. */
#include "tests/host/posix_family.h"

#define P(text) user_text(text)

struct attributes {
    int64_t flags, most, bytes_most, count, reserved[4];
};

struct event {
    uint64_t value;
    int32_t number, notify;
    uint8_t rest[48];
};

static long queue;

static long make(const char *name, uint32_t flags, int64_t most, int64_t bytes_most)
{
    struct attributes *a = (struct attributes *)(world.user + 2048);

    *a = (struct attributes){.most = most, .bytes_most = bytes_most};
    return SYS(mq_open, P(name), O_RDWR | O_CREAT | flags, 0600, a);
}

static long put(long fd, const char *text, unsigned priority)
{
    return SYS(mq_timedsend, fd, P(text), strlen(text), priority, 0);
}

/* Takes the next message, which must be this one. */
static void get(long fd, const char *text, uint32_t priority)
{
    uint32_t *got = (uint32_t *)world.user;

    IS(SYS(mq_timedreceive, fd, world.user + 64, 64, got, 0), strlen(text));
    assert_memory_equal(world.user + 64, text, strlen(text));
    IS(*got, priority);
}

static void messages_come_by_priority(void **state)
{
    struct attributes *a = (struct attributes *)world.user;

    (void)state;
    long fd = make("q", 0, 4, 64);
    IS(put(fd, "low", 1), 0);
    IS(put(fd, "high", 32767), 0);
    IS(put(fd, "second", 1), 0);
    IS(put(fd, "", 0), 0);
    IS(SYS(mq_getsetattr, fd, 0, a), 0);
    IS(a->count, 4);
    IS(a->most, 4);
    IS(a->bytes_most, 64);
    get(fd, "high", 32767);
    get(fd, "low", 1);
    get(fd, "second", 1);
    get(fd, "", 0);
}

static void names_and_sizes_are_checked(void **state)
{
    (void)state;
    IS(SYS(mq_open, P("none"), O_RDWR), -ENOENT);
    IS(SYS(mq_open, P(""), O_RDWR), -ENOENT);
    IS(SYS(mq_open, P("a/b"), O_RDWR | O_CREAT, 0600), -EACCES);
    IS(SYS(mq_open, P(".."), O_RDWR | O_CREAT, 0600), -EACCES);
    IS(SYS(mq_open, world.hole, O_RDWR), -EFAULT);
    IS(SYS(mq_open, P("q"), 3), -EINVAL);
    IS(SYS(mq_open, P("q"), O_RDWR | O_CREAT, 0600, world.hole), -EFAULT);
    IS(make("q", 0, 0, 64), -EINVAL);
    IS(make("q", 0, 4, -1), -EINVAL);
    IS(make("q", 0, 65537, 1), -EINVAL);
    IS(make("q", 0, 1, 131073), -EINVAL);
    IS(make("q", 0, 100, 8192), -EMFILE); /* more than RLIMIT_MSGQUEUE */
    long fd = make("q", O_EXCL, 4, 64);
    assert_true(fd >= 0);
    IS(make("q", O_EXCL, 4, 64), -EEXIST);
    IS(SYS(mq_unlink, P("q")), 0);
    IS(SYS(mq_unlink, P("q")), -ENOENT);
    IS(put(fd, "still there", 0), 0);
    get(fd, "still there", 0);
    IS(SYS(close, fd), 0);
    IS(SYS(mq_open, P("q"), O_RDWR), -ENOENT);
    IS(put(fd, "x", 0), -EBADF);
}

static void messages_are_checked(void **state)
{
    struct linux_timespec *t = (struct linux_timespec *)world.user;

    (void)state;
    long fd = make("q", 0, 1, 8), reader = SYS(mq_open, P("q"), O_RDONLY | O_NONBLOCK);
    IS(SYS(mq_timedsend, fd, P("123456789"), 9, 0, 0), -EMSGSIZE);
    IS(SYS(mq_timedsend, fd, P("x"), 1, 32768, 0), -EINVAL);
    IS(SYS(mq_timedsend, reader, P("x"), 1, 0, 0), -EBADF);
    IS(SYS(mq_timedsend, fd, world.hole, 1, 0, 0), -EFAULT);
    IS(SYS(mq_timedreceive, fd, world.user, 7, 0, 0), -EMSGSIZE);
    IS(SYS(mq_timedreceive, reader, world.user, 8, 0, 0), -EAGAIN);
    *t = (struct linux_timespec){0, -1};
    IS(SYS(mq_timedreceive, fd, world.user + 64, 8, 0, t), -EINVAL);
    *t = (struct linux_timespec){1, 0}; /* long ago */
    IS(SYS(mq_timedreceive, fd, world.user + 64, 8, 0, t), -ETIMEDOUT);
    IS(put(fd, "x", 0), 0);
    IS(SYS(mq_timedsend, fd, P("y"), 1, 0, t), -ETIMEDOUT);
    IS(SYS(read, fd, world.user, 8), -EINVAL);
    IS(SYS(mq_getsetattr, 0, 0, 0), -EBADF);
    int64_t *flags = (int64_t *)(world.user + 256);
    *flags = O_NONBLOCK | 1;
    IS(SYS(mq_getsetattr, fd, flags, 0), -EINVAL);
    *flags = O_NONBLOCK;
    IS(SYS(mq_getsetattr, fd, flags, 0), 0);
    IS(put(fd, "y", 0), -EAGAIN);
}

static void child_sends(struct task *t)
{
    (void)t;
    IS(put(queue, "from below", 7), 0);
    SYS(exit_group, 0);
}

static void a_receiver_waits(void **state)
{
    (void)state;
    queue = make("q", 0, 1, 64);
    int32_t pid = child_start(child_sends);
    get(queue, "from below", 7);
    IS(child_wait(pid), EXITED(0));
}

static void child_takes(struct task *t)
{
    (void)t;
    get(queue, "first", 0);
    SYS(exit_group, 0);
}

static void a_sender_waits_for_room(void **state)
{
    (void)state;
    queue = make("q", 0, 1, 64);
    IS(put(queue, "first", 0), 0);
    int32_t pid = child_start(child_takes);
    IS(put(queue, "second", 0), 0);
    IS(child_wait(pid), EXITED(0));
    get(queue, "second", 0);
}

static void one_is_told_once(void **state)
{
    struct event *e = (struct event *)world.user;
    struct linux_siginfo *info = (struct linux_siginfo *)(world.user + 512);
    uint64_t *set = (uint64_t *)(world.user + 256);
    struct linux_timespec *now = (struct linux_timespec *)(world.user + 1024);

    (void)state;
    *set = signal_bit(SIGALRM);
    *now = (struct linux_timespec){0, 0};
    IS(SYS(rt_sigprocmask, SIG_BLOCK, set, 0, 8), 0);
    long fd = make("q", 0, 4, 64);
    *e = (struct event){.value = 99, .number = SIGALRM, .notify = 2};
    IS(SYS(mq_notify, fd, e), -EINVAL);
    e->notify = 0;
    e->number = 65;
    IS(SYS(mq_notify, fd, e), -EINVAL);
    e->number = SIGALRM;
    IS(SYS(mq_notify, 0, e), -EBADF);
    IS(SYS(mq_notify, fd, e), 0);
    IS(SYS(mq_notify, fd, e), -EBUSY);
    IS(put(fd, "a", 0), 0);
    IS(SYS(rt_sigtimedwait, set, info, now, 8), SIGALRM);
    IS(info->code, SI_MESGQ);
    IS(info->u.sender.more.value, 99);
    *e = (struct event){.value = 99, .number = SIGALRM, .notify = 0};
    IS(SYS(mq_notify, fd, e), 0);
    IS(put(fd, "not the first", 0), 0);
    IS(SYS(rt_sigtimedwait, set, info, now, 8), -EAGAIN);
    IS(SYS(mq_notify, fd, 0), 0);
    IS(SYS(mq_notify, fd, e), 0);
    IS(SYS(close, SYS(dup, fd)), 0); /* whoever closes one is told no more */
    IS(SYS(mq_notify, fd, e), 0);
}

static void others_may_not(void **state)
{
    (void)state;
    long fd = make("q", 0, 4, 64);
    IS(SYS(setresuid, 1000, 1000, 1000), 0);
    IS(SYS(mq_open, P("q"), O_RDONLY), -EACCES);
    IS(SYS(mq_unlink, P("q")), -EACCES);
    IS(make("own", 0, 11, 64), -EINVAL);
    IS(make("own", 0, 10, 8193), -EINVAL);
    assert_true(make("own", 0, 10, 8192) > fd);
}

static void poll_sees_both_ends(void **state)
{
    struct {
        int32_t fd;
        int16_t wanted, got;
    } *f = (void *)world.user;

    (void)state;
    long fd = make("q", 0, 1, 64);
    f->fd = (int32_t)fd;
    f->wanted = POLLIN | POLLOUT;
    IS(SYS(poll, f, 1, 0), 1);
    IS(f->got, POLLOUT);
    IS(put(fd, "x", 0), 0);
    IS(SYS(poll, f, 1, 0), 1);
    IS(f->got, POLLIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(messages_come_by_priority),
        WORLD_TEST(names_and_sizes_are_checked),
        WORLD_TEST(messages_are_checked),
        FAMILY_TEST(a_receiver_waits),
        FAMILY_TEST(a_sender_waits_for_room),
        WORLD_TEST(one_is_told_once),
        WORLD_TEST(others_may_not),
        WORLD_TEST(poll_sees_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
