/* Traps of the port to Linux: system calls, faults and wake-ups of the program come here. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <asm/unistd.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "libos-posix/hosted/host.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/posix.h"
#include "libos-posix/port.h"

#define DISPATCH_SET   59 /* PR_SET_SYSCALL_USER_DISPATCH */
#define DISPATCH_ON    1
#define SELECTOR_ALLOW 0
#define SELECTOR_BLOCK 1
#define RESTORER_FLAG  0x04000000
#define RESTORER_BYTES 64ul
#define XSTATE_AT      512 /* in the vector image: which parts of it count */
#define STATUS_DEFECT  70

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

/* sigaction as Linux has it: a C library would put in its own restorer. */
struct action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
};

static _Noreturn void defect(int number)
{
    static const char text[] = "posix-run: a fault in the core itself: signal ";
    char digits[3] = {(char)('0' + number / 10), (char)('0' + number % 10), '\n'};

    port_console_write(2, text, sizeof text - 1);
    port_console_write(2, digits, sizeof digits);
    for (;;)
        LINUX(exit_group, STATUS_DEFECT);
}

static struct host_thread *thread_self(void)
{
    struct host_thread *self;

    __asm__ volatile("rdgsbase %0" : "=r"(self));
    return self;
}

static void take(int number, const siginfo_t *info, const greg_t *g, struct posix_regs *regs,
                 uint8_t *vectors)
{
    if (number == SIGSYS) {
        posix_trampoline(regs, vectors);
        return;
    }
    if (number == SIGUSR1) {
        posix_interrupt();
    } else {
        struct posix_fault fault = {
            .number = (unsigned)number,
            .code = info->si_code,
            .address = (vaddr_t)info->si_addr,
            .trap = (uint64_t)g[REG_TRAPNO],
            .error = (uint64_t)g[REG_ERR],
        };
        if (posix_fault_repair(&fault))
            return;
        posix_fault(&fault);
    }
    posix_trampoline_interrupt(regs, vectors);
}

/* %fs is the program's throughout, so nothing here may use the host's C library. */
static void on_signal(int number, siginfo_t *info, void *context)
{
    mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
    struct host_thread *self = thread_self();
    uint8_t *vectors = (uint8_t *)machine->fpregs;
    struct posix_regs regs;
    uint64_t parts;

    if (self->selector == SELECTOR_ALLOW) {
        if (number == SIGUSR1)
            return;
        defect(number);
    }
    self->selector = SELECTOR_ALLOW;
    memcpy(&regs, machine->gregs, sizeof regs); /* the same order, on purpose */
    take(number, info, machine->gregs, &regs, vectors);
    memcpy(machine->gregs, &regs, sizeof regs);
    if (vectors) {
        memcpy(&parts, vectors + XSTATE_AT, sizeof parts);
        parts |= 3; /* x87 and SSE, which may have been changed */
        memcpy(vectors + XSTATE_AT, &parts, sizeof parts);
    }
    thread_self()->selector = SELECTOR_BLOCK;
}

void host_catch(struct host_thread *self)
{
    static const int numbers[] = {SIGSYS, SIGUSR1, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    const unsigned long wake = 1ul << (SIGUSR1 - 1);
    struct action action = {on_signal, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | RESTORER_FLAG,
                            hosted_restorer, wake};
    stack_t stack = {.ss_sp = (char *)self + HOST_THREAD_BYTES,
                     .ss_size = HOST_STACK_BYTES - HOST_THREAD_BYTES};
    long e = 0;

    self->selector = SELECTOR_ALLOW;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        e |= LINUX(rt_sigaction, numbers[i], &action, NULL, sizeof action.mask);
    if (!e && !self->has_stack)
        e = LINUX(sigaltstack, &stack, NULL);
    self->has_stack = true;
    if (!e)
        e = LINUX(prctl, DISPATCH_SET, DISPATCH_ON, hosted_restorer, RESTORER_BYTES,
                  &self->selector);
    if (e) {
        static const char text[] = "posix-run: this Linux has no syscall user dispatch\n";
        port_console_write(2, text, sizeof text - 1);
        for (;;)
            LINUX(exit_group, STATUS_DEFECT);
    }
}

/* What Linux takes from the stack at rt_sigreturn: all registers and the signal mask at once. */
struct return_frame {
    uint64_t flags, link;
    stack_t stack;
    struct posix_regs regs;
    uint64_t segments, error, trap, old_mask, fault_address, vectors, reserved[8];
    uint64_t mask;
};
_Static_assert(offsetof(struct return_frame, mask) == 296, "ucontext of x86-64");

_Noreturn void host_enter(struct host_thread *self, const struct posix_regs *regs)
{
    struct return_frame frame = {
        .stack = {.ss_sp = (char *)self + HOST_THREAD_BYTES,
                  .ss_size = HOST_STACK_BYTES - HOST_THREAD_BYTES},
        .regs = *regs,
        .segments = 0x002b000000000033,
    };

    frame.regs.rflags = 0x202;
    self->selector = SELECTOR_BLOCK;
    __asm__ volatile("mov %0, %%rsp\n"
                     "jmp hosted_restorer\n"
                     :
                     : "r"(&frame)
                     : "memory");
    __builtin_unreachable();
}
