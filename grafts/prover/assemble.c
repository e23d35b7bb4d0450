/* The prover: what was found, as a proof. */
#include "grafts/prover/prover.h"

static uint32_t narrow(uint64_t x)
{
    return x < UINT32_MAX ? (uint32_t)x : UINT32_MAX;
}

struct proof_loop prover_loop(const struct prover *p, uint32_t k)
{
    const struct flow_loop *l = &p->flow.loops[k];
    const struct rank *r = &p->ranks[k];

    return (struct proof_loop){.head = l->head,
                               .parent = l->parent == FLOW_NONE ? 0 : l->parent + 1,
                               .rank = r->place,
                               .down = r->down,
                               .step = r->step,
                               .low = r->low,
                               .width = (uint64_t)r->high - (uint64_t)r->low,
                               .entry = narrow(r->entry),
                               .body = narrow(r->body)};
}

void prover_encode(struct prover *p, struct encoder *e)
{
    uint32_t previous = UINT32_MAX;

    encode_number(e, PROOF_VERSION);
    encode_number(e, p->flow.loop_count);
    for (uint32_t k = 0; k < p->flow.loop_count; k++) {
        struct proof_loop told = prover_loop(p, k);
        encode_loop(e, &told);
    }
    encode_number(e, p->claim_count);
    for (uint32_t at = 0; at < p->program->count; at++) {
        if (!p->claim_of[at])
            continue;
        const struct claim *claim = &p->claims[p->claim_of[at] - 1];
        struct proof_claim told = {.at = at,
                                   .loop = claim->loop == FLOW_NONE ? 0 : claim->loop + 1,
                                   .steps = narrow(claim->steps),
                                   .states = claim->count};
        encode_claim(e, previous, &told);
        for (uint32_t i = 0; i < claim->count; i++)
            encode_state(e, &claim->states[i]->state);
        previous = at;
    }
}
