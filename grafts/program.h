/* A checked program: the only thing that the interpreter runs. */
#pragma once

#include "grafts/insn.h"

/* A fact: made by graft_check alone. `code` is the copy that was checked; it must stay unchanged
 * and out of every user's reach for as long as the program may run. */
struct graft_program {
    const struct insn *code;
    uint32_t count; /* slots */
    uint32_t steps; /* instructions on the longest path */
    uint32_t hook;  /* enum graft_hook that it was checked for */
};
