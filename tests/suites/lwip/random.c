/* What lwIP's unit tests need of the port: numbers that need not be random there. */
#include <stdint.h>
#include <stdlib.h>

uint32_t inet_random(void);

uint32_t inet_random(void)
{
    return (uint32_t)rand();
}
