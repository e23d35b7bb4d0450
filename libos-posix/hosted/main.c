/*
 * posix-run: runs an unmodified static Linux program on libos-posix, on a Linux host.
 *
 *   posix-run ARCHIVE PROGRAM [ARGUMENT...]
 *
 * The program and its files come from the cpio archive. Each of its system calls is trapped by
 * syscall user dispatch and answered by the core, as the kernel's reflection does on exo4; none
 * reaches Linux. For development: calls that the core lacks show here within a second.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "libos-posix/hosted/host.h"
#include "libos-posix/posix.h"
#include "libos-posix/way_trampoline.h"

#define DISPATCH_SET    59 /* PR_SET_SYSCALL_USER_DISPATCH */
#define DISPATCH_ON     1
#define SELECTOR_ALLOW  0
#define SELECTOR_BLOCK  1
#define ALTERNATE_BYTES ((size_t)256 * 1024)

static volatile char selector = SELECTOR_ALLOW; /* read by Linux at each system call */
static bool trace;

/* The return from the trap is itself a system call and happens when the selector blocks again, so
 * it is made from a place that is always let through. */
void hosted_restorer(void);
__asm__(".text\n"
        ".balign 64\n"
        ".globl hosted_restorer\n"
        "hosted_restorer:\n"
        "    mov $15, %eax\n"
        "    syscall\n"
        ".balign 64\n");

static word_t fs_read(void)
{
    word_t base;
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base;
}

static void fs_write(word_t base)
{
    __asm__ volatile("wrfsbase %0" : : "r"(base) : "memory");
}

static word_t own_fs;

static void trace_call(const struct posix_regs *before, word_t result)
{
    fprintf(stderr, "call %lu(%#lx, %#lx, %#lx, %#lx) = %ld\n", before->rax, before->rdi,
            before->rsi, before->rdx, before->r10, (long)result);
}

/* Until %fs is the tool's own again, nothing here may use the host's C library. */
static void on_call(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct posix_regs regs, before;

    selector = SELECTOR_ALLOW;
    fs_write(own_fs);
    memcpy(&regs, g, sizeof regs); /* the same order, on purpose */
    before = regs;
    posix_trampoline(&regs);
    if (trace)
        trace_call(&before, regs.rax);
    memcpy(g, &regs, sizeof regs);
    fs_write(host_program_fs);
    selector = SELECTOR_BLOCK;
}

/* sigaction as the kernel has it: the C library would put in its own restorer. */
static void catch_calls(void)
{
    struct {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {on_call, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | 0x04000000, hosted_restorer, 0};
    stack_t stack = {.ss_sp = malloc(ALTERNATE_BYTES), .ss_size = ALTERNATE_BYTES};

    if (!stack.ss_sp || sigaltstack(&stack, NULL) ||
        syscall(SYS_rt_sigaction, SIGSYS, &action, NULL, sizeof action.mask) ||
        prctl(DISPATCH_SET, DISPATCH_ON, hosted_restorer, 64ul, &selector)) {
        perror("posix-run: this Linux has no syscall user dispatch");
        exit(2);
    }
}

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

static _Noreturn void enter(const struct posix_start *start)
{
    fflush(NULL);
    own_fs = fs_read();
    catch_calls();
    fs_write(0);
    selector = SELECTOR_BLOCK;
    __asm__ volatile("mov %0, %%rsp\n"
                     "xor %%edx, %%edx\n"
                     "xor %%ebp, %%ebp\n"
                     "jmp *%1\n"
                     :
                     : "r"(start->stack), "r"(start->entry)
                     : "memory", "rdx");
    __builtin_unreachable();
}

int main(int argc, char **argv)
{
    const char *const environment[] = {"PATH=/bin:/usr/bin", "HOME=/", NULL};
    struct posix_start start;

    host_reflects = true;
    trace = getenv("POSIX_RUN_TRACE") != NULL;
    if (argc < 3) {
        fprintf(stderr, "usage: posix-run ARCHIVE PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    archive_open(argv[1]);
    long e = posix_start();
    if (!e) {
        struct posix_exec request = {argv[2], (const char *const *)argv + 2, environment};
        e = posix_exec(&request, &start);
    }
    if (e) {
        fprintf(stderr, "posix-run: %s: %s\n", argv[2], strerror((int)-e));
        return 127;
    }
    enter(&start);
}
