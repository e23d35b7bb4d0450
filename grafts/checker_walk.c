/* The checker: the walk, one instruction after the other; programs without a proof: joins. */
#include "grafts/checker_step.h"

void checker_walk_begin(struct checker *c)
{
    c->free = c->ready = NULL;
    for (uint32_t i = c->open_count; i-- > 0;)
        checker_open_drop(c, &c->open[i]);
}

struct checker_open *checker_open_take(struct checker *c)
{
    struct checker_open *o = c->free;

    if (!o)
        checker_refuse(c, GRAFT_WORK_MEMORY, GRAFT_NO_REGISTER, c->open_count + 1, c->open_count);
    c->free = o ? o->next : NULL;
    return o;
}

void checker_open_drop(struct checker *c, struct checker_open *o)
{
    o->next = c->free;
    c->free = o;
}

bool checker_follow(struct checker *c, struct checker_open *o, uint32_t target, bool dead)
{
    o->at = target;
    o->steps = c->steps;
    o->dead = dead;
    if (c->places[target].meets)
        return c->arrive(c, o);
    o->next = c->ready;
    c->ready = o;
    return true;
}

static bool step_wide(struct checker *c)
{
    static const uint8_t kinds[] = {
        VALUE_NUMBER, [INSN_MAP] = VALUE_MAP, [INSN_MAP_VALUE] = VALUE_MAP_VALUE};
    struct value *v = c->dst;
    uint64_t first = (uint32_t)c->insn->imm, second = (uint32_t)c->insn[1].imm;
    bool number = insn_src(c->insn) == 0; /* else a map's, and offset in it */

    *value_set(v, kinds[insn_src(c->insn)]) =
        scalar_constant(number ? first | second << 32 : second);
    v->map = number ? 0 : (uint8_t)first; /* checker_check_form has seen that there is such a map */
    v->base = v->kind == VALUE_MAP_VALUE ? state_name(c->at, STATE_COMPUTED) : 0;
    return true;
}

static bool step_exit(struct checker *c)
{
    return checker_read_number(c, 0, GRAFT_POINTER_LEAK) &&
           (c->now->held_count == 0 || checker_stop(c, GRAFT_RECORD_HELD)) && checker_end(c);
}

/* Both ways of a jump are followed, even from where nothing comes, for others may wait for them. */
static bool step_jump(struct checker *c)
{
    struct checker_open *other = checker_open_take(c);

    if (!other)
        return false;
    c->taken = &other->state;
    c->goes = false;
    if (c->dead || checker_step_jump(c))
        return checker_follow(c, other, (uint32_t)insn_target(c->insn, c->at), !c->goes);
    checker_open_drop(c, other);
    return false;
}

/* clang-format off */
static bool (*const actions[])(struct checker *c) = {
    [FORM_ALU] = checker_step_alu, [FORM_NEG] = checker_step_unary,
    [FORM_SWAP] = checker_step_unary, [FORM_WIDE] = step_wide, [FORM_LOAD] = checker_step_load,
    [FORM_LOAD_SIGNED] = checker_step_load, [FORM_STORE] = checker_step_store,
    [FORM_STORE_IMM] = checker_step_store, [FORM_ATOMIC] = checker_step_atomic,
    [FORM_JUMP] = step_jump, [FORM_CALL] = checker_step_call,
    [FORM_CALL_REG] = checker_step_call, [FORM_EXIT] = step_exit,
};
/* clang-format on */

/* What no values come to, because a branch is never taken, cannot run and is not checked.
 * checker_check_form refused unknown opcodes. */
bool checker_walk_one(struct checker *c)
{
    struct checker_open *o = c->ready;
    const struct insn *i = c->insn = &c->in->code[o->at];
    uint8_t form = insn_shapes[i->opcode].form;

    uint32_t next = o->at + (form == FORM_WIDE ? 2 : 1);

    c->shape = &insn_shapes[i->opcode];
    c->ready = o->next;
    c->now = &o->state;
    c->dst = &o->state.reg[insn_dst(i)];
    c->src = &o->state.reg[insn_src(i)];
    c->at = o->at;
    c->steps = o->steps + 1;
    c->dead = o->dead;
    c->places[c->at].done = true;
    o->state.written |= 1u << insn_dst(i);
    if (form == FORM_GOTO)
        next = (uint32_t)insn_target(i, c->at);
    bool good = form == FORM_GOTO || (o->dead && form != FORM_JUMP) || actions[form](c);
    if (good && form != FORM_EXIT)
        return checker_follow(c, o, next, c->dead);
    checker_open_drop(c, o);
    return good;
}

/* Called at two places, so that what it calls is called at one, and can become a part of it. */
__attribute__((noinline)) bool checker_walk(struct checker *c)
{
    while (c->ready)
        if (!checker_walk_one(c))
            return false;
    return true;
}

/* The first state stays and waits; when the last has come it goes on. */
bool checker_join(struct checker *c, struct checker_open *o)
{
    struct checker_place *place = &c->places[o->at];
    struct checker_open *waits = place->open ? &c->open[place->open - 1] : NULL;

    place->edges--;
    c->at = o->at;
    if (!waits && (!o->dead || place->edges == 0)) {
        waits = o;
        place->open = (uint16_t)(o - c->open + 1);
    } else {
        checker_open_drop(c, o);
        if (!o->dead && !checker_spend(c, state_values(&o->state)))
            return false;
        if (!o->dead && !state_join(&waits->state, &o->state, o->at))
            return checker_stop(c, GRAFT_RECORD_PATHS);
        if (!o->dead)
            waits->steps = LARGER(waits->steps, o->steps);
    }
    if (place->edges == 0) {
        place->open = 0;
        waits->next = c->ready;
        c->ready = waits;
    }
    return true;
}

/* What the walk did not come to is on a loop, or behind one, or nothing leads there. */
bool checker_check_done(struct checker *c)
{
    for (c->at = 0; c->at < c->in->count; c->at++) {
        const struct insn *i = &c->in->code[c->at];
        uint8_t form = insn_shapes[i->opcode].form;
        int64_t target = form == FORM_JUMP || form == FORM_GOTO ? insn_target(i, c->at) : INT64_MAX;

        if (insn_is_half(i) || c->places[c->at].done)
            continue;
        if (c->places[c->at].edges == 0)
            return checker_stop(c, GRAFT_UNREACHABLE);
        if (target <= c->at && !c->places[target].done)
            return checker_stop(c, GRAFT_BACK_EDGE);
    }
    return true;
}
