/* A checked program: the only thing that interpreter and compiler take. */
#pragma once

#include "exo/abi/graft_map.h"
#include "grafts/insn.h"

/* Where a loop without proven bound pays: `charge` is taken from the fuel before the instruction.
 */
struct graft_fuel_point {
    uint32_t at; /* slot of a loop's head */
    uint32_t charge;
};

/* A fact: made by graft_check alone. `code` is the copy that was checked; it must stay unchanged
 * and out of every user's reach for as long as the program may run, and so must points and maps. */
struct graft_program {
    const struct insn *code;
    uint32_t count; /* slots */
    uint32_t steps; /* instructions on the longest path, not counting turns that fuel pays for */
    uint32_t hook;  /* enum graft_hook that it was checked for */
    uint32_t point_count;
    const struct graft_fuel_point *points; /* ascending by slot */
    int64_t fuel;                          /* what a run starts with; 0: none needed */
    uint32_t map_count;
    const struct graft_map_def *maps; /* what the maps must be whose numbers the code names */
};

/* What a program reaches besides its memory: the same for interpreter and compiler. */
struct graft_outside {
    /* Address of helper `number`, a uint64_t (*)(uint64_t r1, ..., uint64_t r5); 0: there is none.
     */
    uint64_t (*helper)(void *self, int32_t number);
    void *self;
    const uint64_t *maps;   /* [map_count] what a 64-bit load of map i gives (source register 5) */
    const uint64_t *values; /* [map_count] address of its first value (6); 0: not to be had */
    uint32_t map_count;
};

/* Both take NULL for an outside where there is nothing. */
uint64_t graft_helper_find(const struct graft_outside *o, int32_t number);
/* What the 64-bit load at `i` of a map or of what lies in one gives; false: there is no such. */
bool graft_map_find(const struct graft_outside *o, const struct insn *i, uint64_t *value);
