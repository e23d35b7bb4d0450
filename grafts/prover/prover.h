/*
 * The prover's inside. Claims stand where paths meet, where loops are left, and where too many
 * branches would wait. Their states are found by walking trees from claim to claim with the
 * checker's own steps, until nothing new arrives anywhere.
 */
#pragma once

#include "grafts/checker_step.h"
#include "grafts/prover/encode.h"
#include "grafts/prover/prove.h"
#include "grafts/prover/states.h"

#define PROVER_STATES  PROOF_MAX_STATES
#define PROVER_WAITING 8u        /* states of a tree that wait at branches */
#define PROVER_START   FLOW_NONE /* instead of a claim: the start of the program */

struct claim_state {
    struct state state;
    struct state gathered;    /* while narrowing: all that arrived */
    struct claim_state *next; /* of the spare ones */
    bool is_gathered, dirty;
    uint32_t updates;
    uint32_t from; /* the claim from which it first came, or PROVER_START */
};

struct claim {
    uint32_t at;
    uint32_t loop; /* innermost, or FLOW_NONE */
    bool is_head;
    uint32_t count;
    struct claim_state *states[PROVER_STATES];
    uint64_t steps;
};

struct rank {
    uint32_t place; /* 1 + place, or 0: none */
    bool down;
    uint64_t step;
    uint64_t turns;
    int64_t low, high; /* where it lies at the head */
    uint64_t entry, body;
};

/* How hard to try. */
struct effort {
    uint32_t states; /* per claim */
    uint32_t heads;  /* per claim at a loop's head */
    uint32_t delay;  /* times that a head grows before it is widened */
};

struct prover;

/* What is done with a state that reaches claim `to` from claim `from` after n instructions. */
typedef void prover_arrive(struct prover *p, uint32_t from, uint32_t to, struct state *s,
                           uint32_t n);

struct prover {
    struct work *work;
    const struct linked *program;
    struct flow flow;
    struct thresholds thresholds;
    struct graft_input input;
    struct checker *checker;
    struct graft_report report; /* of the step */
    struct claim *claims;       /* in reverse postorder */
    uint32_t claim_count;
    uint32_t *claim_of; /* of each slot: 1 + number of the claim there, or 0 */
    struct rank *ranks; /* of each loop */
    uint64_t bound;     /* instructions that a run takes at most; those that fuel pays for apart */
    struct effort effort;
    struct claim_state *spare;   /* linked through next */
    uint64_t walked, walk_limit; /* instructions */
    bool changed;

    /* The walk that goes on. */
    prover_arrive *arrive;
    uint32_t from; /* the claim at the root, or PROVER_START */
    void (*ended)(struct prover *p, uint32_t from, uint32_t n); /* at an exit; may be NULL */
    uint32_t *path;  /* [count] instructions from the root to where it is */
    void *gathering; /* what arrive and ended fill */
    bool refused;
    struct prove_refusal *refusal; /* the first of the sweep */
};

/* Chooses where claims stand. */
void prover_place_claims(struct prover *p);

/* Walks the tree of claim `from` with a copy of `root`; the state of a head carries its marks. */
void prover_walk(struct prover *p, uint32_t from, const struct state *root);

/* Walks from the start and from every state of every claim, or only those that are dirty. */
void prover_sweep(struct prover *p, bool only_dirty);

/* Finds states that nothing leaves. False: some step is refused; see p->refusal. */
bool prover_find_states(struct prover *p);

/* Finds ranks of loops, as many as can be found. */
void prover_find_ranks(struct prover *p);

/* Marks the states of claims for the ranks chosen. */
void prover_mark_states(struct prover *p);

/* Finds steps, entries, bodies and p->bound. */
void prover_find_steps(struct prover *p);

/* What the proof says of loop `k`. */
struct proof_loop prover_loop(const struct prover *p, uint32_t k);

/* The proof. */
void prover_encode(struct prover *p, struct encoder *e);
