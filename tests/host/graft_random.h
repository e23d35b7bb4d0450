/* Random eBPF programs that are safe by construction, so that engines without checks may run them.
 */
#pragma once

#include "grafts/program.h"

#define RANDOM_MEMORY  256u /* bytes at r1 */
#define RANDOM_VALUE   64u  /* bytes of the map's value */
#define RANDOM_SLOTS   4096u
#define RANDOM_POINTS  16u
#define RANDOM_HELPERS 3 /* their numbers are 1 to so many */

struct random_program {
    struct insn code[RANDOM_SLOTS];
    uint32_t count;
    struct graft_fuel_point points[RANDOM_POINTS];
    uint32_t point_count;
    int64_t fuel;
};

/* The same seed makes the same program, whose run ends within some ten thousand steps. It starts
 * with r1 the memory and r2 a number; it reads no other register, and no stack, before it has
 * written it; it may load map 0 and its value; nothing of what it leaves in r0 and memory hangs on
 * where the stack is. */
void random_make(struct random_program *p, uint64_t seed);
