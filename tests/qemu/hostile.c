/* Programs that mean harm, or are broken: only they are hurt, and nothing of them stays. */
#include "exo/abi/graft.h"
#include "exo/abi/kip.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define PROTECTION   13u /* vectors */
#define PAGE_FAULT   14u
#define ROUNDS       50u
#define CHAIN        100u
#define PHYS_WINDOW  ((vaddr_t)0xffff800000000000) /* where the kernel sees all memory */
#define KERNEL_IMAGE ((vaddr_t)0xffffffff80000000)
#define NO_CANONICAL ((vaddr_t)1 << 47)

static long number(uint64_t rax)
{
    struct guest_regs r = {.rax = rax, .rdi = 1, .rsi = 2, .rdx = 3, .r10 = 4, .r8 = 5, .r9 = 6};

    guest_syscall(&r);
    return (long)r.rax;
}

static const bool is_call[301] = {
#define ARG(type, field)
#define SYSCALL(number, name, args) [number] = true,
#include "exo/abi/syscalls.def"
#undef SYSCALL
#undef ARG
};

static void unknown_numbers(void)
{
    uint64_t state = 1;
    bool refused = true;

    for (uint64_t n = 0; n <= 300; n++)
        if (!is_call[n])
            refused &= number(SYS_BASE + n) == ERR_BAD_CALL;
    tap_ok(refused, "every number up to 300 that is no call's is BAD_CALL");
    refused = true;
    for (unsigned i = 0; i < 2000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        if (state - SYS_BASE >= 256)
            refused &= number(state) == ERR_BAD_CALL;
    }
    tap_ok(refused, "2000 numbers of 64 random bits are BAD_CALL");
}

int main(int argc, char **argv);

/* One instruction in an environment of its own: how does it end? */
static void ends(const char *code, const char *end, uint64_t value, uint32_t vector,
                 const char *what)
{
    struct raw r;
    enum err e = raw_make(&r, code, end);

    if (e == ERR_OK)
        e = raw_start(&r, value);
    if (e == ERR_OK)
        e = raw_wait(&r);
    uint32_t death = book_env(r.number)->death;
    if (!tap_ok(e == ERR_OK && death == vector + 1, what))
        tap_note("error %d, exception %d", e, (int)death - 1);
    raw_destroy(&r);
}

static void privileged(void)
{
    ends(BLOB(cli), 0, PROTECTION, "cli ends who tries it");
    ends(BLOB(halt), 0, PROTECTION, "hlt");
    ends(BLOB(load_cr3), 0, PROTECTION, "loading cr3");
    ends(BLOB(read_msr), 0, PROTECTION, "rdmsr");
    ends(BLOB(write_msr), 0, PROTECTION, "wrmsr");
    ends(BLOB(port_in), 0, PROTECTION, "in");
    ends(BLOB(port_out), 0, PROTECTION, "out, to the port that ends the machine");
    ends(BLOB(load_idt), 0, PROTECTION, "lidt");
    ends(BLOB(swapgs), 0, PROTECTION, "swapgs");
    ends(BLOB(interrupt), 0, PROTECTION, "int 0x80");
    ends(BLOB(timer_vector), 0, PROTECTION, "int with the timer's vector");
    ends(BLOB(double_fault_vector), 0, PROTECTION, "int with the double fault's vector");
    ends(BLOB(read_counter), 0, PROTECTION, "reading a performance counter");
    ends(BLOB(undefined), 0, 6, "ud2");
}

static void read_counter(void *argument)
{
    (void)argument;
    __asm__ volatile("rdpmc" : : "c"(0) : "eax", "edx");
}

/* The time is everybody's; counters of the CPU are nobody's, and who tries has his handler called.
 */
static void counters(void)
{
    uint64_t before = cpu_ticks();

    tap_ok(cpu_ticks() > before, "the time-stamp counter can be read");
    tap_ok(probe_run(read_counter, NULL) && guest_fault.vector == PROTECTION,
           "a performance counter cannot: an upcall says so");
}

static void kernel_memory(void)
{
    static const vaddr_t forbidden[] = {PHYS_WINDOW,
                                        PHYS_WINDOW + ((vaddr_t)1 << 20),
                                        KERNEL_IMAGE,
                                        KERNEL_IMAGE + ((vaddr_t)1 << 20),
                                        USER_TOP,
                                        0xfffffe8000000000,
                                        0,
                                        ~(vaddr_t)0xfff};
    bool read = true, written = true, run = true;
    vaddr_t window = 0;

    for (unsigned i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        read &= probe_read(forbidden[i]);
        written &= probe_write(forbidden[i]);
        run &= probe_jump(forbidden[i]);
    }
    tap_ok(read, "the kernel's memory cannot be read");
    tap_ok(written, "nor written");
    tap_ok(run, "nor run");
    for (vaddr_t top = PHYS_WINDOW; top; top += (vaddr_t)1 << 39)
        for (vaddr_t at = top; at < top + 16 * PAGE_SIZE; at += PAGE_SIZE)
            window += !probe_read(at);
    tap_note("%lu pages of the upper half can be read", window);
    tap_ok(window >= 3 && window < 16, "of all the upper half only the window can be read");
    tap_ok(!probe_read(WINDOW_KINFO) && probe_write(WINDOW_KINFO), "the window is read-only");
    tap_ok(probe_write(WINDOW_FRAMES) && probe_write(WINDOW_ENVS) && probe_write(WINDOW_CPUS) &&
               probe_write(WINDOW_KIP) && probe_write(WINDOW_LINKS),
           "every part of it");
    tap_ok(probe_jump(WINDOW_KINFO) && probe_jump(WINDOW_KIP), "and does not run");
    ends(BLOB(load), PHYS_WINDOW, PAGE_FAULT, "reading it ends a program without handler");
    ends(BLOB(store), KERNEL_IMAGE, PAGE_FAULT, "writing it");
    ends(BLOB(jump), KERNEL_IMAGE, PAGE_FAULT, "jumping there");
    ends(BLOB(jump), PHYS_WINDOW, PAGE_FAULT, "jumping into the map of memory");
    ends(BLOB(jump), NO_CANONICAL, PROTECTION, "jumping where no address is");
    ends(BLOB(load), NO_CANONICAL, PROTECTION, "reading where no address is");
    ends(BLOB(jump), 0, PAGE_FAULT, "jumping to 0");
}

static void bad_stack(uint64_t sp, const char *call, const char *fault)
{
    struct raw r;

    raw_make(&r, BLOB(bad_stack_call));
    raw_start(&r, sp);
    guest_sleep(3000);
    tap_is((long)*raw_data(&r), 1, call);
    raw_destroy(&r);
    raw_make(&r, BLOB(bad_stack_fault));
    raw_start(&r, sp);
    tap_ok(raw_wait(&r) == ERR_OK && *raw_data(&r) == 0, fault);
    raw_destroy(&r);
}

static void bad_stacks(void)
{
    bad_stack(0, "a call with a stack at 0 is served", "a push there ends the program");
    bad_stack(PHYS_WINDOW + 64, "a call with the kernel's memory as stack is served",
              "a push there ends the program");
    bad_stack(NO_CANONICAL, "a call with a stack at no address is served",
              "a push there ends the program");
    bad_stack(RAW_CODE + 64, "a call with the program itself as stack is served",
              "a push there ends the program");
}

static void bad_pointers(void)
{
    static const vaddr_t bad[] = {
        0,           GUEST_FREE,   USER_TOP,     USER_TOP - 8,    NO_CANONICAL, ~(vaddr_t)0 - 8,
        PHYS_WINDOW, KERNEL_IMAGE, WINDOW_KINFO, (vaddr_t)1 << 63};
    static struct graft_report report;
    slot_t dst = guest_slot();
    bool refused = true;

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct graft_load l = {.object = bad[i],
                               .bytes = 64,
                               .report = (vaddr_t)&report,
                               .hook = GRAFT_HOOK_PACKET_FILTER};
        refused &= exo_page_bind(SLOT_ENV, SLOT_IMAGE, bad[i], 3) == ERR_BAD_USER;
        refused &= exo_page_protect(SLOT_ENV, bad[i], 3) == ERR_BAD_USER;
        refused &= exo_page_unbind(SLOT_ENV, bad[i], BATCH_MAX) == ERR_BAD_USER;
        refused &= exo_console_write(SLOT_CONSOLE, 1, bad[i], 3) == ERR_BAD_USER;
        refused &= exo_console_read(SLOT_CONSOLE, 1, bad[i], 3) == ERR_BAD_USER;
        refused &= exo_graft_create(SLOT_MEMORY, PFN_ANY, dst, bad[i]) == ERR_BAD_USER;
        refused &= exo_graft_create(SLOT_MEMORY, PFN_ANY, dst, (vaddr_t)&l) == ERR_BAD_USER;
        l = (struct graft_load){.object = (vaddr_t)main,
                                .bytes = 64,
                                .report = bad[i],
                                .hook = GRAFT_HOOK_PACKET_FILTER};
        refused &= exo_graft_create(SLOT_MEMORY, PFN_ANY, dst, (vaddr_t)&l) == ERR_BAD_USER;
        if (!refused) {
            tap_note("%lx", bad[i]);
            break;
        }
    }
    slot_give(dst);
    tap_ok(refused, "pointers to nowhere and to the kernel are refused by every call");
}

/* A slot that was emptied is of no use with any call. */
static void stale_slots(void)
{
    struct raw r;
    struct page_entry entry = {GUEST_FREE, 0, RIGHT_READ};
    vaddr_t e = (vaddr_t)&entry;

    slot_t dst = guest_slot();
    raw_make(&r, BLOB(spin));
    slot_t env = r.env, thread = r.thread, frames = r.frames, bell = r.watch;
    raw_destroy(&r);
    bool refused = exo_cap_copy(env, 20, SLOT_ENV, RIGHT_READ, 0, 0) == ERR_BAD_CAP;
    refused &= exo_cap_copy(SLOT_ENV, dst, env, RIGHT_READ, 0, 0) == ERR_BAD_CAP;
    refused &= exo_env_extend(env, SLOT_MEMORY, PFN_ANY) == ERR_BAD_CAP;
    refused &= exo_table_create(env, SLOT_MEMORY, PFN_ANY, GUEST_FREE, 3) == ERR_BAD_CAP;
    refused &= exo_page_bind(env, SLOT_IMAGE, e, 1) == ERR_BAD_CAP;
    refused &= exo_page_bind(SLOT_ENV, frames, e, 1) == ERR_BAD_CAP;
    refused &= exo_page_protect(env, e, 1) == ERR_BAD_CAP;
    refused &= exo_page_unbind(env, e, 1) == ERR_BAD_CAP;
    refused &= exo_env_watch(env, bell, 1) == ERR_BAD_CAP;
    refused &= exo_env_kmem(env, SLOT_MEMORY) == ERR_BAD_CAP;
    refused &= exo_env_name(env, 0, 0) == ERR_BAD_CAP;
    refused &= exo_thread_create(env, SLOT_MEMORY, PFN_ANY, 0, 0, dst) == ERR_BAD_CAP;
    refused &= exo_thread_start(thread, RAW_CODE, RAW_STACK_TOP, 0) == ERR_BAD_CAP;
    refused &= exo_thread_stop(thread) == ERR_BAD_CAP;
    refused &= exo_thread_place(thread, SLOT_CPU, 0, 1) == ERR_BAD_CAP;
    refused &= exo_slice_bind(SLOT_CPU, 0, 0, thread) == ERR_BAD_CAP;
    refused &= exo_yield(thread) == ERR_BAD_CAP;
    refused &= exo_notify(bell, 1) == ERR_BAD_CAP;
    refused &= exo_notify_wait(bell, 1, FOREVER) == ERR_BAD_CAP;
    slot_give(dst);
    tap_ok(refused, "slots of what was destroyed are refused by every call");
}

static uint32_t environments(void)
{
    uint32_t count = 0;

    for (uint32_t n = 1; n < ENV_MAX; n++)
        count += book_env(n)->frame != 0;
    return count;
}

/* What ends a program in turn: an exception, a fault, its UTCB, being destroyed while it runs. */
static void one_life(uint32_t i)
{
    struct raw r;

    if (i % 4 == 0)
        raw_make(&r, BLOB(undefined));
    else if (i % 4 == 1)
        raw_make(&r, BLOB(load));
    else
        raw_make(&r, BLOB(spin));
    raw_start(&r, 0x10000);
    if (i % 4 == 2)
        guest_unbind(r.env, RAW_UTCB);
    if (i % 4 != 3)
        raw_wait(&r);
    raw_destroy(&r);
}

static void lives(void)
{
    struct spawn_child child;

    one_life(0);
    for (uint32_t i = 0; i < 2; i++) { /* libos makes what it keeps, a page table behind it, too */
        guest_spawn(&child, "hostile", "spin", 64, THREAD_CPU_HERE, 50);
        spawn_destroy(&child);
    }
    uint32_t frames = region_free_count(), envs = environments();
    for (uint32_t i = 0; i < ROUNDS; i++)
        one_life(i);
    tap_is(region_free_count(), frames, "fifty environments made and ended: no frame is lost");
    for (uint32_t i = 0; i < ROUNDS; i++) {
        guest_spawn(&child, "hostile", i % 2 ? "spin" : "trap", 64, THREAD_CPU_HERE,
                    THREAD_PRIORITY);
        guest_sleep(1000);
        spawn_destroy(&child);
    }
    tap_is(region_free_count(), frames, "nor by fifty programs of libos");
    tap_is(environments(), envs, "no environment is left");
    tap_is((long)book_env((uint32_t)book_utcb()->env)->threads, 1, "no thread either");
}

/* The AC flag, which lets the kernel touch user memory where SMAP is on, is the user's to set. */
static void flags(void)
{
    struct raw r;

    raw_make(&r, BLOB(align_check));
    raw_start(&r, 0);
    guest_sleep(20000);
    uint64_t before = *raw_data(&r);
    guest_sleep(20000);
    tap_ok(before > 0 && *raw_data(&r) > before, "a program with the AC flag set runs on");
    raw_destroy(&r);
}

/* Each faults to the one before as its pager, and the first serves nobody: its end is the end of
 * all, however many there are. */
static void chain(void)
{
    static struct raw r[CHAIN];
    uint32_t made = 0, over = 0;

    for (; made < CHAIN; made++) {
        if (made ? raw_make(&r[made], BLOB(load)) : raw_make(&r[0], BLOB(pct_serve)))
            break;
        if (made)
            raw_mr(&r[made])[TCR_PAGER] = r[made - 1].id;
        raw_start(&r[made], 0x10000);
    }
    tap_is(made, CHAIN, "a hundred environments, each the pager of the next");
    guest_sleep(50000);
    for (uint32_t i = 0; i < made; i++)
        over += book_env(r[i].number)->state == ENV_DYING;
    tap_is(over, 0, "all wait");
    guest_unbind(r[0].env, RAW_UTCB);
    over = 0;
    for (uint32_t i = 0; i < made; i++)
        over += raw_wait(&r[i]) == ERR_OK;
    tap_is(over, CHAIN, "the first ends, and all the others with it");
    for (uint32_t i = 0; i < made; i++)
        raw_destroy(&r[i]);
    tap_is(exo_null(), ERR_OK, "the kernel does not mind");
}

/* Unmap of everything, as often as one call can: the processor is not lost for long. */
static void unmap_all(void)
{
    struct raw r;
    uint64_t before = clock_ns();

    raw_make(&r, BLOB(unmap_all));
    raw_start(&r, 0);
    while (!*raw_data(&r) && clock_ns() - before < 2 * (uint64_t)CLOCK_NS_PER_S)
        guest_sleep(1000);
    uint64_t took = clock_ns() - before;
    tap_ok(took < CLOCK_NS_PER_S, "unmapping all of a space 64 times takes less than a second");
    tap_note("%lu us", took / 1000);
    tap_is(*raw_data(&r), 1, "and leaves one's own pages, unless it flushes");
    raw_destroy(&r);
}

int main(int argc, char **argv)
{
    guest_begin();
    if (argc > 1) {
        if (!strcmp(argv[1], "trap"))
            __builtin_trap();
        for (;;)
            cpu_pause();
    }
    unknown_numbers();
    privileged();
    counters();
    kernel_memory();
    bad_stacks();
    bad_pointers();
    stale_slots();
    lives();
    flags();
    unmap_all();
    chain();
    return tap_done();
}
