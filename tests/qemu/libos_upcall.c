/* Upcalls: a foreign `syscall` instruction arrives with all registers, nests, and leaves the
 * interrupted code's stack, red zone and SSE registers alone. */
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/notify.h"
#include "libos/upcall.h"
#include "tests/qemu/tap.h"

#define STACK_BYTES (4 * 32768u)

static uint8_t stack[STACK_BYTES] __attribute__((aligned(16)));
static struct libos_regs seen;
static unsigned depth, deepest, calls;

static uint64_t linux_call(uint64_t number, uint64_t argument)
{
    uint64_t result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(argument)
                     : "rcx", "r11", "memory");
    return result;
}

/* Number 1 calls itself with one less, in here. */
static void hook(struct libos_regs *regs)
{
    uint64_t number = regs->rax, argument = regs->rdi;

    seen = *regs;
    calls++;
    depth++;
    deepest = depth > deepest ? depth : deepest;
    __asm__ volatile("xorps %%xmm5, %%xmm5" : : : "xmm5"); /* must not reach the caller */
    if (number == 1 && argument > 0)
        regs->rax = linux_call(1, argument - 1) + 1;
    else
        regs->rax = 1000 + argument;
    depth--;
}

static void test_registers(void)
{
    uint64_t result, rbx = 0, below = 0, sse[2] = {0x1122334455667788, 0x99aabbccddeeff00};

    __asm__ volatile("movups %[sse], %%xmm5\n\t"
                     "movq $0x77, -8(%%rsp)\n\t" /* the red zone */
                     "movq $0x1234, %%rbx\n\t"
                     "movq $39, %%rax\n\t"
                     "movq $5, %%rdi\n\t"
                     "movq $6, %%r9\n\t"
                     "syscall\n\t"
                     "movq -8(%%rsp), %[below]\n\t"
                     "movq %%rbx, %[rbx]\n\t"
                     "movups %%xmm5, %[sse]"
                     : "=&a"(result), [rbx] "=&r"(rbx), [below] "=&r"(below), [sse] "+m"(sse)
                     :
                     : "rbx", "rcx", "rdi", "r9", "r11", "xmm5", "memory");
    tap_is(result, 1005, "the hook's rax is the result");
    tap_is(seen.frame.vector, 39, "the number is in the frame");
    tap_ok(seen.rdi == 5 && seen.r9 == 6 && seen.rbx == 0x1234, "registers arrive");
    tap_is(rbx, 0x1234, "and stay");
    tap_is(below, 0x77, "the red zone stays");
    tap_ok(sse[0] == 0x1122334455667788 && sse[1] == 0x99aabbccddeeff00, "SSE registers stay");
}

static void test_nesting(void)
{
    tap_is(linux_call(1, 3), 1003, "system calls inside system calls come back in order");
    tap_is(deepest, 4, "they were four deep");
    calls = 0;
    for (unsigned i = 0; i < 1000; i++)
        linux_call(2, i);
    tap_is(calls, 1000, "a thousand of them arrive");
    tap_is(exo_null(), ERR_OK, "the kernel's own calls do not");
}

static void test_notification(void)
{
    slot_t slot;
    word_t got = 0;

    tap_is(notify_new(&slot), ERR_OK, "a notification");
    tap_is(exo_notify(slot, 6), ERR_OK, "raise two bits");
    tap_is(notify_until(slot, 4, FOREVER, &got), ERR_OK, "wait for one");
    tap_is(got, 4, "it came alone");
    uint64_t begin = clock_ns();
    tap_is(notify_until(slot, 1, clock_deadline(20 * CLOCK_NS_PER_MS), &got), ERR_TIMEOUT,
           "wait for another in vain");
    uint64_t waited = clock_ns() - begin;
    tap_ok(waited >= 20 * CLOCK_NS_PER_MS, "until the deadline");
    tap_is(notify_until(slot, 2, 0, &got), ERR_OK, "the other bit was kept");
    slot_delete(slot);
    tap_is(exo_notify(slot, 1), ERR_BAD_CAP, "a deleted notification is gone");
}

int main(void)
{
    tap_plan(19);
    tap_is(libos_setup(), ERR_OK, "libos_setup");
    upcall_set_syscall(hook, (vaddr_t)stack + sizeof stack);
    test_registers();
    test_nesting();
    test_notification();
    return tap_done();
}
