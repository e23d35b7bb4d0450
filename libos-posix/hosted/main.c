/*
 * posix-run: runs an unmodified static Linux program on libos-posix, on a Linux host.
 *
 *   posix-run ARCHIVE PROGRAM [ARGUMENT...]
 *
 * The program and its files come from the cpio archive. Each of its system calls is trapped by
 * syscall user dispatch and answered by the core, as the kernel's reflection does on exo4; none
 * reaches Linux. The tool itself is the keeper; each process is one of Linux, each task a thread.
 * For development: calls that the core lacks show here within a second.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libos-posix/hosted/host.h"
#include "libos-posix/port.h"
#include "libos-posix/posix.h"

#define INPUT_BYTES 4096u

static void archive_open(const char *path)
{
    struct stat s;
    int fd = open(path, O_RDONLY);

    if (fd < 0 || fstat(fd, &s)) {
        fprintf(stderr, "posix-run: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    host_archive_bytes = (size_t)s.st_size;
    host_archive = mmap(NULL, host_archive_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (host_archive == MAP_FAILED) {
        perror("posix-run: mmap");
        exit(2);
    }
    close(fd);
}

static char input[INPUT_BYTES]; /* read, but not taken by the core yet */
static size_t input_bytes;
static bool input_ended;

/* Wake-ups interrupt ppoll, in which alone they are let through. */
static void on_wake(int number)
{
    (void)number;
}

/* Processes that Linux ended: those that the core believes alive have been killed from outside. */
static void reap(void)
{
    const char *broken = NULL;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct task *t = host_task_of(pid);
        while (t && posix_keeper_lost(t, &broken) == POSIX_KEEPER_BUSY)
            usleep(1000);
        if (broken) {
            fprintf(stderr, "posix-run: the arena is damaged: %s\n", broken);
            exit(70);
        }
    }
}

static void hand_over_input(void)
{
    if (!input_bytes && !input_ended)
        return;
    long taken = posix_keeper_input(input, input_bytes);
    if (taken == 0 && !input_bytes)
        input_ended = false; /* the core knows it now */
    if (taken > 0) {
        input_bytes -= (size_t)taken;
        memmove(input, input + taken, input_bytes);
    }
}

/* From the beginning on they wait, in the first process too, until somebody can take them. */
static void block_wakes(void)
{
    sigset_t wakes;

    sigemptyset(&wakes);
    sigaddset(&wakes, SIGUSR1);
    sigaddset(&wakes, SIGCHLD);
    sigprocmask(SIG_BLOCK, &wakes, NULL);
    signal(SIGUSR1, on_wake);
    signal(SIGCHLD, on_wake);
}

static _Noreturn void keep(void)
{
    sigset_t none;
    bool end_told = false;

    sigemptyset(&none);
    for (;;) {
        uint64_t deadline;
        reap();
        hand_over_input();
        if (posix_keeper_step(&deadline) == POSIX_KEEPER_ENDED)
            break;
        uint64_t now = port_monotonic_ns(), left = deadline > now ? deadline - now : 0;
        struct timespec t = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
        struct pollfd in = {.fd = 0, .events = POLLIN};
        int ready = ppoll(&in, input_bytes || end_told ? 0 : 1,
                          deadline == PORT_FOREVER ? NULL : &t, &none);
        if (ready > 0) {
            input_bytes = port_console_read(input, sizeof input);
            input_ended = end_told = !input_bytes;
        }
    }
    if (getenv("POSIX_RUN_TRACE"))
        posix_trace_missing();
    exit(posix_keeper_status());
}

/* The first process: loads the program and becomes it. */
static _Noreturn void run(char **argv)
{
    const char *const environment[] = {"PATH=/bin:/usr/bin", "HOME=/", NULL};
    struct posix_exec request = {argv[0], (const char *const *)argv, environment};
    struct host_thread *self = host_stack_create();
    struct posix_start start;

    if (!self)
        _exit(2);
    host_begin(self, posix_first_task());
    long e = posix_exec(&request, &start);
    if (e) {
        fprintf(stderr, "posix-run: %s: %s\n", argv[0], strerror((int)-e));
        fflush(NULL);
        posix_syscall(SYS_exit_group, 127, 0, 0, 0, 0, 0);
    }
    const struct posix_regs regs = {.rip = start.entry, .rsp = start.stack};
    host_catch(self);
    port_set_fs(0);
    host_enter(self, &regs);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: posix-run ARCHIVE PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    host_has_keeper = true;
    block_wakes();
    archive_open(argv[1]);
    long e = posix_start();
    if (e) {
        fprintf(stderr, "posix-run: %s: %s\n", argv[1], strerror((int)-e));
        return 127;
    }
    posix_trace(getenv("POSIX_RUN_TRACE") != NULL);
    pid_t pid = fork();
    if (pid < 0) {
        perror("posix-run: fork");
        return 2;
    }
    if (!pid)
        run(argv + 2);
    keep();
}
