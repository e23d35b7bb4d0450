/*
 * The Internet's checksum (RFC 1071), by words of 64 bits: a sum in the order of bytes that the
 * packet has, whose parts may be added up in any order. Free of all else here, as lwIP includes it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SUM_BLOCK                                                                                  \
    64u /* bytes, of which all have their carries counted before these come in again */

/* `sum` and `count` bytes anywhere; what carries out comes in again. Of pieces that are added one
 * after the other all but the last have an even number of bytes. */
static inline uint64_t sum_add(const void *bytes, size_t count, uint64_t sum)
{
    const uint8_t *at = (const uint8_t *)bytes;
    uint64_t word;

    if (count >= SUM_BLOCK) {
        uint64_t carries = 0;
        for (; count >= SUM_BLOCK; count -= SUM_BLOCK, at += SUM_BLOCK) {
#pragma GCC unroll 8
            for (size_t i = 0; i < SUM_BLOCK; i += sizeof word) {
                __builtin_memcpy(&word, at + i, sizeof word);
                sum += word;
                carries += sum < word;
            }
        }
        sum += carries;
        sum += sum < carries;
    }
    for (; count >= sizeof word; count -= sizeof word, at += sizeof word) {
        __builtin_memcpy(&word, at, sizeof word);
        sum += word;
        sum += sum < word;
    }
    word = 0;
    if (count & 4) {
        uint32_t half;
        __builtin_memcpy(&half, at, sizeof half);
        at += sizeof half;
        word += half;
    }
    if (count & 2) {
        uint16_t pair;
        __builtin_memcpy(&pair, at, sizeof pair);
        at += sizeof pair;
        word += pair;
    }
    if (count & 1)
        word += *at;
    sum += word;
    return sum + (sum < word);
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
