/* Descriptor tables, control registers, extended state: what each CPU sets up once, and what moves
 * when it changes threads. Intel SDM volume 3, "Protected-Mode Memory Management" and on. */
#include "exo/arch/cpu.h"

#include "exo/abi/kinfo.h"
#include "exo/abi/kip.h"
#include "exo/abi/syscall.h"
#include "exo/arch/mmu.h"
#include "exo/arch/x86_64/x86.h"
#include "exo/arch/upward.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"

_Static_assert(offsetof(struct arch_cpu, self) == 0 && offsetof(struct arch_cpu, stack) == 8 &&
                   offsetof(struct arch_cpu, user_rsp) == 16 &&
                   sizeof(struct arch_cpu) == ARCH_CPU_CURRENT,
               "entry.S knows these");
_Static_assert(offsetof(struct arch_thread, regs) == 0 && offsetof(struct regs, vector) == 120 &&
                   offsetof(struct regs, rip) == 136 && offsetof(struct regs, rflags) == 152 &&
                   offsetof(struct regs, rsp) == 160 && offsetof(struct regs, rax) == 112,
               "entry.S knows these");
_Static_assert(SYS_pct_call == 17 && SYS_pct_return == 19, "entry.S knows these");
_Static_assert(CALL_NO_REPLY == 1000 && CALL_LOST == 1002 && CALL_PREEMPTED == 1003 &&
                   VECTOR_CALL == 0x100,
               "entry.S knows these");
_Static_assert(LINK_IPC *LINK_STRIDE + 2 == 0x92, "entry.S knows where IPC returns to");
_Static_assert(SYS_BASE == 0x65786f00 && WINDOW_LINKS == 0xffffff0000001000, "entry.S knows these");

#define FATAL_STACK 2048u
#define CR0_TS      ((uint64_t)8)
#define CR4_PCE     ((uint64_t)0x100)
#define CR4_PKE     ((uint64_t)0x400000)

/* What an entry's three bits mean (arch_mmu.h): write-back, write-combining, uncached if no range
 * register says write-combining, uncached; write-back, write-protected, and again, write-through.
 */
#define PAT_TYPES ((uint64_t)0x0407050600070106)

struct tss {
    uint32_t reserved0;
    uint32_t rsp0[2];
    uint32_t rsp12[4];
    uint32_t reserved1[2];
    uint32_t ist[14];
    uint32_t reserved2[2];
    uint16_t reserved3, io_map;
};
_Static_assert(sizeof(struct tss) == 104, "64-bit task state segment");

struct gate {
    uint16_t low, selector;
    uint8_t ist, type;
    uint16_t middle;
    uint32_t high, reserved;
};

struct pseudo_descriptor {
    uint16_t unused[3];
    uint16_t limit;
    uint64_t base;
};

static struct arch_cpu_tables {
    uint64_t gdt[8];
    struct tss tss;
    char fatal_stack[FATAL_STACK] __attribute__((aligned(16)));
} tables[CPU_MAX] __attribute__((aligned(64)));

static struct gate idt[256] __attribute__((aligned(16)));
static uint8_t fpu_first[FPU_BYTES] __attribute__((aligned(64)));

extern const char arch_vectors[], arch_call_entry[], arch_call_plain[], arch_call_locked[],
    arch_call_saved[], arch_call_pct_call[], arch_call_pct_return[];

static void require(bool have, const char *what)
{
    if (!have)
        panic(__FILE__, __LINE__, what);
}

void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    __asm__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(sub));
}

static void check_features(void)
{
    uint32_t r[4];

    cpuid(7, 0, r);
    require(r[1] & 1, "this CPU lacks FSGSBASE");
    require(r[1] >> 7 & 1, "this CPU lacks SMEP");
    require(r[1] >> 20 & 1, "this CPU lacks SMAP");
    cpuid(1, 0, r);
    require(r[2] >> 26 & 1, "this CPU lacks XSAVE");
    cpuid(0x80000001, 0, r);
    require(r[3] >> 20 & 1, "this CPU lacks NX");
    require(r[3] >> 26 & 1, "this CPU lacks 1 GiB pages");
}

static void set_control_registers(void)
{
    uint32_t r[4];
    uint64_t state = 3;

    __asm__ volatile("mov %0, %%cr4" : : "r"(CR4_KERNEL));
    cpuid(1, 0, r);
    if (r[2] >> 28 & 1)
        state |= 4; /* AVX */
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)state), "d"(0));
    cpuid(0xd, 0, r);
    require(r[1] <= FPU_BYTES, "extended state is larger than a thread has room for");
}

static void set_gate(unsigned vector)
{
    uint64_t at = (uint64_t)(uintptr_t)(arch_vectors + 16 * vector);
    bool user = vector == 3 || vector == 4; /* breakpoint and overflow come by instruction */

    idt[vector] = (struct gate){.low = (uint16_t)at,
                                .selector = 0x08,
                                .type = user ? 0xee : 0x8e,
                                .middle = (uint16_t)(at >> 16),
                                .high = (uint32_t)(at >> 32)};
    if (vector == 2 || vector == 8 || vector == 18)
        idt[vector].ist = 1;
}

static void put_address(uint32_t field[2], uint64_t value)
{
    field[0] = (uint32_t)value;
    field[1] = (uint32_t)(value >> 32);
}

static void load_tables(struct arch_cpu_tables *t)
{
    uint64_t base = (uint64_t)(uintptr_t)&t->tss;
    struct pseudo_descriptor gdtr = {.limit = sizeof t->gdt - 1, .base = (uintptr_t)t->gdt};
    struct pseudo_descriptor idtr = {.limit = sizeof idt - 1, .base = (uintptr_t)idt};

    t->gdt[1] = 0x00af9b000000ffff;
    t->gdt[2] = 0x00cf93000000ffff;
    t->gdt[3] = 0x00cff3000000ffff;
    t->gdt[4] = 0x00affb000000ffff;
    t->gdt[5] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | 0x890000000000 |
                (base >> 24 & 0xff) << 56;
    t->gdt[6] = base >> 32;
    t->tss.io_map = sizeof(struct tss);
    put_address(t->tss.ist, (uintptr_t)t->fatal_stack + FATAL_STACK);
    __asm__ volatile("lgdt %0; lidt %1" : : "m"(gdtr.limit), "m"(idtr.limit) : "memory");
    __asm__ volatile("ltr %w0" : : "r"(0x28));
}

static void set_memory_types(void)
{
    msr_write(MSR_PAT, PAT_TYPES);
    __asm__ volatile("wbinvd" : : : "memory");
    arch_tlb_all();
}

/* Where the entry goes on for a call, by number. */
const char *arch_call_ways[256];

void set_call_ways(bool several_cpus)
{
    for (unsigned n = 0; n < 256; n++) {
        bool saved = trap_saved_calls[n / 64] >> n % 64 & 1;
        arch_call_ways[n] = saved          ? arch_call_saved
                            : several_cpus ? arch_call_locked
                                           : arch_call_plain;
    }
    arch_call_ways[SYS_pct_call] = arch_call_pct_call;
    arch_call_ways[SYS_pct_return] = arch_call_pct_return;
}

static void set_call_entry(void)
{
    msr_write(MSR_STAR, (uint64_t)0x08 << 32 | (uint64_t)0x13 << 48);
    msr_write(MSR_LSTAR, (uintptr_t)arch_call_entry);
    msr_write(MSR_FMASK, 0x47700); /* IF TF DF AC NT IOPL */
}

void arch_cpu_bind(struct arch_cpu *c)
{
    static bool first = true;

    check_features();
    set_control_registers();
    for (unsigned v = 0; first && v < 256; v++)
        set_gate(v);
    put_address(tables[c->number].tss.rsp0, (uintptr_t)c->stack);
    load_tables(&tables[c->number]);
    c->self = c;
    set_memory_types();
    set_call_entry();
    msr_write(MSR_GS_BASE, (uintptr_t)c);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    if (first)
        __asm__ volatile("fninit; xsave (%0)" : : "r"(fpu_first), "a"(7), "d"(0) : "memory");
    first = false;
}

void arch_thread_init(struct arch_thread *t, vaddr_t gs_base)
{
    t->gs_base = gs_base;
    memcpy(t->fpu, fpu_first, sizeof fpu_first);
    t->regs.cs = SEGMENT_USER_CODE;
    t->regs.ss = SEGMENT_USER_DATA;
    t->regs.rflags = FLAGS_DEFAULT;
}

static void fpu_save(struct arch_thread *t)
{
    if (!(t->modes & MODE_NO_FPU))
        __asm__ volatile("xsave (%0)" : : "r"(t->fpu), "a"(7), "d"(0) : "memory");
}

static void modes_load(const struct arch_thread *t)
{
    struct arch_cpu *c = arch_cpu_this();
    const unsigned changed = c->modes ^ t->modes;
    uint64_t cr0;

    if (changed & MODE_NO_FPU) {
        __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
        __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 ^ CR0_TS));
    }
    if (changed & (MODE_COUNTERS | MODE_KEYS))
        __asm__ volatile("mov %0, %%cr4"
                         :
                         : "r"(CR4_KERNEL | (t->modes & MODE_COUNTERS ? CR4_PCE : 0) |
                               (t->modes & MODE_KEYS ? CR4_PKE : 0)));
    c->modes = t->modes;
    if (t->modes & MODE_KEYS) {
        __asm__ volatile("wrpkru" : : "a"(PKRU_CODE), "c"(0), "d"(0) : "memory");
        c->modes |= MODE_UNKNOWN; /* so that the next switch comes here again */
    }
}

static void state_load(const struct arch_thread *t)
{
    if (t->modes != arch_cpu_this()->modes)
        modes_load(t);
    if (!(t->modes & MODE_NO_FPU))
        __asm__ volatile("xrstor (%0)" : : "r"(t->fpu), "a"(7), "d"(0) : "memory");
}

static void set_mode(struct arch_thread *t, unsigned mode, bool on)
{
    t->modes = (uint8_t)(on ? t->modes | mode : t->modes & ~mode);
}

void arch_thread_fpu(struct arch_thread *t, bool on, bool runs)
{
    if (runs)
        fpu_save(t);
    set_mode(t, MODE_NO_FPU, !on);
    if (runs)
        state_load(t);
}

void arch_thread_counters(struct arch_thread *t, bool on, bool runs)
{
    set_mode(t, MODE_COUNTERS, on);
    if (runs)
        modes_load(t);
}

bool arch_has_code_only(void)
{
    uint32_t r[4];

    cpuid(7, 0, r);
    return r[2] >> 3 & 1; /* PKU */
}

void arch_thread_code_only(struct arch_thread *t, bool on, bool runs)
{
    set_mode(t, MODE_KEYS, on);
    if (runs)
        modes_load(t);
}

static void thread_save(struct arch_thread *t)
{
    __asm__ volatile("rdfsbase %0" : "=r"(t->fs_base));
    fpu_save(t);
}

static void thread_load(struct arch_thread *t)
{
    __asm__ volatile("wrfsbase %0" : : "r"(t->fs_base));
    state_load(t);
}

void arch_thread_switch(struct arch_thread *previous, struct arch_thread *next)
{
    if (previous)
        thread_save(previous);
    if (next)
        thread_load(next);
}
