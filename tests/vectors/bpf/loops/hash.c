/* The bench's hash table: 32 lookups in 64 slots with linear probing. */
#include <stdint.h>

struct slot {
    uint32_t key, value;
};

uint64_t hash(const struct slot *slots, uint64_t bytes);

uint64_t hash(const struct slot *slots, uint64_t bytes)
{
    uint64_t sum = 0;

    (void)bytes;
    for (uint32_t k = 1; k <= 32; k++) {
        uint32_t h = k * 2654435761u >> 26;
        for (uint32_t n = 0; n < 64; n++) {
            const struct slot *s = &slots[(h + n) & 63];
            if (s->key == k) {
                sum += s->value;
                break;
            }
            if (s->key == 0)
                break;
        }
    }
    return sum;
}
