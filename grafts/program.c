/* What a program reaches outside itself. */
#include "grafts/program.h"

uint64_t graft_helper_find(const struct graft_outside *o, int32_t number)
{
    return o && o->helper ? o->helper(o->self, number) : 0;
}

bool graft_map_find(const struct graft_outside *o, const struct insn *i, uint64_t *value)
{
    uint32_t map = (uint32_t)i->imm;
    const uint64_t *table = !o                 ? NULL
                            : insn_src(i) == 5 ? o->maps
                            : insn_src(i) == 6 ? o->values
                                               : NULL;

    if (!table || map >= o->map_count || !table[map])
        return false;
    *value = table[map] + (insn_src(i) == 6 ? (uint32_t)i[1].imm : 0);
    return true;
}
