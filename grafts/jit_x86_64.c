/* The x86-64 compiler's driver: which register is where, and one walk after the other until jumps
 * have their lengths. */
#include "grafts/jit_x86_64.h"

/* In order of preference: those without a REX prefix first, those that must be kept last. */
static const uint8_t pool[] = {RAX, RDX, RCX, RSI, RDI, R8, R9, R10, RBX, RBP, R12, R14, R15, R13};
static const uint8_t kept_pool[] = {RBX, RBP, R12, R14, R15, R13};
static const uint8_t lost_pool[] = {RDX, RCX, RSI, R8, R9, R10}; /* but the first argument */
#define NONE 255u

static bool has_option(const struct jit *j, uint32_t option)
{
    return (j->in->options & option) != 0;
}

/* x86 registers that no eBPF register may have. */
static uint32_t reserved(const struct jit *j)
{
    uint32_t set = 1u << RSP | 1u << SCRATCH;

    if (j->sum.has_division)
        set |= 1u << RAX | 1u << RDX;
    if (j->sum.has_shifts && !(j->in->features & GRAFT_JIT_BMI2))
        set |= 1u << RCX;
    if (j->sum.has_local_calls)
        set |= 1u << ANCHOR;
    if (has_option(j, GRAFT_JIT_MASK))
        set |= 1u << MASK;
    return set;
}

static uint8_t take_first(const uint8_t *from, size_t n, uint32_t *taken)
{
    for (size_t k = 0; k < n; k++)
        if (!(*taken >> from[k] & 1u)) {
            *taken |= 1u << from[k];
            return from[k];
        }
    return NONE;
}

static void prefer(struct jit *j, unsigned r, unsigned at, uint32_t *taken)
{
    if (j->map[r] != NONE || *taken >> at & 1u)
        return;
    j->map[r] = (uint8_t)at;
    *taken |= 1u << at;
}

/* Where helpers want their arguments and leave their result; r6 to r9 where helpers keep them. */
static void assign_for_calls(struct jit *j, uint32_t *taken)
{
    static const uint8_t wanted[] = {RAX, RDI, RSI, RDX, RCX, R8};
    static const uint8_t others[] = {R9, R10};

    for (unsigned r = 6; r < INSN_FRAME; r++)
        if (j->sum.uses[r])
            j->map[r] = take_first(kept_pool, sizeof kept_pool, taken);
    for (unsigned r = 0; r < sizeof wanted; r++)
        prefer(j, r, wanted[r], taken);
    for (unsigned r = 0; r < sizeof wanted; r++) {
        if (j->map[r] == NONE)
            j->map[r] = take_first(others, sizeof others, taken);
        if (j->map[r] == NONE)
            j->map[r] = take_first(kept_pool, sizeof kept_pool, taken);
    }
}

/* Nothing is called: the busiest registers get those with the shortest encodings. */
static void assign_alone(struct jit *j, uint32_t *taken)
{
    uint16_t live = j->slots[0].live;

    prefer(j, 0, RAX, taken);
    if (live & 2u)
        prefer(j, 1, RDI, taken);
    if (live & 4u)
        prefer(j, 2, RSI, taken);
    for (;;) {
        unsigned best = NONE;
        for (unsigned r = 0; r < INSN_FRAME; r++)
            if (j->map[r] == NONE && j->sum.uses[r] &&
                (best == NONE || j->sum.uses[r] > j->sum.uses[best]))
                best = r;
        if (best == NONE)
            return;
        j->map[best] = take_first(pool, sizeof pool, taken);
        if (j->map[best] == NONE)
            return;
    }
}

static bool keeps(const struct jit *j)
{
    return has_option(j, GRAFT_JIT_KEEP) && !j->sum.has_calls && !j->sum.has_local_calls &&
           !j->in->program->point_count;
}

/* What the caller wants to have kept, of those that are used. */
static void save_lost(struct jit *j, uint32_t taken)
{
    for (size_t k = 0; k < sizeof lost_pool; k++)
        if (taken >> lost_pool[k] & 1u)
            j->saved[j->saved_count++] = lost_pool[k];
}

static bool assign_registers(struct jit *j)
{
    uint32_t taken = reserved(j);
    const uint32_t usable = ~taken;

    for (unsigned r = 0; r < INSN_REGISTERS; r++)
        j->map[r] = NONE;
    if (j->sum.has_calls || j->sum.has_local_calls)
        assign_for_calls(j, &taken);
    else
        assign_alone(j, &taken);
    for (unsigned r = 0; r < INSN_FRAME; r++)
        if (j->map[r] == NONE && j->sum.uses[r])
            return false;
    if (j->sum.has_local_calls)
        taken |= 1u << ANCHOR;
    for (size_t k = 0; k < sizeof kept_pool; k++) {
        uint32_t bit = 1u << kept_pool[k];
        bool is_ours = (kept_pool[k] == ANCHOR && j->sum.has_local_calls) ||
                       (kept_pool[k] == MASK && has_option(j, GRAFT_JIT_MASK));
        if (is_ours || (taken & usable & bit))
            j->saved[j->saved_count++] = kept_pool[k];
    }
    if (keeps(j))
        save_lost(j, taken);
    return true;
}

/* The frame lies at rsp; above it what aligns the stack for calls; above that the fuel. */
static void lay_out_frame(struct jit *j)
{
    bool has_fuel = j->in->program->point_count != 0;
    int32_t depth = (j->sum.frame_depth + 7) / 8 * 8;
    uint32_t above = 8u * (1u + j->saved_count + has_fuel);

    if (depth < (int32_t)GRAFT_STACK_BYTES && (j->sum.frame_escapes || j->sum.has_local_calls))
        depth = GRAFT_STACK_BYTES;
    j->frame_top = depth;
    j->frame_bytes = depth;
    if (j->sum.has_local_calls) {
        j->frame_top += 8; /* the return address is below it */
        above += 8;
    }
    if ((j->sum.has_calls || j->sum.has_local_calls) && (above + (uint32_t)depth) % 16 != 0)
        j->frame_bytes += 8;
    j->may_abort = has_fuel || j->sum.has_local_calls;
    jit_leave(j);
    j->leave_bytes = j->at;
    j->at = 0;
}

/* What other ways have told, or nothing when a way comes from behind. */
static void know_at_target(struct jit *j, const struct jit_slot *s)
{
    static const uint8_t bits[] = {
        [WIDTH_8] = 8, [WIDTH_16] = 16, [WIDTH_32] = 32, [WIDTH_64] = 64};

    for (unsigned r = 0; r < INSN_REGISTERS; r++)
        j->width[r] = bits[s->widths >> 2 * r & 3];
    j->width[INSN_FRAME] = 64;
    j->fixed = (uint16_t)(~(s->widths >> WIDTH_MOVING) & 0x3ff) | j->entry_fixed;
    j->nonzero = j->constants = 0;
    j->flags_of = NO_FLAGS;
}

static void know_nothing(struct jit *j)
{
    for (unsigned r = 0; r < INSN_REGISTERS; r++)
        j->width[r] = 64;
    j->fixed = (uint16_t)(1u << 1 | 1u << INSN_FRAME);
    j->nonzero = j->constants = 0;
    j->flags_of = NO_FLAGS;
}

void jit_join(struct jit *j, uint32_t target)
{
    uint32_t *w = &j->slots[target].widths;
    uint32_t moving = ~(uint32_t)j->fixed & 0x3ff;

    *w |= moving << WIDTH_MOVING;
    for (unsigned r = 0; r < INSN_FRAME; r++) {
        uint32_t mine = j->width[r] <= 8    ? WIDTH_8
                        : j->width[r] <= 16 ? WIDTH_16
                        : j->width[r] <= 32 ? WIDTH_32
                                            : WIDTH_64;
        if (mine > (*w >> 2 * r & 3))
            *w = (*w & ~(3u << 2 * r)) | mine << 2 * r;
    }
}

static uint32_t compile_one(struct jit *j, uint32_t i)
{
    const struct insn_shape *s = &insn_shapes[j->code[i].opcode];

    switch (s->form) {
    case FORM_ALU:
    case FORM_NEG:
        return jit_alu(j, i);
    case FORM_SWAP:
        return jit_swap(j, i);
    case FORM_WIDE:
        return jit_wide(j, i);
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
        return jit_load(j, i);
    case FORM_STORE:
    case FORM_STORE_IMM:
        return jit_store(j, i);
    case FORM_ATOMIC:
        return jit_atomic(j, i);
    case FORM_JUMP:
        return jit_jump(j, i);
    case FORM_GOTO:
        return jit_goto(j, i);
    case FORM_CALL:
    case FORM_CALL_REG:
        return jit_call(j, i);
    default:
        jit_exit(j);
        return 1;
    }
}

/* What an instruction needs before its own code. */
static void arrive(struct jit *j, uint32_t i, bool falls)
{
    struct jit_slot *s = &j->slots[i];

    if (s->flags & JIT_TARGET) {
        if (falls)
            jit_join(j, i);
        know_at_target(j, s);
    }
    if (s->flags & JIT_FUEL) {
        const struct graft_fuel_point *p = j->in->program->points;
        while (j->point < j->in->program->point_count && p[j->point].at < i)
            j->point++; /* passed over: nothing leads there */
        jit_fuel(j, p[j->point++].charge);
    }
}

static void forget_joins(struct jit *j)
{
    for (uint32_t i = 0; i < j->count; i++)
        j->slots[i].widths = j->slots[i].flags & JIT_BACKWARD ? UINT32_MAX : 0;
}

/* One walk over the program. */
static void walk(struct jit *j)
{
    bool falls = true; /* the instruction before leads here */

    j->at = 0;
    j->point = 0;
    j->changed = false;
    forget_joins(j);
    know_nothing(j);
    jit_enter(j);
    for (uint32_t i = 0; i < j->count && j->end == GRAFT_JIT_DONE;) {
        j->shift = j->slots[i].at - j->at;
        j->slots[i].at = j->at;
        if ((j->slots[i].flags & JIT_HALF) || (!falls && !(j->slots[i].flags & JIT_TARGET))) {
            i++;
            continue;
        }
        arrive(j, i, falls);
        uint32_t last = i, start = j->slots[i].at;
        for (uint32_t n = compile_one(j, i); n > 0; n--) {
            last = i;
            j->slots[i].at = start;
            i += jit_slots_of(&j->code[i]);
        }
        uint8_t form = insn_shapes[j->code[last].opcode].form;
        falls = form != FORM_EXIT && form != FORM_GOTO;
    }
    if (j->may_abort) {
        j->abort_at = j->at;
        jit_abort(j);
    }
    j->first = false;
}

static bool prepare(struct jit *j, size_t work_bytes)
{
    const struct graft_program *p = j->in->program;

    if (p->count > JIT_MAX_SLOTS || p->count == 0)
        jit_fail(j, p->count ? GRAFT_JIT_TOO_LARGE : GRAFT_JIT_BAD_CODE, 0);
    else if (work_bytes < GRAFT_JIT_WORK_BYTES(p->count))
        jit_fail(j, GRAFT_JIT_WORK, 0);
    if (j->end != GRAFT_JIT_DONE || !jit_analyse(j))
        return false;
    if (j->sum.has_local_calls && p->point_count)
        jit_fail(j, GRAFT_JIT_REGISTERS, 0); /* the fuel is found by rsp */
    else if (!assign_registers(j))
        jit_fail(j, GRAFT_JIT_REGISTERS, 0);
    j->entry_fixed = (uint16_t)((j->sum.written & 2u ? 0 : 2u) | 1u << INSN_FRAME);
    lay_out_frame(j);
    return j->end == GRAFT_JIT_DONE;
}

/* A jump is taken for long until it is seen to be near. What is near in one walk stays near, since
 * code only ever shrinks; so whenever this stops, all lengths are right. */
static void settle(struct jit *j)
{
    j->first = true;
    for (unsigned pass = 0; pass + 2 < JIT_PASSES && j->end == GRAFT_JIT_DONE; pass++) {
        walk(j);
        if (!j->changed && pass > 0)
            break;
    }
    j->frozen = true;
    walk(j);
}

enum graft_jit_end graft_jit(const struct graft_jit_input *in, void *work, size_t work_bytes,
                             uint8_t *code, size_t capacity, struct graft_jit_output *out)
{
    struct jit j;

    __builtin_memset(&j, 0, sizeof j);
    j.in = in;
    j.code = in->program->code;
    j.count = in->program->count;
    j.slots = work;
    j.out = code;
    if (prepare(&j, work_bytes))
        settle(&j);
    uint32_t bytes = j.at;
    if (j.end == GRAFT_JIT_DONE && bytes > capacity)
        jit_fail(&j, GRAFT_JIT_ROOM, 0);
    if (j.end == GRAFT_JIT_DONE) {
        j.capacity = capacity;
        walk(&j);
    }
    const bool is_blind = j.end == GRAFT_JIT_DONE && !jit_has(j.slots[0].live, 1);
    *out = (struct graft_jit_output){.bytes = bytes,
                                     .at = j.end_at,
                                     .may_abort = j.may_abort,
                                     .keeps = keeps(&j),
                                     .is_blind = is_blind};
    return j.end;
}
