/* The checker: loads, stores and atomic operations. */
#include "grafts/checker_step.h"

/* One access: `reg` holds `base`, and [base + offset, base + offset + bytes) is touched. */
struct access {
    const struct value *base;
    uint32_t reg;
    int64_t offset;
    uint32_t bytes;
};

static struct access access_of(const struct checker *c, const struct insn *i, unsigned reg)
{
    return (struct access){&c->now.reg[reg], reg, i->offset, insn_shapes[i->opcode].bytes};
}

/* What a load leaves in its register when nothing is known of the memory. */
static struct value loaded(uint8_t form, uint32_t bytes)
{
    unsigned bits = bytes * 8;

    if (bits == 64)
        return value_number(scalar_anything());
    if (form == FORM_LOAD_SIGNED)
        return value_number(
            scalar_signed(-((int64_t)1 << (bits - 1)), ((int64_t)1 << (bits - 1)) - 1));
    return value_number(scalar_unsigned(0, ((uint64_t)1 << bits) - 1));
}

static enum graft_reason load_context(struct checker *c, const struct access *a, uint8_t form,
                                      struct value *out)
{
    const struct hook_field *f = NULL;
    int64_t offset = a->base->n.smin + a->offset;

    if (scalar_is_constant(&a->base->n))
        f = hook_field_at(c->hook, offset, a->bytes);
    if (!f)
        return checker_refuse(c, GRAFT_CONTEXT_FIELD, a->reg, 0, 0);
    if (f->kind == VALUE_NUMBER) {
        *out = loaded(form, a->bytes);
        return GRAFT_ACCEPTED;
    }
    *out = value_pointer(f->kind);
    if (f->kind == VALUE_PACKET)
        out->ahead = (int32_t)c->now.packet_length;
    return GRAFT_ACCEPTED;
}

/* Two ways to know that the end is far enough: by the pointer's own base, or by its greatest
 * distance from `data` and the least length that the packet can have. */
static enum graft_reason check_packet(struct checker *c, const struct access *a)
{
    const struct value *p = a->base;
    int64_t first = p->n.smin + a->offset, need = a->offset + a->bytes;

    if (first < 0)
        return checker_refuse(c, GRAFT_PACKET_LOW, a->reg, 0, first);
    if (need <= p->ahead || p->n.smax + need <= (int64_t)c->now.packet_length)
        return GRAFT_ACCEPTED;
    return checker_refuse(c, GRAFT_PACKET_BOUNDS, a->reg, need, p->ahead > 0 ? p->ahead : 0);
}

/* Distances from the stack's low end of the first byte that may be touched, and of the first
 * behind the last. */
static enum graft_reason check_stack(struct checker *c, const struct access *a, uint32_t *low,
                                     uint32_t *high)
{
    int64_t first = (int64_t)GRAFT_STACK_BYTES + a->base->n.smin + a->offset;
    int64_t behind = (int64_t)GRAFT_STACK_BYTES + a->base->n.smax + a->offset + a->bytes;

    if (first < 0)
        return checker_refuse(c, GRAFT_STACK_BOUNDS, a->reg, 0, first);
    if (behind > (int64_t)GRAFT_STACK_BYTES)
        return checker_refuse(c, GRAFT_STACK_BOUNDS, a->reg, GRAFT_STACK_BYTES, behind);
    *low = (uint32_t)first;
    *high = (uint32_t)behind;
    return GRAFT_ACCEPTED;
}

static bool is_whole_slot(uint32_t low, uint32_t high)
{
    return low % 8 == 0 && high - low == 8;
}

/* May the range be read as numbers? */
static enum graft_reason check_stack_bytes(struct checker *c, uint32_t reg, uint32_t low,
                                           uint32_t high)
{
    if (state_stack_has_pointer(&c->now, low, high))
        return checker_refuse(c, GRAFT_POINTER_PART, reg, 0, 0);
    if (!state_stack_is_init(&c->now, low, high))
        return checker_refuse(c, GRAFT_STACK_UNINITIALISED, reg, 0, 0);
    return GRAFT_ACCEPTED;
}

static enum graft_reason load_stack(struct checker *c, const struct access *a, uint8_t form,
                                    struct value *out)
{
    uint32_t low, high;
    enum graft_reason reason = check_stack(c, a, &low, &high);

    if (reason != GRAFT_ACCEPTED)
        return reason;
    const struct value *slot = is_whole_slot(low, high) ? state_stack_slot(&c->now, low) : NULL;
    if (a->bytes == 8 && slot) {
        *out = *slot;
        return GRAFT_ACCEPTED;
    }
    *out = loaded(form, a->bytes);
    return check_stack_bytes(c, a->reg, low, high);
}

enum graft_reason checker_step_load(struct checker *c, const struct insn *i)
{
    struct access a = access_of(c, i, insn_src(i));
    uint8_t form = insn_shapes[i->opcode].form;
    struct value out = loaded(form, a.bytes);
    enum graft_reason reason = checker_read(c, a.reg);

    if (reason != GRAFT_ACCEPTED)
        return reason;
    switch (a.base->kind) {
    case VALUE_CONTEXT:
        reason = load_context(c, &a, form, &out);
        break;
    case VALUE_PACKET:
        reason = check_packet(c, &a);
        break;
    case VALUE_STACK:
        reason = load_stack(c, &a, form, &out);
        break;
    case VALUE_PACKET_END:
        return checker_refuse(c, GRAFT_PACKET_END, a.reg, 0, 0);
    default:
        return checker_refuse(c, GRAFT_NOT_POINTER, a.reg, 0, 0);
    }
    if (reason == GRAFT_ACCEPTED)
        c->now.reg[insn_dst(i)] = out;
    return reason;
}

/* `high - low` is more than the access's bytes when its place is not known exactly. */
static enum graft_reason store_stack(struct checker *c, const struct access *a,
                                     const struct value *v, uint32_t value_reg)
{
    uint32_t low, high;
    enum graft_reason reason = check_stack(c, a, &low, &high);

    if (reason != GRAFT_ACCEPTED)
        return reason;
    bool exact = high - low == a->bytes;
    if (exact && is_whole_slot(low, high)) {
        state_stack_put(&c->now, low, v);
        return GRAFT_ACCEPTED;
    }
    if (value_is_pointer(v))
        return checker_refuse(c, GRAFT_POINTER_STORE, value_reg, 0, 0);
    if (exact) {
        state_stack_write(&c->now, low, high);
        return GRAFT_ACCEPTED;
    }
    if (state_stack_has_pointer(&c->now, low, high))
        return checker_refuse(c, GRAFT_POINTER_PART, a->reg, 0, 0);
    state_stack_blur(&c->now, low, high);
    return GRAFT_ACCEPTED;
}

/* Why memory behind this kind of value cannot be written; ACCEPTED for the stack. */
static enum graft_reason write_refusal(uint8_t kind)
{
    switch (kind) {
    case VALUE_STACK:
        return GRAFT_ACCEPTED;
    case VALUE_CONTEXT:
        return GRAFT_CONTEXT_WRITE;
    case VALUE_PACKET:
        return GRAFT_PACKET_WRITE;
    case VALUE_PACKET_END:
        return GRAFT_PACKET_END;
    default:
        return GRAFT_NOT_POINTER;
    }
}

enum graft_reason checker_step_store(struct checker *c, const struct insn *i)
{
    struct access a = access_of(c, i, insn_dst(i));
    struct value v = value_number(scalar_constant((uint64_t)(int64_t)i->imm));
    uint32_t value_reg = GRAFT_NO_REGISTER;
    enum graft_reason reason = checker_read(c, a.reg);

    if (reason == GRAFT_ACCEPTED && insn_shapes[i->opcode].form == FORM_STORE) {
        value_reg = insn_src(i);
        v = c->now.reg[value_reg];
        reason = checker_read(c, value_reg);
    }
    if (reason != GRAFT_ACCEPTED)
        return reason;
    reason = write_refusal(a.base->kind);
    if (reason != GRAFT_ACCEPTED)
        return checker_refuse(c, reason, a.reg, 0, 0);
    return store_stack(c, &a, &v, value_reg);
}

/* The operands: the source, and r0 for the compare of compare-and-exchange. */
static enum graft_reason check_atomic_numbers(struct checker *c, const struct insn *i)
{
    enum graft_reason reason = checker_read_number(c, insn_src(i), GRAFT_POINTER_STORE);

    if (reason == GRAFT_ACCEPTED && i->imm == ATOMIC_CMPXCHG)
        reason = checker_read_number(c, 0, GRAFT_POINTER_COMPARE);
    return reason;
}

enum graft_reason checker_step_atomic(struct checker *c, const struct insn *i)
{
    struct access a = access_of(c, i, insn_dst(i));
    uint32_t low, high;
    enum graft_reason reason = checker_read(c, a.reg);

    if (reason != GRAFT_ACCEPTED)
        return reason;
    reason = write_refusal(a.base->kind);
    if (reason != GRAFT_ACCEPTED)
        return checker_refuse(c, reason, a.reg, 0, 0);
    reason = check_atomic_numbers(c, i);
    if (reason == GRAFT_ACCEPTED)
        reason = check_stack(c, &a, &low, &high);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (high - low != a.bytes || low % a.bytes != 0)
        return checker_refuse(c, GRAFT_ATOMIC_TARGET, a.reg, 0, 0);
    reason = check_stack_bytes(c, a.reg, low, high);
    if (reason != GRAFT_ACCEPTED)
        return reason;

    state_stack_write(&c->now, low, high);
    if (i->imm & ATOMIC_FETCHES)
        c->now.reg[i->imm == ATOMIC_CMPXCHG ? 0 : insn_src(i)] = loaded(FORM_LOAD, a.bytes);
    return GRAFT_ACCEPTED;
}
