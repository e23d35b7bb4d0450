/* The core's calls on file systems of a disk: e2fsck and debugfs, which are not ours, judge. */
#include "tests/host/posix_world.h"

#include "libos-posix/mount.h"
#include "tests/host/fakes/posix_disk.h"

#define host fake_disk_command
#define image fake_disk_image()

static int tests_begin(void **state)
{
    (void)state;
    fake_disk_begin();
    return 0;
}

static int tests_end(void **state)
{
    (void)state;
    fake_disk_end();
    return 0;
}

static void make_image(const char *options)
{
    IS(host("rm -f %s; truncate -s 32M %s && mkfs.ext4 -q -F -b 4096 %s %s", image, image, options,
            image), 0);
    fake_disk_load(image);
}

static void check_image(void)
{
    fake_disk_store(image);
    IS(host("e2fsck -fn %s > %s.log 2>&1 || { cat %s.log >&2; false; }", image, image, image), 0);
}

static void mount_image(void)
{
    IS(SYS(mkdir, user_text("/mnt"), 0755), 0);
    IS(SYS(mount, user_text("/dev/vda"), user_text("/mnt"), user_text("ext4"), 0, 0), 0);
}

static void start(const char *options)
{
    make_image(options);
    fake_reset();
    world_archive();
    world_start();
    mount_image();
}

static void put_file(const char *path, const char *text)
{
    long fd = SYS(open, user_text(path), O_CREAT | O_WRONLY | O_TRUNC, 0644);

    assert_true(fd >= 0);
    IS(SYS(write, fd, user_text(text), strlen(text)), strlen(text));
    IS(SYS(close, fd), 0);
}

static void file_is(const char *path, const char *text)
{
    long fd = SYS(open, user_text(path), O_RDONLY);

    assert_true(fd >= 0);
    IS(SYS(read, fd, world.user, PAGE_SIZE), strlen(text));
    assert_memory_equal(world.user, text, strlen(text));
    IS(SYS(close, fd), 0);
}

static void files_written_are_linux_files(void **state)
{
    (void)state;
    start("");
    put_file("/mnt/one", "first\n");
    IS(SYS(mkdir, user_text("/mnt/dir"), 0750), 0);
    put_file("/mnt/dir/two", "second\n");
    IS(SYS(symlink, user_text("dir/two"), user_text("/mnt/link")), 0);
    IS(SYS(link, user_text("/mnt/one"), user_text("/mnt/dir/same")), 0);
    file_is("/mnt/link", "second\n");
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
    check_image();
    IS(host("test \"$(debugfs -R 'cat /dir/same' %s 2>/dev/null)\" = first", image), 0);
    assert_null(arena_check(arena_get()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(files_written_are_linux_files, world_tear_down),
    };

    return cmocka_run_group_tests(tests, tests_begin, tests_end);
}
