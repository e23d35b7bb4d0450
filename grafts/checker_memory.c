/* The checker: loads, stores and atomic operations. */
#include "grafts/checker_step.h"

/* One access: `reg` holds `base`, and [base + offset, base + offset + bytes) is touched. */
struct access {
    const struct value *base;
    uint32_t reg;
    int64_t offset;
    uint32_t bytes;
    bool write;
    uint32_t low, high; /* distances from the object's first byte (the stack's lowest) of what may
                           be touched, and of the first byte behind it */
};

static struct access access_of(const struct checker *c, const struct insn *i, unsigned reg,
                               bool write)
{
    return (struct access){
        &c->now->reg[reg], reg, i->offset, insn_shapes[i->opcode].bytes, write, 0, 0};
}

/* What a load leaves in its register when nothing is known of the memory. */
static void set_loaded(struct value *v, uint8_t form, uint32_t bytes)
{
    *value_set(v, VALUE_NUMBER) = scalar_of_width(bytes * 8, form == FORM_LOAD_SIGNED);
}

static bool load_context(struct checker *c, const struct access *a, uint8_t form, struct value *out)
{
    const struct hook_field *f = NULL;

    if (scalar_is_constant(&a->base->n))
        f = hook_field_at(c->hook, a->base->n.smin + a->offset, a->bytes);
    if (!f)
        return checker_fail(c, GRAFT_CONTEXT_FIELD, a->reg);
    if (f->kind == VALUE_NUMBER)
        set_loaded(out, form, a->bytes);
    else
        value_set_pointer(out, f->kind);
    if (f->kind == VALUE_PACKET)
        out->ahead = (int32_t)c->now->packet_length;
    return true;
}

/* Two ways to know that the end is far enough: by the pointer's own base, or by its greatest
 * distance from `data` and the least length that the packet can have. */
static bool check_packet(struct checker *c, const struct access *a)
{
    const struct value *p = a->base;
    int64_t first = p->n.smin + a->offset, need = a->offset + a->bytes;

    if (a->write && !(c->hook->flags & GRAFT_WRITES_PACKET))
        return checker_fail(c, GRAFT_PACKET_WRITE, a->reg);
    if (first < 0)
        return checker_refuse(c, GRAFT_PACKET_LOW, a->reg, 0, first);
    return need <= p->ahead || p->n.smax + need <= (int64_t)c->now->packet_length ||
           checker_refuse(c, GRAFT_PACKET_BOUNDS, a->reg, need, p->ahead > 0 ? p->ahead : 0);
}

/* An object of `size` bytes, the first of them `before` bytes from n = 0. */
static bool check_object(struct checker *c, struct access *a, int64_t before, int64_t size,
                         enum graft_reason reason)
{
    int64_t first = before + a->base->n.smin + a->offset;
    int64_t behind = before + a->base->n.smax + a->offset + a->bytes;

    if (first < 0)
        return checker_refuse(c, reason, a->reg, 0, first);
    if (behind > size)
        return checker_refuse(c, reason, a->reg, size, behind);
    a->low = (uint32_t)first;
    a->high = (uint32_t)behind;
    return true;
}

/* Does all that the access may touch lie where it may? Context is for others to judge. */
static bool check_access(struct checker *c, struct access *a)
{
    const struct value *p = a->base;

    switch (p->kind) {
    case VALUE_STACK:
        return check_object(c, a, GRAFT_STACK_BYTES, GRAFT_STACK_BYTES, GRAFT_STACK_BOUNDS);
    case VALUE_PACKET:
        return check_packet(c, a);
    case VALUE_MAP_VALUE:
        return check_object(c, a, 0, c->in->maps[p->map].value_bytes, GRAFT_OBJECT_BOUNDS);
    case VALUE_RECORD:
        return check_object(c, a, 0, p->ahead, GRAFT_OBJECT_BOUNDS);
    case VALUE_CONTEXT:
        return checker_fail(c, a->write ? GRAFT_CONTEXT_WRITE : GRAFT_CONTEXT_FIELD, a->reg);
    case VALUE_PACKET_END:
        return checker_fail(c, GRAFT_PACKET_END, a->reg);
    case VALUE_MAP_VALUE_OR_NULL:
    case VALUE_RECORD_OR_NULL:
        return checker_fail(c, GRAFT_MAYBE_NULL, a->reg);
    default:
        return checker_fail(c, p->kind == VALUE_MAP ? GRAFT_MAP_ACCESS : GRAFT_NOT_POINTER, a->reg);
    }
}

static bool is_exact(const struct access *a)
{
    return a->high - a->low == a->bytes;
}

static bool is_whole_slot(const struct access *a)
{
    return a->bytes == 8 && is_exact(a) && a->low % 8 == 0;
}

/* May the range be read as numbers? */
static bool check_stack_bytes(struct checker *c, const struct access *a)
{
    if (state_stack_has_pointer(c->now, a->low, a->high))
        return checker_fail(c, GRAFT_POINTER_PART, a->reg);
    return state_stack_is_init(c->now, a->low, a->high) ||
           checker_fail(c, GRAFT_STACK_UNINITIALISED, a->reg);
}

/* Numbers are written somewhere in the range: everywhere where that is exact. */
static bool write_stack_bytes(struct checker *c, const struct access *a, bool exact)
{
    if (exact) {
        state_stack_write(c->now, a->low, a->high);
        return true;
    }
    if (state_stack_has_pointer(c->now, a->low, a->high))
        return checker_fail(c, GRAFT_POINTER_PART, a->reg);
    state_stack_blur(c->now, a->low, a->high);
    return true;
}

bool checker_step_load(struct checker *c, const struct insn *i)
{
    struct access a = access_of(c, i, insn_src(i), false);
    struct value *dst = &c->now->reg[insn_dst(i)], *slot = NULL;
    uint8_t form = insn_shapes[i->opcode].form;

    if (!checker_read(c, a.reg))
        return false;
    if (a.base->kind == VALUE_CONTEXT)
        return load_context(c, &a, form, dst);
    if (!check_access(c, &a))
        return false;
    if (a.base->kind == VALUE_STACK) {
        slot = is_whole_slot(&a) ? state_stack_slot(c->now, a.low) : NULL;
        if (!slot && !check_stack_bytes(c, &a))
            return false;
    }
    if (slot)
        checker_link(c, dst, slot);
    else
        set_loaded(dst, form, a.bytes);
    return true;
}

bool checker_step_store(struct checker *c, const struct insn *i)
{
    struct access a = access_of(c, i, insn_dst(i), true);
    struct value *v = &c->imm;

    if (!checker_read(c, a.reg))
        return false;
    if (insn_shapes[i->opcode].form == FORM_STORE)
        v = checker_read(c, insn_src(i)) ? &c->now->reg[insn_src(i)] : NULL;
    else
        *value_set(v, VALUE_NUMBER) = scalar_constant((uint64_t)(int64_t)i->imm);
    if (!v || !check_access(c, &a))
        return false;
    if (a.base->kind == VALUE_STACK && is_whole_slot(&a)) {
        checker_link(c, state_stack_new(c->now, a.low), v);
        return true;
    }
    if (value_is_pointer(v))
        return checker_fail(c, GRAFT_POINTER_STORE, insn_src(i));
    return a.base->kind != VALUE_STACK || write_stack_bytes(c, &a, is_exact(&a));
}

/* Atomic operations: in a map's value or record wherever it is aligned, since those begin at
 * multiples of 8; on the stack at a known place. */
static bool is_atomic_target(const struct access *a)
{
    struct bits n = a->base->n.bits;

    if (a->base->kind == VALUE_STACK)
        return is_exact(a) && a->low % a->bytes == 0;
    return a->base->kind != VALUE_PACKET &&
           ((n.unknown | (n.value + (uint64_t)a->offset)) & (a->bytes - 1)) == 0;
}

bool checker_step_atomic(struct checker *c, const struct insn *i)
{
    struct access a = access_of(c, i, insn_dst(i), true);

    if (!checker_read(c, a.reg) || !check_access(c, &a) ||
        !checker_read_number(c, insn_src(i), GRAFT_POINTER_STORE) ||
        (i->imm == ATOMIC_CMPXCHG && !checker_read_number(c, 0, GRAFT_POINTER_COMPARE)))
        return false;
    if (!is_atomic_target(&a))
        return checker_fail(c, GRAFT_ATOMIC_TARGET, a.reg);
    if (a.base->kind == VALUE_STACK) {
        if (!check_stack_bytes(c, &a))
            return false;
        state_stack_write(c->now, a.low, a.high);
    }
    if (i->imm & ATOMIC_FETCHES)
        set_loaded(&c->now->reg[i->imm == ATOMIC_CMPXCHG ? 0 : insn_src(i)], FORM_LOAD, a.bytes);
    return true;
}

bool checker_check_memory(struct checker *c, unsigned reg, uint32_t bytes, bool write)
{
    struct access a = {&c->now->reg[reg], reg, 0, bytes, write, 0, 0};

    if (!checker_read(c, reg) || !check_access(c, &a))
        return false;
    if (a.base->kind != VALUE_STACK)
        return true;
    return write ? write_stack_bytes(c, &a, false) : check_stack_bytes(c, &a);
}
