/* What the tests of file systems on disks share: images made and judged by e2fsprogs, and files in
 * them. */
#pragma once

#include "tests/host/posix_world.h"

#include <stdio.h>

#include "libos-posix/file/mount.h"
#include "tests/host/fakes/posix_disk.h"

#define host  fake_disk_command
#define image fake_disk_image()

static inline int tests_begin(void **state)
{
    (void)state;
    fake_disk_begin();
    return 0;
}

static inline int tests_end(void **state)
{
    (void)state;
    fake_disk_end();
    return 0;
}

static inline void make_image(const char *options)
{
    IS(host("rm -f %s; truncate -s 16M %s && mkfs.ext4 -q -F -b 4096 %s %s", image, image, image,
            options),
       0);
    fake_disk_load(image);
}

static inline void check_image(void)
{
    fake_disk_store(image);
    IS(host("e2fsck -fn %s > %s.log 2>&1 || { cat %s.log >&2; false; }", image, image, image), 0);
}

static inline void mount_image(void)
{
    IS(SYS(mkdir, user_text("/mnt"), 0755), 0);
    IS(SYS(mount, user_text("/dev/vda"), user_text("/mnt"), user_text("ext4"), 0, 0), 0);
}

static inline void start(const char *options)
{
    make_image(options);
    fake_reset();
    world_archive();
    world_start();
    mount_image();
}

static inline void put_file(const char *path, const char *text)
{
    long fd = SYS(open, user_text(path), O_CREAT | O_WRONLY | O_TRUNC, 0644);

    assert_true(fd >= 0);
    IS(SYS(write, fd, user_text(text), strlen(text)), strlen(text));
    IS(SYS(close, fd), 0);
}

static inline void file_is(const char *path, const char *text)
{
    long fd = SYS(open, user_text(path), O_RDONLY);

    assert_true(fd >= 0);
    IS(SYS(read, fd, world.user, PAGE_SIZE), strlen(text));
    assert_memory_equal(world.user, text, strlen(text));
    IS(SYS(close, fd), 0);
}

/* A file of pages, each of which says which one it is. */
static inline void put_pages(const char *path, uint32_t count, uint32_t salt)
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

static inline void pages_are(const char *path, uint32_t count, uint32_t salt)
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
static inline void mount_again(void)
{
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
    assert_null(arena_check(arena_get()));
    check_image();
    IS(SYS(mount, user_text("/dev/vda"), user_text("/mnt"), user_text("ext4"), 0, 0), 0);
}
