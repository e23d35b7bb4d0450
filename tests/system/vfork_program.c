/*
 * What test_vfork.py runs on Linux and on exo4: the child of vfork and its parent's memory, who
 * waits for whom, how children end, and posix_spawn. What it prints is the same wherever vfork is
 * as on Linux.
 *
 *   vfork                    all of it; the status is 5
 *   vfork status N           ends with that
 *   vfork report             says what it was started with
 *   vfork spawn COUNT        so many children by vfork and posix_spawn, and what memory is free
 * afterwards
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN_CLEAR 0x00200000u /* CLONE_CHILD_CLEARTID */

extern char **environ;
static const char *self;
static volatile int *volatile nowhere;
static volatile int shared, handled, counted;
static char *const status_23[] = {"vfork", "status", "23", NULL};

static void say(const char *what, long value)
{
    printf("%s: %ld\n", what, value);
    fflush(stdout);
}

/* 1000 + signal, or the status. */
static int status_of(pid_t child)
{
    int status;

    if (waitpid(child, &status, 0) != child)
        return -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void rest(long milliseconds)
{
    nanosleep(&(struct timespec){0, milliseconds * 1000000}, NULL);
}

static void on_signal(int number)
{
    (void)number;
    handled++;
}

static void memory(void)
{
    pid_t child = vfork();

    if (child == 0) {
        rest(20);
        shared = 41;
        _exit(7);
    }
    say("written by the child, before the parent goes on", shared);
    say("its status", status_of(child));
    void *volatile page = NULL;
    if ((child = vfork()) == 0) {
        page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *(volatile int *)page = 42;
        _exit(0);
    }
    say("mapped by the child", status_of(child) == 0 ? *(volatile int *)page : -1);
    void *end = sbrk(0);
    if ((child = vfork()) == 0)
        _exit(sbrk(8192) != end);
    say("the child moves the break", status_of(child));
    say("which is the parent's", (char *)sbrk(0) - (char *)end);
    if ((child = vfork()) == 0) {
        pid_t own = fork();
        if (own == 0) {
            shared = 1;
            _exit(3);
        }
        shared = status_of(own);
        _exit(shared);
    }
    say("the child forks", status_of(child));
    say("a copy", shared);
}

static void ends(void)
{
    char *const nothing[] = {"none", NULL};
    pid_t child = vfork();

    if (child == 0) {
        execve("/none", nothing, environ);
        _exit(errno);
    }
    say("no such program", status_of(child) == ENOENT);
    if ((child = vfork()) == 0) {
        execve(self, status_23, environ);
        _exit(99);
    }
    say("another program", status_of(child));
    static const int numbers[] = {SIGKILL, SIGTERM, SIGABRT};
    for (volatile int i = 0; i < 3; i++) {
        if ((child = vfork()) == 0) {
            kill(getpid(), numbers[i]);
            for (;;)
                pause();
        }
        say("killed by itself", status_of(child));
    }
    if ((child = vfork()) == 0) {
        *nowhere = 1;
        _exit(0);
    }
    say("a fault", status_of(child));
    pid_t other = fork();
    if (other == 0) {
        if ((child = vfork()) == 0)
            for (;;)
                pause();
        _exit(status_of(child) == 1000 + SIGKILL ? 6 : 1);
    }
    char path[64];
    pid_t grandchild = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", other + 1); /* the only process behind it */
    while (!grandchild) {
        FILE *list = fopen(path, "r");
        int parent = 0;
        if (list && fscanf(list, "%*d %*s %*c %d", &parent) == 1 && parent == other)
            grandchild = other + 1;
        if (list)
            fclose(list);
        rest(1);
    }
    kill(grandchild, SIGKILL);
    say("killed by another", status_of(other));
}

static void own(void)
{
    char before[256], after[256];
    sigset_t all, now;
    const pid_t parent = getpid();
    pid_t child;

    getcwd(before, sizeof before);
    if ((child = vfork()) == 0) {
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        signal(SIGUSR2, SIG_IGN);
        close(1);
        _exit(chdir("/proc") || setpgid(0, 0) || getpgrp() != getpid() || getppid() != parent ||
              getpid() == parent || open("/dev/null", O_RDONLY) != 1);
    }
    say("directory, group, numbers, descriptors of the child", status_of(child));
    getcwd(after, sizeof after);
    sigprocmask(SIG_BLOCK, NULL, &now);
    struct sigaction action;
    sigaction(SIGUSR2, NULL, &action);
    say("the parent's are the same", !strcmp(before, after) && getpgrp() != child &&
                                         getpid() == parent && !sigismember(&now, SIGUSR1) &&
                                         action.sa_handler == SIG_DFL);
}

static void signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    pid_t child;

    sigaction(SIGUSR1, &action, NULL);
    if ((child = vfork()) == 0) {
        kill(getppid(), SIGUSR1);
        rest(5);
        shared = handled;
        _exit(0);
    }
    say("a signal to who waits", shared);
    say("pends until then", handled);
    status_of(child);
    if ((child = vfork()) == 0) {
        kill(getpid(), SIGUSR1); /* its handler is the parent's function, and counts there */
        _exit(handled);
    }
    say("a handler of the child", status_of(child));
    signal(SIGUSR1, SIG_DFL);
}

static volatile bool stop;
static void *count(void *argument)
{
    while (!stop) {
        counted++;
        sched_yield();
    }
    return argument;
}

static void threads(void)
{
    pthread_t thread;
    pid_t child;

    pthread_create(&thread, NULL, count, NULL);
    while (!counted)
        sched_yield();
    if ((child = vfork()) == 0) {
        const int before = counted;
        rest(30);
        shared = counted > before;
        execve(self, status_23, environ);
        _exit(99);
    }
    say("other threads run on", shared);
    say("and the child another program", status_of(child));
    stop = true;
    pthread_join(thread, NULL);
}

static void nested(void)
{
    pid_t child = vfork();

    if (child == 0) {
        pid_t inner = vfork();
        if (inner == 0) {
            shared = 100;
            execve(self, status_23, environ);
            _exit(99);
        }
        shared += status_of(inner);
        if ((inner = vfork()) == 0) {
            shared += 1000;
            _exit(4);
        }
        shared += status_of(inner);
        execve(self, (char *const[]){"vfork", "status", "24", NULL}, environ);
        _exit(99);
    }
    say("nested", shared);
    say("its status", status_of(child));
}

/* Who waits is killed, or ended by another thread: it ends at once, and the child goes on. */
static void *run_another(void *argument)
{
    rest(20);
    execve(self, status_23, environ);
    return argument;
}

static void lost_parents(void)
{
    for (volatile int way = 0; way < 2; way++) {
        int to[2], from[2], end = 0;
        char byte = 0;
        pthread_t thread;
        if (pipe(to) || pipe(from))
            exit(1);
        pid_t parent = fork();
        if (parent == 0) {
            if (way)
                pthread_create(&thread, NULL, run_another, NULL);
            close(to[1]);
            if (vfork() == 0) {
                write(from[1], "b", 1);
                read(to[0], &byte, 1);
                write(from[1], &byte, 1);
                _exit(0);
            }
            _exit(1);
        }
        close(from[1]);
        read(from[0], &byte, 1); /* it has begun */
        if (!way)
            kill(parent, SIGKILL);
        say("who waits ends", status_of(parent));
        write(to[1], "c", 1);
        while (read(from[0], &byte, 1) == 1)
            end = end * 10 + byte - 'a';
        say("the child goes on", end);
        close(to[0]);
        close(to[1]);
        close(from[0]);
    }
}

/* Calls by hand: nothing may stand on the stack that both use. */
static inline __attribute__((always_inline)) long call(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

static void registers(void)
{
    unsigned long kept = 0, vector = 0;
    unsigned control = 0;

    __asm__ volatile(
        "movq $0x1234, %%rbx\n movq $0x5678, %%r12\n movq %%rbx, %%xmm15\n"
        "subq $16, %%rsp\n movl $0x3f80, (%%rsp)\n ldmxcsr (%%rsp)\n movl $58, %%eax\n syscall\n"
        "testq %%rax, %%rax\n jnz 1f\n"
        "xorl %%ebx, %%ebx\n xorl %%r12d, %%r12d\n pxor %%xmm15, %%xmm15\n"
        "movl $0x1f80, (%%rsp)\n ldmxcsr (%%rsp)\n xorl %%edi, %%edi\n movl $231, %%eax\n syscall\n"
        "1: stmxcsr (%%rsp)\n movl (%%rsp), %2\n movl $0x1f80, (%%rsp)\n ldmxcsr (%%rsp)\n addq "
        "$16, %%rsp\n"
        "leaq (%%rbx,%%r12), %0\n movq %%xmm15, %1\n"
        : "=r"(kept), "=r"(vector), "=r"(control)
        :
        : "rax", "rbx", "rcx", "rdi", "r11", "r12", "xmm15", "memory", "cc");
    while (waitpid(-1, NULL, 0) > 0)
        ;
    say("registers of the parent",
        kept == 0x68ac && vector == 0x1234 && (control & ~0x3fu) == 0x3f80);
}

static void numbers(void)
{
    volatile int number = 77;

    for (volatile int way = 0; way < 2; way++) {
        const long child =
            call(SYS_clone, CLONE_VM | CLONE_VFORK | CHILDREN_CLEAR | SIGCHLD, 0, 0, (long)&number);
        if (child == 0) {
            number = 78;
            if (way)
                call(SYS_execve, (long)self, (long)status_23, (long)environ, 0);
            call(SYS_exit_group, 3, 0, 0, 0);
        }
        say(way ? "and by another program" : "the number is cleared at the end", number);
        say("its status", status_of((pid_t)child));
    }
}

/* A thread that a child makes has memory with it, whosever that is. */
static volatile int made;
static int make(void *argument)
{
    made = 9;
    call(SYS_exit, 0, 0, 0, 0);
    return argument != NULL;
}

static void threads_of_children(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    pid_t child = vfork();

    if (child == 0) {
        clone(make, stack + sizeof stack,
              CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, NULL);
        while (!made)
            sched_yield();
        _exit(made);
    }
    say("a thread of a child", status_of(child));
}

/* What the child used is its own. */
static void processor_time(void)
{
    struct rusage usage, of_child;

    do
        getrusage(RUSAGE_SELF, &usage);
    while (usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec + usage.ru_stime.tv_usec < 60000);
    pid_t child = vfork();
    if (child == 0)
        _exit(0);
    wait4(child, NULL, 0, &of_child);
    say("processor time of a child",
        of_child.ru_utime.tv_sec == 0 && of_child.ru_utime.tv_usec < 40000);
}

static void spawned(void)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    pid_t child;
    char *const report[] = {"vfork", "report", NULL};
    int pipe_of[2];

    if (pipe(pipe_of))
        exit(1);
    signal(SIGUSR2, SIG_IGN);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addclose(&actions, pipe_of[0]);
    posix_spawn_file_actions_adddup2(&actions, pipe_of[1], 9);
    posix_spawn_file_actions_addclose(&actions, pipe_of[1]);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    posix_spawnattr_setsigdefault(&attributes, &set);
    sigaddset(&set, SIGHUP);
    posix_spawnattr_setsigmask(&attributes, &set);
    const int error = posix_spawn(&child, self, &actions, &attributes, report, environ);
    close(pipe_of[1]);
    char byte;
    int bytes = 0;
    while (read(pipe_of[0], &byte, 1) == 1)
        bytes++;
    say("posix_spawn", error);
    say("through its pipe", bytes);
    say("its status", status_of(child));
    say("whose actions fail", posix_spawn(&child, self, &actions, NULL, report, environ) == EBADF);
    posix_spawn_file_actions_destroy(&actions);
    say("nor without actions", posix_spawn(&child, "/none", NULL, NULL, report, environ) == ENOENT);
    say("another", posix_spawn(&child, self, NULL, NULL, status_23, environ));
    say("its status", status_of(child));
}

static int report(void)
{
    struct sigaction action;
    sigset_t set;

    sigprocmask(SIG_BLOCK, NULL, &set);
    sigaction(SIGUSR2, NULL, &action);
    say("group of its own", getpgrp() == getpid());
    say("blocks", sigismember(&set, SIGHUP) * 4 + sigismember(&set, SIGUSR2) * 2 +
                      sigismember(&set, SIGUSR1));
    say("default", action.sa_handler == SIG_DFL);
    return write(9, "four", 4) == 4 && read(0, &set, 1) == 0 ? 12 : 1;
}

/* How much memory is gone, as far as it is more than what environments keep for the next children,
 * which is more or less at a time. */
#define LEFT_MOST 200
static int spawn_many(long most)
{
    struct sysinfo before, after;
    volatile long wrong = 0;

    for (volatile long i = 0; i < most + 20; i++) {
        pid_t child = 0;
        if (i == 20)
            sysinfo(&before);
        if (i % 4 == 0 && (child = vfork()) == 0)
            _exit(23);
        if (i % 4 && posix_spawn(&child, self, NULL, NULL, status_23, environ))
            wrong++;
        else
            wrong += status_of(child) != 23;
    }
    sysinfo(&after);
    say("wrong", wrong);
    const long lost = (long)(before.freeram - after.freeram) * (long)before.mem_unit / 4096;
    say("pages lost", lost < LEFT_MOST ? 0 : lost);
    return 0;
}

int main(int argc, char **argv)
{
    self = argv[0][0] == '/' ? argv[0] : "/bin/vfork";
    if (argc == 3 && !strcmp(argv[1], "status"))
        return atoi(argv[2]);
    if (argc == 2 && !strcmp(argv[1], "report"))
        return report();
    if (argc == 3 && !strcmp(argv[1], "spawn"))
        return spawn_many(atol(argv[2]));
    memory();
    ends();
    own();
    signals();
    threads();
    nested();
    lost_parents();
    registers();
    numbers();
    threads_of_children();
    processor_time();
    spawned();
    return 5;
}
