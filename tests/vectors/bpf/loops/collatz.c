/* The bench's Collatz steps from r2 on; whether it ends for every number, nobody knows. */
#include <stdint.h>

uint64_t collatz(const uint8_t *data, uint64_t n);

uint64_t collatz(const uint8_t *data, uint64_t n)
{
    uint32_t steps = 0;

    (void)data;
    for (; n != 1; steps++)
        n = n & 1 ? 3 * n + 1 : n / 2;
    return steps;
}
