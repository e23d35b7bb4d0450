/* The checker: calls of helpers, by the contracts of exo/abi/graft_helpers.def. */
#include "grafts/checker_step.h"

enum argument {
    ARG_NONE,
    ARG_NUMBER,
    ARG_CONTEXT,
    ARG_MAP,
    ARG_KEY,
    ARG_VALUE,
    ARG_RING,
    ARG_MEMORY,
    ARG_MEMORY_OUT,
    ARG_SIZE,
    ARG_RECORD_SIZE,
    ARG_RECORD,
};

struct contract {
    uint32_t number;
    uint8_t result; /* enum value_kind */
    uint8_t arguments[5];
};

/* Laid out by hand: X-macro rows. */
/* clang-format off */
static const struct contract contracts[] = {
#define HELPER(number, name, result, a1, a2, a3, a4, a5)                                           \
    {number, VALUE_##result, {ARG_##a1, ARG_##a2, ARG_##a3, ARG_##a4, ARG_##a5}},
#include "exo/abi/graft_helpers.def"
#undef HELPER
};
/* clang-format on */

static const struct contract *find(uint64_t number)
{
    for (uint32_t i = 0; i < sizeof contracts / sizeof contracts[0]; i++)
        if (contracts[i].number == number)
            return &contracts[i];
    return NULL;
}

bool checker_is_helper(uint64_t number)
{
    return find(number) != NULL;
}

static bool is_at_start(const struct value *v, enum value_kind kind)
{
    return v->kind == kind && scalar_is_constant(&v->n) && v->n.umin == 0;
}

/* As many bytes at most as the register behind this one says; none when that is 0. */
static enum graft_reason check_sized(struct checker *c, unsigned reg, bool write)
{
    enum graft_reason reason = checker_read_number(c, reg + 1, GRAFT_ARGUMENT);
    const struct value *size = &c->now->reg[reg + 1];

    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (size->n.umax > (uint64_t)STATE_POINTER_RANGE)
        return checker_refuse(c, GRAFT_ARGUMENT, reg + 1, STATE_POINTER_RANGE,
                              (int64_t)size->n.umax);
    if (size->n.umax == 0)
        return checker_read(c, reg);
    return checker_check_memory(c, reg, (uint32_t)size->n.umax, write);
}

/* `map`: the one that an argument before this one names. */
static enum graft_reason check_argument(struct checker *c, enum argument kind, unsigned reg,
                                        const struct graft_map_def **map)
{
    const struct value *v = &c->now->reg[reg];
    enum graft_reason reason = checker_read(c, reg);
    bool good = true;

    if (reason != GRAFT_ACCEPTED)
        return reason;
    switch (kind) {
    case ARG_NUMBER:
    case ARG_SIZE:
        good = v->kind == VALUE_NUMBER;
        break;
    case ARG_CONTEXT:
        good = is_at_start(v, VALUE_CONTEXT);
        break;
    case ARG_MAP:
    case ARG_RING:
        *map = v->kind == VALUE_MAP ? &c->in->maps[v->map] : NULL;
        good = *map && ((*map)->type == GRAFT_MAP_RINGBUF) == (kind == ARG_RING);
        break;
    case ARG_KEY:
        return checker_check_memory(c, reg, (*map)->key_bytes, false);
    case ARG_VALUE:
        return checker_check_memory(c, reg, (*map)->value_bytes, false);
    case ARG_MEMORY:
    case ARG_MEMORY_OUT:
        return check_sized(c, reg, kind == ARG_MEMORY_OUT);
    case ARG_RECORD_SIZE:
        good = v->kind == VALUE_NUMBER && scalar_is_constant(&v->n) && v->n.umin > 0 &&
               v->n.umax <= (*map)->entries && v->n.umax <= GRAFT_MAX_MAP_VALUE;
        break;
    default: /* ARG_RECORD */
        good = is_at_start(v, VALUE_RECORD) && state_release(c->now, v->base);
        break;
    }
    return good ? GRAFT_ACCEPTED : checker_refuse(c, GRAFT_ARGUMENT, reg, 0, 0);
}

static enum graft_reason make_result(struct checker *c, const struct contract *k, uint8_t map,
                                     int32_t record_bytes)
{
    struct state *s = c->now;
    struct value r = value_number(scalar_anything());

    r.kind = k->result;
    if (value_is_pointer(&r)) {
        r.n = scalar_constant(0);
        r.base = state_name(c->at, STATE_COMPUTED);
    }
    if (r.kind == VALUE_MAP_VALUE_OR_NULL)
        r.map = map;
    if (r.kind == VALUE_RECORD_OR_NULL) {
        if (s->held_count == STATE_HELD)
            return checker_refuse(c, GRAFT_RECORD_MANY, 0, STATE_HELD + 1, STATE_HELD);
        s->held[s->held_count++] = r.base;
        r.ahead = record_bytes;
    }
    s->reg[0] = r;
    return GRAFT_ACCEPTED;
}

/* The helper's number: what the instruction says, or a register whose value is known. */
static enum graft_reason find_callee(struct checker *c, const struct insn *i,
                                     const struct contract **out)
{
    uint64_t number = (uint32_t)i->imm;

    if (insn_shapes[i->opcode].form == FORM_CALL_REG) {
        enum graft_reason reason = checker_read_number(c, insn_dst(i), GRAFT_CALL_REGISTER);
        const struct scalar *n = &c->now->reg[insn_dst(i)].n;
        if (reason != GRAFT_ACCEPTED)
            return reason;
        if (!scalar_is_constant(n))
            return checker_refuse(c, GRAFT_CALL_REGISTER, insn_dst(i), 0, 0);
        number = n->umin;
    }
    *out = find(number);
    return *out ? GRAFT_ACCEPTED : checker_refuse_plainly(c, GRAFT_CALL_HELPER);
}

enum graft_reason checker_step_call(struct checker *c, const struct insn *i)
{
    const struct contract *k = NULL;
    const struct graft_map_def *map = NULL;
    enum graft_reason reason = find_callee(c, i, &k);

    for (unsigned n = 0; reason == GRAFT_ACCEPTED && n < 5 && k->arguments[n] != ARG_NONE; n++)
        reason = check_argument(c, k->arguments[n], 1 + n, &map);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    uint8_t number = c->now->reg[1].map;
    int32_t second = (int32_t)c->now->reg[2].n.umin;
    for (unsigned reg = 1; reg <= 5; reg++)
        c->now->reg[reg].kind = VALUE_NONE;
    return make_result(c, k, number, second);
}
