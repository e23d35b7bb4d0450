/* Whom an ID names, how threads are told of each other, and whom they wait for. */
#include "l4core/partner.h"

#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"

bool ipc_find_walks(word_t id)
{
    return L4_IS_LOCAL(id) && id != L4_NIL && id != L4_ANY_LOCAL;
}

bool ipc_find_locks(const struct thread *t, word_t id)
{
    if (L4_IS_LOCAL(id))
        return ipc_find_walks(id);
    const struct thread *p = thread_or_nobody(id >> 32);
    return p->global_id == id && p->cpu != t->cpu;
}

struct thread *ipc_find(const struct thread *t, word_t id)
{
    if (L4_IS_LOCAL(id)) { /* the UTCB that it points to holds the global ID, as a claim */
        word_t claim = 0;
        space_copy_in(t->env->root, &claim, id + (vaddr_t)(TCR_GLOBAL_ID * 8), sizeof claim);
        struct thread *local = thread_by_number((uint32_t)(claim >> 32));
        bool good = local && local->env == t->env && local->utcb_va + UTCB_MR == id;
        return good && local->state != THREAD_DEAD ? local : NULL;
    }
    struct thread *p = thread_by_number((uint32_t)(id >> 32));
    return p && p->global_id == id && p->state != THREAD_DEAD ? p : NULL;
}

word_t ipc_name_for(const struct thread *t, const struct thread *other)
{
    return t->env == other->env ? other->utcb_va + UTCB_MR : other->global_id;
}

bool ipc_accepts(const struct thread *t, const struct thread *sender)
{
    word_t from = t->ipc_from;

    return from == L4_ANY || from == sender->global_id ||
           (t->env == sender->env && (from == L4_ANY_LOCAL || from == sender->utcb_va + UTCB_MR));
}
