/* Writing proofs of grafts in C tests: lists of numbers, which are encoded one by one. */
#pragma once

#include <stdint.h>

#include "grafts/proof.h"

/* A number that may be negative. */
#define Z(x) ((uint64_t)(int64_t)(x) << 1 ^ (uint64_t)((int64_t)(x) >> 63))

/* Values. */
#define WHAT(kind, flags)  VALUE_##kind + PROOF_KINDS *(uint64_t)(flags)
#define ANY                WHAT(NUMBER, 0)
#define NUM(low, high)     WHAT(NUMBER, PROOF_UNSIGNED), low, (high) - (low)
#define SNUM(low, high)    WHAT(NUMBER, PROOF_SIGNED), Z(low), (uint64_t)(high) - (uint64_t)(low)
#define CNUM(class, fixed) WHAT(NUMBER, PROOF_CLASS), class, Z(fixed)
#define CONTEXT            WHAT(CONTEXT, PROOF_UNSIGNED), 0, 0
#define PACKET_END         WHAT(PACKET_END, 0)
#define DATA               WHAT(PACKET, PROOF_CLASS | PROOF_UNSIGNED), 0, Z(0), 0, 0
#define MARKED(low, high, by)                                                                      \
    WHAT(NUMBER, PROOF_MARK | PROOF_UNSIGNED), 1, Z(by), low, (high) - (low)

/* A state: BEGIN becomes the bytes from there to END, or to the next BEGIN. */
#define BEGIN             (0xbe91000000000000u)
#define END               (0xbe92000000000000u)
#define SHAPE(regs, more) (uint64_t)(regs) * PROOF_REGISTERS + (more)
#define STATE(regs, ...)  BEGIN, SHAPE(regs, 0), __VA_ARGS__, END
#define EMPTY             BEGIN, 0, END

static inline uint32_t proof_put(uint64_t x, uint8_t *out)
{
    uint32_t size = 0;

    for (; x > 0x7f; x >>= 7)
        out[size++] = (uint8_t)(x | 0x80);
    out[size++] = (uint8_t)x;
    return size;
}

/* Numbers as a proof has them. Returns the bytes: at most ten for each number. */
static inline uint32_t proof_encode(const uint64_t *numbers, uint32_t count, uint8_t *out)
{
    uint32_t size = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (numbers[i] == BEGIN) {
            uint8_t state[2048];
            uint32_t end = i + 1, bytes;
            while (end < count && numbers[end] != BEGIN && numbers[end] != END)
                end++;
            bytes = proof_encode(numbers + i + 1, end - i - 1, state);
            size += proof_put(bytes, out + size);
        } else if (numbers[i] != END) {
            size += proof_put(numbers[i], out + size);
        }
    }
    return size;
}
