/* Host tests of the boot archive: reading it, unpacking it, and surviving damaged ones. */
#include "tests/host/posix_world.h"

#include "libos-posix/file/cpio.h"
#include "libos-posix/file/path.h"
#include "libos-posix/file/unpack.h"

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static struct node *node_at(const char *path)
{
    struct walk w;
    return path_walk(process_current(), (word_t)AT_FDCWD, path, 0, &w) ? NULL : w.node;
}

static void entries_come_in_order_without_copies(void **state)
{
    (void)state;
    world_archive();
    struct cpio_reader r = {fake.archive, fake.archive_bytes};
    struct cpio_entry e;

    IS(cpio_next(&r, &e), 1);
    IS(e.name_bytes, 1);
    IS(cpio_next(&r, &e), 1);
    IS(cpio_next(&r, &e), 1);
    assert_memory_equal(e.name, "etc/text", 8);
    assert_in_range(e.data, fake.archive, fake.archive + fake.archive_bytes);
    assert_memory_equal(e.data, "one\n", 4);
    IS(e.mode, S_IFREG | 0644);
    IS(e.mtime, 1000);
    for (int i = 0; i < 6; i++)
        IS(cpio_next(&r, &e), 1);
    assert_true(cpio_is_hidden(&e));
    IS(cpio_next(&r, &e), 1);
    assert_true(e.is_trailer);
    IS(cpio_next(&r, &e), 0);
}

static void find_sees_hidden_files(void **state)
{
    struct cpio_entry e;

    (void)state;
    world_archive();
    assert_true(cpio_find(fake.archive, fake.archive_bytes, ".exo4/secret", &e));
    IS(e.data_bytes, 1);
    assert_false(cpio_find(fake.archive, fake.archive_bytes, ".exo4", &e));
    assert_false(cpio_find(fake.archive, fake.archive_bytes, "etc", &e));
}

static void unpacking_hides_what_is_not_for_programs(void **state)
{
    (void)state;
    world_archive();
    IS(posix_start(), 0);
    assert_non_null(node_at("/etc/text"));
    assert_null(node_at("/.exo4"));
    assert_null(node_at("/.exo4/secret"));
    assert_null(node_check(process_current()->arena));
}

static void archives_one_after_another_are_one_tree(void **state)
{
    (void)state;
    fake_archive_add("a/b/c", S_IFREG | 0600, "1", 1); /* a and a/b are made on the way */
    fake_archive_end();
    fake.archive_bytes += 512; /* zeros between archives */
    fake_archive_add("a/b/c", S_IFREG | 0600, "22", 2);
    fake_archive_add("a/d", S_IFREG | 0600, NULL, 0);
    fake_archive_end();
    IS(posix_start(), 0);
    IS(node_at("/a/b/c")->size, 2);
    assert_non_null(node_at("/a/d"));
    IS(node_at("/a")->mode, S_IFDIR | 0755);
}

static void names_of_one_number_are_one_file(void **state)
{
    (void)state;
    fake_archive_link("x", S_IFREG | 0644, NULL, 0, 7, 2); /* data comes with the last name */
    fake_archive_link("y", S_IFREG | 0644, "data", 4, 7, 2);
    fake_archive_end();
    fake_archive_link("z", S_IFREG | 0644, "z", 1, 7, 2); /* the same number, another archive */
    fake_archive_end();
    IS(posix_start(), 0);
    assert_ptr_equal(node_at("/x"), node_at("/y"));
    IS(node_at("/x")->size, 4);
    IS(node_at("/x")->links, 2);
    assert_ptr_not_equal(node_at("/z"), node_at("/x"));
}

static void bad_names_are_left_out(void **state)
{
    static char long_name[301];

    (void)state;
    memset(long_name, 'n', 300);
    fake_archive_add("../up", S_IFREG | 0644, "x", 1);
    fake_archive_add("a/../b", S_IFREG | 0644, "x", 1);
    fake_archive_add("a//b", S_IFREG | 0644, "x", 1);
    fake_archive_add("a/.", S_IFDIR | 0755, NULL, 0);
    fake_archive_add("", S_IFREG | 0644, "x", 1);
    fake_archive_add(long_name, S_IFREG | 0644, "x", 1);
    fake_archive_add("socket", S_IFSOCK | 0644, NULL, 0);
    fake_archive_add("file", S_IFREG | 0644, "x", 1);
    fake_archive_add("file/below", S_IFREG | 0644, "x", 1);
    fake_archive_add("/absolute", S_IFREG | 0644, "x", 1);
    fake_archive_end();
    IS(posix_start(), 0);
    assert_null(node_at("/up"));
    assert_null(node_at("/b"));
    assert_null(node_at("/a"));
    assert_null(node_at("/socket"));
    assert_non_null(node_at("/file"));
    assert_non_null(node_at("/absolute"));
    assert_null(node_check(process_current()->arena));
}

static void a_damaged_archive_is_an_error_and_keeps_what_came_before(void **state)
{
    (void)state;
    fake_archive_add("good", S_IFREG | 0644, "x", 1);
    memcpy(fake.archive + fake.archive_bytes, "this is no header", 17);
    fake.archive_bytes += 17;
    IS(posix_start(), -EINVAL);
    assert_non_null(node_at("/good"));
}

/* Wherever the archive ends, reading stops with the end or an error and touches nothing behind. */
static void every_truncation_is_survived(void **state)
{
    (void)state;
    world_archive();
    for (size_t bytes = 0; bytes <= fake.archive_bytes; bytes++) {
        uint8_t *copy = malloc(bytes + 1); /* so that the sanitizer sees one byte too far */
        struct cpio_entry e;
        long n;
        assert_non_null(copy);
        memcpy(copy, fake.archive, bytes);
        uint8_t *exact = realloc(copy, bytes ? bytes : 1);
        struct cpio_reader r = {exact, bytes};
        while ((n = cpio_next(&r, &e)) == 1)
            for (size_t i = 0; i < e.data_bytes; i++)
                (void)*(volatile const uint8_t *)&e.data[i];
        assert_true(n == 0 || n == -EINVAL);
        free(exact);
    }
}

/* The same for every byte of the archive set to values that make sizes wrong. */
static void every_changed_byte_is_survived(void **state)
{
    static const uint8_t values[] = {0, '0', '7', 'f', 'F', 'g', 0xff};
    static uint8_t copy[4096];

    (void)state;
    world_archive();
    size_t bytes = fake.archive_bytes;
    assert_true(bytes <= sizeof copy);
    memcpy(copy, fake.archive, bytes);
    for (size_t i = 0; i < bytes; i++) {
        fake_reset();
        memcpy(fake.archive, copy, bytes);
        fake.archive_bytes = bytes;
        fake.archive[i] = values[i % sizeof values];
        long e = posix_start();
        assert_true(e == 0 || e == -EINVAL);
        assert_null(node_check(process_current()->arena));
    }
}

static void without_memory_the_start_fails_cleanly(void **state)
{
    (void)state;
    world_archive();
    fake.limit_bytes = 16 * PAGE_SIZE; /* the arena fits, the rest does not */
    IS(posix_start(), -ENOMEM);
    fake_reset();
    fake.limit_bytes = PAGE_SIZE;
    IS(posix_start(), -ENOMEM);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(entries_come_in_order_without_copies),
        TEST(find_sees_hidden_files),
        TEST(unpacking_hides_what_is_not_for_programs),
        TEST(archives_one_after_another_are_one_tree),
        TEST(names_of_one_number_are_one_file),
        TEST(bad_names_are_left_out),
        TEST(a_damaged_archive_is_an_error_and_keeps_what_came_before),
        TEST(every_truncation_is_survived),
        TEST(every_changed_byte_is_survived),
        TEST(without_memory_the_start_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
