/* Trees for library file systems. */
#include "libos/tree.h"

#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"

enum err tree_make(slot_t above, const struct tree_load *load, slot_t *tree)
{
    const volatile struct cap *c = slot_cap(above);
    uint32_t blocks = c && c->kind == CAP_EXTENT ? c->count : 0;
    pfn_t base = PFN_ANY;
    enum err e = slot_take(tree);

    if (e)
        return e;
    e = region_find(TREE_FRAMES(blocks, load->copies), &base);
    if (e == ERR_OK)
        e = exo_tree_create(above, SLOT_MEMORY, base, (vaddr_t)load, *tree);
    if (e) {
        slot_give(*tree);
        *tree = SLOT_NONE;
    }
    return e;
}

enum err tree_look(slot_t tree, uint32_t block, struct tree_block *out)
{
    return exo_tree_read(tree, block, 1, (vaddr_t)out);
}

enum err tree_find_free(slot_t tree, uint32_t first, uint32_t count, uint32_t *block)
{
    struct tree_block known[32];
    const uint32_t most = sizeof known / sizeof known[0];

    for (uint32_t at = 0; at < count; at += most) {
        uint32_t n = count - at < most ? count - at : most;
        enum err e = exo_tree_read(tree, first + at, n, (vaddr_t)known);
        if (e)
            return e;
        for (uint32_t i = 0; i < n; i++)
            if (known[i].state == TREE_FREE) {
                *block = first + at + i;
                return ERR_OK;
            }
    }
    return ERR_NOT_BOUND;
}
