/* The simulated machine: what a CPU's folder must do, done to plain data. */
#include "exo/arch/host/machine.h"

#include "exo/abi/kinfo.h"
#include "exo/abi/syscall.h"
#include "exo/arch/boot.h"
#include "exo/arch/console.h"
#include "exo/arch/cpu.h"
#include "exo/arch/irq.h"
#include "exo/arch/mmu.h"
#include "exo/arch/upward.h"
#include "exo/base/assert.h"
#include "exo/base/print.h"

#include <stdlib.h>
#include <string.h>

#define TICK_KHZ     1000000u /* a tick is a nanosecond  */
#define SPINS_MAX    100000u
#define KERNEL_ROOT  PAGE_SIZE /* frame 1, which boot leaves alone */
#define LINK_PAGE    (2 * PAGE_SIZE)
#define USER_ENTRIES (MMU_ENTRIES / 2)
#define REALTIME     1000000000u

struct host_machine host;

void host_begin(paddr_t bytes)
{
    memset(&host, 0, sizeof host);
    host.memory = aligned_alloc(PAGE_SIZE, bytes);
    ASSERT(host.memory);
    memset(host.memory, 0, bytes);
    host.bytes = bytes;
    host.ticks = 1;
}

void *host_memory(paddr_t pa)
{
    ASSERT(pa < host.bytes);
    return host.memory + pa;
}

paddr_t host_memory_address(const void *p)
{
    const uint8_t *at = p;

    ASSERT(at >= host.memory && at < host.memory + host.bytes);
    return (paddr_t)(at - host.memory);
}

void arch_boot_info(paddr_t start_info, struct boot_info *info,
                    void (*add)(paddr_t base, paddr_t bytes))
{
    (void)start_info;
    *info = (struct boot_info){.cmdline = ""};
    add(LINK_PAGE + PAGE_SIZE, host.bytes - LINK_PAGE - PAGE_SIZE);
}

void arch_kernel_image(paddr_t *base, paddr_t *bytes)
{
    *base = 0;
    *bytes = LINK_PAGE + PAGE_SIZE;
}

paddr_t arch_display_memory(paddr_t *base)
{
    *base = 0;
    return 0;
}

const uint8_t *arch_initial_program(size_t *bytes)
{
    *bytes = host.program_bytes;
    return host.program;
}

void arch_cpu_bind(struct arch_cpu *c)
{
    host.cpu = c;
}

void arch_thread_init(struct arch_thread *t, vaddr_t gs_base)
{
    t->gs_base = gs_base;
    t->regs.cs = SEGMENT_USER_CODE;
    t->regs.ss = SEGMENT_USER_DATA;
    t->regs.rflags = FLAGS_DEFAULT;
}

void arch_thread_switch(struct arch_thread *previous, struct arch_thread *next)
{
    if (previous && !previous->no_fpu)
        previous->saved++;
    if (next && !next->no_fpu)
        next->loaded++;
    if (next)
        host.cpu->counters = next->counters;
    host.cpu->current = next ? next : host.cpu->current;
}

void arch_thread_fpu(struct arch_thread *t, bool on, bool runs)
{
    (void)runs;
    t->no_fpu = !on;
}

void arch_thread_counters(struct arch_thread *t, bool on, bool runs)
{
    t->counters = on;
    if (runs)
        host.cpu->counters = on;
}

bool arch_has_code_only(void)
{
    return !host.no_code_only;
}

void arch_thread_code_only(struct arch_thread *t, bool on, bool runs)
{
    (void)runs;
    t->code_only = on;
}

uint64_t arch_tick_khz(void)
{
    return TICK_KHZ;
}

void host_idle(void)
{
    uint64_t *timer = &host.timer[host.cpu->number];

    host.idles++;
    if (*timer == 0)
        panic(__FILE__, __LINE__, "idle for ever");
    if (host.ticks < *timer)
        host.ticks = *timer;
    *timer = 0;
    cpu_timer();
}

void host_relax(void)
{
    void (*act)(void) = host.relax;

    host.relax = NULL;
    if (act)
        act();
    if (++host.spins > SPINS_MAX)
        panic(__FILE__, __LINE__, "a CPU waits for itself");
}

void host_interrupts_take(void)
{
    uint64_t *timer = &host.timer[host.cpu->number];
    void (*act)(void) = host.interrupt;

    host.interrupt = NULL;
    if (act)
        act();
    if (*timer == 0 || *timer > host.ticks)
        return;
    *timer = 0;
    cpu_timer();
}

void arch_irq_enable(void)
{
}

void arch_timers_measure(paddr_t rsdp)
{
    (void)rsdp;
}

void arch_interrupt(unsigned vector)
{
    if (vector == VECTOR_TIMER) {
        host.timer[host.cpu->number] = 0;
        cpu_timer();
    } else if (vector == VECTOR_MAILBOX) {
        cpu_mailbox_read();
    }
}

void arch_timer_set(uint64_t ticks)
{
    host.timer[host.cpu->number] = host.ticks + ticks;
}

void arch_timer_stop(void)
{
    host.timer[host.cpu->number] = 0;
}

/* The other CPU is interrupted at once, and does what it finds. */
void arch_cpu_kick(unsigned number)
{
    struct arch_cpu *sender = host.cpu;

    host.kicks++;
    if (host.deaf)
        return;
    host.cpu = arch_cpu_number(number);
    cpu_mailbox_read();
    host.cpu = sender;
    host.spins = 0;
}

unsigned arch_cpus_start(paddr_t rsdp)
{
    (void)rsdp;
    return 1;
}

void arch_console_init(void)
{
}

void arch_console_put(unsigned port, char c)
{
    if (port == CONSOLE_LOG)
        print_char(c);
    else if (host.put < HOST_LOG_MAX)
        host.output[host.put++] = c;
}

void print_char(char c)
{
    if (host.logged < HOST_LOG_MAX)
        host.log[host.logged++] = c;
}

int arch_console_get(unsigned port)
{
    if (port != 1)
        return -1;
    return host.input && *host.input ? (uint8_t)*host.input++ : -1;
}

void arch_line_route(unsigned line, void (*handler)(void))
{
    ASSERT(line < 16 && !host.lines[line]);
    host.lines[line] = handler;
}

bool arch_line_routed(unsigned line)
{
    return host.lines[line] != NULL;
}

volatile uint32_t arch_lines_held = ~0u; /* all are level-triggered here, and always held */

void arch_line_let_go(unsigned line)
{
    ASSERT(host.lines[line]);
    host.releases[line]++;
}

void arch_console_listen(void (*handler)(void))
{
    arch_line_route(4, handler);
    host.console = handler;
}

uint64_t arch_realtime(void)
{
    return REALTIME;
}

_Noreturn void arch_power_off(void)
{
    host.off = true;
    panic(__FILE__, __LINE__, "power off");
}

void arch_mmu_root_init(pte_t *root)
{
    for (unsigned i = USER_ENTRIES; i < MMU_ENTRIES; i++)
        root[i] = arch_pte_page(KERNEL_ROOT, 0, 0);
}

void arch_window_map(vaddr_t va, paddr_t pa, size_t bytes, rights_t rights)
{
    ASSERT(va % PAGE_SIZE == 0 && pa % PAGE_SIZE == 0 && pa + bytes <= host.bytes);
    ASSERT(!(rights & RIGHT_WRITE));
}

paddr_t arch_link_page(void)
{
    return LINK_PAGE;
}

paddr_t arch_mmu_kernel(void)
{
    return KERNEL_ROOT;
}

vaddr_t arch_code_address(uint32_t n)
{
    (void)n;
    return 0;
}

void arch_code_map(uint32_t n, paddr_t table, paddr_t pa, uint32_t pages)
{
    (void)n, (void)table, (void)pa, (void)pages;
    ASSERT(!"code of grafts is interpreted");
}

void arch_code_unmap(uint32_t n)
{
    (void)n;
    ASSERT(!"code of grafts is interpreted");
}

void arch_mmu_seal(void)
{
}

void host_root_load(paddr_t root)
{
    struct host_mmu *m = &host.mmu[host.cpu->number];

    ASSERT(root % PAGE_SIZE == 0 && root < host.bytes);
    m->root = root;
    m->switches++;
    m->cached = 0;
}

paddr_t host_root(void)
{
    return host.mmu[host.cpu->number].root;
}

void host_tlb_drop(vaddr_t va)
{
    struct host_mmu *m = &host.mmu[host.cpu->number];

    m->pages++;
    for (uint32_t i = 0; i < m->cached; i++)
        if (m->tlb[i].va == va)
            m->tlb[i--] = m->tlb[--m->cached];
}

void host_tlb_drop_all(void)
{
    host.mmu[host.cpu->number].alls++;
    host.mmu[host.cpu->number].cached = 0;
}

static void cache(struct host_mmu *m, vaddr_t va, pte_t entry)
{
    ASSERT(m->cached < HOST_TLB_MAX);
    m->tlb[m->cached++] = (struct host_translation){va, entry};
}

/* `e` with no more rights than `upper`, an entry on the way to it, allows. */
static pte_t limited(pte_t upper, pte_t e)
{
    return arch_pte_protect(e, arch_pte_rights(e) & arch_pte_rights(upper));
}

/* The entry that serves the page at `va` now, as if it were of level 1; 0: none. */
static pte_t walk(paddr_t root, vaddr_t va)
{
    pte_t e = arch_pte_table(root);

    for (unsigned level = MMU_LEVELS; level >= 1; level--) {
        const pte_t *table = arch_phys(arch_pte_address(e));
        pte_t next = table[arch_mmu_index(va, level)];
        if (!arch_pte_present(next))
            return 0;
        e = limited(e, next);
        if (arch_pte_is_large(e))
            return e + (va % MMU_SPAN(level) & ~(PAGE_SIZE - 1));
    }
    return e;
}

uint32_t host_user_code(vaddr_t va)
{
    uint32_t code = 0;

    for (unsigned i = 0; i < 2; i++) {
        pte_t e = walk(host_root(), va + i);
        if (!arch_pte_present(e))
            return 0;
        const uint8_t *page = arch_phys(arch_pte_address(e));
        code |= (uint32_t)page[(va + i) % PAGE_SIZE] << 8 * i;
    }
    return code;
}

/* Of a large page only the first is cached: it is one translation. */
static void fill_below(struct host_mmu *m, pte_t upper, vaddr_t va, unsigned level)
{
    const pte_t *entries = arch_phys(arch_pte_address(upper));
    unsigned end = level == MMU_LEVELS ? USER_ENTRIES : MMU_ENTRIES;

    for (unsigned i = 0; i < end; i++) {
        vaddr_t at = va + ((vaddr_t)i << (3 + 9 * level));
        if (!arch_pte_present(entries[i]))
            continue;
        if (level == 1 || arch_pte_is_large(entries[i]))
            cache(m, at, limited(upper, entries[i]));
        else
            fill_below(m, limited(upper, entries[i]), at, level - 1);
    }
}

void host_tlb_fill(unsigned number)
{
    struct host_mmu *m = &host.mmu[number];

    m->cached = 0;
    if (m->root && m->root != KERNEL_ROOT)
        fill_below(m, arch_pte_table(m->root), 0, MMU_LEVELS);
}

bool host_tlb_stale(unsigned number, vaddr_t *va)
{
    const struct host_mmu *m = &host.mmu[number];

    for (uint32_t i = 0; i < m->cached; i++) {
        pte_t old = m->tlb[i].entry, now = walk(m->root, m->tlb[i].va);
        bool same = arch_pte_present(now) && arch_pte_address(now) == arch_pte_address(old);
        *va = m->tlb[i].va;
        if (!same || (arch_pte_rights(old) & ~arch_pte_rights(now)))
            return true;
    }
    return false;
}
