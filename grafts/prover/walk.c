/* The prover: walks from claim to claim, as the checker does, with its steps. */
#include "grafts/prover/prover.h"

static void note_refusal(struct prover *p, uint32_t from, uint32_t n)
{
    struct prove_refusal *r = p->refusal;

    if (p->refused || !r)
        return;
    p->refused = true;
    r->report = p->report;
    state_copy(&r->state, p->checker->now);
    r->claim_count = 0;
    uint32_t kept = n < PROVE_PATH ? n : PROVE_PATH;
    r->path_count = kept;
    for (uint32_t k = 0; k < kept; k++)
        r->path[k] = p->path[n - kept + k];
    for (uint32_t c = from; c != PROVER_START && r->claim_count < 64;) {
        r->claims[r->claim_count++] = p->claims[c].at;
        c = p->claims[c].count ? p->claims[c].states[0]->from : PROVER_START;
        for (uint32_t k = 0; k + 1 < r->claim_count; k++) /* once round a loop is enough */
            if (c != PROVER_START && r->claims[k] == p->claims[c].at)
                return;
    }
}

static bool arrive(struct checker *c, struct checker_open *o)
{
    struct prover *p = c->self;

    checker_open_drop(c, o);
    if (!o->dead)
        p->arrive(p, p->from, p->claim_of[o->at] - 1, &o->state, (uint32_t)o->steps);
    return true;
}

static void walk_from(struct prover *p, uint32_t from, uint32_t at, const struct state *root)
{
    struct checker *c = p->checker;

    checker_walk_begin(c);
    struct checker_open *o = checker_open_take(c);
    *o = (struct checker_open){.at = at};
    state_copy(&o->state, root);
    c->ready = o;
    c->arrive = arrive;
    c->self = p;
    c->loop = 0;
    p->from = from;
    while (c->ready) {
        uint32_t n = (uint32_t)c->ready->steps + 1;
        bool ends =
            !c->ready->dead && insn_shapes[c->in->code[c->ready->at].opcode].form == FORM_EXIT;
        p->path[n - 1] = c->ready->at;
        p->walked++;
        c->effort = UINT64_MAX / 2;
        if (!checker_walk_one(c))
            note_refusal(p, from, n);
        else if (ends && p->ended)
            p->ended(p, from, n);
    }
}

void prover_walk(struct prover *p, uint32_t from, const struct state *root)
{
    walk_from(p, from, from == PROVER_START ? 0 : p->claims[from].at, root);
}

static void walk_start(struct prover *p)
{
    struct state s;

    state_begin(&s);
    if (p->claim_of[0])
        p->arrive(p, PROVER_START, p->claim_of[0] - 1, &s, 0);
    else
        prover_walk(p, PROVER_START, &s);
}

void prover_sweep(struct prover *p, bool only_dirty)
{
    if (!only_dirty)
        walk_start(p);
    for (uint32_t k = 0; k < p->claim_count; k++) {
        struct claim *claim = &p->claims[k];
        for (uint32_t i = 0; i < claim->count; i++) {
            struct claim_state *s = claim->states[i];
            if (only_dirty && !s->dirty)
                continue;
            s->dirty = false;
            prover_walk(p, k, &s->state);
        }
    }
}
