/*
 * The Internet's checksum (RFC 1071), by words of 64 bits: a sum in the order of bytes that the
 * packet has, whose parts may be added up in any order. Free of all else here, as lwIP includes it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SUM_BLOCK 128u /* bytes that are added in one chain of carries */

/* Adds so many words in one chain; what carries out of the last is returned. */
static inline __attribute__((always_inline)) uint8_t sum_chain(const uint8_t *at, size_t words,
                                                               unsigned long long *sum)
{
    unsigned long long word;
    uint8_t carry = 0;

#pragma GCC unroll 16
    for (size_t i = 0; i < words; i++) {
        __builtin_memcpy(&word, at + i * sizeof word, sizeof word);
        carry = __builtin_ia32_addcarryx_u64(carry, *sum, word, sum);
    }
    return carry;
}

/* `sum` and `count` bytes anywhere; what carries out comes in again. Of pieces that are added one
 * after the other all but the last have an even number of bytes. */
static inline uint64_t sum_add(const void *bytes, size_t count, uint64_t sum)
{
    const uint8_t *at = (const uint8_t *)bytes;
    unsigned long long chained = sum, rest = 0; /* rest: carries, and what is no whole word */

    for (; count >= SUM_BLOCK; count -= SUM_BLOCK, at += SUM_BLOCK)
        rest += sum_chain(at, SUM_BLOCK / 8, &chained);
    if (count & 64) {
        rest += sum_chain(at, 8, &chained);
        at += 64;
    }
    if (count & 32) {
        rest += sum_chain(at, 4, &chained);
        at += 32;
    }
    if (count & 16) {
        rest += sum_chain(at, 2, &chained);
        at += 16;
    }
    if (count & 8) {
        rest += sum_chain(at, 1, &chained);
        at += 8;
    }
    if (count & 4) {
        uint32_t half;
        __builtin_memcpy(&half, at, sizeof half);
        at += sizeof half;
        rest += half;
    }
    if (count & 2) {
        uint16_t pair;
        __builtin_memcpy(&pair, at, sizeof pair);
        at += sizeof pair;
        rest += pair;
    }
    if (count & 1)
        rest += *at;
    chained += rest;
    return chained + (chained < rest);
}

/* A sum in 16 bits, not complemented. */
static inline uint16_t sum_fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The sum of so many bytes, not complemented, in memory's order. */
static inline uint16_t sum_of(const void *bytes, size_t count)
{
    return sum_fold(sum_add(bytes, count, 0));
}
