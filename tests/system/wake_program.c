/* Who sleeps is woken, whatever comes between: pipes, futexes, conditions and signals, at random. A
 * program for test_wake.py, which prints the same on Linux. A wake-up that is lost ends it as
 * stuck. */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS   5u
#define TOKENS    3u
#define THREADS   6u
#define STUCK_S   60u
#define SPIN_MOST 4096u

/* How much of each, before it is divided by what the command line says. */
static uint32_t hops = 1500, batons = 4000, items = 3000, signals = 600;

static const char *volatile phase = "";
static volatile uint32_t moves, moves_seen; /* of this process; at the last alarm */

static void stuck(int number)
{
    (void)number;
    if (moves != moves_seen) { /* slow */
        moves_seen = moves;
        alarm(STUCK_S);
        return;
    }
    (void)!write(1, "stuck: ", 7);
    (void)!write(1, phase, strlen(phase));
    (void)!write(1, "\n", 1);
    _exit(1);
}

static void begin(const char *name)
{
    phase = name;
    alarm(STUCK_S);
}

/* The same numbers on every machine (Knuth's constants). */
static uint32_t chance(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

/* Goes on in the program without a call. */
static void spin(uint64_t *seed)
{
    for (volatile uint32_t i = chance(seed, SPIN_MOST); i; i--)
        ;
}

static void do_nothing(int number)
{
    (void)number;
}

/* 1. Tokens go round between processes, which are interrupted, poll before they read, or run on. */

static int ring[WORKERS][2];

static int receive(uint64_t *seed, unsigned self, uint32_t *token)
{
    ssize_t n;

    if (chance(seed, 3) == 0) {
        struct pollfd p = {.fd = ring[self][0], .events = POLLIN};
        while (poll(&p, 1, chance(seed, 2) ? -1 : 100000) < 0 && errno == EINTR)
            ;
    }
    do
        n = read(ring[self][0], token, sizeof *token);
    while (n < 0 && errno == EINTR);
    moves++;
    return n == sizeof *token;
}

static void pass_on(unsigned to, uint32_t token)
{
    if (write(ring[to][1], &token, sizeof token) != sizeof token)
        _exit(2);
}

/* A token has its hops to go; after the last one, and at the end, a 0 goes round instead. */
static void work(unsigned self)
{
    uint64_t seed = self + 1;
    uint32_t token;

    while (receive(&seed, self, &token) && token) {
        if (chance(&seed, 8) == 0)
            kill(0, SIGUSR1);
        token--;
        pass_on(token ? (self + 1) % WORKERS : WORKERS - 1, token);
        if (chance(&seed, 4) == 0)
            spin(&seed);
    }
}

static void test_ring(void)
{
    pid_t pids[WORKERS];
    unsigned ended = 0;

    begin("ring");
    for (unsigned i = 0; i < WORKERS; i++)
        (void)!pipe(ring[i]);
    for (unsigned i = 0; i + 1 < WORKERS; i++)
        if ((pids[i] = fork()) == 0) {
            begin("ring");
            work(i);
            _exit(0);
        }
    for (uint32_t i = 0; i < TOKENS; i++)
        pass_on(i, hops);
    /* The parent is the last of the ring, where all tokens end. */
    uint64_t seed = WORKERS;
    uint32_t token;
    while (ended < TOKENS && receive(&seed, WORKERS - 1, &token)) {
        if (token > 1)
            pass_on(0, token - 1);
        else
            ended++;
        if (chance(&seed, 4) == 0)
            spin(&seed);
    }
    for (unsigned i = 0; i + 1 < WORKERS; i++)
        pass_on(i, 0);
    unsigned good = 0;
    for (unsigned i = 0; i + 1 < WORKERS; i++) {
        int status = -1;
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
            ;
        good += status == 0;
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        close(ring[i][0]);
        close(ring[i][1]);
    }
    printf("ring: %u tokens ended, %u of %u workers\n", ended, good, WORKERS - 1);
}

/* 2. A baton goes from thread to thread by futexes, each its own word. */

static uint32_t baton[THREADS];
static uint32_t handed;

static void hand(uint32_t to)
{
    __atomic_store_n(&baton[to], 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &baton[to], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *run(void *argument)
{
    const uint32_t self = (uint32_t)(uintptr_t)argument;
    uint64_t seed = self;

    for (;;) {
        while (!__atomic_exchange_n(&baton[self], 0, __ATOMIC_SEQ_CST))
            syscall(SYS_futex, &baton[self], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        if (handed >= batons) {
            if (handed++ < batons + THREADS)
                hand((self + 1) % THREADS);
            return NULL;
        }
        handed++;
        moves++;
        hand((self + 1 + chance(&seed, THREADS - 1)) % THREADS);
        if (chance(&seed, 4) == 0)
            spin(&seed);
        if (chance(&seed, 16) == 0)
            kill(getpid(), SIGUSR1);
    }
}

static void test_batons(void)
{
    pthread_t threads[THREADS];

    begin("batons");
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run, (void *)i);
    hand(0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("batons: %u\n", handed);
}

/* 3. A short queue between threads, by a mutex and conditions. */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static uint32_t queue[3], queued, taken, sum;

static void *produce(void *argument)
{
    uint64_t seed = 7;

    for (uint32_t i = 1; i <= items; i++) {
        pthread_mutex_lock(&mutex);
        while (queued == sizeof queue / sizeof *queue)
            pthread_cond_wait(&emptied, &mutex);
        queue[queued++] = i;
        pthread_cond_signal(&filled);
        pthread_mutex_unlock(&mutex);
        if (chance(&seed, 4) == 0)
            spin(&seed);
    }
    return argument;
}

static void *consume(void *argument)
{
    uint64_t seed = 8;

    for (;;) {
        pthread_mutex_lock(&mutex);
        while (!queued && taken < 2 * items)
            pthread_cond_wait(&filled, &mutex);
        const int over = taken == 2 * items;
        if (!over) {
            sum += queue[--queued];
            taken++;
            moves++;
            pthread_cond_signal(&emptied);
        }
        if (taken == 2 * items)
            pthread_cond_broadcast(&filled);
        pthread_mutex_unlock(&mutex);
        if (over)
            return argument;
        if (chance(&seed, 4) == 0)
            spin(&seed);
    }
}

static void test_queue(void)
{
    void *(*const parts[])(void *) = {produce, produce, consume, consume, consume};
    pthread_t threads[5];

    begin("queue");
    for (unsigned i = 0; i < 5; i++)
        pthread_create(&threads[i], NULL, parts[i], NULL);
    for (unsigned i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    printf("queue: %u items, sum %u\n", taken, sum);
}

/* 4. Two processes wake each other by signals alone, waited for in two ways. */

static volatile sig_atomic_t came;

static void count_one(int number)
{
    (void)number;
    came++;
}

static void answer(pid_t to, uint64_t *seed, int first)
{
    sigset_t none, usr2;

    sigemptyset(&none);
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    for (unsigned i = 0; i < signals; i++) {
        if (first)
            kill(to, SIGUSR2);
        if (chance(seed, 2)) {
            const sig_atomic_t before = came;
            while (came == before)
                sigsuspend(&none);
        } else {
            while (sigwaitinfo(&usr2, NULL) < 0)
                ;
        }
        moves++;
        if (!first)
            kill(to, SIGUSR2);
        if (chance(seed, 4) == 0)
            spin(seed);
    }
}

static void test_signals(void)
{
    uint64_t seed = 3;
    int status = -1;
    sigset_t usr2;

    begin("signals");
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr2, NULL);
    sigaction(SIGUSR2, &(struct sigaction){.sa_handler = count_one}, NULL);
    const pid_t child = fork();
    if (child == 0) {
        begin("signals");
        answer(getppid(), &seed, 0);
        _exit(0);
    }
    answer(child, &seed, 1);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    printf("signals: %u there and back, status %d\n", signals, status);
}

int main(int argc, char **argv)
{
    const uint32_t divisor = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;

    hops /= divisor;
    batons /= divisor;
    items /= divisor;
    signals /= divisor;
    setvbuf(stdout, NULL, _IONBF, 0);
    setpgid(0, 0);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = stuck}, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = do_nothing, .sa_flags = SA_RESTART}, NULL);
    test_ring();
    test_batons();
    test_queue();
    test_signals();
    return 0;
}
