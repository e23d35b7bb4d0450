/* Fake platform under the personality core: real memory at fixed addresses, a clock that only
 * waiting moves, a console in buffers, and an archive that tests put together. */
#pragma once

#include <setjmp.h>

#include "exo/abi/types.h"

struct fake_port {
    char output[65536]; /* what was written to the console, both streams */
    size_t output_bytes;
    size_t error_bytes; /* of them those to stream 2 */
    const char *input;  /* what is still to be read; then the input ends */
    bool is_terminal;
    uint64_t now_ns;                 /* monotonic; the real time is this plus FAKE_EPOCH_NS */
    uint64_t waits;                  /* calls of port_sleep */
    struct task *self;               /* whose thread runs */
    bool loses_wakes;                /* port_wake wakes nobody */
    bool has_keeper;                 /* set before posix_start: several tasks, see below */
    size_t mapped_bytes;             /* of core and program together */
    size_t limit_bytes;              /* what may be mapped at most */
    const void *vdso;                /* what port_vdso gives */
    vaddr_t fs_base;                 /* last port_set_fs */
    void (*born)(struct task *task); /* what new tasks do */
    jmp_buf on_exit;                 /* where port_exit goes while exit_expected */
    bool exit_expected;
    int exit_status;
    size_t archive_bytes;
    uint8_t archive[4 << 20]; /* zero behind archive_bytes */
};

#define FAKE_EPOCH_NS 1700000000000000000u
#define FAKE_MAP_LOW  0x200000000000u
#define FAKE_MAP_HIGH 0x200040000000u
#define FAKE_CORE_LOW 0x210000000000u

extern struct fake_port fake;

/* Unmaps everything and forgets all; the archive is empty afterwards. */
void fake_reset(void);

/* Appends an entry to the archive. `data` NULL: `bytes` must be 0. */
void fake_archive_add(const char *name, uint32_t mode, const void *data, size_t bytes);

/* The same with a number and a count of links, for files with several names. */
void fake_archive_link(const char *name, uint32_t mode, const void *data, size_t bytes,
                       uint32_t ino, uint32_t links);
void fake_archive_end(void);

/*
 * Several tasks (posix_tasks.c): each runs on a stack of its own until it sleeps or ends; then the
 * next one that was woken, in the order of their making. Time moves when all sleep. Where a real
 * child would return from fork, or a thread begin, here `fake.born` is called with its task; what
 * it does ends with a call of exit.
 */
void fake_run_others(uint64_t deadline_ns);
void fake_tasks_reset(void);

/* Statement that must end the program; the status is in fake.exit_status. */
#define FAKE_EXPECT_EXIT(statement)                                                                \
    do {                                                                                           \
        fake.exit_expected = true;                                                                 \
        if (setjmp(fake.on_exit) == 0) {                                                           \
            statement;                                                                             \
            fail_msg("the program did not end");                                                   \
        }                                                                                          \
        fake.exit_expected = false;                                                                \
    } while (0)
