/* Chance, the same for the same seed everywhere: for tests that play users who do anything. */
#pragma once

#include "exo/abi/types.h"

extern uint64_t rnd_state; /* the seed; not 0 */

uint64_t rnd_word(void);
uint32_t rnd(uint32_t below);

/* True once in `n` times. */
bool rarely(uint32_t n);
