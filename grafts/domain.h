/*
 * Abstract numbers: what the checker knows of a 64-bit value: its known bits, and intervals for it
 * read as unsigned or signed, whole or its low 32 bits. A number stands for the set of values that
 * satisfy all five; every operation here may only lose knowledge, never invent it.
 */
#pragma once

#include "grafts/bits.h"
#include "grafts/insn.h"

/* Each pair is an inclusive interval. Kept tight against each other by the operations. */
struct scalar {
    struct bits bits;
    uint64_t umin, umax;
    int64_t smin, smax;
    uint32_t umin32, umax32; /* of the low half */
    int32_t smin32, smax32;
};

/* Does something for each of them. */
#define SCALAR_INTERVALS(X) X(umin, umax) X(smin, smax) X(umin32, umax32) X(smin32, smax32)

struct scalar scalar_constant(uint64_t x);
struct scalar scalar_anything(void);
struct scalar scalar_unsigned(uint64_t low, uint64_t high); /* pre: low <= high */
struct scalar scalar_signed(int64_t low, int64_t high);     /* pre: low <= high */

/* What a field of so many bits holds, extended as an unsigned or signed number. */
struct scalar scalar_of_width(unsigned bits, bool is_signed);

/* What is known of the low half, and nothing of the upper one. */
struct scalar scalar_low_half(const struct scalar *a);

bool scalar_is_constant(const struct scalar *a);

/* Is every number of `b` one of `a`? May say no when the answer is yes, never the reverse. */
bool scalar_includes(const struct scalar *a, const struct scalar *b);

/* The smallest number here that includes both. */
struct scalar scalar_join(const struct scalar *a, const struct scalar *b);

/* Moves knowledge between the five parts. False: the parts contradict, no value satisfies all. */
bool scalar_tighten(struct scalar *a);

/* Makes *a the values in both. False: there is none, and then *a is not to be used. */
bool scalar_meet(struct scalar *a, const struct scalar *b);

/* What alu_compute, 0 - a, and alu_swap may give. */
struct scalar scalar_alu(enum alu_op op, int16_t offset, unsigned bytes, const struct scalar *a,
                         const struct scalar *b);
struct scalar scalar_neg(unsigned bytes, const struct scalar *a);
struct scalar scalar_swap(enum swap_op op, int32_t bits, const struct scalar *a);

/* Uses that a jump was taken, or was not, to know more of both operands. False: it cannot have
 * gone that way, and then the operands are not to be used. */
bool scalar_refine(enum jump_op op, unsigned bytes, bool taken, struct scalar *a, struct scalar *b);
