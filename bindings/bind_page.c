/* Calls: page bindings, in batches. */
#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/page.h"
#include "bindings/revoke.h"
#include "exo/abi/batch.h"
#include "exo/base/assert.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

#define CHUNK       32u
#define PAGE_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)

/* A batch being worked on: its entries are read in chunks, and neighbours share one walk. */
struct batch {
    struct env *env; /* whose space                                    */
    pfn_t reader;    /* root of the space that the entries are read in */
    vaddr_t entries;
    uint32_t count, done;
    struct page_entry chunk[CHUNK];
    vaddr_t table_va; /* addresses that `table` serves; 1: none yet     */
    pte_t *table;
};

void page_show(pte_t *e, struct node *parent, pfn_t pfn, rights_t rights, rights_t most)
{
    ASSERT(!arch_pte_present(*e));
    *e = arch_pte_page((paddr_t)pfn << PAGE_BITS, rights, most);
    node_link(parent, entry_node(e));
    frame_of(pfn)->bindings++;
}

void table_show(pte_t *e, struct node *parent, pfn_t frame, unsigned level)
{
    ASSERT(!arch_pte_present(*e));
    for (pfn_t n = frame; n < frame + TABLE_FRAMES; n++) {
        frame_of(n)->type = n == frame ? FRAME_TABLE : FRAME_NODES;
        frame_of(n)->origin = node_name(entry_node(e));
    }
    frame_of(frame)->level = (uint8_t)level;
    *e = arch_pte_table((paddr_t)frame << PAGE_BITS);
    node_link(parent, entry_node(e));
}

/* The node after `n` in a walk of the tree under `top` that visits parents first; NULL at its end.
 */
static struct node *walk_next(const struct node *top, const struct node *n)
{
    if (n->child)
        return node_at(n->child);
    while (n != top && !n->next)
        n = node_at(n->parent);
    return n == top ? NULL : node_at(n->next);
}

static void entry_restrict(pte_t *e, rights_t rights)
{
    *e = arch_pte_protect(*e, rights & arch_pte_rights(*e));
    *e = arch_pte_limit(*e, rights & arch_pte_most(*e));
}

void page_restrict(pte_t *e, rights_t rights)
{
    struct node *top = entry_node(e);

    *e = arch_pte_protect(*e, rights);
    for (struct node *n = walk_next(top, top); n; n = walk_next(top, n)) {
        pfn_t table;
        if (frame_of(frame_number(n))->type != FRAME_NODES)
            continue; /* a UTCB: the kernel reaches it otherwise */
        pte_t *derived = node_entry(n, &table);
        entry_restrict(derived, rights);
        cpu_tlb_flush(env_by_number[frame_of(table)->owner], TLB_ALL);
    }
}

static enum err batch_begin(struct batch *b, struct thread *caller, slot_t env, vaddr_t entries,
                            uint32_t count, rights_t *env_rights)
{
    if (count == 0 || count > BATCH_MAX)
        return ERR_BAD_ARG;
    *b = (struct batch){.env = cap_env(caller->env, env, env_rights),
                        .reader = caller->env->root,
                        .entries = entries,
                        .count = count,
                        .table_va = 1};
    return b->env ? ERR_OK : ERR_BAD_CAP;
}

/* Makes the next entry `*entry`, with its page-table entry in `*at` (NULL: no table). */
static enum err batch_next(struct batch *b, const struct page_entry **entry, pte_t **at)
{
    uint32_t i = b->done % CHUNK;
    uint32_t rest = b->count - b->done;

    if (i == 0 && !space_copy_in(b->reader, b->chunk, b->entries + b->done * sizeof b->chunk[0],
                                 (rest < CHUNK ? rest : CHUNK) * sizeof b->chunk[0]))
        return ERR_BAD_USER;
    vaddr_t va = b->chunk[i].va;
    if (va % PAGE_SIZE || va >= USER_TOP)
        return ERR_BAD_ARG;
    *entry = &b->chunk[i];
    if (b->table_va != va >> 21 << 21) {
        pte_t *first = space_entry(b->env->root, va >> 21 << 21, 1);
        b->table = first;
        b->table_va = va >> 21 << 21;
    }
    *at = b->table ? b->table + arch_mmu_index(va, 1) : NULL;
    return ERR_OK;
}

/* May `frames` show frame `pfn`, and with which rights at most? */
static enum err check_frame(const struct cap *frames, pfn_t pfn, rights_t *most)
{
    if (frames->kind == CAP_FRAMES) {
        *most = frames->rights & PAGE_RIGHTS;
        return pfn >= frames->base && pfn - frames->base < frames->count ? ERR_OK : ERR_BAD_ARG;
    }
    if (pfn >= frame_count())
        return ERR_BAD_ARG;
    const struct frame_info *f = frame_of(pfn);
    bool table = f->type == FRAME_TABLE || f->type == FRAME_NODES || f->type == FRAME_CAPTABLE;
    bool all = frames->kind == CAP_INSPECT;
    const struct env *e = all ? NULL : frame_memory(frames->base);
    *most = RIGHT_READ;
    if (all && f->type == FRAME_CPU) /* nothing but nodes lies there, of slices and devices */
        return ERR_OK;
    return table && (all || f->owner == e->number) ? ERR_OK : ERR_BAD_ARG;
}

static enum err bind_one(struct batch *b, struct cap *frames, rights_t env_rights)
{
    const struct page_entry *entry;
    rights_t most = 0;
    pte_t *at;
    enum err e = batch_next(b, &entry, &at);

    if (e != ERR_OK)
        return e;
    rights_t rights = (entry->rights & 0xffff) | RIGHT_READ; /* the CPU cannot show it otherwise */
    rights_t wanted = rights | entry->rights >> 16;
    if ((entry->rights & 0xffff) == 0 || (wanted & ~PAGE_RIGHTS))
        return ERR_BAD_ARG;
    e = check_frame(frames, entry->pfn, &most);
    if (e != ERR_OK)
        return e;
    if ((wanted & ~most) || !(env_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (!at)
        return ERR_NO_TABLE;
    if (arch_pte_present(*at))
        return ERR_IN_USE;
    page_show(at, &frames->node, entry->pfn, rights, wanted);
    return ERR_OK;
}

int sys_page_bind(struct thread *caller, const struct sys_page_bind_args *a, word_t *result)
{
    struct batch b;
    rights_t env_rights;
    struct cap *frames = cap_slot(caller->env, a->frames);
    enum err e = batch_begin(&b, caller, a->env, a->entries, a->count, &env_rights);

    if (e != ERR_OK)
        return (int)e;
    if (!frames ||
        (frames->kind != CAP_FRAMES && frames->kind != CAP_ENV && frames->kind != CAP_INSPECT))
        return ERR_BAD_CAP;
    while (b.done < b.count && e == ERR_OK) {
        e = bind_one(&b, frames, env_rights);
        b.done += e == ERR_OK;
    }
    *result = b.done;
    return (int)e;
}

/* What a binding may have now: what it was made with, as far as the page it comes from has it. */
static rights_t most_rights(const pte_t *at)
{
    const struct node *parent = node_at(entry_node(at)->parent);
    pfn_t table;

    if (frame_of(frame_number(parent))->type != FRAME_NODES)
        return arch_pte_most(*at);
    return arch_pte_most(*at) & arch_pte_rights(*node_entry(parent, &table));
}

static enum err protect_one(struct batch *b, rights_t env_rights)
{
    const struct page_entry *entry;
    pte_t *at;
    enum err e = batch_next(b, &entry, &at);

    if (e != ERR_OK)
        return e;
    rights_t rights = entry->rights | RIGHT_READ;
    if (entry->rights == 0 || (entry->rights & ~PAGE_RIGHTS))
        return ERR_BAD_ARG;
    if (!(env_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (!at)
        return ERR_NO_TABLE;
    if (!arch_pte_present(*at))
        return ERR_NOT_BOUND;
    if (rights & ~most_rights(at))
        return ERR_NO_RIGHT;
    page_restrict(at, rights);
    return ERR_OK;
}

/* Invalidates what a batch changed: one page, or all of the space. */
static void batch_flush(const struct batch *b)
{
    if (b->done)
        cpu_tlb_flush(b->env, b->count == 1 ? b->chunk[0].va : TLB_ALL);
}

int sys_page_protect(struct thread *caller, const struct sys_page_protect_args *a, word_t *result)
{
    struct batch b;
    rights_t env_rights;
    enum err e = batch_begin(&b, caller, a->env, a->entries, a->count, &env_rights);

    if (e != ERR_OK)
        return (int)e;
    while (b.done < b.count && e == ERR_OK) {
        e = protect_one(&b, env_rights);
        b.done += e == ERR_OK;
    }
    batch_flush(&b);
    *result = b.done;
    return (int)e;
}

/* A binding from which nothing is derived goes at once; others through revocation. */
static void unbind(pte_t *at)
{
    struct node *n = entry_node(at);

    if (n->child) {
        revoke_all(n, true);
        return;
    }
    frame_unbound((pfn_t)(arch_pte_address(*at) >> PAGE_BITS));
    *at = 0;
    node_unlink(n);
}

static enum err unbind_one(struct batch *b, rights_t env_rights)
{
    const struct page_entry *entry;
    pte_t *at;
    enum err e = batch_next(b, &entry, &at);

    if (e != ERR_OK)
        return e;
    if (!(env_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (!at)
        return ERR_NO_TABLE;
    if (!arch_pte_present(*at))
        return ERR_NOT_BOUND;
    unbind(at);
    return ERR_OK;
}

int sys_page_unbind(struct thread *caller, const struct sys_page_unbind_args *a, word_t *result)
{
    struct batch b;
    rights_t env_rights;
    enum err e = batch_begin(&b, caller, a->env, a->entries, a->count, &env_rights);

    if (e != ERR_OK)
        return (int)e;
    while (b.done < b.count && e == ERR_OK) {
        e = unbind_one(&b, env_rights);
        b.done += e == ERR_OK;
    }
    batch_flush(&b);
    *result = b.done;
    return (int)e;
}
