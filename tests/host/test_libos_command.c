/* libos/servers/command.c: which file of the archive a command names. */
#include "tests/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/heap.h"
#include "libos/servers/command.h"

static char bytes[65536];
static struct archive archive = {.bytes = (const uint8_t *)bytes, .length = 0};
static unsigned inode;

void *heap_alloc_zero(size_t count, size_t size)
{
    return calloc(count, size);
}

static void pad(void)
{
    while (archive.length % 4)
        bytes[archive.length++] = 0;
}

static void add_linked(const char *name, unsigned mode, const char *data, size_t length,
                       unsigned ino, unsigned links)
{
    archive.length += (size_t)sprintf(
        bytes + archive.length, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ino,
        mode, 0u, 0u, links, 0u, (unsigned)length, 0u, 0u, 0u, 0u, (unsigned)strlen(name) + 1, 0u);
    memcpy(bytes + archive.length, name, strlen(name) + 1);
    archive.length += strlen(name) + 1;
    pad();
    memcpy(bytes + archive.length, data, length);
    archive.length += length;
    pad();
}

static void add(const char *name, unsigned mode, const char *data)
{
    add_linked(name, mode, data, strlen(data), ++inode, 1);
}

/* The tree of all tests; `argv` has its words separated by spaces. */
static void make(const char *argv)
{
    char words[512];
    size_t length = strlen(argv) + 1;

    memset(bytes, 0, sizeof bytes);
    archive.length = 0;
    inode = 100;
    memcpy(words, argv, length);
    for (size_t i = 0; i < length; i++)
        if (words[i] == ' ')
            words[i] = 0;
    add_linked(".exo4/argv", 0100644, words, *argv ? length : 0, 1, 1);
    add_linked(".exo4/environ", 0100644, "A=1\0PATH=/none:/bin", 20, 2, 1);
    add(".exo4/posix.elf", 0100755, "system");
    add("bin", 0040755, "");
    add("bin/run", 0100755, "RUN");
    add("bin/data", 0100644, "DATA");
    add("bin/up", 0120777, "../bin/run");
    add("bin/far", 0120777, "/usr/here/run");
    add("bin/loop", 0120777, "loop");
    add("usr", 0040755, "");
    add("usr/here", 0120777, "../bin");
    add_linked("hard1", 0100755, "", 0, 7, 2);
    add_linked("hard2", 0100755, "BOTH", 4, 7, 2);
}

static void finds(const char *argv, const char *data)
{
    struct command c;

    make(argv);
    assert_int_equal(command_read(&archive, &c), ERR_OK);
    assert_int_equal(c.file.bytes, strlen(data));
    if (*data)
        assert_memory_equal(c.file.data, data, strlen(data));
    assert_false(c.has_libos);
    free(c.arguments);
    free(c.environment);
}

static void words_are_split(void **state)
{
    struct command c;

    (void)state;
    make("/bin/run one two");
    assert_int_equal(command_read(&archive, &c), ERR_OK);
    assert_string_equal(c.arguments[0], "/bin/run");
    assert_string_equal(c.arguments[2], "two");
    assert_null(c.arguments[3]);
    assert_string_equal(c.environment[1], "PATH=/none:/bin");
    assert_null(c.environment[2]);
    free(c.arguments);
    free(c.environment);
}

static void paths_are_resolved(void **state)
{
    (void)state;
    finds("/bin/run", "RUN");
    finds("bin/run x", "RUN");
    finds("//bin/./../bin//run", "RUN");
    finds("/../../bin/run", "RUN");
    finds("/bin/up", "RUN");
    finds("/bin/far", "RUN");
    finds("/usr/here/up", "RUN");
    finds("/hard1", "BOTH");
    finds("/hard2", "BOTH");
    finds("run", "RUN");
    finds("up", "RUN");
}

static void what_cannot_run_is_not_found(void **state)
{
    char huge[400];

    (void)state;
    finds("", "");
    finds("/bin/none", "");
    finds("none", "");
    finds("/bin", "");
    finds("/bin/data", "");
    finds("/bin/run/none", "");
    finds("/bin/loop", "");
    finds("/.exo4/posix.elf", "");
    memset(huge, 'x', sizeof huge - 1);
    huge[0] = '/';
    huge[sizeof huge - 1] = 0;
    finds(huge, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split),
        cmocka_unit_test(paths_are_resolved),
        cmocka_unit_test(what_cannot_run_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
