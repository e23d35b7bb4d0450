/* What grafts that a guest test loads count, by their map `counts`. */
#pragma once

#include <stdint.h>

#define CALLS_KINDS 16u

/* An answer: who gave it, by its code and by its data. */
#define CALLS_ANSWER(code, data) ((uint64_t)(code) << 32 | (uint32_t)(data))
#define CALLS_SUM                0x100u /* a call of that number asks for all counts */
