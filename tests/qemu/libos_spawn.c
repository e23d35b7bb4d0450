/* Programs started by a program: how they are told apart, how they end, and that nothing of them
 * stays. The test starts itself, with a word that says what to do. */
#include "libos/archive.h"
#include "libos/call.h"
#include "libos/exit.h"
#include "libos/heap.h"
#include "libos/libos.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/tap.h"

#define NAME         "libos_spawn"
#define CHILD_FRAMES 1024u
#define WILD         0x123456789000u
#define ROUNDS       30u

static struct archive archive;

static enum err start_child(const char *what, struct spawn_child *child)
{
    const char *arguments[] = {NAME, what, NULL};
    const char *environment[] = {"COLOUR=blue", "SIZE=", NULL};
    struct spawn_args args = {.arguments = arguments,
                              .environment = environment,
                              .give = SPAWN_GIVE(SLOT_CONSOLE),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = THREAD_CPU_HERE};

    return program_start(&archive, NAME, &args, child);
}

static struct spawn_end run_child(const char *what)
{
    struct spawn_child child;
    struct spawn_end end = {0};

    if (start_child(what, &child) == ERR_OK) {
        spawn_wait(&child, &end);
        spawn_destroy(&child);
    }
    return end;
}

static void second_thread(void *number)
{
    *(volatile int *)number += 1;
}

/* Status 0: it is as it should be. */
static int check_strings(int argc, char **argv, char **envp)
{
    return !(argc == 2 && !strcmp(argv[0], NAME) && !argv[2] && !strcmp(envp[0], "COLOUR=blue") &&
             !strcmp(envp[1], "SIZE=") && !envp[2]);
}

static int check_threads(void)
{
    struct thread t;
    int number = 1;

    for (unsigned i = 0; i < 5; i++) {
        if (thread_run(&t, second_thread, &number, THREAD_CPU_HERE, THREAD_PRIORITY))
            return 1;
        thread_join(&t);
    }
    return number != 6;
}

static void exit_from_here(void *unused)
{
    (void)unused;
    libos_exit(9);
}

/* What the second program does, by its word. */
static int be_child(int argc, char **argv, char **envp)
{
    static struct thread t;

    if (!strcmp(argv[1], "seven"))
        return 7;
    if (!strcmp(argv[1], "strings"))
        return check_strings(argc, argv, envp);
    if (!strcmp(argv[1], "bare-fault")) {
        *(volatile int *)WILD = 1;
        return 0;
    }
    if (libos_setup())
        return 1;
    if (!strcmp(argv[1], "memory"))
        return !heap_alloc_zero(1, CHILD_FRAMES / 2 * PAGE_SIZE) ||
               heap_alloc(CHILD_FRAMES * 2 * PAGE_SIZE) == NULL;
    if (!strcmp(argv[1], "machine"))
        return exo_machine_off(SLOT_MACHINE, 0) != ERR_BAD_CAP;
    if (!strcmp(argv[1], "fault"))
        *(volatile int *)WILD = 1;
    if (!strcmp(argv[1], "threads"))
        return check_threads();
    if (!strcmp(argv[1], "thread-exits")) {
        thread_run(&t, exit_from_here, NULL, THREAD_CPU_HERE, THREAD_PRIORITY);
        thread_join(&t);
    }
    for (;;)
        exo_yield(SLOT_NONE);
}

static void test_ends(void)
{
    struct spawn_end end = run_child("seven");

    tap_ok(end.exited && end.status == 7, "a program's status arrives");
    end = run_child("strings");
    tap_ok(end.exited && end.status == 0, "arguments and environment arrive");
    end = run_child("memory");
    tap_ok(end.exited && end.status == 0, "it has the memory it was given");
    end = run_child("machine");
    tap_ok(end.exited && end.status == 0, "it does not have what it was not given");
    end = run_child("fault");
    tap_ok(end.exited && end.status == 139,
           "a fault that its libOS cannot repair ends it with 139");
    end = run_child("bare-fault");
    tap_ok(!end.exited && end.vector == 14 && end.address == WILD,
           "without a handler the kernel says which fault it was");
    end = run_child("threads");
    tap_ok(end.exited && end.status == 0, "its threads run and are joined");
    end = run_child("thread-exits");
    tap_ok(end.exited && end.status == 9, "any of its threads can end it");
}

/* The first rounds may leave page tables and slots for later ones; after them nothing is lost. */
static void test_nothing_stays(void)
{
    struct spawn_child child;
    uint32_t free = 0;
    bool good = true;

    for (unsigned i = 0; i < ROUNDS; i++) {
        good = good && start_child("endless", &child) == ERR_OK;
        exo_yield(child.thread);
        spawn_destroy(&child);
        if (i == ROUNDS / 2)
            free = region_free_count();
    }
    tap_ok(good, "programs are started and destroyed while they run");
    tap_is(region_free_count(), free, "and nothing of them stays");
}

static void test_errors(void)
{
    struct spawn_child child;
    struct archive_entry entry;
    struct spawn_args args = {.image = "no program", .image_bytes = 10};
    uint32_t free = region_free_count();

    tap_is(spawn_start(&child, &args), ERR_BAD_ARG, "what is no program is refused");
    program_find(&archive, NAME, &entry);
    args = (struct spawn_args){.image = entry.data,
                               .image_bytes = entry.bytes,
                               .cpu = THREAD_CPU_HERE,
                               .memory_frames = free + 1};
    tap_is(spawn_start(&child, &args), ERR_NO_MEM, "more memory than there is is refused");
    args.memory_frames = 0;
    args.cpu = 1000;
    tap_is(spawn_start(&child, &args), ERR_BAD_ARG, "a CPU that is not there is refused");
    tap_is(region_free_count(), free, "refusals leave nothing behind");
}

int main(int argc, char **argv, char **envp)
{
    if (argc > 1)
        return be_child(argc, argv, envp);
    tap_plan(16);
    tap_is(libos_setup(), ERR_OK, "libos_setup");
    tap_is(archive_map(&archive), ERR_OK, "the boot archive");
    test_ends();
    test_nothing_stays();
    test_errors();
    return tap_done();
}
