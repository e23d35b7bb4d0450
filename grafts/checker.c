/* The checker: input, work memory, and the pass over programs without a proof. */
#include "grafts/checker_step.h"

#include "exo/base/assert.h"

enum graft_reason checker_refuse(struct checker *c, enum graft_reason reason, uint32_t reg,
                                 int64_t need, int64_t have)
{
    *c->report = (struct graft_report){
        .reason = reason, .instruction = c->at, .reg = reg, .need = need, .have = have};
    return reason;
}

enum graft_reason checker_refuse_plainly(struct checker *c, enum graft_reason reason)
{
    return checker_refuse(c, reason, GRAFT_NO_REGISTER, 0, 0);
}

bool checker_spend(struct checker *c, uint32_t values)
{
    bool enough = c->effort >= values;
    c->effort -= enough ? values : 0;
    return enough;
}

enum graft_reason checker_fork(struct checker *c)
{
    if (!checker_spend(c, INSN_REGISTERS + c->now->used))
        return checker_refuse_plainly(c, GRAFT_EFFORT);
    if (!c->in->proof) {
        c->taken = &c->states[1];
    } else {
        if (c->depth >= c->open_count)
            return checker_refuse(c, GRAFT_WORK_MEMORY, GRAFT_NO_REGISTER, c->depth + 1, c->depth);
        c->taken = &c->open[c->depth].state;
    }
    state_copy(c->taken, c->now);
    return GRAFT_ACCEPTED;
}

static enum graft_reason step_wide(struct checker *c, const struct insn *i)
{
    uint64_t x = (uint32_t)i[0].imm | (uint64_t)(uint32_t)i[1].imm << 32;
    struct value v = value_number(scalar_constant(x));

    if (insn_src(i) != 0) { /* checker_check_form has seen that there is such a map */
        v = value_pointer(insn_src(i) == INSN_MAP ? VALUE_MAP : VALUE_MAP_VALUE);
        v.map = (uint8_t)i[0].imm;
        if (v.kind == VALUE_MAP_VALUE) {
            v.n = scalar_constant((uint32_t)i[1].imm);
            v.base = state_name(c->at, STATE_COMPUTED);
        }
    }
    c->now->reg[insn_dst(i)] = v;
    return GRAFT_ACCEPTED;
}

static enum graft_reason step_exit(struct checker *c)
{
    enum graft_reason reason = checker_read_number(c, 0, GRAFT_POINTER_LEAK);

    c->alive = false;
    if (reason == GRAFT_ACCEPTED && c->now->held_count > 0)
        return checker_refuse_plainly(c, GRAFT_RECORD_HELD);
    return reason == GRAFT_ACCEPTED ? checker_end(c) : reason;
}

enum graft_reason checker_step(struct checker *c)
{
    const struct insn *i = &c->in->code[c->at];

    c->next = c->at + checker_slots(i);
    c->goes = false;
    switch (insn_shapes[i->opcode].form) {
    case FORM_ALU:
        return checker_step_alu(c, i);
    case FORM_NEG:
    case FORM_SWAP:
        return checker_step_unary(c, i);
    case FORM_WIDE:
        return step_wide(c, i);
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
        return checker_step_load(c, i);
    case FORM_STORE:
    case FORM_STORE_IMM:
        return checker_step_store(c, i);
    case FORM_ATOMIC:
        return checker_step_atomic(c, i);
    case FORM_JUMP:
        return checker_step_jump(c, i);
    case FORM_GOTO:
        c->next = (uint32_t)insn_target(i, c->at);
        return GRAFT_ACCEPTED;
    case FORM_CALL:
    case FORM_CALL_REG:
        return checker_step_call(c, i);
    default: /* FORM_EXIT; checker_check_form refused unknown opcodes */
        return step_exit(c);
    }
}

static void count_step(struct checker *c, uint32_t target)
{
    if (c->places[target].steps < c->steps + 1)
        c->places[target].steps = (uint32_t)c->steps + 1;
}

/* The number of a free open state, from 1, or 0. */
static uint16_t take_open(struct checker *c)
{
    for (uint32_t i = 0; i < c->open_count; i++)
        if (!c->open[i].used) {
            c->open[i].used = true;
            return (uint16_t)(i + 1);
        }
    return 0;
}

static enum graft_reason join(struct checker *c, struct state *into, const struct state *from,
                              uint32_t at)
{
    if (!checker_spend(c, INSN_REGISTERS + into->used))
        return checker_refuse_plainly(c, GRAFT_EFFORT);
    return state_join(into, from, at) ? GRAFT_ACCEPTED
                                      : checker_refuse_plainly(c, GRAFT_RECORD_PATHS);
}

/* `state` arrives at `target`, which is checked later. */
static enum graft_reason flow(struct checker *c, uint32_t target, const struct state *state)
{
    struct checker_place *place = &c->places[target];

    count_step(c, target);
    if (place->open)
        return join(c, &c->open[place->open - 1].state, state, target);
    place->open = take_open(c);
    if (!place->open)
        return checker_refuse(c, GRAFT_WORK_MEMORY, GRAFT_NO_REGISTER, c->open_count + 1,
                              c->open_count);
    state_copy(&c->open[place->open - 1].state, state);
    return GRAFT_ACCEPTED;
}

/* Makes *c->now the state before slot c->at: of the slot before when that falls through (then
 * c->alive), together with that of all other edges that lead here. */
static enum graft_reason arrive(struct checker *c)
{
    struct checker_place *place = &c->places[c->at];
    enum graft_reason reason = GRAFT_ACCEPTED;

    c->steps = place->steps;
    if (!place->open)
        return GRAFT_ACCEPTED;
    struct checker_open *open = &c->open[place->open - 1];
    if (c->alive)
        reason = join(c, &open->state, c->now, c->at);
    state_copy(c->now, &open->state);
    c->alive = true;
    open->used = false;
    return reason;
}

/* An instruction that no possible values lead to (its branch is never taken) has no state; its
 * effect is not checked, as it cannot run. `following`: the slot that is checked after this one. */
static enum graft_reason check_one(struct checker *c, uint32_t following)
{
    enum graft_reason reason = arrive(c);

    if (reason != GRAFT_ACCEPTED || !c->alive)
        return reason;
    reason = checker_step(c);
    if (reason == GRAFT_ACCEPTED && c->goes)
        reason = flow(c, c->target, c->taken);
    if (reason != GRAFT_ACCEPTED || !c->alive)
        return reason;
    if (c->next == following) { /* the common case: *c->now goes on as it is */
        count_step(c, following);
        return GRAFT_ACCEPTED;
    }
    c->alive = false;
    return flow(c, c->next, c->now);
}

static enum graft_reason check_in_order(struct checker *c)
{
    enum graft_reason reason = checker_find_order(c);

    c->now = &c->states[0];
    state_begin(c->now);
    c->alive = true;
    c->places[0].steps = 1;
    for (uint32_t k = 0; k < c->order_count && reason == GRAFT_ACCEPTED; k++) {
        uint32_t next = k + 1 < c->order_count ? c->places[k + 1].order : GRAFT_NO_INSTRUCTION;
        c->at = c->places[k].order;
        reason = check_one(c, next);
    }
    return reason;
}

static bool is_map(const struct graft_map_def *m)
{
    if (m->type == GRAFT_MAP_RINGBUF)
        return m->key_bytes == 0 && m->value_bytes == 0;
    return m->type >= GRAFT_MAP_ARRAY && m->type <= GRAFT_MAP_WINDOW && m->key_bytes > 0 &&
           m->key_bytes <= GRAFT_MAX_KEY && m->value_bytes > 0 &&
           m->value_bytes <= GRAFT_MAX_MAP_VALUE;
}

static enum graft_reason check_input(struct checker *c)
{
    c->hook = hook_find(c->in->hook);
    c->at = GRAFT_NO_INSTRUCTION;
    if (!c->hook)
        return checker_refuse_plainly(c, GRAFT_BAD_HOOK);
    if (c->in->count == 0)
        return checker_refuse_plainly(c, GRAFT_EMPTY);
    if (c->in->count > GRAFT_MAX_INSTRUCTIONS)
        return checker_refuse(c, GRAFT_TOO_LONG, GRAFT_NO_REGISTER, c->in->count,
                              GRAFT_MAX_INSTRUCTIONS);
    if (c->in->map_count > GRAFT_MAX_MAPS)
        return checker_refuse_plainly(c, GRAFT_BAD_MAP);
    for (uint32_t i = 0; i < c->in->map_count; i++)
        if (!is_map(&c->in->maps[i]))
            return checker_refuse_plainly(c, GRAFT_BAD_MAP);
    return GRAFT_ACCEPTED;
}

/* Lays loops, open states and places out behind the checker. False: they do not fit. */
static bool lay_out(struct checker *c, size_t work_bytes)
{
    size_t fixed = GRAFT_WORK_BYTES(c->in->count, 0);

    c->loop_count = 0;
    if (c->in->proof)
        proof_begin(&c->proof, c->in->proof, c->in->proof_bytes, &c->loop_count);
    fixed += c->loop_count * sizeof(struct checker_loop);
    if (work_bytes < fixed)
        return false;
    size_t fit = (work_bytes - fixed) / sizeof(struct checker_open);
    c->open_count = (uint32_t)(fit < UINT16_MAX ? fit : UINT16_MAX);
    if (c->open_count > c->in->count)
        c->open_count = c->in->count;
    c->loops = (struct checker_loop *)(c + 1);
    c->open = (struct checker_open *)(c->loops + c->loop_count);
    c->places = (struct checker_place *)(c->open + c->open_count);
    for (uint32_t i = 0; i < c->open_count; i++)
        c->open[i].used = false;
    for (uint32_t i = 0; i < c->in->count; i++)
        c->places[i] = (struct checker_place){0};
    return true;
}

static enum graft_reason check(struct checker *c, size_t work_bytes)
{
    enum graft_reason reason = check_input(c);

    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (!lay_out(c, work_bytes))
        return checker_refuse_plainly(c, GRAFT_WORK_MEMORY);
    c->longest = c->point_count = c->loop = 0;
    c->effort = (uint64_t)c->in->count * CHECKER_EFFORT;
    reason = checker_check_form(c);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (!c->in->proof)
        return check_in_order(c);
    reason = checker_read_proof(c);
    return reason == GRAFT_ACCEPTED ? checker_walk(c) : reason;
}

enum graft_reason graft_check(const struct graft_input *in, void *work, size_t work_bytes,
                              struct graft_program *out, struct graft_report *report)
{
    ASSERT((uintptr_t)work % 16 == 0);

    struct checker *c = work;
    *report = (struct graft_report){
        .reason = GRAFT_WORK_MEMORY, .instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER};
    if (work_bytes < sizeof *c)
        return GRAFT_WORK_MEMORY;

    c->in = in;
    c->report = report;
    enum graft_reason reason = check(c, work_bytes);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    uint32_t steps = (uint32_t)c->longest;
    *report = (struct graft_report){
        .instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER, .steps = steps};
    *out = (struct graft_program){.code = in->code,
                                  .count = in->count,
                                  .steps = steps,
                                  .hook = in->hook,
                                  .fuel = c->point_count ? (int64_t)c->hook->budget - steps : 0,
                                  .points = in->points,
                                  .point_count = c->point_count,
                                  .map_count = in->map_count,
                                  .maps = in->maps};
    return GRAFT_ACCEPTED;
}
