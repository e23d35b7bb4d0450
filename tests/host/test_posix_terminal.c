/* Host tests of terminals: editing of lines, signals of keys, job control, pairs. */
#include "tests/host/posix_family.h"

#define P(text)   user_text(text)
#define TTY_GROUP ((int32_t *)(world.user + 600))

static int set_up(void **state)
{
    family_set_up(state);
    fake.is_terminal = true;
    return 0;
}

#define TERMINAL_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, family_tear_down)

static void type(const char *text)
{
    IS(posix_keeper_input(text, strlen(text)), (long)strlen(text));
    assert_null(terminal_check(arena_get()->terminal));
}

static void reads(const char *want)
{
    long n = SYS(read, 0, world.user, 200);

    IS(n, (long)strlen(want));
    assert_memory_equal(world.user, want, strlen(want));
}

static void output_is(const char *want)
{
    IS(fake.output_bytes, strlen(want));
    assert_memory_equal(fake.output, want, strlen(want));
    fake.output_bytes = 0;
}

static void lines_are_edited_and_echoed(void **state)
{
    (void)state;
    type("abx\177c\r");
    output_is("abx\b \bc\r\n");
    reads("abc\n");
    type("one two\027three\n");
    reads("one three\n");
    type("gone\025kept\n");
    reads("kept\n");
    type("a\026\003b\n"); /* ^V: the next one as it is */
    reads("a\003b\n");
    type("first\nsecond\n");
    reads("first\n"); /* one line at a time */
    reads("second\n");
    type("no end\004");
    reads("no end");
    type("\004");
    reads("");
}

static void raw_bytes_come_at_once(void **state)
{
    struct linux_termios *t = (struct linux_termios *)(world.user + 512);

    (void)state;
    IS(SYS(ioctl, 0, TCGETS, t), 0);
    t->local &= ~(T_ICANON | T_ECHO | T_ISIG);
    t->input = 0;
    IS(SYS(ioctl, 0, TCSETS, t), 0);
    type("a\r\003");
    output_is("");
    reads("a\r\003");
    t->chars[V_MIN] = 0;
    t->chars[V_TIME] = 2;
    IS(SYS(ioctl, 0, TCSETS, t), 0);
    uint64_t before = fake.now_ns;
    reads("");
    IS(fake.now_ns, before + 200000000);
}

/* A shell edits its line byte by byte; what is typed before its command takes lines is not lost. */
static void what_was_typed_before_lines_is_one(void **state)
{
    struct linux_termios *t = (struct linux_termios *)(world.user + 512);

    (void)state;
    IS(SYS(ioctl, 0, TCGETS, t), 0);
    t->local &= ~T_ICANON;
    IS(SYS(ioctl, 0, TCSETS, t), 0);
    type("early\nbird");
    t->local |= T_ICANON;
    IS(SYS(ioctl, 0, TCSETS, t), 0);
    reads("early\nbird");
    type("then\n");
    reads("then\n");
    IS(SYS(ioctl, 0, TCSETS, t), 0); /* lines were on */
    assert_null(terminal_check(arena_get()->terminal));
}

static void the_size_is_told(void **state)
{
    struct linux_winsize *size = (struct linux_winsize *)(world.user + 512);
    struct linux_sigaction *action = (struct linux_sigaction *)world.user;
    uint64_t *set = (uint64_t *)(world.user + 256);

    (void)state;
    IS(SYS(ioctl, 0, TIOCGWINSZ, size), 0);
    IS(size->rows, 25); /* the port's */
    *action = (struct linux_sigaction){.handler = 0x1000};
    IS(SYS(rt_sigaction, SIGWINCH, action, 0, 8), 0);
    *set = signal_bit(SIGWINCH);
    IS(SYS(rt_sigprocmask, 0, set, 0, 8), 0);
    assert_true(posix_keeper_resize(25, 80)); /* as it was */
    IS(SYS(rt_sigpending, set, 8), 0);
    IS(*set, 0);
    assert_true(posix_keeper_resize(40, 120));
    IS(SYS(rt_sigpending, set, 8), 0);
    IS(*set, (long)signal_bit(SIGWINCH));
    IS(SYS(ioctl, 0, TIOCGWINSZ, size), 0);
    IS(size->rows, 40);
    IS(size->columns, 120);
}

static void child_pauses(struct task *t)
{
    (void)t;
    SYS(pause);
    SYS(exit_group, 1);
}

static void keys_signal_the_foreground(void **state)
{
    (void)state;
    IS(SYS(ioctl, 0, TIOCGPGRP, TTY_GROUP), 0);
    IS(*TTY_GROUP, 1);
    int32_t pid = child_start(child_pauses);
    IS(SYS(setpgid, pid, pid), 0);
    *TTY_GROUP = pid;
    IS(SYS(ioctl, 0, TIOCSPGRP, TTY_GROUP), 0);
    *TTY_GROUP = 777;
    action_set(SIGTTOU, SIG_IGN, 0);
    IS(SYS(ioctl, 0, TIOCSPGRP, TTY_GROUP), -EPERM);
    type("lost\032");
    output_is("lost^Z");
    int32_t *status = (int32_t *)world.user;
    IS(SYS(wait4, pid, status, WUNTRACED, 0), pid);
    IS(*status, STOPPED(SIGTSTP));
    IS(SYS(kill, pid, SIGCONT), 0);
    type("\003");
    IS(child_wait(pid), SIGINT);
}

static void child_reads(struct task *t)
{
    (void)t;
    SYS(setpgid, 0, 0);
    SYS(read, 0, world.user + 700, 10);
    SYS(exit_group, 5);
}

static void the_background_may_not_read(void **state)
{
    int32_t *status = (int32_t *)world.user;

    (void)state;
    IS(SYS(ioctl, 0, TIOCSCTTY, 0), 0);
    int32_t pid = child_start(child_reads);
    IS(SYS(wait4, pid, status, WUNTRACED, 0), pid);
    IS(*status, STOPPED(SIGTTIN));
    *TTY_GROUP = pid;
    IS(SYS(ioctl, 0, TIOCSPGRP, TTY_GROUP), 0);
    IS(SYS(kill, pid, SIGCONT), 0);
    type("now\n");
    IS(child_wait(pid), EXITED(5));
    assert_memory_equal(world.user + 700, "now\n", 4);
}

static void a_pair_carries_both_ways(void **state)
{
    int32_t *number = (int32_t *)(world.user + 512);

    (void)state;
    long master = SYS(open, P("/dev/ptmx"), O_RDWR);
    IS(SYS(ioctl, master, TIOCGPTN, number), 0);
    IS(*number, 0);
    IS(SYS(open, P("/dev/pts/0"), O_RDWR), -EIO); /* locked */
    IS(SYS(ioctl, master, TIOCSPTLCK, number), 0);
    long slave = SYS(open, P("/dev/pts/0"), O_RDWR | O_NOCTTY);
    assert_true(slave > 0);
    IS(SYS(write, master, P("hi\r"), 3), 3);
    IS(SYS(read, slave, world.user, 10), 3);
    assert_memory_equal(world.user, "hi\n", 3);
    IS(SYS(read, master, world.user, 10), 4); /* the echo */
    assert_memory_equal(world.user, "hi\r\n", 4);
    IS(SYS(write, slave, P("out\n"), 4), 4);
    IS(SYS(read, master, world.user, 10), 5);
    struct linux_winsize *size = (struct linux_winsize *)(world.user + 512);
    *size = (struct linux_winsize){.rows = 10, .columns = 20};
    IS(SYS(ioctl, master, TIOCSWINSZ, size), 0);
    IS(SYS(ioctl, slave, TIOCGWINSZ, size), 0);
    IS(size->columns, 20);
    IS(SYS(close, slave), 0);
    IS(SYS(read, master, world.user, 10), -EIO);
    IS(SYS(close, master), 0);
    IS(SYS(open, P("/dev/pts/0"), O_RDWR), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TERMINAL_TEST(lines_are_edited_and_echoed),
        TERMINAL_TEST(raw_bytes_come_at_once),
        TERMINAL_TEST(keys_signal_the_foreground),
        TERMINAL_TEST(the_background_may_not_read),
        TERMINAL_TEST(a_pair_carries_both_ways),
        TERMINAL_TEST(what_was_typed_before_lines_is_one),
        TERMINAL_TEST(the_size_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
