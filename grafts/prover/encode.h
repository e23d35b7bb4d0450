/* Proofs, written: the form that grafts/proof.h reads. */
#pragma once

#include "grafts/proof.h"
#include "grafts/prover/work.h"

struct encoder {
    struct work *work;
    uint8_t *at;
    uint32_t count, room;
};

void encode_number(struct encoder *e, uint64_t x);
void encode_loop(struct encoder *e, const struct proof_loop *l);

/* `previous`: the instruction of the claim before, UINT32_MAX for the first. */
void encode_claim(struct encoder *e, uint32_t previous, const struct proof_claim *c);

/* A state in the form that states_normalise makes. */
void encode_state(struct encoder *e, const struct state *s);
