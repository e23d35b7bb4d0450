/* Shares: made, counted, checked. They end as all bindings do (revoke.c). */
#include "bindings/share.h"

#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/base/assert.h"
#include "exo/env/env.h"
#include "exo/mem/frame.h"

static struct frame_info *table_of(pte_t e)
{
    return frame_of((pfn_t)(arch_pte_address(e) >> PAGE_BITS));
}

void share_count(struct env *env, pte_t e, int change)
{
    env->borrows += (uint32_t)change;
    env_by_number[table_of(e)->owner]->lends += (uint32_t)change;
}

void share_show(pte_t *e, struct env *env, pte_t *from, rights_t rights)
{
    ASSERT(!arch_pte_present(*e) && arch_pte_present(*from));
    *e = arch_pte_share(arch_pte_address(*from), rights);
    node_link(entry_node(from), entry_node(e));
    share_count(env, *e, 1);
}

const char *share_check(const pte_t *e)
{
    const struct node *n = entry_node(e), *parent = node_at(n->parent);
    bool origin = table_of(*e)->origin == node_name(n);
    pfn_t table;

    if (arch_pte_is_share(*e) == origin)
        return "H1: a share has the table, or who has it is marked as a share";
    if (origin)
        return NULL;
    if (!parent || frame_of(frame_number(parent))->type != FRAME_NODES)
        return "H2: a share comes from no entry";
    const pte_t *from = node_entry(parent, &table);
    if (arch_pte_address(*from) != arch_pte_address(*e) ||
        (arch_pte_rights(*e) & ~arch_pte_rights(*from)))
        return "H2: a share leads elsewhere than what it comes from, or allows more";
    return NULL;
}
