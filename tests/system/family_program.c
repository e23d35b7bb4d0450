/* What one process cannot do alone: a program for test_linked.py, which prints the same on Linux
 * and, linked with its library OS, as a member of a family. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS  500

extern char **environ;

static const char *self;
static int *volatile nothing;
static int wrong;

static void expect(int good, const char *what)
{
    printf("%s %s\n", good ? "ok" : "WRONG", what);
    fflush(stdout);
    wrong += !good;
}

static int status_of(pid_t pid)
{
    int status = -1;

    if (pid <= 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void test_fork(void)
{
    static volatile int own = 1;
    pid_t parent = getpid();
    char text[6] = "";
    int ends[2];

    expect(pipe(ends) == 0, "a pipe");
    pid_t child = fork();
    if (child == 0) {
        own = 2;
        int good = getppid() == parent && getpid() != parent && write(ends[1], "child", 5) == 5;
        _exit(good ? 7 : 8);
    }
    expect(read(ends[0], text, 5) == 5 && !strcmp(text, "child"), "a child writes");
    expect(status_of(child) == 7 && own == 1, "and ends, its memory its own");
    if ((child = fork()) == 0)
        abort();
    expect(status_of(child) == 1000 + SIGABRT, "one aborts");
    if ((child = fork()) == 0)
        *nothing = 1;
    expect(status_of(child) == 1000 + SIGSEGV, "one writes to nowhere");
}

static void test_exec(void)
{
    char *words[] = {(char *)(size_t)self, "status", "23", NULL};
    pid_t child = fork();

    if (child == 0) {
        execve(self, words, environ);
        _exit(99);
    }
    expect(status_of(child) == 23, "execve of itself");
    if ((child = vfork()) == 0) {
        execve(self, words, environ);
        _exit(99);
    }
    expect(status_of(child) == 23, "after vfork");
    if ((child = vfork()) == 0)
        _exit(execve("/none", words, environ) == -1 && errno == ENOENT ? 5 : 6);
    expect(status_of(child) == 5, "of nothing");
    expect(posix_spawn(&child, self, NULL, NULL, words, environ) == 0 && status_of(child) == 23,
           "posix_spawn");
    expect(posix_spawn(&child, "/none", NULL, NULL, words, environ) == ENOENT, "of nothing");
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static int whose, counted;
static _Thread_local int mine;

static void *count(void *argument)
{
    int number = (int)(size_t)argument;

    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        while (whose != number)
            pthread_cond_wait(&turn, &mutex);
        whose = (whose + 1) % THREADS;
        counted++;
        mine++;
        pthread_cond_broadcast(&turn);
        pthread_mutex_unlock(&mutex);
    }
    return (void *)(size_t)mine;
}

static sem_t ready;

static void *leave(void *argument)
{
    sem_post(&ready);
    return argument;
}

static void *wait_for_byte(void *argument)
{
    char byte;

    sem_post(&ready);
    return read(*(int *)argument, &byte, 1) == 1 ? argument : NULL;
}

static void test_threads(void)
{
    pthread_t threads[THREADS], one;
    int good = 1, ends[2];
    void *result;

    for (size_t i = 0; i < THREADS; i++)
        good &= pthread_create(&threads[i], NULL, count, (void *)i) == 0;
    for (int i = 0; i < THREADS; i++)
        good &= pthread_join(threads[i], &result) == 0 && (size_t)result == ROUNDS;
    expect(good && counted == THREADS * ROUNDS && mine == 0, "threads take turns");
    sem_init(&ready, 0, 0);
    for (int i = 0; i < 20; i++) {
        good &= pthread_create(&one, NULL, leave, NULL) == 0 && pthread_detach(one) == 0;
        sem_wait(&ready);
    }
    expect(good, "detached ones end");
    expect(pipe(ends) == 0 && pthread_create(&one, NULL, wait_for_byte, &ends[0]) == 0,
           "one waits");
    sem_wait(&ready);
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    expect(pthread_cancel(one) == 0 && pthread_join(one, &result) == 0 &&
               result == PTHREAD_CANCELED,
           "and is cancelled");
    pid_t child = fork();
    if (child == 0) {
        good = pthread_create(&one, NULL, leave, &good) == 0 && pthread_join(one, &result) == 0;
        _exit(good && result == &good ? 3 : 4);
    }
    expect(status_of(child) == 3, "a thread of a child");
}

/* Threads that end leave what the next ones begin with. */
static void *look_fresh(void *argument)
{
    const int fresh = mine == 0;

    mine = 7;
    return fresh ? argument : NULL;
}

static void test_turns(void)
{
    int good = 0;

    for (int i = 0; i < 100; i++) {
        pthread_t thread[2];
        void *result[2] = {NULL, NULL};
        for (int t = 0; t <= i % 2; t++)
            if (!pthread_create(&thread[t], NULL, look_fresh, &good))
                pthread_join(thread[t], &result[t]);
        good += result[0] == &good && (i % 2 == 0 || result[1] == &good);
    }
    expect(good == 100, "threads one after another begin with fresh variables");
}

#define CROWD 150

/* Children that are all there at the same time. */
static void test_crowd(void)
{
    static pid_t crowd[CROWD];
    int ends[2], born = 0, good = 0;
    char byte;

    expect(pipe(ends) == 0, "a pipe for many");
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = fork();
        if (crowd[i] == 0) {
            close(ends[1]);
            _exit(read(ends[0], &byte, 1) == 0 ? i % 100 : 255);
        }
        born += crowd[i] > 0;
    }
    close(ends[1]);
    close(ends[0]);
    for (int i = 0; i < CROWD; i++)
        good += status_of(crowd[i]) == i % 100;
    expect(born == CROWD && good == CROWD, "many processes at once, each with its status");
}

#define PAGE   4096
#define LENGTH (3 * PAGE + 100)

/* Pages of a file that are each process' own as soon as it writes to them. */
static void test_private(void)
{
    const char *path = "/tmp/family_pages";
    int file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    static char block[LENGTH];

    memset(block, 'f', sizeof block);
    expect(file >= 0 && write(file, block, LENGTH) == LENGTH, "a file of four pages");
    char *at = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    expect(at != MAP_FAILED && at[0] == 'f' && at[LENGTH - 1] == 'f' && at[LENGTH] == 0,
           "is seen with zeroes behind it");
    at[PAGE] = 'p';
    pid_t child = fork();
    if (child == 0) {
        int good = at[PAGE] == 'p' && at[2 * PAGE] == 'f';
        at[2 * PAGE] = at[PAGE] = 'c';
        at[0] = 'c';
        _exit(good && at[PAGE] == 'c' && at[1] == 'f' ? 3 : 4);
    }
    expect(status_of(child) == 3 && at[0] == 'f' && at[PAGE] == 'p' && at[2 * PAGE] == 'f',
           "a child's writes are its own");
    expect(pread(file, block, LENGTH, 0) == LENGTH && !memchr(block, 'p', LENGTH) &&
               !memchr(block, 'c', LENGTH),
           "and the file has none of them");
    expect(!mprotect(at, LENGTH, PROT_NONE) && !mprotect(at, LENGTH, PROT_READ) &&
               at[PAGE] == 'p' && at[3 * PAGE] == 'f',
           "what was hidden is shown again");
    expect(!madvise(at, LENGTH, MADV_DONTNEED) && at[PAGE] == 'f',
           "what is given up is the file's");
    close(file);
    unlink(path);
    expect(at[2 * PAGE] == 'f' && !munmap(at, LENGTH), "the file stays for who sees it");
}

static int *volatile nowhere = (int *)0x10;
static volatile sig_atomic_t handled, on_other_stack;
static char *other_stack;
static sigjmp_buf back;

static void on_signal(int number)
{
    char here;

    handled = number;
    on_other_stack = &here >= other_stack && &here < other_stack + 65536;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    handled = number;
    siglongjmp(back, info->si_addr == (void *)0x10 ? 1 : 2);
}

static void install(int number, int flags)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = flags};

    sigaction(number, &a, NULL);
    handled = 0;
}

/* A child that signals this process after a moment, and then writes to the pipe, if there is one.
 */
static pid_t signaller(int number, const int *ends)
{
    pid_t child = fork();

    if (child)
        return child;
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    kill(getppid(), number);
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    _exit(ends && write(ends[1], "x", 1) != 1);
}

static void test_signals(void)
{
    static const struct itimerval soon = {.it_value = {.tv_usec = 30000}};
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    int ends[2];
    char byte;

    install(SIGUSR1, 0);
    expect(raise(SIGUSR1) == 0 && handled == SIGUSR1, "a signal of its own");
    install(SIGUSR1, 0);
    pid_t child = signaller(SIGUSR1, NULL);
    expect(nanosleep(&(struct timespec){.tv_sec = 20}, NULL) == -1 && errno == EINTR &&
               handled == SIGUSR1,
           "a sleep ends by one");
    expect(status_of(child) == 0 && pipe(ends) == 0, "of a child");
    install(SIGUSR1, SA_RESTART);
    child = signaller(SIGUSR1, ends);
    expect(read(ends[0], &byte, 1) == 1 && handled == SIGUSR1, "a read begins again");
    expect(status_of(child) == 0, "with what came later");
    install(SIGUSR1, SA_RESTART);
    child = signaller(SIGUSR1, ends);
    expect(syscall(SYS_read, ends[0], &byte, 1) == 1 && handled == SIGUSR1,
           "so does one that is no place to be cancelled at");
    expect(status_of(child) == 0, "with what came later");
    install(SIGALRM, 0);
    setitimer(ITIMER_REAL, &soon, NULL);
    expect(pause() == -1 && errno == EINTR && handled == SIGALRM, "an alarm");
    install(SIGALRM, 0);
    setitimer(ITIMER_REAL, &soon, NULL);
    while (!handled) /* in the program's own code */
        ;
    expect(handled == SIGALRM, "one that interrupts the program");
    other_stack = malloc(65536);
    expect(sigaltstack(&(stack_t){.ss_sp = other_stack, .ss_size = 65536}, NULL) == 0, "a stack");
    install(SIGUSR2, SA_ONSTACK);
    expect(raise(SIGUSR2) == 0 && on_other_stack, "for signals");
    sigaction(SIGSEGV, &fault, NULL);
    int came = sigsetjmp(back, 1);
    if (!came)
        *nowhere = 1;
    expect(came == 1 && handled == SIGSEGV, "a fault is handled");
}

/* For the log of calls: some that fail, and two that there are not. */
static int call_oddly(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(open("/none", O_RDONLY) == -1 ? 9 : 8);
    syscall(214);
    syscall(214, 7);
    getppid();
    return status_of(child) != 9;
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 3 && !strcmp(argv[1], "status"))
        return atoi(argv[2]);
    if (argc == 2 && !strcmp(argv[1], "calls"))
        return call_oddly();
    test_fork();
    test_exec();
    test_threads();
    test_turns();
    test_crowd();
    test_private();
    test_signals();
    printf("%d wrong\n", wrong);
    return wrong != 0;
}
