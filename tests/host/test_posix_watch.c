/* Host tests of inotify. */
#include "tests/host/posix_family.h"

#include <stdio.h>

#include "libos-posix/channel/watch.h"

#define P(text) user_text(text)

struct event {
    int32_t number;
    uint32_t mask, cookie, bytes;
    char name[];
};

static long events_fd;

/* What waits, in one text: "number:mask[=name] ..." with masks in hexadecimal. */
static const char *told(void)
{
    static char text[4096];
    long bytes = SYS(read, events_fd, world.user, 4096), at = 0;
    int to = 0;

    text[0] = 0;
    if (bytes < 0)
        return bytes == -EAGAIN ? "" : "error";
    while (at < bytes) {
        const struct event *e = (const struct event *)(world.user + at);
        to += snprintf(text + to, sizeof text - (size_t)to, "%s%d:%x%s%s", at ? " " : "", e->number,
                       e->mask, e->bytes ? "=" : "", e->bytes ? e->name : "");
        at += (long)sizeof *e + e->bytes;
    }
    return text;
}

static long watch(const char *path, uint32_t mask)
{
    return SYS(inotify_add_watch, events_fd, P(path), mask);
}

static void names_in_a_directory_are_told(void **state)
{
    (void)state;
    events_fd = SYS(inotify_init1, O_NONBLOCK);
    IS(watch("/etc", IN_ALL_EVENTS), 1);
    assert_string_equal(told(), "");
    long fd = SYS(open, P("/etc/new"), O_RDWR | O_CREAT, 0600);
    IS(SYS(write, fd, P("x"), 1), 1);
    IS(SYS(write, fd, P("y"), 1), 1);
    IS(SYS(lseek, fd, 0, 0), 0);
    IS(SYS(read, fd, world.user, 4), 2);
    IS(SYS(ftruncate, fd, 0), 0);
    IS(SYS(fchmod, fd, 0644), 0);
    IS(SYS(close, fd), 0);
    assert_string_equal(told(), "1:100=new 1:20=new 1:2=new 1:1=new 1:2=new 1:4=new 1:8=new");
    IS(SYS(mkdir, P("/etc/below"), 0755), 0);
    IS(SYS(rename, P("/etc/new"), P("/etc/old")), 0);
    const struct event *e = (const struct event *)world.user;
    uint32_t cookie = 0;
    long bytes = SYS(read, events_fd, world.user, 4096);
    IS(bytes, 3 * 32);
    IS(e->mask, IN_CREATE | IN_ISDIR);
    cookie = ((const struct event *)(world.user + 32))->cookie;
    assert_true(cookie != 0);
    IS(((const struct event *)(world.user + 64))->cookie, cookie);
    IS(((const struct event *)(world.user + 64))->mask, IN_MOVED_TO);
    IS(SYS(unlink, P("/etc/old")), 0);
    IS(SYS(rmdir, P("/etc/below")), 0);
    assert_string_equal(told(), "1:200=old 1:40000200=below");
}

static void a_file_is_told_until_it_goes(void **state)
{
    (void)state;
    events_fd = SYS(inotify_init1, O_NONBLOCK);
    IS(watch("/etc/text", IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB), 1);
    IS(SYS(rename, P("/etc/text"), P("/etc/moved")), 0);
    long fd = SYS(open, P("/etc/moved"), O_RDWR | O_TRUNC);
    assert_string_equal(told(), "1:800 1:2");
    IS(SYS(unlink, P("/etc/moved")), 0);
    assert_string_equal(told(), "1:4"); /* it is still open */
    IS(SYS(close, fd), 0);
    assert_string_equal(told(), "1:400 1:8000");
    IS(SYS(inotify_rm_watch, events_fd, 1), -EINVAL);
}

static void watches_change_and_go(void **state)
{
    (void)state;
    events_fd = SYS(inotify_init1, O_NONBLOCK);
    long other = SYS(inotify_init);
    IS(watch("/etc", IN_OPEN), 1);
    IS(watch("/etc/", IN_CREATE), 1); /* in place of opening */
    IS(watch("/etc", IN_CREATE | IN_MASK_CREATE), -EEXIST);
    SYS(close, SYS(open, P("/etc/text"), O_RDONLY));
    assert_string_equal(told(), "");
    IS(watch("/etc", IN_OPEN | IN_MASK_ADD), 1);
    IS(watch("/etc/text", IN_OPEN | IN_ONESHOT), 2);
    SYS(close, SYS(open, P("/etc/text"), O_RDONLY));
    assert_string_equal(told(), "1:20=text 2:20 2:8000");
    IS(SYS(inotify_rm_watch, other, 1), -EINVAL);
    IS(SYS(inotify_rm_watch, events_fd, 1), 0);
    SYS(close, SYS(open, P("/etc/text"), O_RDONLY));
    assert_string_equal(told(), "1:8000");
    IS(watch("/etc", IN_OPEN), 3);
    IS(SYS(close, events_fd), 0);
    SYS(close, SYS(open, P("/etc/text"), O_RDONLY));
    IS(arena_get()->watch_count, 0);
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    events_fd = SYS(inotify_init1, O_NONBLOCK);
    IS(SYS(inotify_init1, 1), -EINVAL);
    IS(watch("/etc", 0), -EINVAL);
    IS(watch("/none", IN_OPEN), -ENOENT);
    IS(watch("/etc/text", IN_OPEN | IN_ONLYDIR), -ENOTDIR);
    IS(watch("/etc", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), -EINVAL);
    IS(SYS(inotify_add_watch, events_fd, world.hole, IN_OPEN), -EFAULT);
    IS(SYS(inotify_add_watch, 0, P("/etc"), IN_OPEN), -EINVAL);
    IS(SYS(inotify_add_watch, 99, P("/etc"), IN_OPEN), -EBADF);
    IS(SYS(read, events_fd, world.user, 64), -EAGAIN);
    IS(SYS(write, events_fd, world.user, 64), -EBADF);
    IS(watch("/etc", IN_OPEN), 1);
    SYS(open, P("/etc/text"), O_RDONLY);
    int32_t *waiting = (int32_t *)world.user;
    IS(SYS(ioctl, events_fd, FIONREAD, waiting), 0);
    IS(*waiting, 32);
    IS(SYS(read, events_fd, world.user, 31), -EINVAL);
    IS(SYS(read, events_fd, world.hole, 32), -EFAULT);
    assert_string_equal(told(), "1:20=text");
}

static void too_many_events_are_lost_and_that_is_told(void **state)
{
    (void)state;
    events_fd = SYS(inotify_init1, O_NONBLOCK);
    IS(watch("/etc", IN_OPEN | IN_CLOSE_NOWRITE), 1);
    for (unsigned i = 0; i < 8200; i++)
        SYS(close, SYS(open, P("/etc/text"), O_RDONLY));
    char last[32] = "";
    for (const char *text = told(); *text; text = told())
        snprintf(last, sizeof last, "%s", strrchr(text, ' ') ? strrchr(text, ' ') + 1 : text);
    assert_string_equal(last, "-1:4000");
}

static void child_makes_a_file(struct task *t)
{
    (void)t;
    SYS(mkdir, P("/etc/made"), 0700);
    SYS(exit_group, 0);
}

static void a_reader_waits(void **state)
{
    (void)state;
    events_fd = SYS(inotify_init);
    IS(watch("/etc", IN_CREATE), 1);
    int32_t pid = child_start(child_makes_a_file);
    assert_string_equal(told(), "1:40000100=made");
    IS(child_wait(pid), EXITED(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(names_in_a_directory_are_told),
        WORLD_TEST(a_file_is_told_until_it_goes),
        WORLD_TEST(watches_change_and_go),
        WORLD_TEST(bad_calls_are_refused),
        WORLD_TEST(too_many_events_are_lost_and_that_is_told),
        FAMILY_TEST(a_reader_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
