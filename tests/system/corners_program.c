/* What few programs ask for, said in lines that are the same on Linux: test_corners.py. Each
 * argument names a part; `clock` sets the time of day, which the test does on exo4 only. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS              200
#define PAGE                 4096
#define DAY                  86400
#define MOMENT               2000000000 /* in 2033 */
#define RESETS               0x40000000
#define FUTEX_WAIT_BITSET    9
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256

static void say(const char *what, long result)
{
    printf("%s: %ld%s%s\n", what, result, result == -1 ? " " : "",
           result == -1 ? strerror(errno) : "");
    fflush(stdout);
}

/* musl's functions of these names do not call. */
static long set_policy(pid_t task, int policy, int priority)
{
    return syscall(SYS_sched_setscheduler, task, policy, &priority);
}

static void say_policy(const char *who)
{
    int priority = -1;
    const long got = syscall(SYS_sched_getparam, 0, &priority);

    printf("%s: policy %lx priority %d (%ld)\n", who, syscall(SYS_sched_getscheduler, 0), priority,
           got);
    fflush(stdout);
}

static void wait_for(pid_t child)
{
    int status;

    waitpid(child, &status, 0);
    printf("child: %x\n", status);
    fflush(stdout);
}

static void *in_thread(void *who)
{
    say_policy(who);
    return NULL;
}

static void in_child(const char *who)
{
    const pid_t child = fork();

    if (child == 0) {
        say_policy(who);
        exit(0);
    }
    wait_for(child);
}

static void policies(void)
{
    int priority = 7;
    struct timespec slice;
    pthread_t thread;

    say_policy("at first");
    say("FIFO without a priority", set_policy(0, SCHED_FIFO, 0));
    say("a priority of 100", set_policy(0, SCHED_RR, 100));
    say("a priority for the usual policy", set_policy(0, SCHED_OTHER, 1));
    say("an unknown policy", set_policy(0, 77, 0));
    say("of nobody", set_policy(31999, SCHED_FIFO, 1));
    say("of a negative number", set_policy(-1, SCHED_FIFO, 1));
    say("FIFO", set_policy(0, SCHED_FIFO, 9));
    say_policy("then");
    say("its slice", syscall(SYS_sched_rr_get_interval, 0, &slice) ?: (long)slice.tv_nsec);
    say("another priority", syscall(SYS_sched_setparam, 0, &priority));
    pthread_create(&thread, NULL, in_thread, "a thread inherits");
    pthread_join(thread, NULL);
    in_child("a child inherits");
    say("RR, not for children", set_policy(0, SCHED_RR | RESETS, 9));
    say("its slice", syscall(SYS_sched_rr_get_interval, 0, &slice) ?: (long)slice.tv_nsec);
    in_child("a child does not");
    say("batch", set_policy(0, SCHED_BATCH, 0));
    say("another user", setresuid(7, 7, 7));
    say("back to the usual one", set_policy(0, SCHED_OTHER, 0));
    say("who is not the superuser", set_policy(0, SCHED_FIFO, 1));
}

static void affinity(void)
{
    uint64_t set[16] = {1}, got[16] = {0};
    cpu_set_t none;

    CPU_ZERO(&none);
    say("the first processor", syscall(SYS_sched_setaffinity, 0, sizeof set, set));
    say("is told", syscall(SYS_sched_getaffinity, 0, sizeof got, got) > 0);
    printf("as %lx\n", (unsigned long)got[0]);
    say("none", syscall(SYS_sched_setaffinity, 0, sizeof none, &none));
    say("of nobody", syscall(SYS_sched_setaffinity, 31999, sizeof set, set));
    say("from nowhere", syscall(SYS_sched_setaffinity, 0, sizeof set, NULL));
    const pid_t child = fork();
    if (child == 0) {
        memset(got, 0, sizeof got);
        syscall(SYS_sched_getaffinity, 0, sizeof got, got);
        printf("a child has %lx\n", (unsigned long)got[0]);
        exit(0);
    }
    wait_for(child);
}

static void on_signal(int number)
{
    stack_t now;

    sigaltstack(NULL, &now);
    printf("signal %d: flags %x\n", number, now.ss_flags);
}

static void stacks(void)
{
    static char memory[65536];
    const stack_t on = {.ss_sp = memory, .ss_size = sizeof memory};
    const stack_t off = {.ss_sp = memory, .ss_size = 1, .ss_flags = SS_DISABLE};
    const stack_t small = {.ss_sp = memory, .ss_size = 100};
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    stack_t was;

    sigaction(SIGUSR1, &action, NULL);
    say("small", sigaltstack(&small, NULL));
    say("on", sigaltstack(&on, &was));
    printf("before: %d %d %zu\n", was.ss_sp != NULL, was.ss_flags, was.ss_size);
    raise(SIGUSR1);
    say("off", sigaltstack(&off, &was));
    printf("before: %d %d %zu\n", was.ss_sp == memory, was.ss_flags, was.ss_size);
    raise(SIGUSR1);
    say("look", sigaltstack(NULL, &was));
    printf("then: %d %d %zu\n", was.ss_sp != NULL, was.ss_flags, was.ss_size);
}

static void locks(void)
{
    char *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    say("not locked", msync(at, 4 * PAGE, MS_INVALIDATE));
    say("lock one page", mlock(at + PAGE + 5, 10));
    say("that page", msync(at + PAGE, PAGE, MS_INVALIDATE));
    say("all", msync(at, 4 * PAGE, MS_INVALIDATE));
    say("without that", msync(at, 4 * PAGE, MS_SYNC));
    say("another page", msync(at + 2 * PAGE, PAGE, MS_INVALIDATE));
    const pid_t child = fork();
    if (child == 0) {
        say("a child's is not", msync(at, 4 * PAGE, MS_INVALIDATE));
        exit(0);
    }
    wait_for(child);
    say("unlock", munlock(at, 4 * PAGE));
    say("then", msync(at, 4 * PAGE, MS_INVALIDATE));
    say("nothing to lock", mlockall(0));
    say("on fault alone", mlockall(4));
    say("what is there", mlockall(MCL_CURRENT));
    say("then", msync(at, PAGE, MS_INVALIDATE));
    char *later = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("what comes later is not", msync(later, PAGE, MS_INVALIDATE));
    say("what will come", mlockall(MCL_FUTURE));
    later = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("that is", msync(later, PAGE, MS_INVALIDATE));
    say("unlock", munlockall());
    say("then", msync(later, PAGE, MS_INVALIDATE) + msync(at, PAGE, MS_INVALIDATE));
}

static sigjmp_buf back;
static siginfo_t last;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    last = *info;
    siglongjmp(back, 1);
}

/* What reading or, with `writes`, writing a byte comes to. */
static void touch(const char *what, volatile char *at, int writes)
{
    if (sigsetjmp(back, 1)) {
        printf("%s: signal %d, code %d, %s\n", what, last.si_signo, last.si_code,
               last.si_addr == at ? "there" : "elsewhere");
    } else {
        if (writes)
            *at = 'w';
        printf("%s: %d\n", what, *at);
    }
    fflush(stdout);
}

static void one_mapping(const char *kind, int flags)
{
    char name[] = "/tmp/corner-XXXXXX";
    const int fd = mkstemp(name), zero = open("/dev/zero", O_RDONLY);

    printf("%s\n", kind);
    unlink(name);
    say("write", write(fd, "0123456789", 10));
    char *at = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
    touch("the first byte", at, 0);
    touch("behind the end, in its page", at + 100, 0);
    touch("read the page behind", at + PAGE, 0);
    touch("write it", at + PAGE + 1, 1);
    say("a call reads into it", read(zero, at + PAGE, 10));
    say("a call writes from it", write(1, at + 2 * PAGE, 10));
    const pid_t child = fork();
    if (child == 0) {
        touch("a child reads", at + 3 * PAGE + 5, 0);
        exit(0);
    }
    wait_for(child);
    say("grow", ftruncate(fd, 2 * PAGE + 1));
    touch("then", at + PAGE, 0);
    touch("its last page", at + 3 * PAGE - 1, 1);
    touch("behind", at + 3 * PAGE, 1);
    say("grow", pwrite(fd, "x", 1, 3 * PAGE + 7) + pwrite(fd, "y", 1, 4 * PAGE + 7));
    say("a call reads into it", read(zero, at + 3 * PAGE, 7));
    touch("what was written", at + 3 * PAGE + 7, 0);
    say("forbid", mprotect(at + 4 * PAGE, 2 * PAGE, PROT_NONE));
    touch("what is forbidden", at + 4 * PAGE, 0);
    say("allow reading", mprotect(at + 4 * PAGE, 2 * PAGE, PROT_READ));
    touch("read", at + 4 * PAGE + 7, 0);
    touch("write", at + 4 * PAGE + 7, 1);
    touch("read behind", at + 5 * PAGE, 0);
    touch("write behind", at + 5 * PAGE, 1);
    say("cut", ftruncate(fd, 5));
    touch("what is left", at + 4, 0);
    touch("what was behind", at + 9, 0);
    touch("what is gone", at + PAGE, 0);
    say("grow again", ftruncate(fd, 2 * PAGE));
    touch("it is empty", at + PAGE, 0);
    say("unmap", munmap(at, 6 * PAGE));
    close(fd);
    close(zero);
}

/* Memory behind the end of a mapped file. */
static void ends(void)
{
    const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    one_mapping("shared", MAP_SHARED);
    one_mapping("private", MAP_PRIVATE);
    const int fd = open("/tmp/empty", O_RDWR | O_CREAT, 0600);
    char *at = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    touch("an empty file", at, 0);
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGBUS, SIG_DFL);
        exit(*(volatile char *)at);
    }
    wait_for(child);
}

static pthread_barrier_t barrier;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long sum;

static void *add(void *number)
{
    pthread_barrier_wait(&barrier); /* all are there */
    pthread_mutex_lock(&lock);
    sum += (unsigned long)number;
    pthread_mutex_unlock(&lock);
    pthread_barrier_wait(&barrier);
    return number;
}

/* Of many threads one makes a process, whose only thread it is then. */
static void *fork_one(void *number)
{
    pthread_barrier_wait(&barrier);
    if (number == (void *)(THREADS - 1)) {
        const pid_t child = fork();
        if (child == 0)
            exit(7);
        wait_for(child);
    }
    pthread_barrier_wait(&barrier);
    return number;
}

static void threads(void)
{
    void *(*const bodies[])(void *) = {add, add, fork_one};
    static pthread_t made[THREADS];
    pthread_attr_t small;
    unsigned long joined = 0;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32768);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < 3; i++) {
        for (unsigned long n = 0; n < THREADS; n++)
            if (pthread_create(&made[n], &small, bodies[i], (void *)n))
                printf("thread %lu cannot be made\n", n);
        for (unsigned n = 0; n < THREADS; n++) {
            void *number;
            pthread_join(made[n], &number);
            joined += (unsigned long)number;
        }
        printf("threads: %lu %lu\n", sum, joined);
        fflush(stdout);
    }
}

static void *set_later(void *seconds)
{
    const struct timespec then = {MOMENT + (long)seconds, 0};

    usleep(50000);
    say("set", clock_settime(CLOCK_REALTIME, &then));
    return NULL;
}

/* Sets the time to so much after MOMENT while the caller waits; what is waited for is `what`. */
static void while_it_is_set(const char *what, long seconds, long (*wait)(void))
{
    struct timespec now = {MOMENT, 0}, began, ended;
    pthread_t thread;

    clock_settime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_MONOTONIC, &began);
    pthread_create(&thread, NULL, set_later, (void *)seconds);
    const long result = wait();
    clock_gettime(CLOCK_MONOTONIC, &ended);
    pthread_join(thread, NULL);
    printf("%s: %ld, %s\n", what, result, ended.tv_sec - began.tv_sec > 20 ? "late" : "at once");
    fflush(stdout);
}

static const struct timespec tomorrow = {MOMENT + DAY, 0};

static long wait_sleep(void)
{
    return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &tomorrow, NULL);
}

/* musl's own waits count from now. */
static long wait_futex(void)
{
    static uint32_t word;
    const int operation = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;

    return syscall(SYS_futex, &word, operation, 0, &tomorrow, NULL, ~0u) ? errno : 0;
}

static long wait_timer(void)
{
    const struct itimerspec when = {.it_value = tomorrow};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    sigset_t set;
    timer_t timer;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    timer_create(CLOCK_REALTIME, &event, &timer);
    timer_settime(timer, TIMER_ABSTIME, &when, NULL);
    return sigwaitinfo(&set, NULL);
}

static long read_timer(int flags)
{
    const struct itimerspec when = {.it_value = tomorrow};
    const int fd = timerfd_create(CLOCK_REALTIME, 0);
    uint64_t count = 0;

    timerfd_settime(fd, TFD_TIMER_ABSTIME | flags, &when, NULL);
    const long got = read(fd, &count, sizeof count);
    close(fd);
    return got < 0 ? -errno : (long)count;
}

static long wait_file(void)
{
    return read_timer(0);
}

static long wait_cancelled(void)
{
    return read_timer(TFD_TIMER_CANCEL_ON_SET);
}

/* The clock itself, and what waits for a moment of it. */
static void clocks(void)
{
    struct timespec t = {MOMENT, 5}, before, after;
    struct timeval v;

    clock_gettime(CLOCK_MONOTONIC, &before);
    say("set", clock_settime(CLOCK_REALTIME, &t));
    clock_gettime(CLOCK_REALTIME, &t);
    gettimeofday(&v, NULL);
    printf("%d %d %d\n", t.tv_sec - MOMENT < 20, v.tv_sec - MOMENT < 20, time(NULL) - MOMENT < 20);
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
    clock_gettime(CLOCK_MONOTONIC, &after);
    printf("by a call %d, since then %d\n", t.tv_sec - MOMENT < 20,
           after.tv_sec - before.tv_sec < 20);
    say("of long ago", clock_settime(CLOCK_REALTIME, &(struct timespec){0, 0}));
    say("not valid", clock_settime(CLOCK_REALTIME, &(struct timespec){1, 1000000000}));
    say("negative", clock_settime(CLOCK_REALTIME, &(struct timespec){-1, 0}));
    say("monotonic", clock_settime(CLOCK_MONOTONIC, &t));
    say("of the process", clock_settime(CLOCK_PROCESS_CPUTIME_ID, &t));
    say("of no such clock", clock_settime(77, &t));
    say("from nowhere", syscall(SYS_clock_settime, CLOCK_REALTIME, NULL));
    say("settimeofday", settimeofday(&(struct timeval){MOMENT + DAY, 0}, NULL));
    const pid_t child = fork();
    if (child == 0) {
        printf("a child sees it: %d\n", time(NULL) - MOMENT - DAY < 20);
        say("another user", setuid(7));
        say("may not", clock_settime(CLOCK_REALTIME, &t));
        exit(0);
    }
    wait_for(child);
    while_it_is_set("a sleep", DAY + 1, wait_sleep);
    while_it_is_set("a futex", DAY + 1, wait_futex);
    while_it_is_set("a timer", DAY + 1, wait_timer);
    while_it_is_set("a file of a timer", DAY + 1, wait_file);
    while_it_is_set("one that is cancelled", 5, wait_cancelled);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"policies", policies}, {"affinity", affinity}, {"stacks", stacks},
                 {"locks", locks},       {"threads", threads},   {"ends", ends},
                 {"clock", clocks}};

    for (int i = 1; i < argc; i++)
        for (unsigned k = 0; k < sizeof parts / sizeof parts[0]; k++)
            if (!strcmp(argv[i], parts[k].name))
                parts[k].run();
    return 0;
}
