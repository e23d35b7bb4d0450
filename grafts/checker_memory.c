/* The checker: loads, stores and atomic operations. */
#include "grafts/checker_step.h"

/* One access: `reg` holds `base`, and [base + offset, base + offset + bytes) is touched. */
struct access {
    const struct value *base;
    uint32_t reg;
    int64_t offset;
    uint32_t bytes;
    bool write;
    uint32_t low, high; /* of the stack: distances from its low end of the first byte that may be
                           touched, and of the first behind the last */
};

static struct access access_of(const struct checker *c, const struct insn *i, unsigned reg,
                               bool write)
{
    return (struct access){
        &c->now->reg[reg], reg, i->offset, insn_shapes[i->opcode].bytes, write, 0, 0};
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
        out->ahead = (int32_t)c->now->packet_length;
    return GRAFT_ACCEPTED;
}

/* Two ways to know that the end is far enough: by the pointer's own base, or by its greatest
 * distance from `data` and the least length that the packet can have. */
static enum graft_reason check_packet(struct checker *c, const struct access *a)
{
    const struct value *p = a->base;
    int64_t first = p->n.smin + a->offset, need = a->offset + a->bytes;

    if (a->write && !(c->hook->flags & GRAFT_WRITES_PACKET))
        return checker_refuse(c, GRAFT_PACKET_WRITE, a->reg, 0, 0);
    if (first < 0)
        return checker_refuse(c, GRAFT_PACKET_LOW, a->reg, 0, first);
    if (need <= p->ahead || p->n.smax + need <= (int64_t)c->now->packet_length)
        return GRAFT_ACCEPTED;
    return checker_refuse(c, GRAFT_PACKET_BOUNDS, a->reg, need, p->ahead > 0 ? p->ahead : 0);
}

/* An object of `size` bytes, the first of them `before` bytes from n = 0. */
static enum graft_reason check_object(struct checker *c, const struct access *a, int64_t before,
                                      int64_t size, enum graft_reason reason)
{
    int64_t first = before + a->base->n.smin + a->offset;
    int64_t behind = before + a->base->n.smax + a->offset + a->bytes;

    if (first < 0)
        return checker_refuse(c, reason, a->reg, 0, first);
    return behind <= size ? GRAFT_ACCEPTED : checker_refuse(c, reason, a->reg, size, behind);
}

static enum graft_reason check_stack(struct checker *c, struct access *a)
{
    enum graft_reason reason =
        check_object(c, a, GRAFT_STACK_BYTES, GRAFT_STACK_BYTES, GRAFT_STACK_BOUNDS);

    if (reason == GRAFT_ACCEPTED) {
        a->low = (uint32_t)(GRAFT_STACK_BYTES + a->base->n.smin + a->offset);
        a->high = (uint32_t)(GRAFT_STACK_BYTES + a->base->n.smax + a->offset + a->bytes);
    }
    return reason;
}

/* Does all that the access may touch lie where it may? Context is for others to judge. */
static enum graft_reason check_access(struct checker *c, struct access *a)
{
    const struct value *p = a->base;

    switch (p->kind) {
    case VALUE_STACK:
        return check_stack(c, a);
    case VALUE_PACKET:
        return check_packet(c, a);
    case VALUE_MAP_VALUE:
        return check_object(c, a, 0, c->in->maps[p->map].value_bytes, GRAFT_OBJECT_BOUNDS);
    case VALUE_RECORD:
        return check_object(c, a, 0, p->ahead, GRAFT_OBJECT_BOUNDS);
    case VALUE_CONTEXT:
        return checker_refuse(c, a->write ? GRAFT_CONTEXT_WRITE : GRAFT_CONTEXT_FIELD, a->reg, 0,
                              0);
    case VALUE_PACKET_END:
        return checker_refuse(c, GRAFT_PACKET_END, a->reg, 0, 0);
    case VALUE_MAP_VALUE_OR_NULL:
    case VALUE_RECORD_OR_NULL:
        return checker_refuse(c, GRAFT_MAYBE_NULL, a->reg, 0, 0);
    case VALUE_MAP:
        return checker_refuse(c, GRAFT_MAP_ACCESS, a->reg, 0, 0);
    default:
        return checker_refuse(c, GRAFT_NOT_POINTER, a->reg, 0, 0);
    }
}

/* The one whole value that the access touches, or NULL. */
static struct value *whole_slot(const struct checker *c, const struct access *a)
{
    bool whole = a->bytes == 8 && a->high - a->low == 8 && a->low % 8 == 0;
    return whole ? state_stack_slot(c->now, a->low) : NULL;
}

/* May the range be read as numbers? */
static enum graft_reason check_stack_bytes(struct checker *c, const struct access *a)
{
    if (state_stack_has_pointer(c->now, a->low, a->high))
        return checker_refuse(c, GRAFT_POINTER_PART, a->reg, 0, 0);
    if (!state_stack_is_init(c->now, a->low, a->high))
        return checker_refuse(c, GRAFT_STACK_UNINITIALISED, a->reg, 0, 0);
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_step_load(struct checker *c, const struct insn *i)
{
    struct access a = access_of(c, i, insn_src(i), false);
    struct value *dst = &c->now->reg[insn_dst(i)], *slot = NULL;
    uint8_t form = insn_shapes[i->opcode].form;
    enum graft_reason reason = checker_read(c, a.reg);

    if (reason != GRAFT_ACCEPTED)
        return reason;
    bool is_stack = a.base->kind == VALUE_STACK;
    if (a.base->kind == VALUE_CONTEXT)
        return load_context(c, &a, form, dst);
    reason = check_access(c, &a);
    if (reason == GRAFT_ACCEPTED && is_stack)
        slot = whole_slot(c, &a);
    if (reason == GRAFT_ACCEPTED && is_stack && !slot)
        reason = check_stack_bytes(c, &a);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (slot)
        checker_link(c, dst, slot);
    else
        *dst = loaded(form, a.bytes);
    return GRAFT_ACCEPTED;
}

/* `high - low` is more than the access's bytes when its place is not known exactly. */
static enum graft_reason store_stack(struct checker *c, const struct access *a, struct value *v,
                                     uint32_t value_reg)
{
    bool exact = a->high - a->low == a->bytes;

    if (exact && a->bytes == 8 && a->low % 8 == 0) {
        struct value stored;
        checker_link(c, &stored, v);
        state_stack_put(c->now, a->low, &stored);
        return GRAFT_ACCEPTED;
    }
    if (value_is_pointer(v))
        return checker_refuse(c, GRAFT_POINTER_STORE, value_reg, 0, 0);
    if (exact) {
        state_stack_write(c->now, a->low, a->high);
        return GRAFT_ACCEPTED;
    }
    if (state_stack_has_pointer(c->now, a->low, a->high))
        return checker_refuse(c, GRAFT_POINTER_PART, a->reg, 0, 0);
    state_stack_blur(c->now, a->low, a->high);
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_step_store(struct checker *c, const struct insn *i)
{
    struct access a = access_of(c, i, insn_dst(i), true);
    struct value constant = value_number(scalar_constant((uint64_t)(int64_t)i->imm));
    struct value *v = &constant;
    enum graft_reason reason = checker_read(c, a.reg);

    if (reason == GRAFT_ACCEPTED && insn_shapes[i->opcode].form == FORM_STORE) {
        v = &c->now->reg[insn_src(i)];
        reason = checker_read(c, insn_src(i));
    }
    if (reason == GRAFT_ACCEPTED)
        reason = check_access(c, &a);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (a.base->kind == VALUE_STACK)
        return store_stack(c, &a, v, insn_src(i));
    return value_is_pointer(v) ? checker_refuse(c, GRAFT_POINTER_STORE, insn_src(i), 0, 0)
                               : GRAFT_ACCEPTED;
}

/* The operands: the source, and r0 for the compare of compare-and-exchange. */
static enum graft_reason check_atomic_numbers(struct checker *c, const struct insn *i)
{
    enum graft_reason reason = checker_read_number(c, insn_src(i), GRAFT_POINTER_STORE);

    if (reason == GRAFT_ACCEPTED && i->imm == ATOMIC_CMPXCHG)
        reason = checker_read_number(c, 0, GRAFT_POINTER_COMPARE);
    return reason;
}

/* Atomic operations: in a map's value or record wherever it is aligned, since those begin at
 * multiples of 8; on the stack at a known place. */
static bool is_atomic_target(const struct access *a)
{
    struct bits n = a->base->n.bits;

    if (a->base->kind == VALUE_STACK)
        return a->high - a->low == a->bytes && a->low % a->bytes == 0;
    return a->base->kind != VALUE_PACKET &&
           ((n.unknown | (n.value + (uint64_t)a->offset)) & (a->bytes - 1)) == 0;
}

enum graft_reason checker_step_atomic(struct checker *c, const struct insn *i)
{
    struct access a = access_of(c, i, insn_dst(i), true);
    enum graft_reason reason = checker_read(c, a.reg);
    bool is_stack = a.base->kind == VALUE_STACK;

    if (reason == GRAFT_ACCEPTED && a.base->kind == VALUE_PACKET &&
        !(c->hook->flags & GRAFT_WRITES_PACKET))
        return checker_refuse(c, GRAFT_PACKET_WRITE, a.reg, 0, 0);
    if (reason == GRAFT_ACCEPTED)
        reason = check_atomic_numbers(c, i);
    if (reason == GRAFT_ACCEPTED)
        reason = check_access(c, &a);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (!is_atomic_target(&a))
        return checker_refuse(c, GRAFT_ATOMIC_TARGET, a.reg, 0, 0);
    reason = is_stack ? check_stack_bytes(c, &a) : GRAFT_ACCEPTED;
    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (is_stack)
        state_stack_write(c->now, a.low, a.high);
    if (i->imm & ATOMIC_FETCHES)
        c->now->reg[i->imm == ATOMIC_CMPXCHG ? 0 : insn_src(i)] = loaded(FORM_LOAD, a.bytes);
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_check_memory(struct checker *c, unsigned reg, uint32_t bytes, bool write)
{
    struct access a = {&c->now->reg[reg], reg, 0, bytes, write, 0, 0};
    enum graft_reason reason = checker_read(c, reg);

    if (reason == GRAFT_ACCEPTED)
        reason = check_access(c, &a);
    if (reason != GRAFT_ACCEPTED || a.base->kind != VALUE_STACK)
        return reason;
    if (!write)
        return check_stack_bytes(c, &a);
    if (state_stack_has_pointer(c->now, a.low, a.high))
        return checker_refuse(c, GRAFT_POINTER_PART, reg, 0, 0);
    state_stack_blur(c->now, a.low, a.high);
    return GRAFT_ACCEPTED;
}
