/* Upcalls: faults, exceptions and foreign system calls, and coming back without the kernel. */
#include "libos/upcall.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/string.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define FLAG_TRAP  ((uint64_t)1 << 8)
#define SPAN_PAGES 512u
#define ANY_ERROR  UINT64_MAX /* QEMU 7.2 shifts the number of an interrupt gate one bit too far */

/* blobs.S */
struct guest_file {
    uint64_t rbx, rbp, rsi, rdx, r8, r9, r10, r12, r13, r14, r15, xmm3;
    uint64_t rax, rcx, rsp;
};
uint64_t guest_foreign(struct guest_file *file);

#define EXCEPTION(name)                                                                            \
    void raise_##name(void);                                                                       \
    extern const char name##_at[], name##_next[]
EXCEPTION(divide);
EXCEPTION(undefined);
EXCEPTION(breakpoint);
EXCEPTION(privileged);
EXCEPTION(gate);
EXCEPTION(canonical);
EXCEPTION(float);
EXCEPTION(step);

static struct upcall_frame last;
static uint64_t resume;
static unsigned count;

/* Notes the exception, and goes on behind it. */
static bool on_exception(struct libos_regs *regs)
{
    last = regs->frame;
    count++;
    regs->frame.ip = resume;
    regs->frame.flags &= ~FLAG_TRAP;
    return true;
}

static void exception(void (*raise)(void), const char *at, const char *next, unsigned vector,
                      uint64_t error, const char *what)
{
    unsigned before = count;

    resume = (uint64_t)next;
    raise();
    bool good = count == before + 1 && last.vector == vector &&
                (last.error == error || error == ANY_ERROR) && last.ip == (uint64_t)at;
    if (!tap_ok(good, what))
        tap_note("%u upcalls, vector %lu error %lx ip %lx, not %lx", count - before, last.vector,
                 last.error, last.ip, (uint64_t)at);
}

static void exceptions(void)
{
    upcall_fault_fn before = libos_segv_hook;

    libos_segv_hook = on_exception;
    exception(raise_divide, divide_at, divide_next, 0, 0, "divide error");
    exception(raise_undefined, undefined_at, undefined_next, 6, 0, "undefined instruction");
    exception(raise_breakpoint, breakpoint_next, breakpoint_next, 3, 0,
              "breakpoint: the address behind it");
    exception(raise_privileged, privileged_at, privileged_next, 13, 0, "privileged instruction");
    exception(raise_gate, gate_at, gate_next, 13, ANY_ERROR, "interrupt that is not ours");
    exception(raise_canonical, canonical_at, canonical_next, 13, 0, "no canonical address");
    exception(raise_float, float_at, float_next, 16, 0, "floating-point exception");
    exception(raise_step, step_at, step_next, 1, 0, "single step");
    libos_segv_hook = before;
}

static struct libos_regs seen;
static uint8_t syscall_stack[65536] __attribute__((aligned(16)));

static void on_syscall(struct libos_regs *regs)
{
    seen = *regs;
    regs->rax = 0x123456789a;
}

static bool same(const struct guest_file *a, const struct guest_file *b)
{
    return !memcmp(a, b, offsetof(struct guest_file, rax));
}

static void foreign(void)
{
    const struct guest_file file = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0};
    struct guest_file f = file;

    guest_foreign(&f);
    tap_is((long)f.rax, ERR_BAD_CALL, "a foreign system call without a handler: BAD_CALL in rax");
    upcall_set_syscall(on_syscall, (vaddr_t)syscall_stack + sizeof syscall_stack);
    f = file;
    uint64_t behind = guest_foreign(&f);
    tap_is((long)f.rax, 0x123456789a, "with one: what the handler says");
    tap_ok(same(&f, &file), "all other registers come back, of SSE too");
    tap_ok(seen.frame.vector == 39 && seen.rax == 39, "the handler sees the number");
    tap_ok(seen.rbx == 1 && seen.rbp == 2 && seen.rsi == 3 && seen.rdx == 4 && seen.r8 == 5 &&
               seen.r9 == 6 && seen.r10 == 7 && seen.r12 == 8 && seen.r15 == 11,
           "and every argument");
    tap_ok(seen.frame.ip == behind && seen.frame.sp == f.rsp, "and where the call was made");
    struct guest_regs r = {.rax = UINT64_MAX};
    guest_syscall(&r);
    tap_ok(seen.frame.vector == UINT64_MAX, "a number of all ones");
    r.rax = SYS_BASE - 1;
    guest_syscall(&r);
    tap_ok(seen.frame.vector == SYS_BASE - 1, "the number before ours");
    r.rax = SYS_BASE + 256;
    guest_syscall(&r);
    tap_ok(seen.frame.vector == SYS_BASE + 256, "the number behind ours");
    r.rax = (uint64_t)1 << 32 | SYS_BASE;
    guest_syscall(&r);
    tap_ok(seen.frame.vector == ((uint64_t)1 << 32 | SYS_BASE), "ours with a further bit");
    upcall_set_syscall(NULL, 0);
    r.rax = 1;
    guest_syscall(&r);
    tap_is((long)r.rax, ERR_BAD_CALL, "taken away, it is BAD_CALL again");
}

/* Faults that the handler repairs by itself do not enter the kernel to come back. */
static void resuming(void)
{
    vaddr_t va = 0;
    uint64_t entries, slices, before = 0;

    exceptions();
    libos_segv_hook = on_exception;
    resume = (uint64_t)undefined_next;
    struct env_counts counts = book_cpu_counts(0);
    entries = book_entries(&counts);
    slices = book_cpu(0)->slices_run;
    for (unsigned i = 0; i < 1000; i++)
        raise_undefined();
    counts = book_cpu_counts(0);
    entries = book_entries(&counts) - entries;
    slices = book_cpu(0)->slices_run - slices;
    if (!tap_ok(entries >= 1000 && entries <= 1010 + 2 * slices,
                "1000 upcalls enter the kernel once each"))
        tap_note("%lu entries, %lu slices", entries, slices);
    libos_segv_hook = NULL;
    tap_is(vm_map(&va, SPAN_PAGES * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE), ERR_OK,
           "memory that is bound when it is touched");
    bool zero = true;
    for (uint32_t i = 0; i < SPAN_PAGES; i++) {
        volatile uint64_t *word = (volatile uint64_t *)(va + i * PAGE_SIZE);
        zero &= *word == 0;
        *word = i;
        before += i;
    }
    for (uint32_t i = 0; i < SPAN_PAGES; i++)
        before -= *(volatile uint64_t *)(va + i * PAGE_SIZE);
    tap_ok(zero && before == 0, "every page was zero, and keeps what was written");
    vm_unmap(va, SPAN_PAGES * PAGE_SIZE);
}

/* Ends of environments whose handlers are no good: each must end by a fault, and only itself. */
static void end(const char *code, const char *code_end, vaddr_t entry, vaddr_t stack, uint64_t mask,
                uint64_t value, vaddr_t ip, const char *what)
{
    struct raw r;

    raw_make(&r, code, code_end);
    raw_exo(&r)->entry[UPCALL_FAULT] = raw_exo(&r)->entry[UPCALL_EXCEPTION] = entry;
    raw_exo(&r)->stack[UPCALL_CLASS_FAULT] = stack;
    raw_exo(&r)->mask = mask;
    raw_start(&r, value);
    enum err e = raw_wait(&r);
    uint64_t died = book_env(r.number)->death_ip;
    if (!tap_ok(e == ERR_OK && died == ip, what))
        tap_note("wait %d, died at %lx, death %u", e, died, book_env(r.number)->death);
    raw_destroy(&r);
}

static void bad_handlers(void)
{
    const vaddr_t top = RAW_STACK_TOP, data = RAW_DATA, nowhere = 0x10000;

    end(BLOB(load), 0, top, 0, nowhere, RAW_CODE, "a fault without a handler ends there");
    end(BLOB(load), RAW_CODE, top, 0, nowhere, RAW_CODE, "a fault inside the handler ends it");
    end(BLOB(load), RAW_CODE, top, 1, nowhere, RAW_CODE, "a fault while masked ends it");
    end(BLOB(load), WINDOW_LINKS, top, 0, nowhere, RAW_CODE, "an entry in the kernel is not taken");
    end(BLOB(load), USER_TOP, top, 0, nowhere, RAW_CODE, "an entry at the end is not taken");
    end(BLOB(load), ~(vaddr_t)0, top, 0, nowhere, RAW_CODE, "an entry of all ones is not taken");
    end(BLOB(load), (vaddr_t)1 << 47, top, 0, nowhere, RAW_CODE,
        "an entry that is not canonical is not taken");
    end(BLOB(load), nowhere, top, 0, nowhere, nowhere, "an entry where nothing is ends there");
    end(BLOB(load), data, top, 0, nowhere, data, "an entry that is not executable ends there");
    end(BLOB(load), RAW_CODE, ~(vaddr_t)0, 0, nowhere, RAW_CODE,
        "a stack in the kernel is not taken");
    end(BLOB(undefined), 0, top, 0, 0, RAW_CODE, "an exception without a handler ends there");
    end(BLOB(undefined), RAW_CODE, top, 0, 0, RAW_CODE, "an exception in its handler ends it");
}

int main(void)
{
    guest_begin();
    resuming();
    foreign();
    bad_handlers();
    return tap_done();
}
