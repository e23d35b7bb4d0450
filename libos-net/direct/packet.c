/* Checksums. */
#include "libos-net/direct/packet.h"

uint64_t sum_bytes(const void *bytes, size_t count, uint64_t sum)
{
    const uint8_t *at = bytes;
    uint64_t word = 0;

    for (; count >= sizeof word; count -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sum += word;
        sum += sum < word; /* the carry comes in again below */
    }
    word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)at[i] << 8 * i;
    sum += word;
    return sum + (sum < word);
}
