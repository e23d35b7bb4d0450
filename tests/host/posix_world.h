/* What every test of the personality core needs: a started core, its calls by name, and memory of
 * the program to pass pointers into. */
#pragma once

#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "libos-posix/abi/errno.h"
#include "libos-posix/abi/process.h"
#include "libos-posix/base/area.h"
#include "libos-posix/file/node.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/process/task.h"
#include "libos-posix/channel/terminal.h"
#include "tests/host/fakes/posix_port.h"

enum call_number {
#define CALL(number, name, arguments) NR_##name = (number),
#include "libos-posix/calls/calls.def"
#undef CALL
};

/* SYS(openat, AT_FDCWD, path): the call with that name; what is not given is 0. */
#define SYS(...) SYS_SPREAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYS_SPREAD(name, a, b, c, d, e, f, ...)                                                    \
    posix_syscall(NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Asserts on a result, showing it as a number. */
#define IS(call, want) assert_int_equal((call), (want))

/* Program memory: one readable and writable page, one that is only readable, one hole. */
#define USER_BYTES ((size_t)16 * PAGE_SIZE)

struct world {
    char *user;            /* USER_BYTES that the program may read and write */
    const char *read_only; /* a page behind which nothing is mapped */
    char *hole;            /* no memory */
};

static struct world world;

/* Puts a string into program memory, each at its own place, and gives its address there. */
static inline char *user_text(const char *text)
{
    static size_t at;
    size_t bytes = strlen(text) + 1;

    assert_true(bytes <= USER_BYTES / 2);
    if (at + bytes > USER_BYTES / 2)
        at = 0;
    char *to = world.user + USER_BYTES / 2 + at;
    memcpy(to, text, bytes);
    at += bytes;
    return to;
}

/* Gives the program its memory. */
static inline void world_memory(void)
{
    long at = SYS(mmap, 0, USER_BYTES + 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at > 0);
    world.user = (char *)at;
    world.read_only = world.user + USER_BYTES;
    world.hole = world.user + USER_BYTES + PAGE_SIZE;
    IS(SYS(mprotect, world.read_only, PAGE_SIZE, PROT_READ), 0);
    IS(SYS(munmap, world.hole, PAGE_SIZE), 0);
}

/* Starts the core with whatever the archive of the fake holds. */
static inline void world_start(void)
{
    IS(posix_start(), 0);
    world_memory();
}

/* A root with a few files of every kind. */
static inline void world_archive(void)
{
    fake_archive_add(".", S_IFDIR | 0755, NULL, 0);
    fake_archive_add("etc", S_IFDIR | 0755, NULL, 0);
    fake_archive_add("etc/text", S_IFREG | 0644, "one\ntwo\nthree\n", 14);
    fake_archive_add("etc/link", S_IFLNK | 0777, "text", 4);
    fake_archive_add("etc/loop", S_IFLNK | 0777, "loop", 4);
    fake_archive_add("etc/up", S_IFLNK | 0777, "/etc/../etc", 11);
    fake_archive_add("etc/nowhere", S_IFLNK | 0777, "missing", 7);
    fake_archive_add("etc/program", S_IFREG | 0755,
                     "\x7f"
                     "ELF",
                     4);
    fake_archive_add(".exo4/secret", S_IFREG | 0644, "x", 1);
    fake_archive_end();
}

static inline int world_set_up(void **state)
{
    (void)state;
    fake_reset();
    world_archive();
    world_start();
    return 0;
}

/* The process that a test has ended lives on, for what else the test wants to see. */
static inline void world_revive(void)
{
    process_current()->ending = false;
    process_current()->status = 0;
}

/* Every test must leave sound structures. */
static inline int world_tear_down(void **state)
{
    const char *broken = arena_check(arena_get());

    (void)state;
    if (broken)
        print_error("%s\n", broken);
    fake_reset();
    return broken != NULL;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
