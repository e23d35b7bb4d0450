/* The fixture of the kernel's tests: boot, calls through the trap, and what is left behind. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "exo/abi/elf.h"
#include "exo/arch/boot.h"
#include "exo/arch/host/devices.h"
#include "exo/arch/upward.h"
#include "exo/entry/handlers.h"
#include "exo/entry/init.h"
#include "exo/entry/main.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/slice.h"
#include "exo/mem/boot_mem.h"
#include "tests/host/kernel_poison.h"

#include <string.h>

#define CPUS      2u /* that tests may let run */
#define TEXT      ((vaddr_t)0x400000)
#define DATA      ((vaddr_t)0x401000)
#define CALL_SITE ((vaddr_t)0x400100)
#define TRIES     1000u

struct world world;
static bool of_boot[CAPS_PER_FRAME]; /* slots that the kernel filled */

static struct boot_info boot;
static struct kinfo *kinfo;

struct kinfo *kinfo_get(void)
{
    return kinfo;
}

const struct boot_info *boot_info_get(void)
{
    return &boot;
}

void window_show(vaddr_t va, paddr_t pa, size_t bytes)
{
    arch_window_map(va, pa, bytes, RIGHT_READ);
}

/* The initial program: a page of text that begins with `lock; nop`, and two of data. */
static struct {
    struct elf_header header;
    struct elf_program_header segments[2];
    uint8_t text[8], data[8];
} program;

static void make_program(void)
{
    program.header = (struct elf_header){
        .ident = ELF_IDENT, .entry = TEXT, .segments = sizeof program.header, .segment_count = 2};
    program.segments[0] = (struct elf_program_header){.type = ELF_LOAD,
                                                      .flags = ELF_READ | ELF_EXEC,
                                                      .offset = sizeof program - 16,
                                                      .va = TEXT,
                                                      .file_bytes = 8,
                                                      .memory_bytes = 8};
    program.segments[1] = (struct elf_program_header){.type = ELF_LOAD,
                                                      .flags = ELF_READ | ELF_WRITE,
                                                      .offset = sizeof program - 8,
                                                      .va = DATA + 16,
                                                      .file_bytes = 8,
                                                      .memory_bytes = PAGE_SIZE};
    memcpy(program.text, "\xf0\x90text..", 8);
    memcpy(program.data, "DATAdata", 8);
    host.program = (const uint8_t *)&program;
    host.program_bytes = sizeof program;
}

static void mark_free(void)
{
    const struct boot_range *r;

    for (unsigned i = 0, n = boot_mem_rest(&r); i < n; i++)
        frame_mark((pfn_t)(r[i].base >> PAGE_BITS), (uint32_t)((r[i].end - r[i].base) >> PAGE_BITS),
                   FRAME_FREE);
}

static void make_cpus(void)
{
    for (unsigned n = 0; n < CPUS; n++) {
        paddr_t stack = boot_frames(1), nodes = boot_frames(1);
        cpu_init(n, arch_phys(stack), arch_phys(nodes));
        frame_mark((pfn_t)(nodes >> PAGE_BITS), 1, FRAME_CPU);
    }
    arch_cpu_bind(arch_cpu_number(0));
}

/* As kernel_main does it, but for what needs a real machine. */
static void power_on(void)
{
    paddr_t base, bytes;
    uint32_t table;

    host_begin(WORLD_FRAMES * PAGE_SIZE);
    make_program();
    arch_boot_info(0, &boot, boot_mem_add);
    arch_kernel_image(&base, &bytes);
    boot_mem_reserve(base, bytes);
    table = (uint32_t)((boot_mem_top() * sizeof(struct frame_info) + PAGE_SIZE - 1) >> PAGE_BITS);
    frame_table_init(arch_phys(boot_frames(table)), WORLD_FRAMES);
    frame_mark(0, WORLD_FRAMES, FRAME_KERNEL);
    mark_free();
    check_init();
    make_cpus();
    kinfo = arch_phys(boot_frames(1));
    env_table = arch_phys(boot_frames(ENV_MAX * sizeof(struct env_info) / PAGE_SIZE));
    counts_init(arch_phys(boot_frames(COUNTS_BYTES(CPUS) / PAGE_SIZE)), CPUS);
    object_init();
    kinfo->tsc_khz = arch_tick_khz();
    kinfo->epilogue_ticks = slice_epilogue_ticks();
    kinfo->cpu_count = cpu_count;
    host_devices.iommu = ARCH_IOMMU_FULL;
    if (arch_iommu_start(boot.rsdp, hook_iommu_interrupt) == ARCH_IOMMU_FULL)
        kinfo->iommu = IOMMU_FULL;
    console_init();
    irq_init();
    disk_ring_init();
    thread_table_init();
    function_init();
    device_init();
    kip_init();
    sigma0_init();
    poison_free_frames();
    sched_begin();
    sched_leave();
    world.boss = cpu_this()->current;
    world.root = world.boss->env;
    for (slot_t s = SLOT_FREE; s < CAPS_PER_FRAME; s++)
        of_boot[s] = cap_slot(world.root, s)->kind != CAP_NONE;
}

uint32_t world_free(void)
{
    uint32_t n = 0;

    for (pfn_t i = 0; i < frame_count(); i++)
        n += frame_of(i)->type == FRAME_FREE;
    return n;
}

int world_begin(void **state)
{
    (void)state;
    if (!world.root)
        power_on();
    host.cpu = arch_cpu_number(0);
    host.spins = 0;
    host.logged = 0;
    host.slow = false;
    const struct cap *memory = cap_slot(world.root, SLOT_MEMORY);
    world.base = frame_find(memory->base, memory->base + memory->count, 1);
    world.count = memory->base + memory->count - world.base;
    OK(BOSS(cap_copy, SLOT_ENV, REGION, SLOT_MEMORY, RIGHT_ALL, world.base, world.count));
    assert_int_equal(world_free(), world.count);
    return 0;
}

int world_end(void **state)
{
    (void)state;
    host.cpu = arch_cpu_number(0);
    if (world.boss->state != THREAD_RUNNING && world.boss->state != THREAD_READY) {
        thread_stop(world.boss);
        thread_start(world.boss);
    }
    for (slot_t s = SLOT_FREE; s < CAPS_PER_FRAME; s++)
        if (of_boot[s])
            OK(BOSS(cap_revoke, s));
        else if (cap_slot(world.root, s)->kind)
            OK(BOSS(cap_delete, s));
    assert_int_equal(world_free(), world.count);
    assert_int_equal(world.root->info->threads, 1);
    cpu_count = 1;
    host.cpu = arch_cpu_number(0);
    return 0;
}

bool world_try(struct thread *t)
{
    host.cpu = arch_cpu_number(t->cpu);
    struct cpu *c = cpu_this();
    if (c->current == t && t->state == THREAD_RUNNING)
        return true;
    assert_int_equal(t->state, THREAD_READY);
    do { /* between the steps of what it goes on with, the more urgent come */
        sched_yield();
        sched_handoff(t);
        sched_leave();
    } while (c->current != t && thread_goes_on(t));
    if (c->current == t)
        host_tlb_fill(c->number);
    return c->current == t;
}

void world_run(struct thread *t)
{
    assert_true(world_try(t));
}

int world_enter(struct thread *t, word_t number, const word_t reg[SYS_MAX_ARGS])
{
    static struct thread *caller;

    world_run(t);
    caller = t;
    struct regs *r = thread_regs(t);
    r->rax = SYS_BASE + number;
    r->rdi = reg[0];
    r->rsi = reg[1];
    r->rdx = reg[2];
    r->r10 = reg[3];
    r->r8 = reg[4];
    r->r9 = reg[5];
    r->vector = VECTOR_CALL;
    r->rip = CALL_SITE;
    pfn_t frame = frame_number(t);
    host_call(r);
    world_check();
    if (frame_of(frame)->type != FRAME_THREAD)
        return BLOCKED;
    bool ready = t->state == THREAD_RUNNING || t->state == THREAD_READY;
    world.result = r->rdx;
    return caller == t && ready && r->rip == CALL_SITE ? (int)r->rax : BLOCKED;
}

/* The first counters are kinds of entries. */
uint64_t world_entries(const struct thread *t)
{
    const uint64_t *counts = (const uint64_t *)t->counts;
    uint64_t sum = 0;

    for (unsigned i = 0; i < offsetof(struct env_counts, events) / sizeof *counts; i++)
        sum += counts[i];
    return sum;
}

int world_call(struct thread *t, word_t number, const word_t reg[SYS_MAX_ARGS])
{
    for (world.entries = 1; world.entries < TRIES; world.entries++) {
        pfn_t frame = frame_number(t);
        int e = world_enter(t, number, reg);
        bool again = frame_of(frame)->type == FRAME_THREAD && t->state != THREAD_DEAD &&
                     thread_regs(t)->rip == CALL_SITE - 2;
        if (!again)
            return e;
    }
    fail_msg("a call never ends");
    return BLOCKED;
}

struct reply world_dispatch(word_t number, const word_t reg[SYS_MAX_ARGS])
{
    struct env_counts *counts = cpu_this()->current->counts;
    struct reply reply = trap_calls[number](reg[0], reg[1], reg[2], reg[3], reg[4], reg[5]);

    counts->calls--; /* it was none */
    return reply;
}

void world_refused(const char *file, int line, int error, struct thread *t, word_t number,
                   const word_t reg[SYS_MAX_ARGS])
{
    world_run(t);
    world_remember();
    struct reply reply = world_dispatch(number, reg);
    if (reply.error != (word_t)error || !world_is_same()) {
        print_error("%s:%d: error %d, wanted %d%s\n", file, line, (int)reply.error, error,
                    world_is_same() ? "" : "; something changed");
        _fail(file, line);
    }
    if (number != SYS_frames_alloc || error != ERR_IN_USE) /* that one names the owner */
        assert_int_equal(reply.result, 0);
}

void world_check(void)
{
    const char *broken = world_broken();

    if (broken)
        fail_msg("%s (step %u)", broken, world.step);
}
