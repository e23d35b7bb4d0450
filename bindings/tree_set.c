/* Trees: what a template says that a block owns. */
#include "bindings/graft.h"
#include "bindings/tree.h"
#include "exo/mem/frame.h"

/* The set of the template that runs now. */
static struct tree_set *found;

void tree_set_add(uint64_t first, uint64_t count, uint64_t type)
{
    tree_set_put(found, first, count, type);
}

bool tree_set_find(struct tree *t, uint32_t block, uint32_t type, const uint8_t *contents,
                   struct tree_set *set)
{
    const struct node *template = &t->templates[type - 1];
    const uint64_t *p = t->parameters[type];
    struct graft_ownership context = {.data = (uintptr_t)contents,
                                      .data_end = (uintptr_t)contents + DISK_BLOCK_BYTES,
                                      .block = block,
                                      .type = type,
                                      .parameter = {p[0], p[1], p[2], p[3]}};

    *set = (struct tree_set){.runs = (struct tree_run *)((char *)t + PAGE_SIZE)};
    if (!template->parent)
        return false;
    found = set;
    bool good = graft_call(template, &context, 1) == 0;
    found = NULL;
    return good && tree_set_close(set);
}
