/* The checker's inside: what its files ask of each other. */
#pragma once

#include "grafts/checker.h"
#include "grafts/hook.h"

/* Fills the report for the instruction being checked and returns `reason`. */
enum graft_reason checker_refuse(struct checker *c, enum graft_reason reason, uint32_t reg,
                                 int64_t need, int64_t have);

/* How many slots the instruction takes: 1 or 2. */
uint32_t checker_slots(const struct insn *i);

/* Are all instructions well-formed, wherever they stand? Marks second halves. */
enum graft_reason checker_check_form(struct checker *c);

/* Finds the order in which to check, from c->places[0]. Refuses loops, unreachable instructions and
 * jumps to where no instruction begins. Pre: checker_check_form. */
enum graft_reason checker_find_order(struct checker *c);

/* `state` arrives at `target`, which is checked later. Returns GRAFT_ACCEPTED, WORK_MEMORY or
 * CLAIM. */
enum graft_reason checker_flow(struct checker *c, uint32_t target, const struct state *state);

/* Is register `reg` written, and of one kind? Else refuses. */
enum graft_reason checker_read(struct checker *c, unsigned reg);

/* Is it a number too? Else refuses with `reason`. */
enum graft_reason checker_read_number(struct checker *c, unsigned reg, enum graft_reason reason);

/* One per form of instruction: changes c->now as it would, or refuses. */
enum graft_reason checker_step_alu(struct checker *c, const struct insn *i);
enum graft_reason checker_step_unary(struct checker *c, const struct insn *i); /* NEG, SWAP */
enum graft_reason checker_step_jump(struct checker *c, const struct insn *i);
enum graft_reason checker_step_load(struct checker *c, const struct insn *i);
enum graft_reason checker_step_store(struct checker *c, const struct insn *i);
enum graft_reason checker_step_atomic(struct checker *c, const struct insn *i);
