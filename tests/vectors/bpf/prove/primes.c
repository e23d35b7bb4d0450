/* Proved: a sieve on the stack. */
#include "grafts/include/graft_helpers.h"

uint64_t primes(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t primes(const struct graft_packet *packet)
{
    uint8_t composite[64] = {0};
    uint32_t count = 0, limit = packet->length & 63;

    for (uint32_t i = 2; i < 8; i++)
        for (uint32_t k = i * i; k < 64; k += i) {
            composite[k & 63] = 1;
            __asm__ volatile("" ::: "memory");
        }
    for (uint32_t i = 2; i < limit; i++)
        count += !composite[i];
    return count;
}
