/* The checker's inside: what its files ask of each other. What returns bool returns false after a
 * refusal, which the report then tells. */
#pragma once

#include "grafts/checker.h"
#include "grafts/hook.h"

/* Fills the report for the instruction being checked and returns false. */
bool checker_refuse(struct checker *c, enum graft_reason reason, uint32_t reg, int64_t need,
                    int64_t have);

/* There is no need and have to tell; nor a register. */
#define checker_fail(c, reason, reg) checker_refuse(c, reason, reg, 0, 0)
#define checker_stop(c, reason)      checker_fail(c, reason, GRAFT_NO_REGISTER)

/* Counts work on so many values. */
bool checker_spend(struct checker *c, uint32_t values);

/* Are all instructions well-formed, wherever they stand, and do all edges lead to instructions?
 * Counts the edges that lead to each. */
bool checker_check_form(struct checker *c);

/*
 * Without a proof. Pre: checker_check_form.
 */

/* For c->arrive: one way to the place where several meet. */
bool checker_join(struct checker *c, struct checker_open *o);

/* Did the walk from the start come everywhere? */
bool checker_check_done(struct checker *c);

/*
 * With one, of which the loops are still to be read. Pre: checker_check_form.
 */

/* Reads all of it once. Where paths meet it must say what holds: so what lies between are trees. */
bool checker_read_proof(struct checker *c);

/* For c->arrive: a way of a tree ends at a claim. */
bool checker_arrive(struct checker *c, struct checker_open *o);

/* Walks the trees of all claims. */
bool checker_walk_claims(struct checker *c);

/* Makes all of `open` free. */
void checker_walk_begin(struct checker *c);

/* Takes a free one; NULL after a refusal. */
struct checker_open *checker_open_take(struct checker *c);
void checker_open_drop(struct checker *c, struct checker_open *o);

/* The state in *o, which becomes the walk's, goes on at `target`: now, or where its way ends,
 * through c->arrive. */
bool checker_follow(struct checker *c, struct checker_open *o, uint32_t target, bool dead);

/* One instruction, with the first of c->ready. After a refusal that state is gone. */
bool checker_walk_one(struct checker *c);

/* Goes on until nothing is ready. */
bool checker_walk(struct checker *c);

/* A run ends here, after c->steps on the turn of loop c->loop. */
bool checker_end(struct checker *c);

/* Is register `reg` written, and of one kind? */
bool checker_read(struct checker *c, unsigned reg);

/* Is it a number too? Else refuses with `reason`. */
bool checker_read_number(struct checker *c, unsigned reg, enum graft_reason reason);

/* The second operand, or what is stored: *c->src, or c->imm, which imm is put into; NULL after a
 * refusal. */
struct value *checker_read_operand(struct checker *c);

/* Is it of that kind, and 0: a number, or the distance from an object's start? */
bool checker_is_zero(const struct value *v, enum value_kind kind);

/* Do both point into one object, so that comparing them shows no address? */
bool checker_same_object(const struct value *a, const struct value *b);

/* *to becomes the value *from, which may be given a base so that they stay linked. */
void checker_link(struct checker *c, struct value *to, struct value *from);

/* May a helper read, or write, up to `bytes` bytes at the pointer in `reg`? */
bool checker_check_memory(struct checker *c, unsigned reg, uint32_t bytes, bool write);

/* What a helper wants in a register. */
enum argument {
    ARG_NONE,
    ARG_NUMBER,
    ARG_CONTEXT,
    ARG_MAP,
    ARG_KEY,
    ARG_VALUE,
    ARG_RING,
    ARG_MEMORY,
    ARG_MEMORY_OUT,
    ARG_SIZE,
    ARG_RECORD_SIZE,
    ARG_RECORD
};

/* A row of exo/abi/graft_helpers.def. */
struct contract {
    uint32_t number;
    uint8_t result; /* enum value_kind */
    uint8_t arguments[5];
};

/* The contract of the helper of that number, which grafts for this hook may call; or NULL. */
const struct contract *checker_find_helper(const struct checker *c, uint64_t number);

/* One per form of instruction: c->insn. */
bool checker_step_alu(struct checker *c);
bool checker_step_unary(struct checker *c); /* NEG, SWAP */
bool checker_step_jump(struct checker *c);
bool checker_step_load(struct checker *c);
bool checker_step_store(struct checker *c);
bool checker_step_atomic(struct checker *c);
bool checker_step_call(struct checker *c);
