/* The bench's count of primes below 200 by trial division. */
#include <stdint.h>

uint64_t primes(const uint8_t *data, uint64_t bytes);

uint64_t primes(const uint8_t *data, uint64_t bytes)
{
    uint32_t count = 0;

    (void)data, (void)bytes;
    for (uint32_t n = 2; n < 200; n++) {
        uint32_t d = 2;
        while (d < n && n % d != 0)
            d++;
        count += d == n;
    }
    return count;
}
