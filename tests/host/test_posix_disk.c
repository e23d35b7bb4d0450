/* The core's calls on file systems of a disk: e2fsck and debugfs, which are not ours, judge. */
#include "tests/host/posix_world.h"

#include <stdio.h>

#include "libos-posix/mount.h"
#include "tests/host/fakes/posix_disk.h"

#define host  fake_disk_command
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
    IS(host("rm -f %s; truncate -s 16M %s && mkfs.ext4 -q -F -b 4096 %s %s", image, image, image,
            options),
       0);
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

/* A file of pages, each of which says which one it is. */
static void put_pages(const char *path, uint32_t count, uint32_t salt)
{
    long fd = SYS(open, user_text(path), O_CREAT | O_WRONLY, 0644);

    assert_true(fd >= 0);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < PAGE_SIZE / 4; j++)
            ((uint32_t *)(void *)world.user)[j] = i * 2654435761u + j + salt;
        IS(SYS(pwrite64, fd, world.user, PAGE_SIZE, (long)i * PAGE_SIZE), PAGE_SIZE);
    }
    IS(SYS(close, fd), 0);
}

static void pages_are(const char *path, uint32_t count, uint32_t salt)
{
    long fd = SYS(open, user_text(path), O_RDONLY);

    assert_true(fd >= 0);
    for (uint32_t i = 0; i < count; i++) {
        IS(SYS(pread64, fd, world.user, PAGE_SIZE, (long)i * PAGE_SIZE), PAGE_SIZE);
        for (uint32_t j = 0; j < PAGE_SIZE / 4; j++)
            IS(((uint32_t *)(void *)world.user)[j], i * 2654435761u + j + salt);
    }
    IS(SYS(close, fd), 0);
}

/* Unmounts, mounts again: nothing is in a cache. */
static void mount_again(void)
{
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
    assert_null(arena_check(arena_get()));
    check_image();
    IS(SYS(mount, user_text("/dev/vda"), user_text("/mnt"), user_text("ext4"), 0, 0), 0);
}

static const char *const volumes[] = {"", "-O ^has_journal",
                                      "-O ^extents,^64bit,^metadata_csum -I 128 2>/dev/null",
                                      "-O ^has_journal,^extents,^64bit,^dir_index"};

static void contents_survive_being_mounted_again(void **state)
{
    (void)state;
    for (size_t v = 0; v < sizeof volumes / sizeof volumes[0]; v++) {
        start(volumes[v]);
        put_pages("/mnt/large", 1500, 7); /* more than one indirect block, and than the cache */
        put_pages("/mnt/small", 3, 9);
        mount_again();
        pages_are("/mnt/large", 1500, 7);
        IS(SYS(truncate, user_text("/mnt/large"), 700 * PAGE_SIZE + 5), 0);
        IS(SYS(truncate, user_text("/mnt/large"), 900 * PAGE_SIZE), 0);
        long fd = SYS(open, user_text("/mnt/large"), O_RDWR);
        IS(SYS(pread64, fd, world.user, 16, 700 * PAGE_SIZE), 16);
        IS(world.user[5] | world.user[6], 0);
        IS(SYS(pwrite64, fd, "x", 1, 5000 * PAGE_SIZE), -EFAULT);
        IS(SYS(pwrite64, fd, user_text("x"), 1, (long)5000 * PAGE_SIZE), 1); /* behind a hole */
        IS(SYS(close, fd), 0);
        mount_again();
        pages_are("/mnt/large", 700, 7);
        pages_are("/mnt/small", 3, 9);
        IS(SYS(umount2, user_text("/mnt"), 0), 0);
        world_tear_down(NULL);
    }
}

/* Attributes, and every kind of name. */
static void names_and_attributes_survive(void **state)
{
    (void)state;
    char path[64];

    for (size_t v = 0; v < sizeof volumes / sizeof volumes[0]; v++) {
        start(volumes[v]);
        IS(SYS(mkdir, user_text("/mnt/many"), 0700), 0);
        for (int i = 0; i < 300; i++) { /* more than one block of names */
            snprintf(path, sizeof path, "/mnt/many/a-rather-long-name-%d", i);
            put_file(path, path);
        }
        for (int i = 0; i < 300; i += 2) {
            snprintf(path, sizeof path, "/mnt/many/a-rather-long-name-%d", i);
            IS(SYS(unlink, user_text(path)), 0);
        }
        IS(SYS(mknod, user_text("/mnt/fifo"), S_IFIFO | 0600, 0), 0);
        IS(SYS(mknod, user_text("/mnt/device"), S_IFCHR | 0600, 0x105), 0);
        IS(SYS(mkdir, user_text("/mnt/other"), 0755), 0);
        IS(SYS(rename, user_text("/mnt/many"), user_text("/mnt/other/moved")), 0);
        put_file("/mnt/new", "new");
        put_file("/mnt/old", "old");
        IS(SYS(rename, user_text("/mnt/new"), user_text("/mnt/old")), 0);
        IS(SYS(chmod, user_text("/mnt/old"), 04751), 0);
        IS(SYS(chown, user_text("/mnt/old"), 70000, 5), 0);
        IS(SYS(rmdir, user_text("/mnt/other")), -ENOTEMPTY);
        mount_again();
        file_is("/mnt/old", "new");
        IS(SYS(access, user_text("/mnt/new"), 0), -ENOENT);
        for (int i = 0; i < 300; i++) {
            snprintf(path, sizeof path, "/mnt/other/moved/a-rather-long-name-%d", i);
            IS(SYS(access, user_text(path), 0), i % 2 ? 0 : -ENOENT);
        }
        struct linux_stat *s = (struct linux_stat *)(void *)world.user;
        IS(SYS(stat, user_text("/mnt/old"), s), 0);
        IS(s->mode, S_IFREG | 04751);
        IS(s->uid, 70000);
        IS(s->gid, 5);
        IS(SYS(stat, user_text("/mnt/device"), s), 0);
        IS(s->rdev, 0x105);
        IS(SYS(umount2, user_text("/mnt"), 0), 0);
        world_tear_down(NULL);
    }
}

static void a_file_without_a_name_goes_when_it_is_closed(void **state)
{
    (void)state;
    start("");
    long fd = SYS(open, user_text("/mnt/gone"), O_CREAT | O_RDWR, 0600);
    IS(SYS(unlink, user_text("/mnt/gone")), 0);
    IS(SYS(write, fd, user_text("still"), 5), 5);
    IS(SYS(fsync, fd), 0);
    IS(SYS(pread64, fd, world.user, 10, 0), 5);
    IS(SYS(umount2, user_text("/mnt"), 0), -EBUSY);
    IS(SYS(close, fd), 0);
    mount_again();
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
}

static void a_full_disk_is_told_to_the_writer(void **state)
{
    (void)state;
    start("");
    long fd = SYS(open, user_text("/mnt/filler"), O_CREAT | O_WRONLY, 0600), n = PAGE_SIZE;
    for (word_t i = 0; n == PAGE_SIZE; i++)
        n = SYS(pwrite64, fd, world.user, PAGE_SIZE, i * PAGE_SIZE);
    IS(n, -ENOSPC);
    IS(SYS(close, fd), 0);
    IS(SYS(mkdir, user_text("/mnt/dir"), 0755), -ENOSPC);
    IS(SYS(unlink, user_text("/mnt/filler")), 0);
    put_pages("/mnt/again", 500, 1); /* what was freed is there after a commit */
    mount_again();
    pages_are("/mnt/again", 500, 1);
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
}

static void what_cannot_be_mounted_is_refused(void **state)
{
    static const struct {
        const char *options, *why;
        long want;
    } rows[] = {
        {"-b 1024", "blocks are not of 4096", -EINVAL},
        {"-O inline_data", "inline_data", -EINVAL},
        {"-O quota", "quota", -EROFS},
        {"-O bigalloc", "bigalloc", -EROFS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_image(rows[i].options);
        fake_reset();
        world_archive();
        world_start();
        IS(SYS(mkdir, user_text("/mnt"), 0755), 0);
        fake.output_bytes = 0;
        IS(SYS(mount, user_text("/dev/vda"), user_text("/mnt"), user_text("ext4"), 0, 0),
           rows[i].want);
        fake.output[fake.output_bytes] = 0;
        assert_non_null(strstr(fake.output, rows[i].why));
        world_tear_down(NULL);
    }
}

/* What stays after each step of this history, and which of it was synchronised. */
static void history(size_t *synced)
{
    long fd;

    put_pages("/mnt/a", 20, 1);
    put_file("/mnt/b", "first version");
    IS(SYS(mkdir, user_text("/mnt/dir"), 0755), 0);
    SYS(sync);
    synced[0] = fake_disk.event_count;
    put_file("/mnt/b.new", "second version");
    fd = SYS(open, user_text("/mnt/b.new"), O_RDONLY);
    IS(SYS(fsync, fd), 0);
    IS(SYS(close, fd), 0);
    IS(SYS(rename, user_text("/mnt/b.new"), user_text("/mnt/b")), 0);
    put_pages("/mnt/dir/c", 30, 2);
    IS(SYS(unlink, user_text("/mnt/a")), 0);
    put_pages("/mnt/dir/d", 30, 3);
    SYS(sync);
    synced[1] = fake_disk.event_count;
    for (int i = 0; i < 200; i++) {
        char path[64];
        snprintf(path, sizeof path, "/mnt/dir/some-name-that-fills-blocks-%d", i);
        put_file(path, "x");
    }
    IS(SYS(rename, user_text("/mnt/b"), user_text("/mnt/dir/b")), 0);
    SYS(sync);
    synced[2] = fake_disk.event_count;
}

/* debugfs says what a file holds. */
static bool holds(const char *path, const char *text)
{
    return host("test \"$(debugfs -R 'cat %s' %s 2>/dev/null)\" = \"%s\"", path, image, text) == 0;
}

/* The disk as it was at each moment: e2fsck makes it whole, and nothing synchronised is lost. */
static void cut_everywhere(const char *options, size_t step)
{
    size_t synced[3];

    start(options);
    uint8_t *base = malloc(fake_disk.blocks * PAGE_SIZE), *now = fake_disk.bytes;
    const uint64_t bytes = fake_disk.blocks * PAGE_SIZE;
    assert_non_null(base);
    memcpy(base, now, bytes);
    fake_disk.logs = true;
    history(synced);
    fake_disk.logs = false;
    for (size_t cut = 0; cut <= fake_disk.event_count; cut += step) {
        uint8_t *disk = malloc(bytes);
        memcpy(disk, base, bytes);
        fake_disk_replay(disk, cut);
        fake_disk.bytes = disk;
        fake_disk_store(image);
        assert_true(host("e2fsck -fy %s > %s.log 2>&1", image, image) <= 1);
        if (cut >= synced[2])
            assert_true(holds("/dir/b", "second version"));
        else if (cut >= synced[1])
            assert_true(holds("/b", "second version") || holds("/dir/b", "second version"));
        else if (cut >= synced[0])
            assert_true(holds("/b", "first version") || holds("/b", "second version"));
        free(disk);
    }
    fake_disk.bytes = now;
    free(base);
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
    world_tear_down(NULL);
}

static void an_end_at_any_moment_loses_nothing_synchronised(void **state)
{
    (void)state;
    cut_everywhere("", 17);
    cut_everywhere("-O ^has_journal", 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(files_written_are_linux_files, world_tear_down),
        cmocka_unit_test(contents_survive_being_mounted_again),
        cmocka_unit_test(names_and_attributes_survive),
        cmocka_unit_test_teardown(a_file_without_a_name_goes_when_it_is_closed, world_tear_down),
        cmocka_unit_test_teardown(a_full_disk_is_told_to_the_writer, world_tear_down),
        cmocka_unit_test(what_cannot_be_mounted_is_refused),
        cmocka_unit_test(an_end_at_any_moment_loses_nothing_synchronised),
    };

    return cmocka_run_group_tests(tests, tests_begin, tests_end);
}
