/* The checker: loads, stores and atomic operations. */
#include "grafts/checker_step.h"

/* One access: `reg` holds `base`, and [base + offset, base + offset + bytes) is touched. */
struct access {
    const struct value *base;
    uint32_t reg, bytes;
    int64_t offset;
    bool write, exact;  /* exact: it is known which bytes these are */
    uint32_t low, high; /* distances from the object's first byte (the stack's lowest) of what may
                           be touched, and of the first byte behind it */
};

/* The instruction's, through register `r`; `w`: it writes. */
/* clang-format off */
#define ACCESS(c, r, w) {&(c)->now->reg[r], r, (c)->shape->bytes, (c)->insn->offset, w, false, 0, 0}
/* clang-format on */

/* What a load leaves in its register when nothing is known of the memory. */
static void set_loaded(const struct checker *c, struct value *v)
{
    *value_set(v, VALUE_NUMBER) =
        scalar_of_width(c->shape->bytes * 8u, c->shape->form == FORM_LOAD_SIGNED);
}

static bool load_context(struct checker *c, const struct access *a)
{
    const struct scalar *n = &a->base->n;
    const struct hook_field *f = hook_field_at(c->hook, n->smin + a->offset, a->bytes);

    if (!f || !scalar_is_constant(n))
        return checker_fail(c, GRAFT_CONTEXT_FIELD, a->reg);
    if (f->kind == VALUE_NUMBER)
        set_loaded(c, c->dst);
    else
        *value_set(c->dst, f->kind) = scalar_constant(0);
    c->dst->ahead = f->kind == VALUE_PACKET ? (int32_t)c->now->packet_length : 0;
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

/* Kinds through which nothing is accessed, whatever its place; load_context reads the context. */
/* clang-format off */
static const uint8_t refusals[VALUE_KINDS] = {
    [VALUE_NUMBER] = GRAFT_NOT_POINTER, [VALUE_CONTEXT] = GRAFT_CONTEXT_WRITE,
    [VALUE_PACKET_END] = GRAFT_PACKET_END, [VALUE_MAP] = GRAFT_MAP_ACCESS,
    [VALUE_MAP_VALUE_OR_NULL] = GRAFT_MAYBE_NULL, [VALUE_RECORD_OR_NULL] = GRAFT_MAYBE_NULL,
};
/* clang-format on */

/* Does all that the access may touch lie where it may? */
static bool check_access(struct checker *c, struct access *a)
{
    const struct value *p = a->base;
    const bool stack = p->kind == VALUE_STACK; /* whose n is 0 at its end */
    const enum graft_reason reason = stack ? GRAFT_STACK_BOUNDS : GRAFT_OBJECT_BOUNDS;

    if (p->kind == VALUE_PACKET)
        return check_packet(c, a);
    if (p->kind == VALUE_CONTEXT && !a->write)
        return checker_fail(c, GRAFT_CONTEXT_FIELD, a->reg);
    if (refusals[p->kind])
        return checker_fail(c, refusals[p->kind], a->reg);
    int64_t size = p->kind == VALUE_RECORD ? p->ahead : (int64_t)GRAFT_STACK_BYTES;
    if (p->kind == VALUE_MAP_VALUE)
        size = c->in->maps[p->map].value_bytes;
    int64_t from = a->offset + (stack ? size : 0), behind = from + p->n.smax + a->bytes;
    from += p->n.smin;
    if (from < 0 || behind > size)
        return checker_refuse(c, reason, a->reg, from < 0 ? 0 : size, from < 0 ? from : behind);
    a->low = (uint32_t)from;
    a->high = (uint32_t)behind;
    a->exact = behind - from == a->bytes;
    return true;
}

static bool is_whole_slot(const struct access *a)
{
    return a->base->kind == VALUE_STACK && a->bytes == 8 && a->exact && a->low % 8 == 0;
}

/* If it is the stack's: are the bytes there numbers, if it `reads`? Numbers are written, to `all`
 * of them or some. */
static bool touch_stack(struct checker *c, const struct access *a, bool reads, bool all)
{
    enum graft_reason reason = GRAFT_ACCEPTED;

    if (a->base->kind == VALUE_STACK && reads)
        reason = state_stack_read(c->now, a->low, a->high);
    if (a->base->kind == VALUE_STACK && a->write && reason == GRAFT_ACCEPTED &&
        !state_stack_write(c->now, a->low, a->high, all))
        reason = GRAFT_POINTER_PART;
    return reason == GRAFT_ACCEPTED || checker_fail(c, reason, a->reg);
}

bool checker_step_load(struct checker *c)
{
    struct access a = ACCESS(c, insn_src(c->insn), false);
    struct value *slot;

    if (a.base->kind == VALUE_CONTEXT)
        return load_context(c, &a);
    if (!checker_read(c, a.reg) || !check_access(c, &a))
        return false;
    slot = is_whole_slot(&a) ? state_stack_slot(c->now, a.low) : NULL;
    if (slot)
        checker_link(c, c->dst, slot);
    else if (touch_stack(c, &a, true, false))
        set_loaded(c, c->dst);
    else
        return false;
    return true;
}

bool checker_step_store(struct checker *c)
{
    struct access a = ACCESS(c, insn_dst(c->insn), true);
    struct value *v = checker_read(c, a.reg) ? checker_read_operand(c) : NULL;

    if (!v || !check_access(c, &a))
        return false;
    if (is_whole_slot(&a)) {
        checker_link(c, state_stack_new(c->now, a.low), v);
        return true;
    }
    if (value_is_pointer(v))
        return checker_fail(c, GRAFT_POINTER_STORE, insn_src(c->insn));
    return touch_stack(c, &a, false, a.exact);
}

/* Atomic operations: in a map's value or record wherever it is aligned, since those begin at
 * multiples of 8; on the stack at a known place. */
static bool is_atomic_target(const struct access *a)
{
    struct bits n = a->base->n.bits;

    if (a->base->kind == VALUE_STACK)
        return a->exact && a->low % a->bytes == 0;
    return a->base->kind != VALUE_PACKET &&
           ((n.unknown | (n.value + (uint64_t)a->offset)) & (a->bytes - 1)) == 0;
}

bool checker_step_atomic(struct checker *c)
{
    struct access a = ACCESS(c, insn_dst(c->insn), true);
    const struct insn *i = c->insn;

    if (!checker_read(c, a.reg) || !check_access(c, &a) ||
        !checker_read_number(c, insn_src(i), GRAFT_POINTER_STORE) ||
        (i->imm == ATOMIC_CMPXCHG && !checker_read_number(c, 0, GRAFT_POINTER_COMPARE)))
        return false;
    if (!is_atomic_target(&a))
        return checker_fail(c, GRAFT_ATOMIC_TARGET, a.reg);
    if (!touch_stack(c, &a, true, true))
        return false;
    if (i->imm & ATOMIC_FETCHES)
        set_loaded(c, i->imm == ATOMIC_CMPXCHG ? c->now->reg : c->src);
    return true;
}

bool checker_check_memory(struct checker *c, unsigned reg, uint32_t bytes, bool write)
{
    struct access a = {&c->now->reg[reg], reg, bytes, 0, write, false, 0, 0};

    return checker_read(c, reg) && check_access(c, &a) && touch_stack(c, &a, !write, false);
}
