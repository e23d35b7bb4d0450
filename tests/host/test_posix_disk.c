/* The core's calls on file systems of a disk: e2fsck and debugfs, which are not ours, judge. */
#include "tests/host/posix_volume.h"

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
        IS(SYS(chown, user_text("/mnt/old"), 70000, 5), 0);
        IS(SYS(chmod, user_text("/mnt/old"), 04751), 0);
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

static void a_disk_that_fails_is_an_error_and_keeps_the_last_commit(void **state)
{
    (void)state;
    for (uint64_t moves = 1; moves < 12; moves += 2) {
        start("");
        put_file("/mnt/kept", "kept");
        SYS(sync);
        long fd = SYS(open, user_text("/mnt/lost"), O_CREAT | O_WRONLY, 0644);
        IS(SYS(write, fd, user_text("lost"), 4), 4);
        fake_disk.fails_after = moves;
        const long stored = SYS(fsync, fd);
        if (moves < 6) /* later ones only write in place what the journal has */
            IS(stored, -EIO);
        fake_disk.fails_after = 1;
        IS(SYS(write, fd, user_text("more"), 4), stored ? -EIO : 4);
        IS(SYS(fsync, fd), -EIO);
        IS(SYS(mkdir, user_text("/mnt/dir"), 0755), -EIO);
        IS(SYS(unlink, user_text("/mnt/kept")), -EIO);
        file_is("/mnt/kept", "kept"); /* from the cache */
        IS(SYS(close, fd), 0);
        IS(SYS(umount2, user_text("/mnt"), 0), -EIO);
        fake_disk.fails_after = 0;
        IS(SYS(mount, user_text("/dev/vda"), user_text("/mnt"), user_text("ext4"), 0, 0), 0);
        file_is("/mnt/kept", "kept");
        if (!stored)
            file_is("/mnt/lost", "lost");
        IS(SYS(umount2, user_text("/mnt"), 0), 0);
        check_image();
        world_tear_down(NULL);
    }
}

static void a_volume_that_is_read_only_stays_as_it_is(void **state)
{
    (void)state;
    start("");
    put_file("/mnt/file", "text");
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
    const uint64_t writes = fake_disk.writes;
    fake_disk.read_only = true;
    IS(SYS(mount, user_text("/dev/vda"), user_text("/mnt"), user_text("ext4"), 0, 0), -EACCES);
    IS(SYS(mount, user_text("/dev/vda"), user_text("/mnt"), user_text("ext4"), MS_RDONLY, 0), 0);
    file_is("/mnt/file", "text");
    IS(SYS(open, user_text("/mnt/file"), O_WRONLY), -EROFS);
    IS(SYS(open, user_text("/mnt/new"), O_CREAT | O_WRONLY, 0644), -EROFS);
    IS(SYS(truncate, user_text("/mnt/file"), 0), -EROFS);
    IS(SYS(mkdir, user_text("/mnt/new"), 0755), -EROFS);
    IS(SYS(unlink, user_text("/mnt/file")), -EROFS);
    IS(SYS(rename, user_text("/mnt/file"), user_text("/mnt/new")), -EROFS);
    IS(SYS(link, user_text("/mnt/file"), user_text("/mnt/new")), -EROFS);
    IS(SYS(chmod, user_text("/mnt/file"), 0600), -EROFS);
    IS(SYS(chown, user_text("/mnt/file"), 1, 1), -EROFS);
    IS(SYS(access, user_text("/mnt/file"), 2), -EROFS);
    IS(SYS(access, user_text("/mnt/file"), 4), 0);
    SYS(sync);
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
    IS(fake_disk.writes, writes);
    fake_disk.read_only = false;
}

static void memory_that_shows_a_file_is_written_back(void **state)
{
    (void)state;
    start("");
    long fd = SYS(open, user_text("/mnt/file"), O_CREAT | O_RDWR, 0644);
    IS(SYS(ftruncate, fd, 3 * PAGE_SIZE), 0);
    char *shared = (char *)SYS(mmap, 0, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *own = (char *)SYS(mmap, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    strcpy(shared + 5, "in memory");
    strcpy(shared + 2 * PAGE_SIZE, "too");
    IS(SYS(pread64, fd, world.user, 9, 5), 9);
    assert_memory_equal(world.user, "in memory", 9);
    strcpy(own + 5, "of its own");
    IS(SYS(close, fd), 0);
    IS(SYS(msync, shared, 3 * PAGE_SIZE, 4 /* MS_SYNC */), 0);
    fake_disk_store(image);
    IS(host("e2fsck -fy %s > /dev/null 2>&1; test $? -le 1", image), 0);
    IS(host("debugfs -R 'cat /file' %s 2>/dev/null | grep -q 'in memory'", image), 0);
    strcpy(shared + 5, "memory at last");
    IS(SYS(umount2, user_text("/mnt"), 0), -EBUSY);
    IS(SYS(munmap, own, PAGE_SIZE), 0);
    IS(SYS(munmap, shared, 3 * PAGE_SIZE), 0);
    mount_again();
    fd = SYS(open, user_text("/mnt/file"), O_RDONLY);
    IS(SYS(pread64, fd, world.user, 2 * PAGE_SIZE + 4, 0), 2 * PAGE_SIZE + 4);
    assert_string_equal(world.user + 5, "memory at last");
    assert_string_equal(world.user + 2 * PAGE_SIZE, "too");
    IS(SYS(close, fd), 0);
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
}

static void what_is_mounted_is_told(void **state)
{
    const char *odd = "/a b\\c";

    (void)state;
    start("");
    file_is("/proc/mounts", "rootfs / rootfs rw 0 0\n/dev/vda /mnt ext4 rw,noatime 0 0\n");
    file_is("/proc/self/mounts", "rootfs / rootfs rw 0 0\n/dev/vda /mnt ext4 rw,noatime 0 0\n");
    file_is("/proc/1/mountinfo", "1 1 0:1 / / rw - rootfs rootfs rw\n"
                                 "2 1 254:1 / /mnt rw,noatime - ext4 /dev/vda rw\n");
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
    file_is("/proc/1/mountinfo", "1 1 0:1 / / rw - rootfs rootfs rw\n");
    IS(SYS(mkdir, user_text(odd), 0755), 0);
    IS(SYS(mount, user_text("/dev/vda"), user_text(odd), user_text("ext4"), MS_RDONLY | MS_NOSUID,
           0),
       0);
    file_is("/proc/self/mountinfo",
            "1 1 0:1 / / rw - rootfs rootfs rw\n"
            "2 1 254:1 / /a\\040b\\134c ro,nosuid,noatime - ext4 /dev/vda ro\n");
    IS(SYS(umount2, user_text(odd), 0), 0);
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
        cmocka_unit_test(a_disk_that_fails_is_an_error_and_keeps_the_last_commit),
        cmocka_unit_test_teardown(a_volume_that_is_read_only_stays_as_it_is, world_tear_down),
        cmocka_unit_test_teardown(memory_that_shows_a_file_is_written_back, world_tear_down),
        cmocka_unit_test_teardown(what_is_mounted_is_told, world_tear_down),
    };

    return cmocka_run_group_tests(tests, tests_begin, tests_end);
}
