/* Environments by number, and their end. */
#include "exo/env/env.h"

#include "exo/base/assert.h"
#include "exo/base/print.h"
#include "exo/base/sequence.h"
#include "exo/env/counts.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

struct env_info *env_table;
struct env *env_by_number[ENV_MAX];
word_t env_ipc_quick;

uint16_t env_number_free(void)
{
    for (uint16_t n = 1; n < ENV_MAX; n++)
        if (!env_by_number[n])
            return n;
    return 0;
}

struct env *env_init(pfn_t frame, uint16_t number, uint16_t parent)
{
    struct env *e = frame_memory(frame);

    ASSERT(number && number < ENV_MAX && !env_by_number[number]);
    e->number = number;
    e->frame = frame;
    e->root = frame + 2;
    e->tables = (paddr_t)e->root << PAGE_BITS;
    e->captable_count = 1;
    e->leaf_number = LEAF_NONE;
    e->captables[0] = frame_memory(frame + 1);
    list_init(&e->threads);
    e->info = &env_table[number];
    e->counts = counts_at(number, 0);
    sequence_begin(&e->info->sequence);
    *e->info = (struct env_info){.sequence = e->info->sequence,
                                 .frame = frame,
                                 .root = e->root,
                                 .parent = parent,
                                 .state = ENV_ALIVE,
                                 .captables = {frame + 1}};
    sequence_end(&e->info->sequence);
    env_by_number[number] = e;
    frame_owner_new(number);
    return e;
}

pte_t *env_leaf(const struct env *e, vaddr_t va)
{
    if (env_leaf_is(e, va))
        return env_leaf_entry(e, va);
    return va < USER_TOP ? space_leaf(e->root, va) : NULL;
}

void env_leaf_found(struct env *e, vaddr_t va, pte_t *at)
{
    if (va / LEAF_BYTES == USER_TOP / LEAF_BYTES) /* not all of it is the user's */
        return;
    e->leaf_number = va / LEAF_BYTES;
    e->leaf = at - arch_mmu_index(va, 1);
}

void env_end(struct env *e, uint32_t death, uint64_t ip, uint64_t address)
{
    if (e->ended)
        return;
    e->ended = true;
    sequence_begin(&e->info->sequence);
    e->info->death = death;
    e->info->death_ip = ip;
    e->info->death_addr = address;
    e->info->state = ENV_DYING;
    sequence_end(&e->info->sequence);
    for (struct list *l = e->threads.next; l != &e->threads; l = l->next)
        thread_kill(LIST_ITEM(l, struct thread, env_link));
    hook_env_ended(e);
    if (e->number == 1)
        panic(__FILE__, __LINE__, "sigma0 ended");
}

void env_forget(struct env *e)
{
    ASSERT(list_is_empty(&e->threads));
    env_by_number[e->number] = NULL;
    counts_end(e->number);
    sequence_begin(&e->info->sequence);
    *e->info = (struct env_info){.sequence = e->info->sequence};
    sequence_end(&e->info->sequence);
}
