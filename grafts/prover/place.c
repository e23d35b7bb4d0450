/* The prover: where claims stand. */
#include "grafts/prover/prover.h"

/* How many states of a tree wait at once below `at`, as the checker walks: what stands behind
 * goes first. */
static uint8_t waiting(const struct prover *p, const uint8_t *below, const bool *here, uint32_t at)
{
    const struct flow_place *place = &p->flow.at[at];
    uint8_t of[2];

    for (unsigned e = 0; e < 2; e++)
        of[e] = place->next[e] == FLOW_NONE || here[place->next[e]] ? 0 : below[place->next[e]];
    if (of[0] && of[1])
        return of[1] > of[0] + 1 ? of[1] : (uint8_t)(of[0] + 1);
    uint8_t most = of[0] > of[1] ? of[0] : of[1];
    return most ? most : 1;
}

static void choose(struct prover *p, bool *here)
{
    const struct flow *f = &p->flow;
    uint8_t *below = work_take(p->work, f->program->count, 1);

    for (uint32_t at = 0; at < f->program->count; at++)
        here[at] = !f->at[at].half && (f->at[at].edges > 1 || f->at[at].leaves);
    for (uint32_t k = f->order_count; k-- > 0;) {
        uint32_t at = f->order[k], jump = f->at[at].next[1];
        below[at] = waiting(p, below, here, at);
        if (below[at] > PROVER_WAITING && jump != FLOW_NONE) {
            here[jump] = true;
            below[at] = waiting(p, below, here, at);
        }
    }
}

/* A loop is often left to code that ends soon: no claim is worth it there. */
static bool ends_soon(const struct flow *f, uint32_t at)
{
    for (unsigned n = 0; n < 4; n++) {
        if (f->at[at].edges > 1)
            return false;
        if (f->at[at].next[0] == FLOW_NONE && f->at[at].next[1] == FLOW_NONE)
            return true;
        if (f->at[at].next[0] != FLOW_NONE && f->at[at].next[1] != FLOW_NONE)
            return false;
        at = f->at[at].next[0] != FLOW_NONE ? f->at[at].next[0] : f->at[at].next[1];
    }
    return false;
}

void prover_place_claims(struct prover *p)
{
    const struct flow *f = &p->flow;
    uint32_t count = f->program->count;
    bool *here = work_take(p->work, count, sizeof *here);

    choose(p, here);
    for (uint32_t at = 0; at < count; at++)
        if (here[at] && f->at[at].edges == 1 && f->at[at].leaves && ends_soon(f, at))
            here[at] = false;
    p->claim_of = work_take(p->work, count, sizeof *p->claim_of);
    p->claims = work_take(p->work, count, sizeof *p->claims);
    for (uint32_t k = 0; k < f->order_count; k++) {
        uint32_t at = f->order[k], loop = f->at[at].loop;
        if (!here[at])
            continue;
        bool is_head = loop != FLOW_NONE && f->loops[loop].head == at;
        p->claims[p->claim_count] = (struct claim){.at = at, .loop = loop, .is_head = is_head};
        p->claim_of[at] = ++p->claim_count;
    }
}
