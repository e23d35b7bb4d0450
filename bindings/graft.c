/* Grafts: from a checked object to something that runs, and its end. */
#include "bindings/graft.h"

#include "bindings/node.h"
#include "bindings/object.h"
#include "bindings/ring.h"
#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"
#include "exo/entry/init.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/io/nic.h"
#include "exo/mem/frame.h"
#include "grafts/checker.h"
#include "grafts/elf.h"

#define ANSWER_BITS   3u /* of a cookie: which answer; above it the graft's record */
#define ANSWERS_BYTES ((size_t)GRAFT_ANSWERS * GRAFT_ANSWER_BYTES)
#define DRAIN_LOOKS   1000u /* looks at the card before it is stopped for an answer's sake */
_Static_assert(GRAFT_ANSWERS == 1u << ANSWER_BITS, "answers are told apart");
_Static_assert(NIC_PACKET_MAX <= GRAFT_ANSWER_BYTES, "a packet fits");

_Static_assert(OBJECT_MAX - OBJECT_GRAFTS <= MMU_CODE_SLOTS,
               "each graft has a window for its code");

struct graft_options graft_options;

void graft_init(void)
{
    graft_options =
        (struct graft_options){.jit = !boot_has_option("jit=0"), .mask = boot_has_option("mask=1")};
}

/* Are the maps that it is given those that it wants? */
static bool are_wanted(const struct graft_source *s, const struct graft_parts *parts)
{
    if (parts->map_count != s->map_count)
        return false;
    for (uint32_t i = 0; i < s->map_count; i++)
        if (memcmp(&parts->maps[i], &s->maps[i]->map.def, sizeof parts->maps[i]) != 0)
            return false;
    return true;
}

static void set_outside(struct graft *g, const struct graft_source *s)
{
    for (uint32_t i = 0; i < s->map_count; i++) {
        g->map_addresses[i] = (uintptr_t)&s->maps[i]->map;
        g->values[i] = (uintptr_t)graft_map_values(&s->maps[i]->map);
    }
    g->outside = (struct graft_outside){.helper = graft_helper_address,
                                        .maps = g->map_addresses,
                                        .values = g->values,
                                        .map_count = s->map_count};
}

/* Which maps' values does the code name? Does it call anybody? */
static bool needs_outside(struct graft *g)
{
    bool calls = false;

    for (uint32_t i = 0; i < g->program.count;) {
        const struct insn *at = &g->program.code[i];
        uint8_t form = insn_shapes[at->opcode].form;
        if (form == FORM_WIDE && insn_src(at) == INSN_MAP_VALUE)
            g->direct |= (uint64_t)1 << (uint32_t)at->imm;
        calls = calls || form == FORM_CALL || form == FORM_CALL_REG;
        i += form == FORM_WIDE ? 2 : 1;
    }
    return calls;
}

static uint32_t window_of(const struct graft *g)
{
    return g->slot - OBJECT_GRAFTS;
}

/* Is there an entry of the kernel that would ask it before it saves registers? */
static bool is_early(uint32_t hook)
{
    return hook == GRAFT_HOOK_PAGE_FAULT || hook == GRAFT_HOOK_SYSTEM_CALL ||
           hook == GRAFT_HOOK_IPC;
}

/* Compiles the program into what was the work memory: page table, code, and behind them the
 * compiler's own work. Returns the bytes used, 0 when it stays interpreted. */
static size_t compile(struct graft *g, const struct graft_source *s)
{
    vaddr_t base = arch_code_address(window_of(g));
    size_t room = s->room - PAGE_SIZE, work = GRAFT_JIT_WORK_BYTES(g->program.count);
    uint8_t *code = s->work + PAGE_SIZE;
    struct graft_jit_output out;

    work = (work + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    if (!graft_options.jit || !base || work >= room)
        return 0;
    const struct graft_jit_input in = {.program = &g->program,
                                       .options = (graft_options.mask ? GRAFT_JIT_MASK : 0) |
                                                  (is_early(s->hook) ? GRAFT_JIT_KEEP : 0),
                                       .base = base,
                                       .outside = &g->outside};
    size_t capacity = room - work < MMU_CODE_BYTES ? room - work : MMU_CODE_BYTES;
    if (graft_jit(&in, code + room - work, work, code, capacity, &out) != GRAFT_JIT_DONE)
        return 0;
    size_t pages = (out.bytes + PAGE_SIZE - 1) / PAGE_SIZE;
    memset(code + out.bytes, ARCH_CODE_FILL, pages * PAGE_SIZE - out.bytes);
    arch_clear(s->work, PAGE_SIZE);
    arch_code_map(window_of(g), arch_phys_of(s->work), arch_phys_of(code), (uint32_t)pages);
    g->code = (graft_jit_entry)(uintptr_t)base;
    g->is_masked = in.options & GRAFT_JIT_MASK;
    g->keeps = out.keeps;
    g->is_blind = out.is_blind;
    return (1 + pages) * PAGE_SIZE;
}

uint8_t *graft_answer_room(const struct graft *g)
{
    for (uint32_t i = 0; g->answers && i < GRAFT_ANSWERS; i++)
        if (!(g->answers_busy >> i & 1))
            return g->answers + (size_t)i * GRAFT_ANSWER_BYTES;
    return NULL;
}

uint8_t *graft_answer_store(struct graft *g, uint64_t at, uint64_t bytes)
{
    uint8_t *room = graft_answer_room(g);

    if (!room || at > NIC_PACKET_MAX || bytes > NIC_PACKET_MAX - at ||
        (g->stored_to && at != g->stored_to))
        return NULL;
    if (!g->stored_to)
        g->stored_from = (uint32_t)at;
    g->stored_to = (uint32_t)(at + bytes);
    return room + at;
}

bool graft_answer(struct graft *g, const uint8_t *room, uint32_t bytes)
{
    uint32_t i = (uint32_t)((size_t)(room - g->answers) / GRAFT_ANSWER_BYTES);
    const struct nic_segment segment = {arch_phys_of(room), bytes};

    if (!nic_send(&segment, 1, GRAFT_ANSWER_COOKIE | g->slot << ANSWER_BITS | i))
        return false;
    g->answers_busy |= 1u << i;
    return true;
}

void graft_answer_sent(uint32_t cookie)
{
    uint32_t slot = (cookie & ~GRAFT_ANSWER_COOKIE) >> ANSWER_BITS,
             i = cookie & (GRAFT_ANSWERS - 1);
    struct graft *g = frame_memory(object_table[slot].frame);

    ASSERT(g->slot == slot && g->answers_busy >> i & 1);
    g->answers_busy &= ~(1u << i);
}

/* Fuel points come to lie at the end of the work memory, where the journal ends then. */
static enum graft_reason check(struct graft *g, const struct graft_source *s,
                               const struct graft_code *code, struct graft_parts *parts,
                               struct graft_report *report, size_t *work)
{
    struct graft_fuel_point *points =
        (struct graft_fuel_point *)(void *)(s->work + s->room) - GRAFT_FUEL_POINTS;
    const struct graft_input in = {.code = code->insns,
                                   .count = code->count,
                                   .hook = s->hook,
                                   .proof = parts->proof,
                                   .proof_bytes = parts->proof_bytes,
                                   .map_count = parts->map_count,
                                   .maps = parts->maps,
                                   .points = points,
                                   .point_room = GRAFT_FUEL_POINTS};

    *work = (size_t)((uint8_t *)points - s->work);
    return graft_check(&in, s->work, *work, &g->program, report);
}

enum graft_reason graft_build(struct graft *g, const struct graft_source *s,
                              struct graft_report *report)
{
    struct graft_code code = {0};
    struct graft_parts parts = {0};
    struct graft_source rest = *s;

    *report = (struct graft_report){.instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER};
    report->reason = graft_elf_find(s->copy, s->bytes, NULL, &code);
    if (report->reason == GRAFT_ACCEPTED)
        report->reason = graft_elf_parts(s->copy, s->bytes, &parts);
    if (report->reason == GRAFT_ACCEPTED && !are_wanted(s, &parts))
        report->reason = GRAFT_MAP_GIVEN;
    if (report->reason != GRAFT_ACCEPTED)
        return report->reason;
    if (check(g, s, &code, &parts, report, &rest.room) != GRAFT_ACCEPTED) {
        if (report->instruction != GRAFT_NO_INSTRUCTION)
            report->line = graft_elf_line(s->copy, s->bytes, &code, report->instruction);
        return report->reason;
    }
    set_outside(g, s);
    bool calls = needs_outside(g);
    /* Who owns the disk depends on the interpreter alone. */
    size_t used = s->hook == GRAFT_HOOK_OWNERSHIP ? 0 : compile(g, &rest);
    g->quick = calls || g->program.fuel ? NULL : (graft_quick_entry)(uintptr_t)g->code;
    if (s->hook == GRAFT_HOOK_PACKET_HANDLER && rest.room - used > ANSWERS_BYTES) {
        g->answers = s->work + used;
        used += ANSWERS_BYTES;
    }
    g->journal = s->work + used;
    g->journal_bytes = (uint32_t)(rest.room - used);
    return GRAFT_ACCEPTED;
}

/* On return the card reads no answer of the graft's. */
static void drain(const struct graft *g)
{
    for (unsigned i = 0; i < DRAIN_LOOKS && g->answers_busy; i++)
        nic_poll();
    if (g->answers_busy)
        nic_restart();
    ring_settle();
    ASSERT(g->answers_busy == 0);
}

void graft_end(struct graft *g)
{
    if (g->answers_busy)
        drain(g);
    if (g->code) {
        arch_code_unmap(window_of(g));
        cpu_tlb_flush_kernel();
    }
    for (uint32_t i = 0; i < g->outside.map_count; i++)
        if (g->maps[i].parent)
            node_unlink(&g->maps[i]);
    if (g->tell.parent)
        node_unlink(&g->tell);
    if (g->info)
        object_end(g->info);
}

bool graft_stands_on(const struct node *n)
{
    const void *first = frame_memory(frame_number(n));

    if (frame_of(frame_number(n))->type == FRAME_GRAFT)
        return n != &((const struct graft *)first)->tell;
    return n == &((const struct map_object *)first)->values;
}
