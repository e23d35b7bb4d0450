/* Grafts as objects: the first frame holds this, the next a copy of the ELF object that the program
 * lies in; the rest was the checker's. */
#pragma once

#include "grafts/program.h"

struct graft {
    struct graft_program program; /* checked; its code lies in the copy      */
    uint32_t hook;                /* enum graft_hook                         */
    struct object_info *info;     /* its public record; NULL: it was refused */
};
