/* POSIX calls that other threads or processes take part in. */
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lab/posix.h"

/* Linux numbers; not every C library brings its headers. */
#define FUTEX_WAIT_PRIVATE (0 | 128)
#define FUTEX_WAKE_PRIVATE (1 | 128)

static int there[2], back[2];
static pid_t partner;
static pthread_t thread;
static uint32_t turn; /* whose: 0 ours, 1 the partner's, 2 the end */
static char byte;
extern char **environ;

static void must(bool good, const char *what)
{
    if (!good)
        posix_fail(what);
}

static void wait_for(pid_t pid)
{
    int status;

    must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "waitpid");
}

static _Noreturn void echo(void)
{
    close(there[1]);
    close(back[0]);
    while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
        ;
    _exit(0);
}

static bool begin_echo(void)
{
    if (pipe(there) || pipe(back))
        return false;
    partner = fork();
    if (partner == 0)
        echo();
    close(there[0]);
    close(back[1]);
    return partner > 0;
}

static void send_byte(void)
{
    must(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "pipe");
}

static void end_echo(void)
{
    close(there[1]);
    close(back[0]);
    wait_for(partner);
}

static void *do_nothing(void *argument)
{
    return argument;
}

static void create_and_join(void)
{
    must(!pthread_create(&thread, NULL, do_nothing, NULL) && !pthread_join(thread, NULL),
         "pthread_create");
}

static void hand_over(uint32_t to)
{
    __atomic_store_n(&turn, to, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wait_while(uint32_t others)
{
    while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) == others)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, others, NULL, NULL, 0);
}

static void *answer(void *argument)
{
    for (;;) {
        wait_while(0);
        if (turn == 2)
            return argument;
        hand_over(0);
    }
}

static bool begin_answers(void)
{
    turn = 0;
    return !pthread_create(&thread, NULL, answer, NULL);
}

static void take_turns(void)
{
    hand_over(1);
    wait_while(1);
}

static void end_answers(void)
{
    hand_over(2);
    pthread_join(thread, NULL);
}

/* Many that wait for one condition. The last of them that has come back says so. */
#define CROWD       250u
#define CROWD_STACK 65536u

static pthread_t crowd[CROWD];
static pthread_mutex_t crowd_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t crowd_next = PTHREAD_COND_INITIALIZER, crowd_back = PTHREAD_COND_INITIALIZER;
static unsigned crowd_round, crowd_waiting;
static bool crowd_over;

static void *wait_in_crowd(void *argument)
{
    pthread_mutex_lock(&crowd_mutex);
    while (!crowd_over) {
        const unsigned seen = crowd_round;
        if (++crowd_waiting == CROWD)
            pthread_cond_signal(&crowd_back);
        while (seen == crowd_round)
            pthread_cond_wait(&crowd_next, &crowd_mutex);
    }
    pthread_mutex_unlock(&crowd_mutex);
    return argument;
}

static void wait_until_all_wait(void)
{
    pthread_mutex_lock(&crowd_mutex);
    while (crowd_waiting < CROWD)
        pthread_cond_wait(&crowd_back, &crowd_mutex);
    pthread_mutex_unlock(&crowd_mutex);
}

static void call_crowd(void)
{
    pthread_mutex_lock(&crowd_mutex);
    crowd_round++;
    crowd_waiting = 0;
    pthread_cond_broadcast(&crowd_next);
    pthread_mutex_unlock(&crowd_mutex);
}

static bool begin_crowd(void)
{
    pthread_attr_t small;

    crowd_over = false;
    crowd_waiting = 0;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, CROWD_STACK);
    for (unsigned i = 0; i < CROWD; i++)
        if (pthread_create(&crowd[i], &small, wait_in_crowd, NULL))
            return false;
    wait_until_all_wait();
    return true;
}

static void call_and_await_crowd(void)
{
    call_crowd();
    wait_until_all_wait();
}

static void end_crowd(void)
{
    crowd_over = true;
    call_crowd();
    for (unsigned i = 0; i < CROWD; i++)
        pthread_join(crowd[i], NULL);
}

static bool begin_answers_in_crowd(void)
{
    return begin_crowd() && begin_answers();
}

static void end_answers_in_crowd(void)
{
    end_answers();
    end_crowd();
}

static void copy(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    wait_for(pid);
}

static void borrow(void)
{
    pid_t pid = vfork();

    if (pid == 0)
        _exit(0);
    wait_for(pid);
}

static void copy_and_run(const char *path)
{
    pid_t pid = fork();

    if (pid == 0) {
        execl(path, path, "end", (char *)NULL);
        _exit(1);
    }
    wait_for(pid);
}

static void run_tiny(void)
{
    copy_and_run(TINY_PATH);
}

static void run_self(void)
{
    copy_and_run(posix_self);
}

static void spawn(void)
{
    char *const words[] = {(char[]){TINY_PATH}, NULL};
    pid_t pid;

    must(!posix_spawn(&pid, TINY_PATH, NULL, NULL, words, environ), "posix_spawn");
    wait_for(pid);
}

const struct operation task_operations[] = {
    {.name = "pipe.rtt1", .per = 1, .begin = begin_echo, .run = send_byte, .end = end_echo},
    {.name = "thread", .per = 1, .run = create_and_join},
    {.name = "futex", .per = 1, .begin = begin_answers, .run = take_turns, .end = end_answers},
    {.name = "fork", .per = 1, .run = copy},
    {.name = "vfork", .per = 1, .run = borrow},
    {.name = "forkexec", .per = 1, .run = run_tiny},
    {.name = "forkexec.glibc", .per = 1, .run = run_self},
    {.name = "spawn", .per = 1, .run = spawn},
    {.name = "futex.crowd",
     .per = 1,
     .begin = begin_answers_in_crowd,
     .run = take_turns,
     .end = end_answers_in_crowd},
    {.name = "broadcast",
     .per = CROWD,
     .begin = begin_crowd,
     .run = call_and_await_crowd,
     .end = end_crowd},
    {.name = NULL},
};
