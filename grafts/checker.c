/* The checker: its input, and its work memory. */
#include "grafts/checker_step.h"

#include "exo/base/assert.h"

bool checker_refuse(struct checker *c, enum graft_reason reason, uint32_t reg, int64_t need,
                    int64_t have)
{
    *c->report = (struct graft_report){
        .reason = reason, .instruction = c->at, .reg = reg, .need = need, .have = have};
    return false;
}

bool checker_spend(struct checker *c, uint32_t values)
{
    if (c->effort < values)
        return checker_stop(c, GRAFT_EFFORT);
    c->effort -= values;
    return true;
}

static bool is_map(const struct graft_map_def *m)
{
    if (m->type == GRAFT_MAP_RINGBUF)
        return m->key_bytes == 0 && m->value_bytes == 0;
    return m->type >= GRAFT_MAP_ARRAY && m->type <= GRAFT_MAP_WINDOW && m->key_bytes > 0 &&
           m->key_bytes <= GRAFT_MAX_KEY && m->value_bytes > 0 &&
           m->value_bytes <= GRAFT_MAX_MAP_VALUE;
}

static bool check_input(struct checker *c)
{
    const struct graft_input *in = c->in;

    c->at = GRAFT_NO_INSTRUCTION;
    c->hook = hook_find(in->hook);
    if (!c->hook)
        return checker_stop(c, GRAFT_BAD_HOOK);
    if (in->count == 0)
        return checker_stop(c, GRAFT_EMPTY);
    if (in->count > GRAFT_MAX_INSTRUCTIONS)
        return checker_refuse(c, GRAFT_TOO_LONG, GRAFT_NO_REGISTER, in->count,
                              GRAFT_MAX_INSTRUCTIONS);
    if (in->map_count > 0 && c->hook->flags & GRAFT_SAME_ANSWER)
        return checker_stop(c, GRAFT_HOOK_MAP);
    for (uint32_t i = 0; i < in->map_count; i++)
        if (in->map_count > GRAFT_MAX_MAPS || !is_map(&in->maps[i]))
            return checker_stop(c, GRAFT_BAD_MAP);
    return true;
}

/* Lays loops, open states and places out behind the checker, which is set up. */
static bool lay_out(struct checker *c, size_t work_bytes)
{
    size_t fixed = GRAFT_WORK_BYTES(c->in->count, 0);

    c->claimed_at = GRAFT_NO_INSTRUCTION;
    c->longest = c->point_count = c->loop = c->proof.loops = 0;
    c->effort = ((uint64_t)c->in->count + CHECKER_LEAST) * CHECKER_EFFORT;
    if (c->in->proof &&
        !proof_begin(&c->proof, c->in->proof, c->in->proof_bytes, c->in->count, c->in->map_count))
        return checker_stop(c, GRAFT_PROOF_VERSION);
    fixed += c->proof.loops * sizeof(struct proof_loop);
    if (work_bytes < fixed)
        return checker_stop(c, GRAFT_WORK_MEMORY);
    c->loops = (struct proof_loop *)(c + 1);
    c->open = (struct checker_open *)(c->loops + c->proof.loops);
    uint64_t room = (work_bytes - fixed) / sizeof *c->open + 2;
    uint32_t most = c->in->count < UINT16_MAX - 2 ? c->in->count + 2 : UINT16_MAX;
    c->open_count = room < most ? (uint32_t)room : most;
    c->places = (struct checker_place *)(c->open + c->open_count);
    checker_walk_begin(c);
    return true;
}

/* The start is an edge like others. */
static bool walk_start(struct checker *c)
{
    struct checker_open *o = checker_open_take(c);

    if (!o)
        return false;
    c->at = 0;
    c->steps = 0;
    c->arrive = c->in->proof ? checker_arrive : checker_join;
    state_begin(&o->state);
    return checker_follow(c, o, 0, false) && checker_walk(c);
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
    if (!check_input(c) || !lay_out(c, work_bytes) || !checker_check_form(c) ||
        (in->proof && !checker_read_proof(c)) || !walk_start(c) ||
        !(in->proof ? checker_walk_claims(c) : checker_check_done(c)))
        return report->reason;
    uint32_t steps = (uint32_t)c->longest;
    *report = (struct graft_report){
        .instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER, .steps = steps};
    *out = (struct graft_program){.code = in->code,
                                  .count = in->count,
                                  .steps = steps,
                                  .hook = in->hook,
                                  .point_count = c->point_count,
                                  .points = in->points,
                                  .fuel = c->point_count ? (int64_t)c->hook->budget - steps : 0,
                                  .map_count = in->map_count,
                                  .maps = in->maps};
    return GRAFT_ACCEPTED;
}
