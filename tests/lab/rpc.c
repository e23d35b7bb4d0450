/* Experiments: what library OSes build on protected control transfer, shared memory and
 * notifications. */
#include "libos/rpc.h"
#include "libos/servers/program.h"
#include "libos/shm_pipe.h"
#include "libos/thread.h"
#include "tests/lab/lab.h"

#define PARTNER_FRAMES 512u
#define PIPE_PAGES     1u

static struct lab_series series;
static slot_t server;
static struct shm_pipe to, from;
static volatile word_t failed;

static void call(void *argument, uint32_t round)
{
    word_t result;

    (void)argument;
    failed |= rpc_call(server, 0, round, 0, 0, &result) != ERR_OK || result != round + 1;
}

static void call_trusted(void *argument, uint32_t round)
{
    word_t result;

    (void)argument;
    failed |= rpc_call_trusted(server, 0, round, 0, 0, &result) != ERR_OK || result != round + 1;
}

static void there_and_back(void *argument, uint32_t round)
{
    word_t word = round, got;

    (void)argument;
    failed |= shm_pipe_write(&to, &word, sizeof word) != ERR_OK ||
              shm_pipe_read(&from, &word, sizeof word, &got) != ERR_OK || word != round + 1;
}

static void measure_calls(const struct archive *a, const char *role, const char *key,
                          uint64_t empty)
{
    struct spawn_child child;

    lab_partner(a, role, &child);
    server = child.thread;
    if (role[0] == 't')
        lab_measure(&series, NULL, call_trusted, NULL);
    else
        lab_measure(&series, NULL, call, NULL);
    if (failed)
        lab_fail(key, ERR_BAD_STATE);
    lab_report(key, &series, empty, 1, 1);
    spawn_destroy(&child);
}

static void measure_pipe(const struct archive *a, uint64_t empty)
{
    const char *arguments[] = {"lab", "as", "pipe", NULL};
    struct archive_entry image;
    struct spawn_child child;
    enum err e = program_find(a, "lab", &image);
    struct spawn_args args = {.image = image.data,
                              .image_bytes = image.bytes,
                              .name = "lab",
                              .arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE),
                              .memory_frames = PARTNER_FRAMES,
                              .cpu = THREAD_CPU_HERE,
                              .priority = THREAD_PRIORITY + 1};

    if (e == ERR_OK)
        e = shm_pipe_make(&to, PIPE_PAGES);
    if (e == ERR_OK)
        e = shm_pipe_make(&from, PIPE_PAGES);
    if (e == ERR_OK)
        e = spawn_prepare(&child, &args);
    if (e == ERR_OK)
        e = shm_pipe_give(&to, child.env, LAB_SLOT_IN);
    if (e == ERR_OK)
        e = shm_pipe_give(&from, child.env, LAB_SLOT_OUT);
    if (e == ERR_OK)
        e = spawn_run(&child);
    if (e)
        lab_fail("pipe.shm", e);
    lab_measure(&series, NULL, there_and_back, NULL);
    if (failed)
        lab_fail("pipe.shm", ERR_BAD_STATE);
    lab_report("pipe.shm", &series, empty, 2, 2);
    spawn_destroy(&child);
    shm_pipe_destroy(&to);
    shm_pipe_destroy(&from);
}

void lab_rpc(const struct archive *a)
{
    uint64_t empty = lab_empty();

    measure_calls(a, "lrpc", "rpc.lrpc", empty);
    measure_calls(a, "tlrpc", "rpc.tlrpc", empty);
    measure_pipe(a, empty);
}
