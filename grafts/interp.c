/* The interpreter: one function per form of instruction, chosen by the opcode's shape. */
#include "grafts/interp.h"

#include "exo/base/assert.h"

/* What a step tells the loop. CONTINUE is none of enum interp_end. */
#define CONTINUE 255

static bool may_access(const struct interp *m, uint64_t address, uint32_t bytes, bool write)
{
    return !m->guard || m->guard->allows(m->guard->self, address, bytes, write);
}

static void *pointer(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

/* Fixed sizes, so that each becomes one move. */
static uint64_t load(uint64_t address, uint32_t bytes)
{
    uint8_t b;
    uint16_t h;
    uint32_t w;
    uint64_t d;

    switch (bytes) {
    case 1:
        __builtin_memcpy(&b, pointer(address), 1);
        return b;
    case 2:
        __builtin_memcpy(&h, pointer(address), 2);
        return h;
    case 4:
        __builtin_memcpy(&w, pointer(address), 4);
        return w;
    default:
        __builtin_memcpy(&d, pointer(address), 8);
        return d;
    }
}

static void store(uint64_t address, uint32_t bytes, uint64_t value)
{
    uint8_t b = (uint8_t)value;
    uint16_t h = (uint16_t)value;
    uint32_t w = (uint32_t)value;

    switch (bytes) {
    case 1:
        __builtin_memcpy(pointer(address), &b, 1);
        break;
    case 2:
        __builtin_memcpy(pointer(address), &h, 2);
        break;
    case 4:
        __builtin_memcpy(pointer(address), &w, 4);
        break;
    default:
        __builtin_memcpy(pointer(address), &value, 8);
        break;
    }
}

static uint64_t operand(const struct interp *m, const struct insn *i, const struct insn_shape *s)
{
    return s->by_reg ? m->reg[insn_src(i)] : (uint64_t)(int64_t)i->imm;
}

static int step_load(struct interp *m, const struct insn *i, const struct insn_shape *s)
{
    uint64_t address = m->reg[insn_src(i)] + (uint64_t)(int64_t)i->offset;

    if (!may_access(m, address, s->bytes, false))
        return INTERP_BAD_ACCESS;
    uint64_t value = load(address, s->bytes);
    if (s->form == FORM_LOAD_SIGNED)
        value = alu_sign_extend(value, s->bytes * 8u);
    m->reg[insn_dst(i)] = value;
    return CONTINUE;
}

static int step_store(struct interp *m, const struct insn *i, const struct insn_shape *s)
{
    uint64_t address = m->reg[insn_dst(i)] + (uint64_t)(int64_t)i->offset;
    uint64_t value = s->form == FORM_STORE ? m->reg[insn_src(i)] : (uint64_t)(int64_t)i->imm;

    if (!may_access(m, address, s->bytes, true))
        return INTERP_BAD_ACCESS;
    store(address, s->bytes, value);
    return CONTINUE;
}

/* Returns what was at `p` before. Without fetch the RFC asks for no ordering; sequential
 * consistency gives more than it asks. */
static uint64_t atomic32(uint32_t *p, int32_t op, uint32_t value, uint32_t expected)
{
    switch (op & ~ATOMIC_FETCHES) {
    case ATOMIC_ADD:
        return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST);
    case ATOMIC_OR:
        return __atomic_fetch_or(p, value, __ATOMIC_SEQ_CST);
    case ATOMIC_AND:
        return __atomic_fetch_and(p, value, __ATOMIC_SEQ_CST);
    case ATOMIC_XOR:
        return __atomic_fetch_xor(p, value, __ATOMIC_SEQ_CST);
    case ATOMIC_XCHG & ~ATOMIC_FETCHES:
        return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);
    default: /* CMPXCHG; `expected` becomes the old value when they differ */
        __atomic_compare_exchange_n(p, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        return expected;
    }
}

static uint64_t atomic64(uint64_t *p, int32_t op, uint64_t value, uint64_t expected)
{
    switch (op & ~ATOMIC_FETCHES) {
    case ATOMIC_ADD:
        return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST);
    case ATOMIC_OR:
        return __atomic_fetch_or(p, value, __ATOMIC_SEQ_CST);
    case ATOMIC_AND:
        return __atomic_fetch_and(p, value, __ATOMIC_SEQ_CST);
    case ATOMIC_XOR:
        return __atomic_fetch_xor(p, value, __ATOMIC_SEQ_CST);
    case ATOMIC_XCHG & ~ATOMIC_FETCHES:
        return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);
    default:
        __atomic_compare_exchange_n(p, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        return expected;
    }
}

static int step_atomic(struct interp *m, const struct insn *i, const struct insn_shape *s)
{
    uint64_t address = m->reg[insn_dst(i)] + (uint64_t)(int64_t)i->offset;
    uint64_t value = m->reg[insn_src(i)], old;

    if (address % s->bytes != 0 || !may_access(m, address, s->bytes, true))
        return INTERP_BAD_ACCESS;
    if (s->bytes == 4)
        old = atomic32(pointer(address), i->imm, (uint32_t)value, (uint32_t)m->reg[0]);
    else
        old = atomic64(pointer(address), i->imm, value, m->reg[0]);
    if (i->imm == ATOMIC_CMPXCHG)
        m->reg[0] = old;
    else if (i->imm & ATOMIC_FETCHES)
        m->reg[insn_src(i)] = old;
    return CONTINUE;
}

/* m->at is one behind the instruction already, so targets count from there. */
static int go_to(struct interp *m, int64_t target)
{
    if (target < 0 || target >= m->count)
        return INTERP_BAD_CODE;
    m->at = (uint32_t)target;
    return CONTINUE;
}

static int step_wide(struct interp *m, const struct insn *i)
{
    if (m->at >= m->count || !insn_is_wide_half(i + 1))
        return INTERP_BAD_CODE;
    uint64_t value = (uint32_t)i[0].imm | (uint64_t)(uint32_t)i[1].imm << 32;
    if (insn_src(i) != 0 && !graft_map_find(m->outside, i, &value))
        return INTERP_BAD_CODE;
    m->at++;
    m->reg[insn_dst(i)] = value;
    return CONTINUE;
}

static int call_helper(struct interp *m, int32_t number)
{
    bool done = false;

    if (m->guard && m->guard->helper) {
        if (!m->guard->helper(m->guard->self, number, m->reg, &done))
            return INTERP_BAD_CALL;
        return done ? INTERP_EXIT : CONTINUE;
    }
    uint64_t address = graft_helper_find(m->outside, number), *r = m->reg;
    if (!address)
        return INTERP_BAD_CALL;
    r[0] = ((uint64_t(*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t))(uintptr_t)address)(
        r[1], r[2], r[3], r[4], r[5]);
    return CONTINUE;
}

static int step_call(struct interp *m, const struct insn *i)
{
    if (insn_shapes[i->opcode].form == FORM_CALL_REG) {
        uint64_t number = m->reg[insn_dst(i)];
        return number > INT32_MAX ? INTERP_BAD_CALL : call_helper(m, (int32_t)number);
    }
    if (insn_src(i) == 0)
        return call_helper(m, i->imm);
    if (insn_src(i) != 1)
        return INTERP_BAD_CALL;
    if (m->depth + 1 >= m->max_depth)
        return INTERP_STACK;

    struct interp_frame *f = &m->frames[m->depth++];
    for (unsigned k = 0; k < 4; k++)
        f->kept[k] = m->reg[6 + k];
    f->back = m->at;
    m->reg[INSN_FRAME] -= GRAFT_STACK_BYTES;
    return go_to(m, (int64_t)m->at + i->imm);
}

static int step_exit(struct interp *m)
{
    if (m->depth == 0)
        return INTERP_EXIT;

    const struct interp_frame *f = &m->frames[--m->depth];
    for (unsigned k = 0; k < 4; k++)
        m->reg[6 + k] = f->kept[k];
    m->reg[INSN_FRAME] += GRAFT_STACK_BYTES;
    m->at = f->back;
    return CONTINUE;
}

static int step(struct interp *m, const struct insn *i)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    uint64_t *dst = &m->reg[insn_dst(i)];

    switch (s->form) {
    case FORM_ALU:
        *dst = alu_compute(s->op, i->offset, s->bytes, *dst, operand(m, i, s));
        return CONTINUE;
    case FORM_NEG:
        *dst = alu_compute(ALU_SUB, 0, s->bytes, 0, *dst);
        return CONTINUE;
    case FORM_SWAP:
        *dst = alu_swap(s->op, i->imm, *dst);
        return CONTINUE;
    case FORM_WIDE:
        return step_wide(m, i);
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
        return step_load(m, i, s);
    case FORM_STORE:
    case FORM_STORE_IMM:
        return step_store(m, i, s);
    case FORM_ATOMIC:
        return step_atomic(m, i, s);
    case FORM_JUMP:
        if (!jump_holds(s->op, s->bytes, *dst, operand(m, i, s)))
            return CONTINUE;
        return go_to(m, insn_target(i, m->at - 1));
    case FORM_GOTO:
        return go_to(m, insn_target(i, m->at - 1));
    case FORM_CALL:
    case FORM_CALL_REG:
        return step_call(m, i);
    case FORM_EXIT:
        return step_exit(m);
    default:
        return INTERP_BAD_CODE;
    }
}

/* Takes the charge of the fuel point at slot `at`, when it is one. False: there is not enough. */
static bool pay(struct interp *m, uint32_t at)
{
    uint32_t low = 0, high = m->point_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (m->points[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < m->point_count && m->points[low].at == at)
        m->fuel -= m->points[low].charge;
    return m->fuel >= 0;
}

/* A map's load is well-formed where there are maps. */
static bool is_well_formed(const struct interp *m, const struct insn *i)
{
    enum graft_reason reason = insn_check(i);
    return reason == GRAFT_ACCEPTED || (reason == GRAFT_MAP && m->outside);
}

enum interp_end interp_run(struct interp *m)
{
    for (;;) {
        uint32_t at = m->at;
        int outcome = CONTINUE;

        if (at >= m->count || (m->guard && !is_well_formed(m, &m->code[at])))
            return INTERP_BAD_CODE;
        if (m->point_count && !pay(m, at))
            return INTERP_FUEL;
        if (m->steps_left == 0)
            return INTERP_STEPS;
        m->steps_left--;
        m->at++;
        outcome = step(m, &m->code[at]);
        if (outcome != CONTINUE) {
            m->at = at;
            return (enum interp_end)outcome;
        }
    }
}

bool graft_run_outside(const struct graft_program *p, const struct graft_outside *outside,
                       void *context, uint64_t *result)
{
    uint64_t stack[GRAFT_STACK_BYTES / 8]; /* not cleared: the checker forbids reading it first */
    struct interp m;

    m.code = p->code;
    m.count = p->count;
    m.steps_left = p->point_count ? UINT64_MAX : p->steps;
    m.max_depth = 1;
    m.guard = NULL;
    m.outside = outside;
    m.points = p->points;
    m.point_count = p->point_count;
    m.fuel = p->fuel;
    for (unsigned i = 0; i < INSN_REGISTERS; i++)
        m.reg[i] = 0;
    m.reg[1] = (uintptr_t)context;
    m.reg[INSN_FRAME] = (uintptr_t)(stack + GRAFT_STACK_BYTES / 8);
    m.at = 0;
    m.depth = 0;

    enum interp_end end = interp_run(&m);
    ASSERT(end == INTERP_EXIT || end == INTERP_FUEL); /* the checker proved it */
    *result = m.reg[0];
    return end == INTERP_EXIT;
}

uint64_t graft_run(const struct graft_program *p, void *context)
{
    uint64_t result = 0;
    bool has_ended = graft_run_outside(p, NULL, context, &result);

    ASSERT(has_ended);
    return result;
}
