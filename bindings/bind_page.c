/* Calls: page bindings, in batches. */
#include "bindings/cap.h"
#include "bindings/page.h"
#include "bindings/page_run.h"
#include "exo/entry/handlers.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

#define TABLE_OF(va) ((va) & ~(TABLE_BYTES - 1))
#define INLINE       static inline __attribute__((always_inline))

/* A batch being worked on. Its entries are read where they lie, a page at a time; neighbours share
 * one walk of the page tables. */
struct batch {
    struct env *env;        /* whose space                                     */
    struct cap *frames;     /* page_bind                                       */
    rights_t env_rights;    /* of the capability that names the space          */
    pfn_t reader;           /* root of the space that the entries are read in  */
    vaddr_t entries;        /* those not looked at yet                         */
    uint32_t left;          /* how many                                        */
    struct page_run run;    /* those of them within reach; `base` 1: no table yet */
    struct page_entry copy; /* of one that lies in two pages, or is the only one */
};

INLINE enum err batch_begin(struct batch *b, const struct thread *caller, slot_t env,
                            vaddr_t entries, uint32_t count)
{
    if (count == 0 || count > BATCH_MAX)
        return ERR_BAD_ARG;
    b->env = cap_env(caller->env, env, &b->env_rights);
    b->reader = caller->env->root;
    b->entries = entries;
    b->left = count;
    b->run.count = 0;
    b->run.base = 1;
    return b->env ? ERR_OK : ERR_BAD_CAP;
}

/* Is every page that holds entries readable, behind the first? That one batch_fetch looks at. */
INLINE bool batch_readable(const struct batch *b)
{
    vaddr_t end = b->entries + b->left * sizeof(struct page_entry);

    if (b->entries >= USER_TOP)
        return false;
    for (vaddr_t va = (b->entries | (PAGE_SIZE - 1)) + 1; va < end; va += PAGE_SIZE)
        if (!space_user(b->reader, va, RIGHT_READ))
            return false;
    return true;
}

/* An entry that lies in two pages is copied. */
static bool batch_straddle(struct batch *b)
{
    b->run.entries = &b->copy;
    b->run.count = 1;
    return space_copy_in(b->reader, &b->copy, b->entries, sizeof b->copy);
}

/* Brings the next entries within reach. */
INLINE bool batch_fetch(struct batch *b)
{
    uint32_t whole = (uint32_t)((PAGE_SIZE - b->entries % PAGE_SIZE) / sizeof(struct page_entry));

    if (whole == 0)
        return batch_straddle(b);
    const pte_t *e = b->entries < USER_TOP ? space_leaf(b->reader, b->entries) : NULL;
    char *at = e && arch_pte_is_memory(*e)
                   ? (char *)arch_phys(arch_pte_address(*e)) + b->entries % PAGE_SIZE
                   : space_user(b->reader, b->entries, RIGHT_READ); /* a large page? */
    if (!at)
        return false;
    b->run.entries = (const struct page_entry *)(void *)at;
    b->run.count = whole < b->left ? whole : b->left;
    return true;
}

INLINE void batch_done(struct batch *b, uint32_t count)
{
    b->run.entries += count;
    b->run.count -= count;
    b->entries += count * sizeof(struct page_entry);
    b->left -= count;
}

/* Finds the page table that serves `va`, if it is another than the last one. */
INLINE void batch_reach(struct batch *b, vaddr_t va)
{
    if (TABLE_OF(va) == b->run.base)
        return;
    b->run.base = TABLE_OF(va);
    b->run.table = va < USER_TOP ? space_leaf(b->env->root, TABLE_OF(va)) : NULL;
}

/* Does one entry, with all questions asked; `at` is its place in the page table, NULL: none. */
typedef enum err one_fn(const struct batch *b, const struct page_entry *entry, pte_t *at);

/* Does entries as far as they are ordinary. */
typedef uint32_t run_fn(const struct batch *b);

/* Where the page at `va` is bound, or may be; NULL: there is no table for it. Large pages are found
 * by their first address. */
static pte_t *batch_place(const struct batch *b, vaddr_t va)
{
    unsigned level;

    if (b->run.table)
        return b->run.table + arch_mmu_index(va, 1);
    pte_t *e = space_large(b->env->root, va, &level);
    return e && va % MMU_SPAN(level) == 0 ? e : NULL;
}

/* Does the whole batch, and says in `*result` how much of it was done. */
INLINE enum err batch_do(struct batch *b, run_fn run, one_fn one, word_t *result)
{
    const uint32_t count = b->left;
    enum err e = batch_readable(b) ? ERR_OK : ERR_BAD_USER;

    while (b->left && e == ERR_OK) {
        if (b->run.count == 0 && !batch_fetch(b)) {
            e = ERR_BAD_USER;
            break;
        }
        struct page_entry entry = *(const volatile struct page_entry *)b->run.entries;
        if (count == 1) { /* the address done is the address invalidated */
            b->copy = entry;
            b->run.entries = &b->copy;
        }
        batch_reach(b, entry.va);
        bool ordinary = b->run.table && b->run.base != TABLE_OF(USER_TOP);
        uint32_t done = ordinary && (b->env_rights & RIGHT_WRITE) ? run(b) : 0;
        if (done == 0) {
            e = entry.va % PAGE_SIZE || entry.va >= USER_TOP
                    ? ERR_BAD_ARG
                    : one(b, &entry, batch_place(b, entry.va));
            done = e == ERR_OK;
        }
        batch_done(b, done);
    }
    *result = count - b->left;
    return e;
}

/* May `frames` show frame `pfn`, and with which rights at most? */
static enum err check_frame(const struct cap *frames, pfn_t pfn, rights_t *most)
{
    if (frames->kind == CAP_FRAMES || frames->kind == CAP_WINDOW) {
        *most = frames->rights & PAGE_RIGHTS;
        return pfn >= frames->base && pfn - frames->base < frames->count ? ERR_OK : ERR_BAD_ARG;
    }
    if (pfn >= frame_count())
        return ERR_BAD_ARG;
    const struct frame_info *f = frame_of(pfn);
    bool all = frames->kind == CAP_INSPECT;
    bool nodes = f->type == FRAME_NODES && (all || !kinfo_get()->hidden); /* they name others' */
    bool table = f->type == FRAME_TABLE || nodes || f->type == FRAME_CAPTABLE;
    const struct env *e = all ? NULL : frame_memory(frames->base);
    *most = RIGHT_READ;
    if (all && f->type == FRAME_CPU) /* nothing but nodes lies there, of slices and devices */
        return ERR_OK;
    return table && (all || f->owner == e->number) ? ERR_OK : ERR_BAD_ARG;
}

/* The entry of level 2 or 3 that a large page takes; all of its frames are asked for. */
static enum err bind_large(const struct batch *b, const struct page_entry *entry)
{
    const struct cap *frames = b->frames;
    const unsigned level = entry->rights & PAGE_HUGE ? 3 : 2;
    const vaddr_t bytes = MMU_SPAN(level);
    const pfn_t count = (pfn_t)(bytes >> PAGE_BITS);
    rights_t now = entry->rights & 0xffff & ~(level == 3 ? PAGE_HUGE : PAGE_LARGE);
    rights_t rights = now | RIGHT_READ, wanted = rights | entry->rights >> 16;

    if (!now || (wanted & ~PAGE_RIGHTS) || entry->va % bytes || entry->va > USER_TOP - bytes ||
        entry->pfn % count || frames->kind != CAP_FRAMES || entry->pfn < frames->base ||
        frames->count < count || entry->pfn - frames->base > frames->count - count)
        return ERR_BAD_ARG;
    if ((wanted & ~(rights_t)frames->rights) || !(b->env_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    pte_t *at = space_entry(b->env->root, entry->va, level);
    if (!at)
        return ERR_NO_TABLE;
    if (arch_pte_present(*at))
        return ERR_IN_USE;
    page_show_large(at, &b->frames->node, entry->pfn, rights, wanted, level);
    return ERR_OK;
}

static enum err bind_one(const struct batch *b, const struct page_entry *entry, pte_t *at)
{
    if (entry->rights & (PAGE_LARGE | PAGE_HUGE))
        return bind_large(b, entry);
    rights_t rights = (entry->rights & 0xffff) | RIGHT_READ; /* the CPU cannot show it otherwise */
    rights_t wanted = rights | entry->rights >> 16, most = 0;

    if ((entry->rights & 0xffff) == 0 || (wanted & ~PAGE_RIGHTS))
        return ERR_BAD_ARG;
    enum err e = check_frame(b->frames, entry->pfn, &most);
    if (e != ERR_OK)
        return e;
    if ((wanted & ~most) || !(b->env_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (!at)
        return ERR_NO_TABLE;
    if (arch_pte_present(*at))
        return ERR_IN_USE;
    if (b->frames->kind == CAP_WINDOW)
        page_show_device(at, &b->frames->node, entry->pfn, rights, wanted);
    else
        page_show(at, &b->frames->node, entry->pfn, rights, wanted);
    return ERR_OK;
}

static uint32_t bind_run(const struct batch *b)
{
    return b->frames->kind == CAP_FRAMES ? page_run_bind(&b->run, b->frames) : 0;
}

static bool names_frames(unsigned kind)
{
    return kind == CAP_FRAMES || kind == CAP_WINDOW || kind == CAP_ENV || kind == CAP_INSPECT;
}

int sys_page_bind(struct thread *caller, const struct sys_page_bind_args *a, word_t *result)
{
    struct batch b;
    struct cap *frames = cap_slot(caller->env, a->frames);
    enum err e = batch_begin(&b, caller, a->env, a->entries, a->count);

    if (e != ERR_OK)
        return (int)e;
    if (!frames || !names_frames(frames->kind))
        return ERR_BAD_CAP;
    b.frames = frames;
    return (int)batch_do(&b, bind_run, bind_one, result);
}

static enum err protect_one(const struct batch *b, const struct page_entry *entry, pte_t *at)
{
    rights_t rights = entry->rights | RIGHT_READ;

    if (entry->rights == 0 || (entry->rights & ~PAGE_RIGHTS))
        return ERR_BAD_ARG;
    if (!(b->env_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (!at)
        return ERR_NO_TABLE;
    if (!arch_pte_present(*at))
        return ERR_NOT_BOUND;
    if (rights & ~page_most(at))
        return ERR_NO_RIGHT;
    page_restrict(at, rights);
    return ERR_OK;
}

static uint32_t protect_run(const struct batch *b)
{
    return page_run_protect(&b->run);
}

/* Invalidates what a batch changed: one page, or all of the space. */
static void batch_flush(const struct batch *b, uint32_t count, word_t done)
{
    if (done)
        cpu_tlb_flush(b->env, count == 1 ? b->copy.va : TLB_ALL);
}

int sys_page_protect(struct thread *caller, const struct sys_page_protect_args *a, word_t *result)
{
    struct batch b;
    enum err e = batch_begin(&b, caller, a->env, a->entries, a->count);

    if (e != ERR_OK)
        return (int)e;
    e = batch_do(&b, protect_run, protect_one, result);
    batch_flush(&b, a->count, *result);
    return (int)e;
}

static enum err unbind_one(const struct batch *b, const struct page_entry *entry, pte_t *at)
{
    (void)entry;
    if (!(b->env_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (!at)
        return ERR_NO_TABLE;
    if (!arch_pte_present(*at))
        return ERR_NOT_BOUND;
    page_take(at);
    return ERR_OK;
}

static uint32_t unbind_run(const struct batch *b)
{
    return page_run_unbind(&b->run);
}

int sys_page_unbind(struct thread *caller, const struct sys_page_unbind_args *a, word_t *result)
{
    struct batch b;
    enum err e = batch_begin(&b, caller, a->env, a->entries, a->count);

    if (e != ERR_OK)
        return (int)e;
    e = batch_do(&b, unbind_run, unbind_one, result);
    batch_flush(&b, a->count, *result);
    return (int)e;
}
