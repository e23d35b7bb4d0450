/* Chance, the same for the same seed everywhere: xorshift64*. */
#include "tests/fuzz/chance.h"

uint64_t rnd_state;

uint64_t rnd_word(void)
{
    rnd_state ^= rnd_state >> 12;
    rnd_state ^= rnd_state << 25;
    rnd_state ^= rnd_state >> 27;
    return rnd_state * 2685821657736338717u;
}

uint32_t rnd(uint32_t below)
{
    return (uint32_t)(rnd_word() >> 33) % below;
}

bool rarely(uint32_t n)
{
    return rnd(n) == 0;
}
