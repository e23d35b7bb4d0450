/* The prover: walks from claim to claim, as the checker does (checker_proof.c), with its steps. */
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

/* Where the states go that an instruction leaves. `n`: instructions from the root on. */
static void go_on(struct prover *p, uint32_t from, uint32_t n)
{
    struct checker *c = p->checker;
    struct checker_open *now = &c->open[c->depth - 1], *taken = &c->open[c->depth];
    bool waits = c->goes && !p->claim_of[c->target];

    if (c->goes && !waits)
        p->arrive(p, from, p->claim_of[c->target] - 1, c->taken, n);
    if (c->alive && p->claim_of[c->next]) {
        p->arrive(p, from, p->claim_of[c->next] - 1, c->now, n);
        c->alive = false;
    }
    now->at = c->next;
    now->steps = n;
    if (waits && c->alive) {
        taken->at = c->target;
        taken->steps = n;
        c->depth++;
    } else if (waits) {
        state_copy(&now->state, &taken->state);
        now->at = c->target;
    } else if (!c->alive) {
        c->depth--;
    }
}

static void walk_from(struct prover *p, uint32_t from, uint32_t at, const struct state *root)
{
    struct checker *c = p->checker;

    state_copy(&c->open[0].state, root);
    c->open[0].at = at;
    c->open[0].steps = 0;
    for (c->depth = 1; c->depth > 0;) {
        struct checker_open *open = &c->open[c->depth - 1];
        uint32_t n = (uint32_t)open->steps + 1;
        c->at = open->at;
        c->now = &open->state;
        c->alive = true;
        c->steps = 0;
        c->loop = 0;
        c->effort = UINT64_MAX / 2;
        p->path[n - 1] = c->at;
        p->walked++;
        bool exits = insn_shapes[c->in->code[c->at].opcode].form == FORM_EXIT;
        if (checker_step(c) != GRAFT_ACCEPTED) {
            note_refusal(p, from, n);
            c->depth--;
            continue;
        }
        if (exits && p->ended)
            p->ended(p, from, n);
        go_on(p, from, n);
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
