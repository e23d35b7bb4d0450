/* Writing proofs of grafts in C tests: lists of numbers, which are encoded one by one. */
#pragma once

#include <stdint.h>

#include "grafts/proof.h"

/* A number that may be negative. */
#define Z(x) ((uint64_t)(int64_t)(x) << 1 ^ (uint64_t)((int64_t)(x) >> 63))

/* Values. */
#define ANY                VALUE_NUMBER, 0
#define NUM(low, high)     VALUE_NUMBER, PROOF_UNSIGNED, low, (high) - (low)
#define SNUM(low, high)    VALUE_NUMBER, PROOF_SIGNED, Z(low), (high) - (low)
#define CNUM(class, fixed) VALUE_NUMBER, PROOF_CLASS, class, Z(fixed)
#define CONTEXT            VALUE_CONTEXT, PROOF_UNSIGNED, 0, 0
#define PACKET_END         VALUE_PACKET_END, 0
#define DATA               VALUE_PACKET, PROOF_CLASS | PROOF_UNSIGNED, 0, Z(0), 0, 0
#define MARKED(low, high, by)                                                                      \
    VALUE_NUMBER, PROOF_MARK | PROOF_UNSIGNED, 1, Z(by), low, (high) - (low)

/* What follows the registers of a state that knows nothing else. */
#define NO_MORE 0, 0, 0

static inline uint32_t proof_encode(const uint64_t *numbers, uint32_t count, uint8_t *out)
{
    uint32_t size = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t x = numbers[i];
        for (; x > 0x7f; x >>= 7)
            out[size++] = (uint8_t)(x | 0x80);
        out[size++] = (uint8_t)x;
    }
    return size;
}
