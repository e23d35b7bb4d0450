/* Grafts at work where a program traps: pages that come at first touch without its handler, and
 * system calls that are answered, refused, passed on and counted. */
#include "exo/abi/graft.h"
#include "grafts/examples/call_rules.h"
#include "grafts/examples/fault_area.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "libos/upcall.h"
#include "libos/vm.h"
#include "tests/qemu/graft_rig.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define PAGES    8u
#define ADDED    2u /* pages of the area that there are no frames for */
#define THERE    (KINFO->cpu_count - 1)
#define GETPID   39u
#define REBOOT   169u
#define GETPPID  110u
#define NO_RULE  (CALL_RULES + 5)
#define REFUSED  (-(uint64_t)1)
#define ANSWER   ((uint64_t)0x123456789abcdef)
#define BY_LIBOS 4711u
#define RW       (RIGHT_READ | RIGHT_WRITE)

static uint8_t call_stack[65536] __attribute__((aligned(16)));
static volatile struct fault_area *area;

static vaddr_t page(uint32_t i)
{
    return GUEST_FREE + i * PAGE_SIZE;
}

/* Each frame begins with its number. */
static void write_numbers(slot_t frames, pfn_t first)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        guest_bind(SLOT_ENV, frames, page(0), first + i, RW);
        *(volatile uint64_t *)page(0) = i;
        guest_unbind(SLOT_ENV, page(0));
    }
}

static volatile uint64_t touched;

static void touch(void *argument)
{
    touched = *(volatile uint64_t *)argument + 1;
}

/* Another thread, of the last CPU. */
static void touch_there(void)
{
    struct thread t;

    touched = 0;
    tap_is(thread_run(&t, touch, (void *)page(5), THERE, THREAD_PRIORITY), ERR_OK, "a thread");
    tap_is(guest_await(&touched, 6), 6, "has its pages in the same way");
    thread_destroy(&t);
}

static void test_faults(void)
{
    const struct graft_map_def def = {GRAFT_MAP_ARRAY, 4, sizeof(struct fault_area), 1};
    pfn_t first;
    vaddr_t at = 0;
    slot_t frames = guest_frames(PAGES, &first), map = make_map(def, 1, SLOT_NONE, &at);
    slot_t graft = make_graft(".exo4/fault_area.o", GRAFT_HOOK_PAGE_FAULT, &map, 1);

    area = (volatile struct fault_area *)at;
    guest_tables(SLOT_ENV, page(0));
    write_numbers(frames, first);
    *area = (struct fault_area){page(0), (PAGES + ADDED) * PAGE_SIZE, frames, RW};
    tap_ok(probe_read(page(3)), "before, a touch is the program's own business");
    tap_is(exo_graft_bind(graft, SLOT_ENV, GRAFT_HOOK_PAGE_FAULT), ERR_OK, "bind to itself");
    tap_ok(!probe_read(page(3)) && !probe_write(page(0)), "now pages come by themselves");
    tap_is(*(volatile uint64_t *)page(3), 3, "each the one that it should be");
    tap_is(runs_of(graft), 2, "the graft ran once for each");
    touch_there();
    area->rights = RIGHT_READ;
    tap_ok(!probe_read(page(6)) && probe_write(page(6)), "rights are the graft's to say");
    area->rights = RW;
    tap_ok(probe_read(page(PAGES)), "beyond the frames a fault is the program's again");
    tap_ok(probe_read(page(PAGES + ADDED)), "and beyond the area");
    vaddr_t own = 0;
    vm_map(&own, PAGE_SIZE, RW);
    *(volatile uint64_t *)own = 1;
    tap_is(*(volatile uint64_t *)own, 1, "memory that libos repairs is repaired by libos");
    slot_delete(graft);
    tap_ok(probe_read(page(1)) && !probe_read(page(3)), "without it what is there stays");
    slot_delete(map);
}

static void by_libos(struct libos_regs *regs)
{
    regs->rax = BY_LIBOS;
}

static uint64_t call(uint64_t number)
{
    struct guest_regs r = {number, 1, 2, 3, 4, 5, 6};

    guest_syscall(&r);
    return r.rax;
}

/* What no call changes stays, and nothing of the kernel's comes. */
static bool keeps_registers(uint64_t number)
{
    struct guest_regs r = {number, 1, 2, 3, 4, 5, 6};

    guest_syscall(&r);
    return r.rdi == 1 && r.rsi == 2 && r.rdx == 3 && r.r10 == 4 && r.r8 == 5 && r.r9 == 6;
}

static void test_calls(void)
{
    const struct graft_map_def def = {GRAFT_MAP_ARRAY, 4, sizeof(struct call_rules), 1};
    vaddr_t at = 0;
    slot_t map = make_map(def, sizeof(struct call_rules) / PAGE_SIZE, SLOT_NONE, &at);
    slot_t graft = make_graft(".exo4/call_rules.o", GRAFT_HOOK_SYSTEM_CALL, &map, 1);
    volatile struct call_rules *rules = (volatile struct call_rules *)at;

    upcall_set_syscall(by_libos, (vaddr_t)call_stack + sizeof call_stack);
    for (uint32_t i = 0; i < CALL_RULES; i++)
        rules->of[i].answer = GRAFT_CALL_PASS;
    rules->of[GETPID].answer = ANSWER;
    rules->of[REBOOT].answer = REFUSED;
    tap_is(call(GETPID), BY_LIBOS, "before, libos has every call");
    tap_is(exo_graft_bind(graft, SLOT_ENV, GRAFT_HOOK_SYSTEM_CALL), ERR_OK, "bind to itself");
    tap_ok(call(GETPID) == ANSWER, "one is answered");
    tap_ok(keeps_registers(GETPID), "and nothing else is changed");
    tap_ok(call(REBOOT) == REFUSED, "one is refused");
    tap_is(call(GETPPID), BY_LIBOS, "others go on to libos");
    tap_is(call(NO_RULE), BY_LIBOS, "and those without a rule");
    tap_ok(keeps_registers(GETPPID), "with their registers");
    tap_ok(rules->of[GETPID].count == 2 && rules->of[REBOOT].count == 1 &&
               rules->of[GETPPID].count == 2,
           "all are counted");
    tap_is(runs_of(graft), 6, "it ran for each");
    rules->of[GETPPID].answer = 1;
    tap_is(call(GETPPID), 1, "a rule is changed in memory");
    slot_delete(map);
    tap_is(call(GETPPID), BY_LIBOS, "it ends with its map");
}

int main(void)
{
    guest_begin();
    if (!graft_rig_begin())
        return 1;
    test_faults();
    test_calls();
    return tap_done();
}
