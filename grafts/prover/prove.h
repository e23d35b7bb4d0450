/*
 * The prover: finds the proof of a linked program (decision 35), or says why it cannot. Whatever it
 * finds counts only when graft_check accepts it, which is asked here too.
 */
#pragma once

#include "exo/abi/graft.h"
#include "grafts/checker.h"
#include "grafts/proof.h"
#include "grafts/prover/link.h"

#define PROVE_PATH 512u /* instructions of a path that are kept, the last ones */

/* Why some step is refused, and how it was come to. */
struct prove_refusal {
    struct graft_report report;
    struct state state; /* before the instruction */
    uint32_t path[PROVE_PATH];
    uint32_t path_count; /* that are kept */
    uint32_t claims[64]; /* instructions of the claims on the way, the last first */
    uint32_t claim_count;
};

struct prove_loop {
    struct proof_loop told;
    uint64_t turns;
};

struct prove_claim {
    uint32_t at, loop, steps, states; /* loop: 0, or 1 + number */
    const struct state *state[PROOF_MAX_STATES];
};

/* All of it lies in the work's memory. */
struct proved {
    const uint8_t *proof; /* NULL when the program needs none */
    uint32_t proof_bytes;
    struct graft_report without;   /* the checker's, without a proof */
    struct graft_report report;    /* the checker's, or of the step that refused every attempt */
    struct graft_program program;  /* when it was accepted */
    struct prove_refusal *refusal; /* when it was not; its path may be empty */
    struct prove_claim *claims;
    uint32_t claim_count;
    struct prove_loop *loops;
    uint32_t loop_count;
    uint32_t attempts;
    bool untied;     /* the code was rewritten */
    uint64_t walked; /* instructions that were looked at, again counted */
};

/* With `always`, a program without loops gets a proof too, though it needs none. */
struct prove_wish {
    uint32_t hook;
    bool always;
};

/* Proves `p` for a hook, which may rewrite its code where nothing else helps (untie.h). True:
 * accepted. False: out->report says why not. Leaves through the work's `out` when the code's form
 * is wrong already. */
bool prove(struct work *w, struct linked *p, const struct prove_wish *wish, struct proved *out);
