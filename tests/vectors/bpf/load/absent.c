/* Refused: it calls a function that the file does not have. */
#include "grafts/include/graft_helpers.h"

uint64_t elsewhere(uint64_t number);
uint64_t absent(const struct graft_system_call *c);

GRAFT(system_call) uint64_t absent(const struct graft_system_call *c)
{
    return elsewhere(c->number);
}
