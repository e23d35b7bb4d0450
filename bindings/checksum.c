/* The Internet's checksum. */
#include "bindings/checksum.h"

#include "exo/base/assert.h"

#define WORD ((uint32_t)sizeof(uint64_t))

/* Sums words of eight bytes as they lie in memory: the bytes of the sum come out in the order that
 * they have there (RFC 1071, section 2). */
static uint16_t sum_bytes(const uint8_t *at, uint32_t count)
{
    uint64_t sum = 0, word, rest = 0;

    for (; count >= WORD; count -= WORD, at += WORD) {
        __builtin_memcpy(&word, at, sizeof word);
        sum += word;
        sum += sum < word;
    }
    for (uint32_t i = 0; i < count; i++)
        rest |= (uint64_t)at[i] << 8 * i;
    sum += rest;
    sum += sum < rest;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

void checksum_complete(uint8_t *packet, uint32_t length, uint32_t start, uint32_t offset)
{
    ASSERT(start + offset + sizeof(uint16_t) <= length);

    uint16_t sum = (uint16_t)~sum_bytes(packet + start, length - start);
    sum = sum ? sum : UINT16_MAX;
    __builtin_memcpy(packet + start + offset, &sum, sizeof sum);
}

void checksum_settle(uint8_t *packet, uint32_t length, struct nic_csum *csum)
{
    if (csum->is_valid)
        return;
    checksum_complete(packet, length, csum->start, csum->offset);
    csum->is_valid = true;
}

/* Seldom, and not to be in the way of who has no such packets. */
__attribute__((noinline)) uint32_t checksum_tell(uint8_t *packet, uint32_t length,
                                                 struct nic_csum *csum, uint32_t posted)
{
    if (!csum->is_valid && posted & CSUM_PARTIAL)
        return CSUM_PARTIAL;
    checksum_settle(packet, length, csum);
    return CSUM_VALID;
}
