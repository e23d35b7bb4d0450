/* An unmodified program whose system calls stand where a way in could do harm, at addresses and
 * with numbers that it could take for others. It prints the same on Linux, but for the last word of
 * lines with an '@', which is what its own instruction is by then. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMES   200
#define THREADS 3

/* getppid() with its argument in the red zone meanwhile, by each of two registers; and without. */
long red_stack(long), red_frame(long), plain(void);
extern const unsigned char red_stack_at[], red_frame_at[], plain_at[];
__asm__(".text\n"
        "red_stack: mov %rdi, -8(%rsp)\n mov $110, %eax\nred_stack_at: syscall\n"
        "mov -8(%rsp), %rax\n ret\n .fill 300, 1, 0x90\n"
        "red_frame: push %rbp\n mov %rsp, %rbp\n mov %rdi, -8(%rbp)\n mov $110, %eax\n"
        "red_frame_at: syscall\n mov -8(%rbp), %rax\n pop %rbp\n ret\n .fill 300, 1, 0x90\n"
        ".balign 64\nplain: mov $110, %eax\nplain_at: syscall\n ret\n .fill 300, 1, 0x90\n"
        ".balign 64\n .fill 58, 1, 0x90\n" /* across the end of a line of the cache */
        "across: mov $110, %eax\nacross_at: syscall\n ret\n .fill 300, 1, 0x90\n");
long across(void);
extern const unsigned char across_at[];

/* Two in a page of their own, which are remembered at one place while they are called in turns. */
__asm__(".text\n"
        ".balign 4096\nfirst: mov $110, %eax\nfirst_at: syscall\n ret\n .balign 128, 0x90\n"
        "second: mov $110, %eax\nsecond_at: syscall\n ret\n .balign 4096, 0x90\n");
long first(void), second(void);
extern const unsigned char first_at[], second_at[];

static long raw(long number)
{
    __asm__ volatile("syscall" : "+a"(number) : : "rcx", "r11", "memory");
    return number;
}

static void say_site(const char *what, const unsigned char *at)
{
    printf("@ %s %02x%02x\n", what, at[0], at[1]);
}

static void red_zones(void)
{
    int lost = 0, wrong = 0;

    for (long i = 1; i <= TIMES; i++) {
        lost += (red_stack(i) != i) + (red_frame(3 * i) != 3 * i);
        wrong += (plain() != getppid()) + (across() != getppid());
    }
    printf("red zones: %d lost, %d wrong\n", lost, wrong);
    say_site("below the stack pointer", red_stack_at);
    say_site("below the frame", red_frame_at);
    say_site("elsewhere", plain_at);
    say_site("across a line", across_at);
}

static void in_turns(void)
{
    int wrong = 0;

    for (int i = 0; i < TIMES; i++)
        wrong += (first() != getppid()) + (second() != getppid());
    printf("in turns: %d wrong\n", wrong);
    say_site("first in turns", first_at);
    say_site("second in turns", second_at);
}

/* Numbers that Linux has no call for, to where a sled of jumps ends and beyond. */
static void numbers(void)
{
    static const long far[] = {-1, 4095, 4096, 0x40000001, 0x7fffffffffffffff};
    int wrong = 0;

    for (long n = 470; n < 1100; n++)
        wrong += raw(n) != -ENOSYS;
    for (unsigned i = 0; i < sizeof far / sizeof far[0]; i++)
        wrong += (raw(far[i]) != -ENOSYS) + (raw(SYS_getpid) != getpid());
    printf("numbers: %d wrong\n", wrong);
}

static sigjmp_buf back;
static void *volatile address;

static void on_segv(int number, siginfo_t *info, void *context)
{
    (void)context;
    address = info->si_addr;
    siglongjmp(back, number);
}

static void null_pointers(void)
{
    const struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
    void (*volatile nowhere)(void) = NULL;
    volatile char *volatile nothing = NULL;
    volatile int n;

    sigaction(SIGSEGV, &action, NULL);
#define TRY(name, statement)                                                                       \
    if (!(n = sigsetjmp(back, 1)))                                                                 \
        statement;                                                                                 \
    printf("%s: signal %d at %p\n", name, n, address)
    TRY("read", (void)*nothing);
    TRY("read behind", (void)nothing[600]);
    TRY("write", *nothing = 1);
    TRY("call", nowhere());
    TRY("call as a call of the system", __asm__ volatile("xor %%eax, %%eax\n call *%%rax"
                                                         :
                                                         :
                                                         : "rax", "memory"));
    TRY("jump", __asm__ volatile("xor %%eax, %%eax\n jmp *%%rax" : : : "rax", "memory"));
    nowhere = (void (*)(void))1000;
    TRY("call behind", nowhere());
}

/* Code that is made, and made anew where it was, never writable while it can be run. */
static void made_code(void)
{
    static const unsigned char code[] = {0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3};
    unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int right = 0;

    memcpy(p, code, sizeof code);
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
    for (int i = 0; i < TIMES; i++)
        right += ((long (*)(void))p)() == getppid();
    say_site("made", p + 5);
    mprotect(p, 4096, PROT_READ | PROT_WRITE);
    memcpy(p, code, sizeof code);
    p[1] = SYS_getpid;
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
    for (int i = 0; i < TIMES; i++)
        right += ((long (*)(void))p)() == getpid();
    say_site("made anew", p + 5);
    munmap(p, 4096);
    printf("made code: %d right\n", right);
}

static void *count(void *argument)
{
    long right = 0;

    for (int i = 0; i < 10 * TIMES; i++)
        right += plain() == getppid();
    return (void *)(right + (long)argument);
}

static volatile int handled;

static void on_signal(int number)
{
    (void)number;
    handled++;
}

static int status_of(int child)
{
    int status = 0;

    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static void copies(void)
{
    pthread_t thread[THREADS];
    long right = 0;

    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, count, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(thread[i], &result);
        right += (long)result;
    }
    printf("threads: %ld right\n", right);
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        int child = fork();
        if (!child)
            _exit((long)count(NULL) == 10 * TIMES ? 7 : 1);
        printf("fork: %d\n", status_of(child));
        fflush(stdout);
    }
    int child = vfork();
    if (!child)
        _exit(3);
    printf("vfork: %d\n", status_of(child));
    signal(SIGUSR1, on_signal);
    for (int i = 0; i < TIMES; i++)
        kill(getpid(), SIGUSR1);
    printf("signals: %d\n", handled);
}

/* What `syscall` keeps, and what it changes. */
static void registers(void)
{
    unsigned long before, after, flags, next, here;
    int wrong = 0;

    for (int i = 0; i < 3; i++) {
        __asm__ volatile("stc\n std\n pushfq\n pop %0\n lea 1f(%%rip), %4\n mov $39, %%eax\n"
                         "syscall\n1: pushfq\n pop %1\n cld\n mov %%r11, %2\n mov %%rcx, %3\n"
                         : "=&r"(before), "=&r"(after), "=&r"(flags), "=&r"(next), "=&r"(here)
                         :
                         : "rax", "rcx", "r11", "memory", "cc");
        wrong += (before != after) + (flags != before) + (next != here);
    }
    printf("registers: %d wrong\n", wrong);
}

int main(void)
{
    red_zones();
    in_turns();
    numbers();
    null_pointers();
    made_code();
    copies();
    registers();
    return 5;
}
