/* Calls: page tables shared between spaces, and taken back. */
#include "bindings/node.h"
#include "bindings/cap.h"
#include "bindings/revoke.h"
#include "bindings/share.h"
#include "exo/entry/handlers.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"

#define SHARE_LEVELS 2u /* of tables that can be shared: 2 MiB and 1 GiB */
#define SHARE_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)

/* Is `va` the first of the addresses that a table of `level` serves, all of them the user's? */
static bool is_place(vaddr_t va, uint32_t level)
{
    vaddr_t bytes = MMU_SPAN(level + 1);

    return va % bytes == 0 && va <= USER_TOP - bytes;
}

/* The entry that leads to the table of `level` at `va`, its own or a share; NULL: there is none. */
static pte_t *table_entry(const struct env *e, vaddr_t va, uint32_t level)
{
    pte_t *at = space_entry(e->root, va, level + 1);

    return at && (arch_pte_leads(*at) || arch_pte_is_share(*at)) ? at : NULL;
}

struct share_plan {
    struct env *to;
    pte_t *at, *from;
    rights_t rights;
};

static enum err check_share(const struct env *caller, const struct sys_table_share_args *a,
                            struct share_plan *p)
{
    rights_t from_rights = 0, to_rights = 0;
    const struct env *from = cap_env(caller, a->from, &from_rights);

    p->to = cap_env(caller, a->to, &to_rights);
    p->rights = a->rights | RIGHT_READ; /* the CPU cannot show it otherwise */
    if (a->level < 1 || a->level > SHARE_LEVELS || !is_place(a->from_va, a->level) ||
        !is_place(a->to_va, a->level) || a->rights == 0 || (a->rights & ~SHARE_RIGHTS))
        return ERR_BAD_ARG;
    if (!from || !p->to)
        return ERR_BAD_CAP;
    if (!(from_rights & RIGHT_GRANT) || (p->rights & ~from_rights) || !(to_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    p->from = table_entry(from, a->from_va, a->level);
    p->at = space_entry(p->to->root, a->to_va, a->level + 1);
    if (!p->from || !p->at)
        return ERR_NO_TABLE;
    if (p->rights & ~arch_pte_rights(*p->from))
        return ERR_NO_RIGHT;
    return arch_pte_present(*p->at) ? ERR_IN_USE : ERR_OK;
}

int sys_table_share(struct thread *caller, const struct sys_table_share_args *a, word_t *result)
{
    struct share_plan p;
    enum err e = check_share(caller->env, a, &p);

    (void)result;
    if (e == ERR_OK)
        share_show(p.at, p.to, p.from, p.rights);
    return (int)e;
}

int sys_table_unshare(struct thread *caller, const struct sys_table_unshare_args *a, word_t *result)
{
    rights_t rights = 0;
    const struct env *env = cap_env(caller->env, a->env, &rights);

    (void)result;
    if (a->level < 1 || a->level > SHARE_LEVELS || !is_place(a->va, a->level))
        return ERR_BAD_ARG;
    if (!env)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    pte_t *at = table_entry(env, a->va, a->level);
    if (!at)
        return ERR_NO_TABLE;
    return revoke(caller, entry_node(at), arch_pte_is_share(*at));
}
