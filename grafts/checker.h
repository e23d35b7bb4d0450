/*
 * The checker: decides whether a program may run in the kernel. It is the only verifier: what it
 * accepts keeps the promises G1 to G6 of README.md, whoever made the program and its proof.
 *
 * With a proof (decision 35): the program is a set of trees between claims. Each tree is walked
 * once for each state of the claim at its root, and at each edge into a claim the state that
 * arrives must be included in one of the claim's; that is the induction. Loops are the proof's:
 * their ranks and steps are checked at the same edges.
 *
 * Without: each instruction is looked at once. Where paths meet their states are joined, and the
 * walk goes on when all of them have come; so it comes everywhere just when there is no loop,
 * whatever the order in the object. (Compilers place shared exits anywhere.)
 *
 * Time of check, time of use: code, maps and proof must be a COPY that no user can change, made
 * before graft_check is called; code and maps are kept, unchanged, while the program may run.
 *
 * Memory: no allocation, no recursion. The caller lends `work`, GRAFT_WORK_BYTES large. `open` is
 * how many states may wait at once (with a proof: at branches of one tree; without: at jump
 * targets); a program that has more is refused (WORK_MEMORY) and harms nobody else. Code from a
 * compiler rarely has more than 16. Each 64 loops of a proof take the room of one.
 * Time: linear in the slots. Work that is done value by value is counted, and one that has more of
 * it than CHECKER_EFFORT for each slot is refused (EFFORT).
 */
#pragma once

#include "grafts/program.h"
#include "grafts/proof.h"

/* What somebody asks to have run: nothing in it has been checked. */
struct graft_input {
    const struct insn *code; /* a copy, see above */
    uint32_t count;          /* slots */
    uint32_t hook;           /* enum graft_hook */
    const uint8_t *proof;    /* a copy likewise; NULL when there is none */
    uint32_t proof_bytes;
    uint32_t map_count;
    const struct graft_map_def *maps; /* whose numbers the code names */
    struct graft_fuel_point *points;  /* room that the program keeps; may be NULL */
    uint32_t point_room;              /* how many fit there */
};

/* Bytes of work memory for a program of `count` slots with `open` states waiting besides the one
 * that goes on and the one that branches off. */
#define GRAFT_WORK_BYTES(count, open)                                                              \
    (sizeof(struct checker) + (size_t)(count) * sizeof(struct checker_place) +                     \
     ((size_t)(open) + 2) * sizeof(struct checker_open))

/* Checks `in`. On GRAFT_ACCEPTED fills *out; otherwise *out is unchanged. *report is always
 * filled. `work` is aligned to 16 bytes, is the caller's again on return, and may hold anything
 * before. Returns report->reason. */
enum graft_reason graft_check(const struct graft_input *in, void *work, size_t work_bytes,
                              struct graft_program *out, struct graft_report *report);

/* The row's sentences; never NULL. */
const char *graft_reason_text(uint32_t reason);
const char *graft_reason_hint(uint32_t reason);

/* What follows is the checker's own and stands here for GRAFT_WORK_BYTES. */

/* Values that may be copied, compared or told of a fact, for each slot of the program. */
#define CHECKER_EFFORT 512u
#define CHECKER_LEAST  256u /* a program may have the effort of so many slots more */

/* What is known of one slot of the program while the check goes on. */
struct checker_place {
    uint32_t claim; /* 0: none here; else where its states begin in the proof */
    uint32_t steps; /* before it, as the claim says */
    uint32_t edges; /* that lead here; without a proof: and have not been followed yet */
    uint16_t loop;  /* of the claim: 0, or 1 + number */
    uint16_t open;  /* 0, or 1 + number of the state that waits here for the other edges */
    uint8_t states; /* of the claim */
    bool meets;     /* ways end here: there is a claim, or others meet them */
    bool done;      /* was looked at */
};

/* A state that waits. */
struct checker_open {
    struct state state;
    struct checker_open *next; /* of the list that it is in */
    uint64_t steps;            /* before `at`; with a proof: on the turn of the root's loop */
    uint32_t at;
    bool dead; /* nothing can come this way, and there is no state */
};

struct checker {
    const struct graft_input *in;
    const struct hook *hook;
    struct graft_report *report;
    struct checker_place *places;
    struct checker_open *open;  /* all */
    struct checker_open *free;  /* a list */
    struct checker_open *ready; /* likewise: the walk goes on with the first */
    struct proof_loop *loops;
    uint32_t open_count;
    uint32_t point_count;
    uint64_t effort;                /* that is left */
    uint64_t longest;               /* steps */
    uint32_t at;                    /* the slot being checked */
    const struct insn *insn;        /* there, while the walk is at it; so are the next three */
    const struct insn_shape *shape; /* its */
    struct value *dst, *src;        /* what its registers hold in *now */
    uint32_t loop;                  /* of the root: 0, or 1 + number */
    bool dead;                      /* nothing can go on, and *now is no state */
    bool goes;                      /* *taken is a state that can be */
    uint64_t steps;                 /* up to and with the instruction at `at` */
    struct state *now;              /* before, then after, the instruction */
    struct state *taken;            /* after a jump that was taken */
    /* A way ends with *o: there is a claim, or others meet it. It becomes the callee's. */
    bool (*arrive)(struct checker *c, struct checker_open *o);
    void *self;                          /* for `arrive` */
    struct value imm;                    /* of the instruction, as a value */
    struct proof proof;                  /* as far as it was read */
    uint32_t claimed_at, claimed_number; /* which claim, and which of its states, is: */
    struct state claimed;
};
