/* The checker: calls of helpers, by the contracts of exo/abi/graft_helpers.def. */
#include "grafts/checker_step.h"

#define OWNS 0x10001u /* the helper that hooks with GRAFT_SAME_ANSWER have, and no others */

/* Laid out by hand: X-macro rows. */
/* clang-format off */
static const struct contract contracts[] = {
#define HELPER(number, name, result, a1, a2, a3, a4, a5)                                           \
    {number, VALUE_##result, {ARG_##a1, ARG_##a2, ARG_##a3, ARG_##a4, ARG_##a5}},
#include "exo/abi/graft_helpers.def"
#undef HELPER
};
/* clang-format on */

const struct contract *checker_find_helper(const struct checker *c, uint64_t number)
{
    bool same = c->hook->flags & GRAFT_SAME_ANSWER;

    for (uint32_t i = 0; i < sizeof contracts / sizeof contracts[0]; i++)
        if (contracts[i].number == number && (number == OWNS) == same)
            return &contracts[i];
    return NULL;
}

/* As many bytes at most as the register behind this one says; none when that is 0. */
static bool check_sized(struct checker *c, unsigned reg, bool write)
{
    const struct scalar *size = &c->now->reg[reg + 1].n;

    if (!checker_read_number(c, reg + 1, GRAFT_ARGUMENT))
        return false;
    if (size->umax > (uint64_t)STATE_POINTER_RANGE)
        return checker_refuse(c, GRAFT_ARGUMENT, reg + 1, (int64_t)size->umax, STATE_POINTER_RANGE);
    return size->umax == 0 || checker_check_memory(c, reg, (uint32_t)size->umax, write);
}

static bool check_argument(struct checker *c, enum argument kind, unsigned reg)
{
    const struct value *first = &c->now->reg[1], *v = &c->now->reg[reg];
    const struct graft_map_def *map =
        first->kind == VALUE_MAP ? &c->in->maps[first->map] : c->in->maps;
    bool number = v->kind == VALUE_NUMBER, good = number; /* ARG_NUMBER, ARG_SIZE */

    if (!checker_read(c, reg))
        return false;
    if (kind == ARG_KEY || kind == ARG_VALUE)
        return checker_check_memory(c, reg, kind == ARG_KEY ? map->key_bytes : map->value_bytes,
                                    false);
    if (kind == ARG_MEMORY || kind == ARG_MEMORY_OUT)
        return check_sized(c, reg, kind == ARG_MEMORY_OUT);
    if (kind == ARG_CONTEXT)
        good = checker_is_zero(v, VALUE_CONTEXT);
    if (kind == ARG_MAP || kind == ARG_RING)
        good = v->kind == VALUE_MAP && (map->type == GRAFT_MAP_RINGBUF) == (kind == ARG_RING);
    if (kind == ARG_RECORD_SIZE)
        good = number && scalar_is_constant(&v->n) && v->n.umin > 0 && v->n.umax <= map->entries &&
               v->n.umax <= GRAFT_MAX_MAP_VALUE;
    if (kind == ARG_RECORD)
        good = checker_is_zero(v, VALUE_RECORD) && state_release(c->now, v->base);
    return good || checker_fail(c, GRAFT_ARGUMENT, reg);
}

static bool make_result(struct checker *c, enum value_kind kind, uint8_t map, int32_t bytes)
{
    struct state *s = c->now;
    struct value *r = &s->reg[0];

    s->written |= 1;
    *value_set(r, kind) = kind < VALUE_CONTEXT ? scalar_anything() : scalar_constant(0);
    if (!value_is_pointer(r))
        return true;
    r->base = state_name(c->at, STATE_COMPUTED);
    r->map = kind == VALUE_MAP_VALUE_OR_NULL ? map : 0;
    if (kind == VALUE_MAP_VALUE_OR_NULL)
        return true;
    if (s->held_count == STATE_HELD)
        return checker_refuse(c, GRAFT_RECORD_MANY, 0, STATE_HELD + 1, STATE_HELD);
    s->held[s->held_count++] = r->base;
    r->ahead = bytes;
    return true;
}

/* The contract of the helper whose number the instruction says, or a register whose value is known;
 * NULL after a refusal. */
static const struct contract *find_callee(struct checker *c)
{
    const struct scalar *n = &c->dst->n;
    unsigned reg = insn_dst(c->insn);

    if (c->shape->form == FORM_CALL) /* checker_check_form has seen that there is one */
        return checker_find_helper(c, (uint32_t)c->insn->imm);
    if (!checker_read_number(c, reg, GRAFT_CALL_REGISTER))
        return NULL;
    const struct contract *k = scalar_is_constant(n) ? checker_find_helper(c, n->umin) : NULL;
    if (!k)
        checker_fail(c, scalar_is_constant(n) ? GRAFT_CALL_HELPER : GRAFT_CALL_REGISTER, reg);
    return k;
}

bool checker_step_call(struct checker *c)
{
    const struct contract *k = find_callee(c);
    uint8_t map = c->now->reg[1].map;
    int32_t bytes = (int32_t)c->now->reg[2].n.umin;

    for (unsigned n = 0; k && n < 5 && k->arguments[n] != ARG_NONE; n++)
        if (!check_argument(c, k->arguments[n], 1 + n))
            return false;
    for (unsigned reg = 1; reg <= 5; reg++)
        c->now->reg[reg].kind = VALUE_NONE;
    return k && make_result(c, k->result, map, bytes);
}
