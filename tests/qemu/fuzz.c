/* Random calls from a program of its own, on the last CPU that there is: the kernel survives, and
 * gets back all that it gave. */
#include "exo/abi/kip.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/print.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/fuzz/chance.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CALLS_WANTED 40000u
#define CALLS_FEW    1000u /* on request, for a kernel that takes long for each */
#define PATIENCE_FEW 5u    /* such a kernel may take more than 10 ms for a call on a busy host */
#define ROUNDS_MAX   900u
#define NUMBERS      100u /* below which a number may name no call */
#define MEMORY_PAGES 256u
#define COUNTER      0xe00u /* where in its UTCB page the child counts its calls */
#define ENTRIES      64u
#define DEVICE       23u /* the slot of the device that is opened */

static struct page_entry entries[ENTRIES];

static const volatile struct cap *memory(void)
{
    return slot_cap(SLOT_MEMORY);
}

static vaddr_t random_address(void)
{
    static const vaddr_t odd[] = {0,
                                  PAGE_SIZE,
                                  START_INFO,
                                  START_UTCB,
                                  START_STACK,
                                  GUEST_FREE,
                                  USER_TOP,
                                  USER_TOP - PAGE_SIZE,
                                  (vaddr_t)1 << 47,
                                  0xffff800000000000,
                                  WINDOW_KINFO,
                                  0xffffffff80000000,
                                  ~(vaddr_t)0,
                                  ~(vaddr_t)7,
                                  0x7fffffffffff};

    switch (rnd(4)) {
    case 0:
        return odd[rnd(sizeof odd / sizeof odd[0])];
    case 1:
        return (vaddr_t)&entries[rnd(ENTRIES)];
    case 2:
        return GUEST_FREE + (vaddr_t)rnd(1024) * PAGE_SIZE;
    default:
        return rnd_word() >> rnd(64);
    }
}

static uint64_t random_word(void)
{
    switch (rnd(6)) {
    case 0:
        return rnd(24); /* a slot */
    case 1:
        return random_address();
    case 2:
        return memory()->base + rnd(MEMORY_PAGES);
    case 3:
        return PFN_ANY;
    case 4:
        return (uint64_t)1 << rnd(64);
    default:
        return rnd(4) ? rnd(8) : rnd_word();
    }
}

static void random_entries(void)
{
    for (uint32_t i = 0; i < ENTRIES; i++)
        entries[i] = (struct page_entry){random_address(), (pfn_t)random_word(), rnd(20)};
}

/* Mostly that of a call that there is. */
static uint64_t random_number(void)
{
    static const uint8_t known[] = {
#define SYSCALL(number, name, args) number,
#include "exo/abi/syscalls.def"
#undef SYSCALL
    };

    return SYS_BASE + (rnd(8) ? known[rnd(sizeof known)] : rnd(NUMBERS));
}

/* A call that would wait for ever is made seldom: then the parent ends the round. */
static void random_call(void)
{
    struct guest_regs r = {.rax = random_number(),
                           .rdi = random_word(),
                           .rsi = random_word(),
                           .rdx = random_word(),
                           .r10 = random_word(),
                           .r8 = random_word(),
                           .r9 = random_word()};
    bool rare = rnd(50) == 0;

    if (r.rax == SYS_BASE + SYS_device_open && !rare) {
        r.rdi = SLOT_PCI;
        r.rdx = SLOT_MEMORY;
        r.r10 = PFN_ANY;
        r.r8 = DEVICE;
    } else if (r.rax > SYS_BASE + SYS_device_open && r.rax <= SYS_BASE + SYS_device_faults && !rare)
        r.rdi = DEVICE;
    if (r.rax == SYS_BASE + SYS_notify_wait && !rare)
        r.rdx = 0;
    if (r.rax == SYS_BASE + SYS_thread_stop && r.rdi == SLOT_THREAD && !rare)
        return;
    if ((r.rax == SYS_BASE + SYS_pct_return || r.rax == SYS_BASE + SYS_cap_revoke) && !rare)
        return;
    if (r.rax == SYS_BASE + SYS_cap_delete && r.rdi < SLOT_FREE && !rare)
        return;
    if (r.rax == SYS_BASE + SYS_console_write || rnd(100) == 0)
        r.rax = rnd_word();
    guest_syscall(&r);
}

/* Through a link of the kernel interface page, with any registers; no waiting for ever. Unmap takes
 * the program's own pages, and so is seldom tried. */
static void random_l4_call(void)
{
    uint32_t number = rnd(LINK_COUNT + 1);
    uint64_t link = WINDOW_LINKS + number * LINK_STRIDE, to = random_word();
    uint64_t from = random_word(), tag = rnd_word() >> rnd(64);

    if (number == LINK_UNMAP && rnd(30))
        return;

    __asm__ volatile("push %%rbp\n\t"
                     "mov %[timeouts], %%r8\n\t"
                     "mov %[tag], %%r9\n\t"
                     "mov %%rsi, %%rdi\n\t"
                     "mov %%rsi, %%rbx\n\t"
                     "mov %%rdx, %%r12\n\t"
                     "mov %%r9, %%r10\n\t"
                     "call *%%rcx\n\t"
                     "pop %%rbp"
                     : "+S"(to), "+d"(from), "+c"(link)
                     : [timeouts] "i"(0x04000400), [tag] "r"(tag)
                     : "rax", "rbx", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                       "memory", "cc");
}

static _Noreturn void child(const char *seed)
{
    volatile uint64_t *counter = (volatile uint64_t *)(START_UTCB + COUNTER);

    for (rnd_state = 88172645463325252u; *seed; seed++)
        rnd_state = rnd_state * 31 + (uint8_t)*seed;
    for (;;) {
        if (rnd(16) == 0)
            random_entries();
        if (rnd(8) == 0)
            random_l4_call();
        else
            random_call();
        ++*counter;
    }
}

/* One program that calls until it ends itself, blocks, or has had its time. Says how many. It is
 * taken to be blocked when it made no call for `patience` times 10 ms. */
static uint64_t round(const char *name, uint32_t number, unsigned patience, uint32_t *ended)
{
    unsigned quiet = 0;
    struct spawn_child c;
    char role[32];
    const char *arguments[] = {name, role, NULL};
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CPU) | SPAWN_GIVE(SLOT_INSPECT) |
                                      SPAWN_GIVE(SLOT_DISK) | SPAWN_GIVE(SLOT_PCI),
                              .memory_frames = MEMORY_PAGES,
                              .cpu = KINFO->cpu_count - 1,
                              .priority = 50};
    uint64_t before = 0, calls = 0;

    print_format(role, sizeof role, "seed %u", number);
    if (program_start(guest_archive(), name, &args, &c))
        return 0;
    volatile uint64_t *counter = (volatile uint64_t *)(c.utcb + COUNTER);
    for (unsigned i = 0; i < 20; i++) {
        enum err e = notify_until(c.watch, 1, clock_deadline(10 * CLOCK_NS_PER_MS), NULL);
        calls = *counter;
        quiet = calls == before ? quiet + 1 : 0;
        if (e == ERR_OK || quiet == patience) {
            *ended += e == ERR_OK;
            break;
        }
        before = calls;
    }
    spawn_destroy(&c);
    return calls;
}

static uint32_t environments(void)
{
    uint32_t count = 0;

    for (uint32_t n = 1; n < ENV_MAX; n++)
        count += book_env(n)->frame != 0;
    return count;
}

int main(int argc, char **argv)
{
    uint32_t rounds, ended = 0, warm;
    bool few = argc > 1 && strcmp(argv[1], "few") == 0;
    unsigned patience = few ? PATIENCE_FEW : 1;
    uint64_t calls = 0, wanted = few ? CALLS_FEW : CALLS_WANTED;
    bool slices = true;

    guest_begin();
    if (argc > 1 && !few)
        child(argv[1]);
    for (unsigned i = 0; i < 2; i++) /* libos makes what it keeps, a page table behind it, too */
        round(argv[0], 0, patience, &ended);
    uint32_t free_before = region_free_count(), envs_before = environments();
    for (rounds = 1; rounds < ROUNDS_MAX && calls < wanted; rounds++) {
        calls += round(argv[0], rounds, patience, &ended);
        warm = region_free_count();
        if (warm != free_before)
            break;
    }
    tap_note("%lu calls in %u programs, of which %u ended by themselves", calls, rounds, ended);
    tap_ok(calls >= wanted, "as many random calls as are wanted, and the kernel is alive");
    if (!tap_is(region_free_count(), free_before,
                "every frame that the programs had is free again"))
        tap_note("lost in round %u", rounds - 1);
    tap_is(environments(), envs_before, "and every environment is gone");
    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        slices &= book_cpu(0)->slices[i].thread == 0;
    tap_ok(slices, "and every slice is free");
    tap_is(exo_null(), ERR_OK, "calls go on");
    return tap_done();
}
