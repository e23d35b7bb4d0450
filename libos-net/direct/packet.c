/* Checksums. */
#include "libos-net/direct/packet.h"

uint64_t sum_bytes(const void *bytes, size_t count, uint64_t sum)
{
    return sum_add(bytes, count, sum);
}
