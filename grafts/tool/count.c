/* Executed instructions, counted by a tracer that steps a child. */
#include "grafts/tool/count.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUEL ((int64_t)1 << 40)

static _Noreturn void be_traced(graft_jit_entry entry, uint64_t r1, uint64_t r2, uint64_t *r0)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(1);
    raise(SIGSTOP);
    *r0 = entry(r1, r2, FUEL).r0;
    _exit(0);
}

static long step_through(pid_t child, uint64_t code, size_t bytes)
{
    struct user_regs_struct regs;
    long count = 0;
    int status;

    for (;;) {
        if (waitpid(child, &status, 0) != child)
            return -1;
        if (!WIFSTOPPED(status))
            return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? count : -1;
        if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
            kill(child, SIGKILL); /* it has crashed, and would do so again */
            waitpid(child, &status, 0);
            return -1;
        }
        if (ptrace(PTRACE_GETREGS, child, NULL, &regs) != 0)
            return -1;
        count += regs.rip - code < bytes;
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0)
            return -1;
    }
}

long count_instructions(graft_jit_entry entry, const void *code, size_t bytes, uint64_t r1,
                        uint64_t r2, uint64_t *r0)
{
    uint64_t *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -1;
    pid_t child = fork();
    if (child == 0)
        be_traced(entry, r1, r2, shared);
    long count = child < 0 ? -1 : step_through(child, (uintptr_t)code, bytes);
    *r0 = *shared;
    munmap(shared, sizeof *shared);
    return count;
}
