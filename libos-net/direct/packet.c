/* Checksums. */
#include "libos-net/direct/packet.h"

uint64_t sum_bytes(const void *bytes, size_t count, uint64_t sum)
{
    const uint8_t *at = bytes;
    uint64_t word = 0;

    for (; count >= sizeof word; count -= sizeof word, at += sizeof word) {
        __builtin_memcpy(&word, at, sizeof word);
        sum += word;
        sum += sum < word; /* the carry comes in again below */
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
