/* A checked program: the only thing that the interpreter and the compiler run. */
#pragma once

#include "exo/abi/graft_map.h"
#include "grafts/insn.h"

/* The head of a loop whose turns nobody counted: each time, before it runs, `charge` is taken from
 * the fuel. Where less is left the graft is aborted. */
struct graft_fuel_point {
    uint32_t instruction;
    uint32_t charge;
};

/* A fact: made by graft_check alone. `code` is the copy that was checked; it must stay unchanged
 * and out of every user's reach for as long as the program may run, and so must the arrays that
 * struct graft_input lent. */
struct graft_program {
    const struct insn *code;
    uint32_t count; /* slots */
    uint32_t steps; /* instructions that a run takes at most, not counting what fuel pays for */
    uint32_t hook;  /* enum graft_hook that it was checked for */
    uint32_t fuel;  /* at the start of each run; at most so many more instructions */
    const struct graft_fuel_point *fuel_points; /* ascending by instruction */
    uint32_t fuel_point_count;
    uint32_t map_count;
    const struct graft_map_def *maps; /* what they must be whose numbers the code names */
};
