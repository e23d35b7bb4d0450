/* An ordinary Linux program for test_exec.py: its first argument says how it behaves. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* All of a vector register has to survive a system call, its upper half, too. */
__attribute__((target("avx2"))) static int keep_vectors(void)
{
    unsigned char in[32], out[32];
    int changed = 0;

    for (int i = 0; i < 32; i++)
        in[i] = (unsigned char)(i * 7 + 1);
    for (int n = 0; n < 100; n++) {
        long result = SYS_getppid;
        memset(out, 0, sizeof out);
        __asm__ volatile("vmovdqu (%1), %%ymm7\n\t"
                         "syscall\n\t"
                         "vmovdqu %%ymm7, (%2)"
                         : "+a"(result)
                         : "r"(in), "r"(out)
                         : "rcx", "r11", "memory", "xmm7");
        changed += memcmp(in, out, sizeof in) != 0;
    }
    printf("%d changed\n", changed);
    return changed != 0;
}

static volatile sig_atomic_t handled;

static void on_signal(int number)
{
    handled = number;
}

static int raise_signal(void)
{
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    printf("handled %d\n", (int)handled);
    return handled != SIGUSR1;
}

static int use_memory(void)
{
    const size_t bytes = (size_t)16 << 20;
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(p, 7, bytes);
    mprotect(p, bytes / 2, PROT_NONE);
    mprotect(p, bytes / 2, PROT_READ | PROT_WRITE);
    printf("kept %d,", p[5]);
    madvise(p, bytes / 2, MADV_DONTNEED);
    printf(" dropped %d, kept %d,", p[5], p[bytes / 2 + 1]);
    munmap(p, bytes);
    p = mmap(NULL, (size_t)1 << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf(" 1 TiB %s\n", p == MAP_FAILED ? "refused" : "given");
    return 0;
}

static int use_all_memory(void)
{
    const size_t step = (size_t)1 << 20;
    char *p;

    while ((p = malloc(step)))
        memset(p, 1, step);
    return 0;
}

static int sleep_shortly(void)
{
    struct timespec before, after;

    clock_gettime(CLOCK_MONOTONIC, &before);
    usleep(300000);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    printf("%s\n", ms >= 300 ? "slept" : "woke early");
    return ms < 300;
}

/* By function and by number, where the C library may take another way. */
static int ask_who(void)
{
    const volatile long numbers[] = {SYS_getpid,  SYS_getppid, SYS_getuid,
                                     SYS_geteuid, SYS_getgid,  SYS_getegid};
    const long by_name[] = {getpid(), getppid(), getuid(), geteuid(), getgid(), getegid()};
    int differ = 0;

    for (int i = 0; i < 6; i++)
        differ += syscall(numbers[i]) != by_name[i];
    printf("%d differ, %s\n", differ, getpid() > 0 ? "a process" : "nobody");
    return differ;
}

static int store(unsigned long address)
{
    *(volatile char *)address = 1;
    return 0;
}

static int divide(int by)
{
    volatile int five = 5;

    return five / by;
}

static int execute_undefined(void)
{
    __asm__ volatile("ud2");
    return 0;
}

static int use_stack(int depth)
{
    volatile char room[65536];

    room[0] = (char)depth;
    return depth == 10000 ? 0 : use_stack(depth + 1) + room[0];
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IONBF, 0);
    if (!strcmp(what, "vectors"))
        return keep_vectors();
    if (!strcmp(what, "signal"))
        return raise_signal();
    if (!strcmp(what, "who"))
        return ask_who();
    if (!strcmp(what, "memory"))
        return use_memory();
    if (!strcmp(what, "exhaust"))
        return use_all_memory();
    if (!strcmp(what, "sleep"))
        return sleep_shortly();
    if (!strcmp(what, "abort"))
        abort();
    if (!strcmp(what, "undefined"))
        return execute_undefined();
    if (!strcmp(what, "divide"))
        return divide(argc - 2);
    if (!strcmp(what, "stack"))
        return use_stack(0);
    if (!strcmp(what, "store"))
        return store(strtoul(argv[2], NULL, 16));
    fprintf(stderr, "what shall I do?\n");
    return 64;
}
