/* libos/archive.c: entries of joined archives in order, and no step outside a damaged one. */
#include "tests/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/archive.h"

static uint8_t bytes[4096];
static size_t length;

static void pad(size_t to)
{
    while (length % to)
        bytes[length++] = 0;
}

static void add(const char *name, const char *data, unsigned mode)
{
    length += (size_t)sprintf((char *)bytes + length,
                              "070701%08x%08x%08x%08x%08x%08x%08X%08x%08x%08x%08x%08x%08x", 7u,
                              mode, 10u, 20u, 1u, 12345u, (unsigned)strlen(data), 0u, 0u, 0u, 0u,
                              (unsigned)strlen(name) + 1, 0u);
    length += (size_t)sprintf((char *)bytes + length, "%s", name) + 1;
    pad(4);
    length += (size_t)sprintf((char *)bytes + length, "%s", data);
    pad(4);
}

static int set_up(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof bytes);
    length = 0;
    add(".exo4/hello.elf", "first", 0100755);
    add("TRAILER!!!", "", 0);
    pad(512);
    add(".", "", 0040755);
    add("./etc/motd", "welcome to you", 0100644);
    add("bin/.exo4/hello.elf", "other", 0100755);
    add("TRAILER!!!", "", 0);
    pad(512);
    return 0;
}

static void entries_come_in_order_with_their_archive(void **state)
{
    static const struct {
        const char *name, *data;
        uint32_t archive;
    } want[] = {{".exo4/hello.elf", "first", 0},
                {".", "", 1},
                {"etc/motd", "welcome to you", 1},
                {"bin/.exo4/hello.elf", "other", 1}};
    struct archive a = {.bytes = bytes, .length = length};
    struct archive_cursor at = {0};
    struct archive_entry e;

    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(archive_next(&a, &at, &e), ERR_OK);
        assert_string_equal(e.name, want[i].name);
        assert_int_equal(e.bytes, strlen(want[i].data));
        assert_memory_equal(e.data, want[i].data, e.bytes);
        assert_int_equal(e.archive, want[i].archive);
    }
    assert_int_equal(archive_next(&a, &at, &e), ERR_NOT_BOUND);
}

static void an_entry_is_found_by_its_name_alone(void **state)
{
    struct archive a = {.bytes = bytes, .length = length};
    struct archive_entry e;

    (void)state;
    assert_int_equal(archive_find(&a, "etc/motd", &e), ERR_OK);
    assert_int_equal(e.mode, 0100644);
    assert_int_equal(e.uid, 10);
    assert_int_equal(e.gid, 20);
    assert_int_equal(e.mtime, 12345);
    assert_int_equal(e.inode, 7);
    assert_int_equal(archive_find(&a, "etc", &e), ERR_NOT_BOUND);
    assert_int_equal(archive_find(&a, "TRAILER!!!", &e), ERR_NOT_BOUND);
}

/* All that can be found, by an index and without one: entries are the same, the first of a name
 * wins. */
static void an_index_finds_the_same(void **state)
{
    (void)state;
    add("etc/motd", "not this one", 0100644);
    const struct archive plain = {.bytes = bytes, .length = length};
    struct archive a = plain;
    struct archive_slot slots[256];
    struct archive_cursor at = {0};
    struct archive_entry want, e;
    unsigned names = 0;

    assert_in_range(archive_index_slots(&a), 4, 256);
    archive_index(&a, slots);
    for (; archive_next(&plain, &at, &want) == ERR_OK; names++) {
        const char *name = want.name;
        assert_int_equal(archive_find(&plain, name, &want), ERR_OK);
        assert_int_equal(archive_find(&a, name, &e), ERR_OK);
        assert_ptr_equal(e.name, want.name);
        assert_ptr_equal(e.data, want.data);
        assert_int_equal(e.archive, want.archive);
    }
    assert_true(names > 2);
    assert_int_equal(archive_find(&a, "etc", &e), ERR_NOT_BOUND);
    assert_int_equal(archive_find(&a, "", &e), ERR_NOT_BOUND);
    assert_int_equal(archive_find(&a, "TRAILER!!!", &e), ERR_NOT_BOUND);
    struct archive none = {.bytes = bytes, .length = 0};
    assert_int_equal(archive_index_slots(&none), 1);
    archive_index(&none, slots);
    assert_int_equal(archive_find(&none, "x", &e), ERR_NOT_BOUND);
}

static void an_archive_cut_short_is_an_error(void **state)
{
    struct archive_entry e;

    (void)state;
    for (size_t cut = 1; cut < 130; cut++) {
        struct archive a = {.bytes = bytes, .length = cut};
        struct archive_cursor at = {0};
        assert_int_equal(archive_next(&a, &at, &e), ERR_BAD_ARG);
    }
    struct archive none = {.bytes = bytes, .length = 0};
    assert_int_equal(archive_find(&none, "x", &e), ERR_NOT_BOUND);
}

static void what_is_no_archive_is_an_error(void **state)
{
    struct archive a = {.bytes = bytes, .length = length};
    struct archive_cursor at = {0};
    struct archive_entry e;

    (void)state;
    bytes[5] = '7';
    assert_int_equal(archive_next(&a, &at, &e), ERR_BAD_ARG);
    bytes[5] = '1';
    bytes[6 + 8 * 6] = 'g'; /* not a digit of the size */
    assert_int_equal(archive_next(&a, &at, &e), ERR_BAD_ARG);
}

/* The sanitizers say whether it reads where it must not. */
static void noise_never_leads_outside_the_bytes(void **state)
{
    (void)state;
    srand(5);
    for (unsigned round = 0; round < 50000; round++) {
        size_t n = length - (size_t)rand() % length;
        uint8_t *copy = malloc(n);
        memcpy(copy, bytes, n);
        for (unsigned i = 0; i < 1 + (unsigned)rand() % 4; i++)
            copy[(size_t)rand() % n] = rand() % 2 ? (uint8_t)rand() : 'f';
        struct archive a = {.bytes = copy, .length = n};
        struct archive_cursor at = {0};
        struct archive_entry e;
        while (archive_next(&a, &at, &e) == ERR_OK) {
            assert_in_range((uintptr_t)e.name, (uintptr_t)copy, (uintptr_t)copy + n - 1);
            assert_true(strlen(e.name) < n);
            assert_true(e.data >= copy && e.bytes <= n - (size_t)(e.data - copy));
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(entries_come_in_order_with_their_archive, set_up),
        cmocka_unit_test_setup(an_entry_is_found_by_its_name_alone, set_up),
        cmocka_unit_test_setup(an_index_finds_the_same, set_up),
        cmocka_unit_test_setup(an_archive_cut_short_is_an_error, set_up),
        cmocka_unit_test_setup(what_is_no_archive_is_an_error, set_up),
        cmocka_unit_test_setup(noise_never_leads_outside_the_bytes, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
