/* POSIX calls by one thread: files, memory, a signal to itself. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/posix.h"

#define FILE_PATH   "/lab/dir/file"
#define PAGE        4096u
#define TOUCH_PAGES 64u
#define WATCHED     250u

static int file, ends[2], sockets[WATCHED];
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

static int watch_socket(void)
{
    const struct sockaddr_in here = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = s};

    must(s >= 0 && !bind(s, (const struct sockaddr *)&here, sizeof here) &&
             !epoll_ctl(file, EPOLL_CTL_ADD, s, &event),
         "watch");
    return s;
}

/* Of many that are watched one has a datagram, which nobody takes. */
static bool watch_many(void)
{
    struct sockaddr_in name;
    socklen_t bytes = sizeof name;

    file = epoll_create1(0);
    for (unsigned i = 0; i < WATCHED; i++)
        sockets[i] = watch_socket();
    return !getsockname(sockets[0], (struct sockaddr *)&name, &bytes) &&
           sendto(sockets[1], &byte, 1, 0, (const struct sockaddr *)&name, bytes) == 1;
}

static void ask_watched(void)
{
    struct epoll_event event;

    must(epoll_wait(file, &event, 1, 0) == 1 && event.data.fd == sockets[0], "epoll_wait");
}

static void watch_none(void)
{
    for (unsigned i = 0; i < WATCHED; i++)
        close(sockets[i]);
    close(file);
}

const struct operation call_operations[] = {
    {.name = "getppid", .per = 1, .run = ask_parent},
    {.name = "read", .per = 1, .begin = open_zero, .run = read_byte, .end = close_file},
    {.name = "write", .per = 1, .begin = open_null, .run = write_byte, .end = close_file},
    {.name = "stat", .per = 1, .begin = make_file, .run = ask_status},
    {.name = "openclose", .per = 1, .begin = make_file, .run = open_and_close},
    {.name = "pipe.self", .per = 1, .begin = open_pipe, .run = write_and_read, .end = close_pipe},
    {.name = "epoll", .per = 1, .begin = watch_many, .run = ask_watched, .end = watch_none},
    {.name = "mmap", .per = 1, .run = map_and_unmap},
    {.name = "touch", .per = TOUCH_PAGES, .before = map_fresh, .run = touch, .after = unmap},
    {.name = "signal", .per = 1, .begin = take_signals, .run = signal_self},
    {.name = NULL},
};
