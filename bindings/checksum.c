/* The Internet's checksum. */
#include "bindings/checksum.h"

#include "exo/abi/checksum.h"
#include "exo/base/assert.h"

void checksum_complete(uint8_t *packet, uint32_t length, uint32_t start, uint32_t offset)
{
    ASSERT(start + offset + sizeof(uint16_t) <= length);

    uint16_t sum = (uint16_t)~sum_of(packet + start, length - start);
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
