/* The checker's inside: what its files ask of each other. */
#pragma once

#include "grafts/checker.h"
#include "grafts/hook.h"

/* Fills the report for the instruction being checked and returns `reason`. */
enum graft_reason checker_refuse(struct checker *c, enum graft_reason reason, uint32_t reg,
                                 int64_t need, int64_t have);
enum graft_reason checker_refuse_plainly(struct checker *c, enum graft_reason reason);

/* Counts work on so many values. False: it is too much. */
bool checker_spend(struct checker *c, uint32_t values);

/* How many slots the instruction takes: 1 or 2. */
uint32_t checker_slots(const struct insn *i);

/* Are all instructions well-formed, wherever they stand, and do all edges lead to instructions?
 * Marks second halves and counts the edges that lead to each. */
enum graft_reason checker_check_form(struct checker *c);

/* Finds the order in which to check, from c->places[0]. Refuses loops and unreachable
 * instructions. Pre: checker_check_form. */
enum graft_reason checker_find_order(struct checker *c);

/* Reads the proof from its loops on: fills places and loops. */
enum graft_reason checker_read_proof(struct checker *c);

/* Walks all trees. Pre: checker_read_proof. */
enum graft_reason checker_walk(struct checker *c);

/* A run ends here, after c->steps on the turn of loop c->loop. */
enum graft_reason checker_end(struct checker *c);

/* The instruction at c->at: changes *c->now as it would, or refuses. Sets alive, next, goes,
 * target, taken. */
enum graft_reason checker_step(struct checker *c);

/* Makes *c->taken a copy of *c->now. Returns GRAFT_ACCEPTED or WORK_MEMORY, EFFORT. */
enum graft_reason checker_fork(struct checker *c);

/* Is register `reg` written, and of one kind? Else refuses. */
enum graft_reason checker_read(struct checker *c, unsigned reg);

/* Is it a number too? Else refuses with `reason`. */
enum graft_reason checker_read_number(struct checker *c, unsigned reg, enum graft_reason reason);

/* The second operand: the source register, or imm, sign-extended. */
enum graft_reason checker_read_operand(struct checker *c, const struct insn *i, struct value *out);

/* Do both point into one object, so that comparing them shows no address? */
bool checker_same_object(const struct value *a, const struct value *b);

/* *to becomes the value *from, which may be given a base so that they stay linked. */
void checker_link(struct checker *c, struct value *to, struct value *from);

/* May a helper read, or write, from 1 to `bytes` bytes at the pointer in `reg`? */
enum graft_reason checker_check_memory(struct checker *c, unsigned reg, uint32_t bytes, bool write);

/* Does a helper have this number? */
bool checker_is_helper(uint64_t number);

/* One per form of instruction. */
enum graft_reason checker_step_alu(struct checker *c, const struct insn *i);
enum graft_reason checker_step_unary(struct checker *c, const struct insn *i); /* NEG, SWAP */
enum graft_reason checker_step_jump(struct checker *c, const struct insn *i);
enum graft_reason checker_step_load(struct checker *c, const struct insn *i);
enum graft_reason checker_step_store(struct checker *c, const struct insn *i);
enum graft_reason checker_step_atomic(struct checker *c, const struct insn *i);
enum graft_reason checker_step_call(struct checker *c, const struct insn *i);
