/* The checker: the pass over the program's values, and where paths meet. */
#include "grafts/checker_step.h"

#include "exo/base/assert.h"

enum graft_reason checker_refuse(struct checker *c, enum graft_reason reason, uint32_t reg,
                                 int64_t need, int64_t have)
{
    *c->report = (struct graft_report){
        .reason = reason, .instruction = c->at, .reg = reg, .need = need, .have = have};
    return reason;
}

static enum graft_reason refuse_plainly(struct checker *c, enum graft_reason reason)
{
    return checker_refuse(c, reason, GRAFT_NO_REGISTER, 0, 0);
}

static void count_step(struct checker *c, uint32_t target)
{
    uint32_t steps = c->places[c->at].steps + 1;
    if (c->places[target].steps < steps)
        c->places[target].steps = steps;
}

/* The number of a free open state, from 1, or 0. */
static uint16_t open_take(struct checker *c)
{
    for (uint32_t i = 0; i < c->open_count; i++)
        if (!c->open[i].used) {
            c->open[i].used = 1;
            return (uint16_t)(i + 1);
        }
    return 0;
}

enum graft_reason checker_flow(struct checker *c, uint32_t target, const struct state *state)
{
    struct checker_place *place = &c->places[target];

    count_step(c, target);
    if (place->open) {
        state_join(&c->open[place->open - 1].state, state, target);
        return GRAFT_ACCEPTED;
    }
    place->open = open_take(c);
    if (!place->open)
        return checker_refuse(c, GRAFT_WORK_MEMORY, GRAFT_NO_REGISTER, c->open_count + 1,
                              c->open_count);
    c->open[place->open - 1].state = *state;
    return GRAFT_ACCEPTED;
}

/* Makes c->now the state before slot c->at: of the slot before when that falls through (then
 * c->alive), together with that of all other edges that lead here. */
static enum graft_reason arrive(struct checker *c)
{
    struct checker_place *place = &c->places[c->at];

    if (!place->open)
        return GRAFT_ACCEPTED;

    struct checker_open *open = &c->open[place->open - 1];
    if (c->alive)
        state_join(&open->state, &c->now, c->at);
    c->now = open->state;
    c->alive = true;
    open->used = 0;
    return GRAFT_ACCEPTED;
}

static enum graft_reason step_wide(struct checker *c, const struct insn *i)
{
    uint64_t x = (uint32_t)i[0].imm | (uint64_t)(uint32_t)i[1].imm << 32;
    c->now.reg[insn_dst(i)] = value_number(scalar_constant(x));
    return GRAFT_ACCEPTED;
}

static enum graft_reason step_exit(struct checker *c)
{
    uint32_t steps = c->places[c->at].steps;
    enum graft_reason reason = checker_read_number(c, 0, GRAFT_POINTER_LEAK);

    c->alive = false;
    if (reason == GRAFT_ACCEPTED && steps > c->hook->budget)
        return checker_refuse(c, GRAFT_BUDGET, GRAFT_NO_REGISTER, steps, c->hook->budget);
    if (c->longest < steps)
        c->longest = steps;
    return reason;
}

static enum graft_reason step(struct checker *c, const struct insn *i)
{
    enum graft_reason reason;

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
        reason = checker_flow(c, (uint32_t)insn_target(i, c->at), &c->now);
        c->alive = false;
        return reason;
    default: /* FORM_EXIT; checker_check_form refused calls and unknown opcodes */
        return step_exit(c);
    }
}

/* An instruction that no possible values lead to (its branch is never taken) has no state; its
 * effect is not checked, as it cannot run. `next`: the slot that is checked after this one. */
static enum graft_reason check_one(struct checker *c, uint32_t next)
{
    const struct insn *i = &c->in->code[c->at];
    enum graft_reason reason = arrive(c);

    if (reason != GRAFT_ACCEPTED || !c->alive)
        return reason;
    reason = step(c, i);
    if (reason != GRAFT_ACCEPTED || !c->alive)
        return reason;
    if (next == c->at + checker_slots(i)) { /* the common case: c->now goes on as it is */
        count_step(c, next);
        return GRAFT_ACCEPTED;
    }
    c->alive = false;
    return checker_flow(c, c->at + checker_slots(i), &c->now);
}

static enum graft_reason check_input(struct checker *c)
{
    c->at = GRAFT_NO_INSTRUCTION;
    if (!c->hook)
        return refuse_plainly(c, GRAFT_BAD_HOOK);
    if (c->in->count == 0)
        return refuse_plainly(c, GRAFT_EMPTY);
    if (c->in->count > GRAFT_MAX_INSTRUCTIONS)
        return checker_refuse(c, GRAFT_TOO_LONG, GRAFT_NO_REGISTER, c->in->count,
                              GRAFT_MAX_INSTRUCTIONS);
    return GRAFT_ACCEPTED;
}

/* Lays places and open states out behind the checker. Pre: they fit. */
static void lay_out(struct checker *c, size_t work_bytes)
{
    size_t left = work_bytes - GRAFT_WORK_BYTES(c->in->count, 0);
    size_t fit = left / sizeof(struct checker_open);

    c->open_count = (uint32_t)(fit < UINT16_MAX ? fit : UINT16_MAX);
    if (c->open_count > c->in->count)
        c->open_count = c->in->count;
    c->open = (struct checker_open *)(c + 1);
    c->places = (struct checker_place *)(c->open + c->open_count);
    for (uint32_t i = 0; i < c->open_count; i++)
        c->open[i].used = 0;
    for (uint32_t i = 0; i < c->in->count; i++)
        c->places[i] = (struct checker_place){0};
}

static enum graft_reason check_values(struct checker *c)
{
    state_begin(&c->now);
    c->alive = true;
    c->longest = 0;
    c->places[0].steps = 1;
    for (uint32_t k = 0; k < c->order_count; k++) {
        uint32_t next = k + 1 < c->order_count ? c->places[k + 1].order : GRAFT_NO_INSTRUCTION;
        c->at = c->places[k].order;
        enum graft_reason reason = check_one(c, next);
        if (reason != GRAFT_ACCEPTED)
            return reason;
    }
    return GRAFT_ACCEPTED;
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
    c->hook = hook_find(in->hook);
    c->report = report;
    enum graft_reason reason = check_input(c);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (work_bytes < GRAFT_WORK_BYTES(in->count, 0))
        return refuse_plainly(c, GRAFT_WORK_MEMORY);

    lay_out(c, work_bytes);
    reason = checker_check_form(c);
    if (reason == GRAFT_ACCEPTED)
        reason = checker_find_order(c);
    if (reason == GRAFT_ACCEPTED)
        reason = check_values(c);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    *report = (struct graft_report){
        .instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER, .steps = c->longest};
    *out = (struct graft_program){
        .code = in->code, .count = in->count, .steps = c->longest, .hook = in->hook};
    return GRAFT_ACCEPTED;
}
