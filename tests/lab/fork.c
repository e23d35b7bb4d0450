/*
 * What processes cost, in plain C and POSIX: fork, the copy's end, and waiting for it; and the same
 * with a new program between. An unmodified Linux program; only the counter is exo4's.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libos/start/cpu.h"

#define ROUNDS 64
#define WARM   16

static uint64_t ticks[ROUNDS];
static char *self;

static void copy(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
}

static void run_another(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        execl(self, self, "end", (char *)NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
}

static int order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* By insertion: the rounds are few. */
static void sort(void)
{
    for (int i = 1; i < ROUNDS; i++)
        for (int j = i; j > 0 && order(ticks[j], ticks[j - 1]) < 0; j--) {
            uint64_t moved = ticks[j];
            ticks[j] = ticks[j - 1];
            ticks[j - 1] = moved;
        }
}

static void measure(const char *key, void (*operation)(void))
{
    int agree = 0;

    for (int i = -WARM; i < ROUNDS; i++) {
        uint64_t begin = cpu_ticks();
        operation();
        if (i >= 0)
            ticks[i] = cpu_ticks() - begin;
    }
    sort();
    for (int i = 0; i < ROUNDS; i++)
        agree += ticks[i] == ticks[ROUNDS / 2];
    printf("result %s total=%lu per=1 rounds=%d agree=%d min=%lu max=%lu counted=1\n", key,
           ticks[ROUNDS / 2], ROUNDS, agree, ticks[0], ticks[ROUNDS - 1]);
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 1 && !strcmp(argv[1], "end"))
        return 0;
    measure("posix.fork", copy);
    measure("posix.forkexec", run_another);
    printf("end\n");
    return 0;
}
