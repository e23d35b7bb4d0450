/* Host tests of what /proc, /sys and /dev say of open files, processes and the system. */
#include "tests/host/posix_world.h"

#include <stdio.h>

#define P(text) user_text(text)

static void open_files_have_names(void **state)
{
    char *text = world.user, *path = world.user + 512;
    int32_t *pair = (int32_t *)(world.user + 1024);

    (void)state;
    long fd = SYS(openat, AT_FDCWD, P("/etc/text"), O_RDONLY);
    snprintf(path, 64, "/proc/self/fd/%ld", fd);
    IS(SYS(readlink, path, text, 100), 9);
    assert_memory_equal(text, "/etc/text", 9);
    IS(SYS(read, fd, text, 4), 4);
    long again = SYS(openat, AT_FDCWD, path, O_RDONLY); /* its own position */
    IS(SYS(read, again, text, 4), 4);
    assert_memory_equal(text, "one\n", 4);
    snprintf(path, 64, "/proc/1/fdinfo/%ld", fd);
    long info = SYS(openat, AT_FDCWD, path, O_RDONLY);
    IS(SYS(read, info, text, 24), 24);
    assert_memory_equal(text, "pos:\t4\nflags:\t000000000\n", 24);

    IS(SYS(unlink, P("/etc/text")), 0); /* a file without a name can be opened so */
    snprintf(path, 64, "/dev/fd/%ld", fd);
    again = SYS(openat, AT_FDCWD, path, O_RDONLY);
    IS(SYS(read, again, text, 4), 4);
    IS(SYS(pipe, pair), 0);
    snprintf(path, 64, "/dev/fd/%d", pair[0]);
    IS(SYS(openat, AT_FDCWD, path, O_WRONLY), -EACCES);
    again = SYS(openat, AT_FDCWD, path, O_RDONLY);
    IS(SYS(write, pair[1], P("xyz"), 3), 3);
    IS(SYS(read, again, text, 8), 3);
    snprintf(path, 64, "/proc/self/fd/%d", pair[0]);
    IS(SYS(readlink, path, text, 6), 6);
    assert_memory_equal(text, "pipe:[", 6);
    IS(SYS(close, pair[0]), 0);
    IS(SYS(openat, AT_FDCWD, path, O_RDONLY), -ENOENT);
    IS(SYS(openat, AT_FDCWD, P("/proc/self/fd/x"), O_RDONLY), -ENOENT);
    IS(SYS(openat, AT_FDCWD, P("/proc/self/fd/1000"), O_RDONLY), -ENOENT);
}

static void open_files_are_listed(void **state)
{
    char names[512] = "";

    (void)state;
    long first = SYS(openat, AT_FDCWD, P("/etc/text"), O_RDONLY), dir;
    SYS(close, first);
    dir = SYS(openat, AT_FDCWD, P("/proc/self/fd"), O_RDONLY | O_DIRECTORY);
    long bytes = SYS(getdents64, dir, world.user, 4096), count = 0;
    for (long at = 0; at < bytes; count++) {
        struct linux_dirent *e = (struct linux_dirent *)(world.user + at);
        strcat(strcat(names, " "), (char *)e + LINUX_DIRENT_NAME);
        at += e->bytes;
    }
    assert_string_equal(names, " . .. 0 1 2 3");
}

static void what_shm_open_needs_is_there(void **state)
{
    struct linux_stat *s = (struct linux_stat *)world.user;

    (void)state;
    IS(SYS(stat, P("/dev/shm"), s), 0);
    IS(s->mode, S_IFDIR | 01777);
    IS(SYS(openat, AT_FDCWD, P("/dev/shm/x"), O_RDWR | O_CREAT | O_EXCL, 0600), 3);
}

static void has_text(const char *path, const char *want)
{
    long fd = SYS(openat, AT_FDCWD, P(path), O_RDONLY), bytes = (long)strlen(want);

    if (fd < 0)
        fail_msg("%s: %ld", path, fd);
    assert_true(SYS(read, fd, world.user, 4096) >= bytes);
    assert_memory_equal(world.user, want, (size_t)bytes);
    IS(SYS(close, fd), 0);
}

static void texts_say_what_is(void **state)
{
    (void)state;
    has_text("/sys/devices/system/cpu/online", "0-");
    has_text("/proc/sys/kernel/ostype", "Linux\n");
    has_text("/proc/sys/kernel/hostname", "exo4\n");
    has_text("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
    has_text("/proc/filesystems", "nodev\trootfs\n");
    has_text("/proc/self/limits",
             "Limit                     Soft Limit           Hard Limit           Units     \n"
             "Max cpu time              unlimited            unlimited            seconds\n");
    IS(SYS(openat, AT_FDCWD, P("/proc/self/root/etc/text"), O_RDONLY), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(open_files_have_names),
        WORLD_TEST(open_files_are_listed),
        WORLD_TEST(what_shm_open_needs_is_there),
        WORLD_TEST(texts_say_what_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
