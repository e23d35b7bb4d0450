/*
 * Known bits: a set of 64-bit numbers, given by the bits that all of them share. Also called
 * tristate numbers; the arithmetic is that of Vishwanathan, Shachnai, Narayana, Nagarakatte,
 * "Sound, Precise, and Fast Abstract Interpretation with Tristate Numbers", CGO 2022.
 */
#pragma once

#include "exo/abi/types.h"

#define LARGER(a, b)  ((a) > (b) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))

/* All x with (x & ~unknown) == value. Invariant: (value & unknown) == 0. */
struct bits {
    uint64_t value;
    uint64_t unknown;
};

/* The smallest set that holds every number from `low` to `high`. Pre: low <= high. */
struct bits bits_range(uint64_t low, uint64_t high);

bool bits_contain(struct bits a, uint64_t x);
bool bits_include(struct bits a, struct bits b); /* is b a part of a? */
struct bits bits_join(struct bits a, struct bits b);

/* The numbers in both; false when there is none, and then *out is not written. */
bool bits_meet(struct bits a, struct bits b, struct bits *out);

struct bits bits_add(struct bits a, struct bits b);
struct bits bits_sub(struct bits a, struct bits b);
struct bits bits_mul(struct bits a, struct bits b);
struct bits bits_and(struct bits a, struct bits b);
struct bits bits_or(struct bits a, struct bits b);
struct bits bits_xor(struct bits a, struct bits b);
struct bits bits_shift_left(struct bits a, unsigned by);
struct bits bits_shift_right(struct bits a, unsigned by);
struct bits bits_shift_signed(struct bits a, unsigned by);
