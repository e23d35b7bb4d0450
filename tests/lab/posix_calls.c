/* POSIX calls by one thread: files, memory, a signal to itself. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/posix.h"

#define FILE_PATH   "/lab/dir/file"
#define PAGE        4096u
#define TOUCH_PAGES 64u

static int file, ends[2];
static char byte;
static volatile char *memory;
static volatile sig_atomic_t caught;

static void must(bool good, const char *what)
{
    if (!good)
        posix_fail(what);
}

static void ask_parent(void)
{
    getppid();
}

static bool open_zero(void)
{
    return (file = open("/dev/zero", O_RDONLY)) >= 0;
}

static bool open_null(void)
{
    return (file = open("/dev/null", O_WRONLY)) >= 0;
}

static void close_file(void)
{
    close(file);
}

static void read_byte(void)
{
    must(read(file, &byte, 1) == 1, "read");
}

static void write_byte(void)
{
    must(write(file, &byte, 1) == 1, "write");
}

static bool make_file(void)
{
    mkdir("/lab", 0755);
    mkdir("/lab/dir", 0755);
    int made = open(FILE_PATH, O_CREAT | O_RDWR, 0644);
    return made >= 0 && !close(made);
}

static void ask_status(void)
{
    struct stat s;

    must(!stat(FILE_PATH, &s), "stat");
}

static void open_and_close(void)
{
    int opened = open(FILE_PATH, O_RDONLY);

    must(opened >= 0 && !close(opened), "open");
}

static bool open_pipe(void)
{
    return !pipe(ends);
}

static void close_pipe(void)
{
    close(ends[0]);
    close(ends[1]);
}

static void write_and_read(void)
{
    must(write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1, "pipe");
}

static void *map(unsigned pages)
{
    void *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    must(at != MAP_FAILED, "mmap");
    return at;
}

static void map_and_unmap(void)
{
    must(!munmap(map(1), PAGE), "munmap");
}

static void map_fresh(void)
{
    memory = map(TOUCH_PAGES);
}

static void unmap(void)
{
    munmap((void *)(uintptr_t)memory, TOUCH_PAGES * PAGE);
}

static void touch(void)
{
    for (unsigned i = 0; i < TOUCH_PAGES; i++)
        memory[i * PAGE] = 1;
}

static void on_signal(int number)
{
    (void)number;
    caught = 1;
}

static bool take_signals(void)
{
    return signal(SIGUSR1, on_signal) != SIG_ERR;
}

static void signal_self(void)
{
    caught = 0;
    must(!kill(getpid(), SIGUSR1) && caught, "kill");
}

const struct operation call_operations[] = {
    {.name = "getppid", .per = 1, .run = ask_parent},
    {.name = "read", .per = 1, .begin = open_zero, .run = read_byte, .end = close_file},
    {.name = "write", .per = 1, .begin = open_null, .run = write_byte, .end = close_file},
    {.name = "stat", .per = 1, .begin = make_file, .run = ask_status},
    {.name = "openclose", .per = 1, .begin = make_file, .run = open_and_close},
    {.name = "pipe.self", .per = 1, .begin = open_pipe, .run = write_and_read, .end = close_pipe},
    {.name = "mmap", .per = 1, .run = map_and_unmap},
    {.name = "touch", .per = TOUCH_PAGES, .before = map_fresh, .run = touch, .after = unmap},
    {.name = "signal", .per = 1, .begin = take_signals, .run = signal_self},
    {.name = NULL},
};
