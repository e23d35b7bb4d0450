/* The boot image as a tree of paths: what is found, what links lead to, what is listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos-net/examples/http_files.h"

static uint8_t bytes[16384];
static struct archive archive;

/* Appends an entry in the "newc" format. */
static void add(const char *name, uint32_t mode, uint32_t inode, uint32_t links, const char *data)
{
    char head[111];
    size_t length = strlen(name) + 1, count = strlen(data);

    snprintf(head, sizeof head, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode,
             mode, 0u, 0u, links, 0u, (unsigned)count, 0u, 0u, 0u, 0u, (unsigned)length, 0u);
    memcpy(bytes + archive.length, head, 110);
    memcpy(bytes + archive.length + 110, name, length);
    archive.length = (archive.length + 110 + length + 3) & ~(size_t)3;
    memcpy(bytes + archive.length, data, count);
    archive.length = (archive.length + count + 3) & ~(size_t)3;
    assert_true(archive.length < sizeof bytes);
}

static int fill(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof bytes);
    archive = (struct archive){.bytes = bytes, .length = 0};
    add(".exo4/secret", 0100644, 1, 1, "secret");
    add("TRAILER!!!", 0, 0, 1, "");
    add(".", 040755, 1, 2, "");
    add("a", 0100644, 2, 1, "content of a");
    add("dir", 040755, 3, 2, "");
    add("dir/b", 0100644, 4, 1, "b");
    add("dir/up", 0120777, 5, 1, "../a");
    add("dir/deep/c", 0100644, 6, 1, "c"); /* dir/deep has no entry of its own */
    add("dir/deep/d", 0100644, 7, 1, "dd");
    add("link", 0120777, 8, 1, "/dir/deep");
    add("out", 0120777, 9, 1, "../../../a");
    add("away", 0120777, 10, 1, "/etc/passwd");
    add("loop", 0120777, 11, 1, "loop");
    add("ping", 0120777, 12, 1, "pong/x");
    add("pong", 0120777, 13, 1, "ping/x");
    add("sneak", 0120777, 14, 1, ".exo4/secret");
    add("empty", 0120777, 15, 1, "");
    add("hard", 0100644, 16, 2, "");
    add("hard2", 0100644, 16, 2, "shared");
    add("pipe", 0010644, 17, 1, "");
    add("TRAILER!!!", 0, 0, 1, "");
    return 0;
}

static void paths_lead_where_they_should(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum file_kind kind;
        const char *data;
    } rows[] = {
        {"/", FILE_DIRECTORY, NULL},
        {"/a", FILE_REGULAR, "content of a"},
        {"/dir", FILE_DIRECTORY, NULL},
        {"/dir/", FILE_DIRECTORY, NULL},
        {"/dir/b", FILE_REGULAR, "b"},
        {"/dir/up", FILE_REGULAR, "content of a"},
        {"/dir/deep", FILE_DIRECTORY, NULL},
        {"/link/c", FILE_REGULAR, "c"},
        {"/out", FILE_REGULAR, "content of a"}, /* the root's parent is the root */
        {"/hard", FILE_REGULAR, "shared"},
        {"/hard2", FILE_REGULAR, "shared"},
        {"/away", FILE_NONE, NULL},
        {"/loop", FILE_NONE, NULL},
        {"/loop/x", FILE_NONE, NULL},
        {"/ping", FILE_NONE, NULL},
        {"/sneak", FILE_NONE, NULL},
        {"/.exo4", FILE_NONE, NULL},
        {"/.exo4/secret", FILE_NONE, NULL},
        {"/empty", FILE_NONE, NULL},
        {"/pipe", FILE_NONE, NULL},
        {"/d", FILE_NONE, NULL},
        {"/dir/deeper", FILE_NONE, NULL},
        {"/TRAILER!!!", FILE_NONE, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char real[HTTP_PATH_MAX];
        struct archive_entry e;
        const char *path = rows[i].path;
        enum file_kind got = files_find(&archive, path, real, &e);

        if (got != rows[i].kind)
            print_error("%s\n", path);
        assert_int_equal(got, rows[i].kind);
        if (rows[i].data) {
            assert_int_equal(e.bytes, strlen(rows[i].data));
            assert_memory_equal(e.data, rows[i].data, e.bytes);
        }
    }
}

static void directories_list_each_thing_once(void **state)
{
    (void)state;
    struct archive_cursor at = {0};
    struct files_item item = {0};
    char names[256] = "";

    while (files_list(&archive, "/dir", &at, &item)) {
        strncat(names, item.name, item.length);
        strcat(names, item.directory ? "/ " : " ");
    }
    assert_string_equal(names, "b up deep/ ");

    at = (struct archive_cursor){0};
    item = (struct files_item){0};
    unsigned count = 0;
    while (files_list(&archive, "", &at, &item)) {
        assert_false(item.length == 5 && memcmp(item.name, ".exo4", 5) == 0);
        count++;
    }
    assert_int_equal(count, 13);
}

static void a_target_longer_than_a_path_is_refused(void **state)
{
    (void)state;
    char target[HTTP_PATH_MAX + 10], real[HTTP_PATH_MAX];
    struct archive_entry e;

    memset(target, 'x', sizeof target);
    target[sizeof target - 1] = '\0';
    archive.length = 0;
    add("long", 0120777, 1, 1, target);
    target[HTTP_PATH_MAX - 4] = '\0';
    add("just", 0120777, 2, 1, target);
    assert_int_equal(files_find(&archive, "/long", real, &e), FILE_NONE);
    assert_int_equal(files_find(&archive, "/just/xyzw", real, &e), FILE_NONE);
    assert_int_equal(files_find(&archive, "/just", real, &e), FILE_NONE);
}

/* Damaged archives: whatever is found lies inside, and nothing else is read. */
static void damage_is_survived(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/a", "/link/c", "/hard", "/dir/up", "/loop"};
    uint8_t good[sizeof bytes];
    size_t length = archive.length;

    memcpy(good, bytes, sizeof bytes);
    srand(7);
    for (unsigned run = 0; run < 3000; run++) {
        uint8_t *exact = malloc(length);
        memcpy(exact, good, length);
        for (unsigned i = 0; i < 5; i++)
            exact[(size_t)rand() % length] = (uint8_t)rand();
        struct archive damaged = {.bytes = exact, .length = length - (size_t)rand() % 200};
        for (unsigned i = 0; i < 6; i++) {
            char real[HTTP_PATH_MAX];
            struct archive_entry e;
            if (files_find(&damaged, paths[i], real, &e) == FILE_REGULAR)
                assert_true(e.data >= exact && e.data + e.bytes <= exact + length);
        }
        free(exact);
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, fill)
    const struct CMUnitTest tests[] = {
        T(paths_lead_where_they_should),
        T(directories_list_each_thing_once),
        T(a_target_longer_than_a_path_is_refused),
        T(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
