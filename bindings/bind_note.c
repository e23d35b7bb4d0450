/* Calls: what the application notes in entries of its page tables. */
#include "bindings/cap.h"
#include "exo/abi/batch.h"
#include "exo/entry/handlers.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"

/* The entry of a page, of either kind; NULL: no table. Large pages are found by their first
 * address. */
static pte_t *note_place(const struct env *e, vaddr_t va)
{
    unsigned level;
    pte_t *at = space_last(e->root, va, &level);
    bool large = level > 1 && arch_pte_present(*at) && arch_pte_is_large(*at);

    return level == 1 || (large && va % MMU_SPAN(level) == 0) ? at : NULL;
}

/* An empty entry with a note stays one that is not present: nothing else in it has a meaning. */
static enum err note_one(const struct env *e, rights_t rights, const struct page_note *note)
{
    if (note->va % PAGE_SIZE || note->va >= USER_TOP)
        return ERR_BAD_ARG;
    if (!(rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    pte_t *at = note_place(e, note->va);
    if (!at)
        return ERR_NO_TABLE;
    bool bound = arch_pte_present(*at);
    if (note->value & (bound ? ~PAGE_NOTE_BITS : PAGE_NOTE_BOUND))
        return bound ? ERR_IN_USE : ERR_NOT_BOUND;
    *at = bound ? arch_pte_note(*at, note->value) : note->value;
    return ERR_OK;
}

int sys_page_note(struct thread *caller, const struct sys_page_note_args *a, word_t *result)
{
    rights_t rights = 0;
    const struct env *env = cap_env(caller->env, a->env, &rights);
    enum err e = ERR_OK;

    if (a->count == 0 || a->count > BATCH_MAX)
        return ERR_BAD_ARG;
    if (!env)
        return ERR_BAD_CAP;
    while (*result < a->count && e == ERR_OK) {
        struct page_note note;
        if (space_copy_in(caller->env->root, &note, a->notes + *result * sizeof note, sizeof note))
            e = note_one(env, rights, &note);
        else
            e = ERR_BAD_USER;
        *result += e == ERR_OK;
    }
    return (int)e;
}
