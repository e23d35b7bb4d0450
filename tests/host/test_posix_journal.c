/* What a disk holds after an end at any moment, and replaying journals: e2fsck and debugfs judge.
 */
#include "tests/host/posix_volume.h"

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

/* A disk as it was at one moment, in a world of its own: the journal is replayed when it is
 * mounted. */
static void mount_cut(const uint8_t *base, size_t cut, const size_t *synced)
{
    uint8_t *now = fake_disk.bytes, *disk = malloc(fake_disk.blocks * PAGE_SIZE);

    memcpy(disk, base, fake_disk.blocks * PAGE_SIZE);
    fake_disk_replay(disk, cut);
    fake_disk.bytes = disk;
    fake_reset();
    world_archive();
    world_start();
    mount_image();
    if (cut >= synced[2])
        file_is("/mnt/dir/b", "second version");
    else if (cut >= synced[1])
        pages_are("/mnt/dir/d", 30, 3);
    else if (cut >= synced[0] && SYS(access, user_text("/mnt/a"), 0) == 0)
        pages_are("/mnt/a", 20, 1);
    put_file("/mnt/after", "more");
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
    check_image();
    world_tear_down(NULL);
    fake_disk.bytes = now;
    free(disk);
}

static void a_journal_is_replayed_at_any_moment(void **state)
{
    size_t synced[3];
    const uint64_t bytes = fake_disk.blocks * PAGE_SIZE;

    (void)state;
    start("");
    uint8_t *base = malloc(bytes);
    memcpy(base, fake_disk.bytes, bytes);
    fake_disk.logs = true;
    history(synced);
    long fd = SYS(open, user_text("/mnt/orphan"), O_CREAT | O_RDWR, 0600);
    IS(SYS(write, fd, world.user, PAGE_SIZE), PAGE_SIZE);
    IS(SYS(unlink, user_text("/mnt/orphan")), 0);
    SYS(sync);
    fake_disk.logs = false;
    IS(SYS(close, fd), 0);
    IS(SYS(umount2, user_text("/mnt"), 0), 0);
    world_tear_down(NULL);
    for (size_t cut = 0; cut < fake_disk.event_count; cut += 37)
        mount_cut(base, cut, synced);
    mount_cut(base, fake_disk.event_count, synced);
    free(base);
}

/* Journals that e2fsprogs writes, with sums and without: blocks of a file, one of which a later
 * transaction revokes, and one that begins as blocks of the journal do; a last one is not whole. */
static void journals_of_others_are_replayed(void **state)
{
    static const char *const kinds[] = {"", "-c -v 3", "-c -v 2"};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        make_image("");
        IS(host("cd $(dirname %s) && yes old | head -c 12288 > old && "
                "{ printf '\\300\\073\\071\\230'; yes new | head -c 12284; } > new && "
                "debugfs -w -R 'write old file' %s && set -- $(debugfs -R 'blocks file' %s) && "
                "{ echo jo %s; echo jw -b $1,$2,$3 new; echo jw -r $3; echo jw -c -b $2 old; echo "
                "jc; } "
                "| debugfs -w -f - %s",
                image, image, image, kinds[i], image),
           0);
        fake_disk_load(image);
        fake_reset();
        world_archive();
        world_start();
        mount_image();
        long fd = SYS(open, user_text("/mnt/file"), O_RDONLY);
        IS(SYS(read, fd, world.user, 3 * PAGE_SIZE), 3 * PAGE_SIZE);
        assert_memory_equal(world.user, "\xc0\x3b\x39\x98new\nnew\n", 12);
        assert_memory_equal(world.user + PAGE_SIZE, "new\nnew\n", 8);
        assert_memory_equal(world.user + 2 * PAGE_SIZE, "old\nold\n", 8);
        IS(SYS(close, fd), 0);
        IS(SYS(umount2, user_text("/mnt"), 0), 0);
        check_image();
        world_tear_down(NULL);
    }
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
        cmocka_unit_test(an_end_at_any_moment_loses_nothing_synchronised),
        cmocka_unit_test(a_journal_is_replayed_at_any_moment),
        cmocka_unit_test(journals_of_others_are_replayed),
    };

    return cmocka_run_group_tests(tests, tests_begin, tests_end);
}
