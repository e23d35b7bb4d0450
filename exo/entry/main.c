/* The kernel comes up: memory, book-keeping, processors, then the rows of init.def. */
#include "exo/abi/kinfo.h"
#include "exo/arch/boot.h"
#include "exo/arch/console.h"
#include "exo/arch/cpu.h"
#include "exo/arch/iommu.h"
#include "exo/arch/irq.h"
#include "exo/arch/mmu.h"
#include "exo/arch/upward.h"
#include "exo/base/assert.h"
#include "exo/base/print.h"
#include "exo/base/string.h"
#include "exo/entry/init.h"
#include "exo/entry/main.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/slice.h"
#include "exo/mem/boot_mem.h"
#include "exo/mem/frame.h"

#define STACK_FRAMES 4u
#define ENV_BYTES    (ENV_MAX * sizeof(struct env_info))

static struct boot_info boot;
static struct kinfo *kinfo;

_Noreturn void panic(const char *file, int line, const char *what)
{
    print("panic: %s (%s:%d)\n", what, file, line);
    arch_power_off();
}

struct kinfo *kinfo_get(void)
{
    return kinfo;
}

const struct boot_info *boot_info_get(void)
{
    return &boot;
}

static uint32_t frames_of(paddr_t bytes)
{
    return (uint32_t)((bytes + PAGE_SIZE - 1) >> PAGE_BITS);
}

/* Is `word` on the command line? */
static bool has_option(const char *line, const char *word)
{
    while (*line) {
        const char *w = word;
        while (*w && *line == *w) {
            line++;
            w++;
        }
        if (!*w && (*line == 0 || *line == ' '))
            return true;
        while (*line && *line != ' ')
            line++;
        while (*line == ' ')
            line++;
    }
    return false;
}

bool boot_has_option(const char *word)
{
    return has_option(boot.cmdline, word);
}

void window_show(vaddr_t va, paddr_t pa, size_t bytes)
{
    if (!has_option(boot.cmdline, "hide=1"))
        arch_window_map(va, pa, bytes, RIGHT_READ);
}

/* A CPU's structure with its stack; its public record is shown. */
static void make_cpu(unsigned number)
{
    paddr_t stack = boot_frames(STACK_FRAMES), nodes = boot_frames(1);

    cpu_init(number, (char *)arch_phys(stack) + STACK_FRAMES * PAGE_SIZE, arch_phys(nodes));
    frame_mark((pfn_t)(nodes >> PAGE_BITS), 1, FRAME_CPU);
    window_show(WINDOW_CPUS + number * CPU_STRIDE, arch_phys_of(&cpu_number(number)->info),
                PAGE_SIZE);
}

static void mark_bytes(paddr_t base, paddr_t bytes, enum frame_type type)
{
    frame_mark((pfn_t)(base >> PAGE_BITS), frames_of(bytes), type);
}

/* Writes each record once. What boot_frames does not take from here on belongs to the regions. */
static void mark_all(void)
{
    const struct boot_range *r;
    paddr_t at = 0;

    for (unsigned i = 0, n = boot_mem_rest(&r); i < n; i++) {
        mark_bytes(at, r[i].base - at, FRAME_ABSENT);
        mark_bytes(r[i].base, r[i].end - r[i].base, FRAME_FREE);
        at = r[i].end;
    }
    mark_bytes(at, ((paddr_t)frame_count() << PAGE_BITS) - at, FRAME_ABSENT);
}

/* The table lies in `frames` frames at `base`; behind its last record they are cleared, since all
 * is shown. */
static void make_frame_table(paddr_t base, uint32_t frames, pfn_t count)
{
    size_t used = count * sizeof(struct frame_info);
    char *table = arch_phys(base);

    memset(table + used, 0, (size_t)frames * PAGE_SIZE - used);
    frame_table_init((struct frame_info *)(void *)table, count);
    mark_all();
}

void init_frames(void)
{
    pfn_t top = boot_mem_top();
    uint32_t table = frames_of(top * sizeof(struct frame_info));
    paddr_t info = boot_frames_dirty(table), base, bytes;

    make_frame_table(info, table, top);
    window_show(WINDOW_FRAMES, info, (size_t)table * PAGE_SIZE);
    arch_kernel_image(&base, &bytes);
    mark_bytes(base, bytes, FRAME_KERNEL);
    mark_bytes(info, (paddr_t)table << PAGE_BITS, FRAME_KERNEL);
    mark_bytes(boot.archive_base, boot.archive_bytes, FRAME_KERNEL);
    for (unsigned n = 0; n < CPU_MAX; n++)
        make_cpu(n);
    arch_cpu_bind(arch_cpu_number(0));
}

static void copy_line(char *to, const char *from, size_t room)
{
    size_t i = 0;

    for (; from[i] && i + 1 < room; i++)
        to[i] = from[i];
    to[i] = 0;
}

void init_window(void)
{
    paddr_t info = boot_frames(1), envs = boot_frames(frames_of(ENV_BYTES));

    kinfo = arch_phys(info);
    *kinfo = (struct kinfo){.magic = KINFO_MAGIC,
                            .version = KINFO_VERSION,
                            .frame_count = frame_count(),
                            .archive_base = boot.archive_base,
                            .archive_bytes = boot.archive_bytes,
                            .hidden = has_option(boot.cmdline, "hide=1")};
    copy_line(kinfo->cmdline, boot.cmdline, CMDLINE_MAX);
    arch_window_map(WINDOW_KINFO, info, PAGE_SIZE, RIGHT_READ);
    env_table = arch_phys(envs);
    window_show(WINDOW_ENVS, envs, ENV_BYTES);
    kinfo->frame_sequence = *frame_sequence;
    frame_sequence = &kinfo->frame_sequence;
}

void init_timers(void)
{
    arch_irq_enable();
    arch_timers_measure(boot.rsdp);
    kinfo->tsc_khz = arch_tick_khz();
    kinfo->epilogue_ticks = slice_epilogue_ticks();
    kinfo->boot_realtime = arch_realtime();
    kinfo->tsc_boot = arch_ticks();
}

void init_iommu(void)
{
    enum arch_iommu found = arch_iommu_start(boot.rsdp, hook_iommu_interrupt);
    bool accepted = has_option(boot.cmdline, "unsafe_messages=1");

    if (found == ARCH_IOMMU_FULL)
        kinfo->iommu = IOMMU_FULL;
    else if (found == ARCH_IOMMU_DMA && accepted)
        kinfo->iommu = IOMMU_DMA;
    if (found == ARCH_IOMMU_DMA)
        print("exo4: this IOMMU lets devices forge interrupts (as QEMU 7.2 does); they are %s\n",
              accepted ? "dedicated all the same: unsafe_messages=1"
                       : "not dedicated without unsafe_messages=1");
}

void init_cpus(void)
{
    cpu_count = arch_cpus_start(boot.rsdp);
    kinfo->cpu_count = cpu_count;
    paddr_t counts = boot_frames(frames_of(COUNTS_BYTES(cpu_count)));
    counts_init(arch_phys(counts), cpu_count);
    window_show(WINDOW_COUNTS, counts, COUNTS_BYTES(cpu_count));
    arch_mmu_seal();
}

/* Which memory is near which CPUs. All is one domain where the firmware does not say. */
void init_numa(void)
{
    kinfo->numa_count = arch_numa_ranges(boot.rsdp, kinfo->numa, NUMA_RANGES);
    if (kinfo->numa_count == 0)
        kinfo->numa[kinfo->numa_count++] = (struct numa_range){.count = frame_count()};
    for (unsigned n = 0; n < cpu_count; n++)
        cpu_number(n)->info.domain = arch_numa_of_cpu(boot.rsdp, cpu_number(n)->arch.apic_id);
}

/* What the machine is, for people. Free is what boot has left, sigma0's own pages among it. */
static void report(void)
{
    const struct boot_range *r;
    uint32_t free = 0;

    for (unsigned i = 0, n = boot_mem_rest(&r); i < n; i++)
        free += frames_of(r[i].end - r[i].base);
    print("exo4: %u CPU%s, %lu MHz; %u of %u MiB free; boot archive %lu KiB; %s; disk of %u MiB\n",
          cpu_count, cpu_count == 1 ? "" : "s", kinfo->tsc_khz / 1000, free >> 8,
          frame_count() >> 8, kinfo->archive_bytes >> 10,
          kinfo->nic_present ? "network card" : "no network card", kinfo->disk_blocks >> 8);
    print("exo4: sigma0 gets everything that is left\n");
}

_Noreturn void kernel_main(paddr_t start_info)
{
    paddr_t base, bytes;

    arch_console_init();
    print("exo4: boot\n");
    arch_boot_info(start_info, &boot, boot_mem_add);
    arch_kernel_image(&base, &bytes);
    boot_mem_reserve(base, bytes);
    boot_mem_reserve(boot.archive_base, boot.archive_bytes);
#define INIT(function) function();
#include "exo/entry/init.def"
#undef INIT
    print("ready\n"); /* the host may send input from now on */
    report();
    cpu_main();
}
