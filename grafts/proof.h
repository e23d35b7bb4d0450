/*
 * Proofs: what a prover says about a program, as the object's section `.graft.proof` has it.
 *
 *     proof  := 2 nloops loop* nclaims claim*
 *     loop   := head parent rank [down step low high-low] entry body
 *     claim  := gap loop steps nstates state*
 *     state  := bytes shape [packet_length] [nheld (class)*] value* [nslots (gap init [value])*]
 *     value  := what [map] [class fixed] [mark moved] [ahead] [umin umax-umin]
 *               [smin smax-smin] [bits unknown] [umin32 umax32-umin32 smin32 smax32-smin32]
 *
 * Numbers are LEB128 of at most 64 bits in the shortest form; those that may be negative (fixed,
 * moved, ahead, smin, smin32, a rank's low) zigzag: 2 n or -2 n - 1. Decoding streams: it needs no
 * memory but the one state; `bytes` are those behind it, so that states are passed over, and are
 * compared with one that arrives while they are read. Every number has a bound; past one that
 * breaks its own, or past the end, `broken` is set and whatever is read is 0. So callers test it
 * only where they are about to believe.
 */
#pragma once

#include "exo/abi/graft_map.h"
#include "grafts/state.h"

#define PROOF_VERSION    2u
#define PROOF_MAX_STATES 8u
#define PROOF_MAX_LOOPS  4096u
#define PROOF_MAX_STEPS  UINT32_MAX
#define PROOF_SECTION    ".graft.proof"

enum proof_shape { /* of a state: what is told besides the registers whose bits stand above */
                   PROOF_LENGTH = 1,
                   PROOF_HELD = 2,
                   PROOF_SLOTS = 4,
                   PROOF_REGISTERS = 8
};

enum proof_flag { /* of a value; above its kind */
                  PROOF_UNSIGNED = 1,
                  PROOF_SIGNED = 2,
                  PROOF_BITS = 4,
                  PROOF_HALVES = 8,  /* of the low half, read both ways */
                  PROOF_NUMBER = 15, /* these four */
                  PROOF_CLASS =
                      16, /* 0: `data` (packet pointers alone); else below STATE_CLASSES - 1 */
                  PROOF_MARK = 32,
                  PROOF_AHEAD = 64,
};

struct proof {
    const uint8_t *next, *end;
    uint32_t count, maps, loops; /* slots, maps, loops that there are: what numbers may name */
    uint32_t at;                 /* of the claim */
    uint32_t heads;              /* 1 + the loop whose head that is, when it is known; else 0 */
    bool broken;
};

#define PROOF_KINDS 16u /* `what` is kind + PROOF_KINDS * flags */

struct proof_loop {
    uint32_t head;   /* an instruction */
    uint32_t parent; /* 0, or 1 + the number of an earlier loop */
    uint32_t rank;   /* 0: none; else 1 + place */
    uint32_t down;   /* 0 or 1 */
    uint64_t step;   /* at least 1 where there is a rank */
    int64_t low;     /* where the rank lies at the head */
    uint64_t width;  /* likewise: as far above that at most */
    uint32_t entry, body;
};

struct proof_claim {
    uint32_t at;     /* instruction */
    uint32_t loop;   /* 0, or 1 + the innermost one's number */
    uint32_t steps;  /* before it on this loop's turn */
    uint32_t states; /* that follow */
};

/* Begins to read the proof of a program of `count` slots and `maps` maps; p->loops loops follow.
 * False: it is of another version. */
bool proof_begin(struct proof *p, const uint8_t *bytes, uint32_t size, uint32_t count,
                 uint32_t maps);

/* Loop number `number`. */
void proof_take_loop(struct proof *p, uint32_t number, struct proof_loop *out);

/* How many claims follow. */
uint32_t proof_take_claims(struct proof *p);

/* The next claim. */
void proof_take_claim(struct proof *p, struct proof_claim *out);

/* The next state of the claim at p->at: bases are classes, or names of single values. It keeps S1
 * to S4, and tells no mark of the loop that it heads. */
void proof_take_state(struct proof *p, struct state *out);

/* Passes over it. */
void proof_skip_state(struct proof *p);
