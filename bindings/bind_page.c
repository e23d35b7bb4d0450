/* Calls: page bindings, in runs and in batches. */
#include "bindings/cap.h"
#include "bindings/page.h"
#include "bindings/page_plain.h"
#include "bindings/page_run.h"
#include "bindings/unbind.h"
#include "exo/abi/batch.h"
#include "exo/entry/handlers.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

#define NOINLINE static __attribute__((noinline))

/* Whose space a call works on, and the rights of the capability that names it. */
struct work {
    struct env *env; /* NULL: none */
    rights_t rights;
    const struct thread *caller;
    uint32_t visits;  /* nodes that it has looked at                                     */
    uint32_t unbound; /* pages that it has unbound before interrupts were let in         */
};

/* Where the page at `va` is bound, or may be: `at`, or the entry of a large page, which is found by
 * its first address. */
static pte_t *place(const struct env *e, vaddr_t va, pte_t *at)
{
    unsigned level;

    if (at)
        return at;
    at = space_large(e->root, va, &level);
    return at && va % MMU_SPAN(level) == 0 ? at : NULL;
}

static bool names_frames(const struct cap *c)
{
    return c && (c->kind == CAP_FRAMES || c->kind == CAP_WINDOW || c->kind == CAP_ENV ||
                 c->kind == CAP_INSPECT);
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
static enum err bind_large(const struct work *w, struct cap *frames, struct page_entry entry)
{
    const unsigned level = entry.rights & PAGE_HUGE ? 3 : 2;
    const vaddr_t bytes = MMU_SPAN(level);
    const pfn_t count = (pfn_t)(bytes >> PAGE_BITS);
    rights_t now = entry.rights & 0xffff & ~(level == 3 ? PAGE_HUGE : PAGE_LARGE);
    rights_t rights = now | RIGHT_READ, wanted = rights | entry.rights >> 16;

    if (!now || (wanted & ~PAGE_RIGHTS) || entry.va % bytes || entry.va > USER_TOP - bytes ||
        entry.pfn % count || frames->kind != CAP_FRAMES || entry.pfn < frames->base ||
        frames->count < count || entry.pfn - frames->base > frames->count - count)
        return ERR_BAD_ARG;
    if ((wanted & ~(rights_t)frames->rights) || !(w->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    pte_t *at = space_entry(w->env->root, entry.va, level);
    if (!at)
        return ERR_NO_TABLE;
    if (arch_pte_present(*at))
        return ERR_IN_USE;
    page_show_large(at, &frames->node, entry.pfn, rights, wanted, level);
    return ERR_OK;
}

static enum err bind_one(const struct work *w, struct cap *frames, struct page_entry entry,
                         pte_t *at)
{
    if (entry.rights & (PAGE_LARGE | PAGE_HUGE))
        return bind_large(w, frames, entry);
    rights_t rights = (entry.rights & 0xffff) | RIGHT_READ; /* the CPU cannot show it otherwise */
    rights_t wanted = rights | entry.rights >> 16, most = 0;

    if ((entry.rights & 0xffff) == 0 || (wanted & ~PAGE_RIGHTS))
        return ERR_BAD_ARG;
    enum err e = check_frame(frames, entry.pfn, &most);
    if (e != ERR_OK)
        return e;
    if ((wanted & ~most) || !(w->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    at = place(w->env, entry.va, at);
    if (!at)
        return ERR_NO_TABLE;
    if (arch_pte_present(*at))
        return ERR_IN_USE;
    if (frames->kind == CAP_WINDOW)
        page_show_device(at, &frames->node, entry.pfn, rights, wanted);
    else
        page_show(at, &frames->node, entry.pfn, rights, wanted);
    return ERR_OK;
}

static enum err protect_one(const struct work *w, struct page_entry entry, pte_t *at)
{
    rights_t rights = entry.rights | RIGHT_READ;

    if (entry.rights == 0 || (entry.rights & ~PAGE_RIGHTS))
        return ERR_BAD_ARG;
    if (!(w->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    at = place(w->env, entry.va, at);
    if (!at)
        return ERR_NO_TABLE;
    if (!arch_pte_present(*at))
        return ERR_NOT_BOUND;
    if (rights & ~page_most(at))
        return ERR_NO_RIGHT;
    page_restrict(at, rights);
    return ERR_OK;
}

static int unbind_one(struct work *w, struct page_entry entry, pte_t *at)
{
    if (!(w->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    at = place(w->env, entry.va, at);
    if (!at)
        return ERR_NO_TABLE;
    if (!arch_pte_present(*at) && !w->unbound)
        return ERR_NOT_BOUND;
    if (!arch_pte_present(*at)) {
        w->unbound--;
        return ERR_OK;
    }
    if (unbind_derived(at, w->caller, &w->visits) == CALL_AGAIN)
        return CALL_AGAIN;
    page_take(at);
    return ERR_OK;
}

enum op { BIND, PROTECT, UNBIND };

/* Does one page, with all questions asked. */
static int do_one(enum op op, struct work *w, struct cap *frames, struct page_entry entry,
                  pte_t *at)
{
    switch (op) {
    case BIND:
        return (int)bind_one(w, frames, entry, at);
    case PROTECT:
        return (int)protect_one(w, entry, at);
    default:
        return unbind_one(w, entry, at);
    }
}

/* The rights that a page has when it is bound with this word; the CPU cannot show it otherwise than
 * for reading. And all that it may ever have. For others than plain pages there may be more bits.
 */
INLINE rights_t rights_now(uint32_t word)
{
    return (uint16_t)word | RIGHT_READ;
}

INLINE rights_t rights_ever(uint32_t word)
{
    return (uint16_t)(word | word >> 16) | RIGHT_READ;
}

/* May the pages from `entry` on be done as plain ones, as far as the arguments say? */
INLINE bool is_ordinary(enum op op, rights_t env_rights, const struct cap *frames,
                        struct page_entry entry, uint32_t count)
{
    if (!(env_rights & RIGHT_WRITE))
        return false;
    if (op == UNBIND)
        return true;
    if (op == PROTECT)
        return entry.rights && !(entry.rights & ~PAGE_RIGHTS);
    const rights_t most = frames->rights & PAGE_RIGHTS, ever = rights_ever(entry.rights);
    const uint32_t offset = entry.pfn - frames->base;
    return frames->kind == CAP_FRAMES && (entry.rights & PAGE_RIGHTS) && !(ever & ~most) &&
           offset < frames->count && (count == 1 || count <= frames->count - offset);
}

static uint32_t do_run(enum op op, struct cap *frames, struct page_entry entry, pte_t *at,
                       uint32_t count)
{
    switch (op) {
    case BIND:
        return page_run_bind(at, count, frames, entry.pfn, rights_now(entry.rights),
                             rights_ever(entry.rights));
    case PROTECT:
        return page_run_protect(at, count, rights_now(entry.rights));
    default:
        return page_run_unbind(at, count);
    }
}

/* Does `count` pages side by side, which are all the user's, from `entry` on, and counts in *done
 * those that are done. */
static int do_pages(enum op op, struct work *w, struct cap *frames, struct page_entry entry,
                    uint32_t count, uint32_t *done)
{
    const bool ordinary = is_ordinary(op, w->rights, frames, entry, count);

    for (uint32_t n; *done < count; *done += n, entry.va += n * PAGE_SIZE, entry.pfn += n) {
        pte_t *at = env_leaf(w->env, entry.va);
        uint32_t reach = MMU_ENTRIES - arch_mmu_index(entry.va, 1), left = count - *done;
        n = at && ordinary ? do_run(op, frames, entry, at, left < reach ? left : reach) : 0;
        if (n) {
            env_leaf_found(w->env, entry.va, at);
            continue;
        }
        int e = do_one(op, w, frames, entry, at);
        if (e != ERR_OK)
            return e;
        n = 1;
    }
    return ERR_OK;
}

/* Invalidates what a call changed: one page, or all of the space. */
static void flush(enum op op, struct env *env, vaddr_t first, word_t done)
{
    if (op != BIND && done)
        cpu_tlb_flush(env, done == 1 ? first : TLB_ALL);
}

/* A call for a run, the general way. */
NOINLINE int run_call(enum op op, struct thread *caller, slot_t env, struct cap *frames, word_t run,
                      word_t what, word_t *result)
{
    struct work w = {.rights = 0};
    struct page_entry entry = {0, (pfn_t)what, (uint32_t)(what >> 32)};
    uint32_t count = PAGE_RUN_COUNT(run), done = 0;

    entry.va = run - count;
    if (count == 0 || count > BATCH_MAX || entry.va > USER_TOP - count * PAGE_SIZE ||
        (op == BIND && (entry.rights & (PAGE_LARGE | PAGE_HUGE)) && count > 1))
        return ERR_BAD_ARG;
    w.env = cap_env(caller->env, env, &w.rights);
    if (!w.env || (op == BIND && !names_frames(frames)))
        return ERR_BAD_CAP;
    w.caller = caller;
    w.unbound = op == UNBIND ? unbind_done(caller, run, env) : 0;
    int e = do_pages(op, &w, frames, entry, count, &done);
    *result = done;
    flush(op, w.env, entry.va, done);
    return e == CALL_AGAIN ? unbind_again(caller, SYS_page_unbind_run, env, run, 0, done) : e;
}

/* The only page of a call, if it is a plain one and its table the one found last; with `own`, and
 * if that concerns no other CPU. */
INLINE bool run_single(enum op op, bool own, const struct thread *caller, word_t env_slot,
                       struct cap *frames, word_t run, word_t what)
{
    const struct page_entry entry = {run - 1, (pfn_t)what, (uint32_t)(what >> 32)};
    rights_t env_rights = 0;
    struct env *env = cap_env(caller->env, env_slot, &env_rights);

    if (entry.va % PAGE_SIZE || !env || !is_ordinary(op, env_rights, frames, entry, 1) ||
        !env_leaf_is(env, run) || (own && op != BIND && !cpu_tlb_is_own(env)))
        return false;
    pte_t *at = env_leaf_entry(env, run);
    if (op == BIND)
        return plain_bind(at, frames, entry.pfn, rights_now(entry.rights),
                          rights_ever(entry.rights));
    if (!(op == PROTECT ? plain_protect(at, 1, plain_change_to(rights_now(entry.rights)))
                        : plain_unbind(at)))
        return false;
    if (own)
        cpu_tlb_flush_own(env, entry.va);
    else
        cpu_tlb_flush(env, entry.va);
    return true;
}

bool hook_page_bind_run(struct thread *t, word_t env, word_t frames, word_t run, word_t what)
{
    struct cap *c = cap_find_word(t->env, frames, CAP_FRAMES);

    return c && run_single(BIND, true, t, env, c, run, what);
}

/* Not by the other: a function that one place alone calls becomes a part of that. */
bool page_bind_single(struct thread *t, struct cap *frames, word_t run, word_t what)
{
    return run_single(BIND, true, t, SLOT_ENV, frames, run, what);
}

bool hook_page_protect_run(struct thread *t, word_t env, word_t run, word_t rights)
{
    return rights <= PAGE_RIGHTS &&
           run_single(PROTECT, true, t, env, NULL, run, RUN_FRAMES(0, rights));
}

bool hook_page_unbind_run(struct thread *t, word_t env, word_t run)
{
    return run_single(UNBIND, true, t, env, NULL, run, 0);
}

int sys_page_bind_run(struct thread *caller, const struct sys_page_bind_run_args *a, word_t *result)
{
    struct cap *frames = cap_slot(caller->env, a->frames);

    return run_call(BIND, caller, a->env, frames, a->run, a->what, result);
}

/* On several CPUs, one page is done here. */
INLINE int change_call(enum op op, struct thread *caller, slot_t env, word_t run, word_t what,
                       word_t *result)
{
    if (cpu_count == 1 || !run_single(op, false, caller, env, NULL, run, what))
        return run_call(op, caller, env, NULL, run, what, result);
    *result = 1;
    return ERR_OK;
}

int sys_page_protect_run(struct thread *caller, const struct sys_page_protect_run_args *a,
                         word_t *result)
{
    return change_call(PROTECT, caller, a->env, a->run, RUN_FRAMES(0, a->rights), result);
}

int sys_page_unbind_run(struct thread *caller, const struct sys_page_unbind_run_args *a,
                        word_t *result)
{
    return change_call(UNBIND, caller, a->env, a->run, 0, result);
}

/* A batch being worked on. Its entries are read where they lie, a page at a time. */
struct batch {
    struct work work;
    pfn_t reader;    /* root of the space that the entries are read in  */
    vaddr_t entries; /* those not looked at yet                         */
    uint32_t left;   /* how many                                        */
    uint32_t within; /* how many of them lie at `at`                    */
    const struct page_entry *at;
    struct page_entry copy; /* of one that lies in two pages                   */
};

/* Is every page that holds entries readable, behind the first? That one batch_fetch looks at. */
static bool batch_readable(const struct batch *b)
{
    vaddr_t end = b->entries + b->left * sizeof(struct page_entry);

    if (b->entries >= USER_TOP)
        return false;
    for (vaddr_t va = (b->entries | (PAGE_SIZE - 1)) + 1; va < end; va += PAGE_SIZE)
        if (!space_user(b->reader, va, RIGHT_READ))
            return false;
    return true;
}

/* Brings the next entries within reach; one that lies in two pages is copied. */
static bool batch_fetch(struct batch *b)
{
    uint32_t whole = (uint32_t)((PAGE_SIZE - b->entries % PAGE_SIZE) / sizeof(struct page_entry));

    if (whole == 0) {
        b->at = &b->copy;
        b->within = 1;
        return space_copy_in(b->reader, &b->copy, b->entries, sizeof b->copy);
    }
    b->at = space_user(b->reader, b->entries, RIGHT_READ);
    b->within = whole < b->left ? whole : b->left;
    return b->at;
}

/* Is what lies at `e` the entry that `first` is, but for the page and frame that lie `n` behind?
 * What the user changes meanwhile is compared and never used. */
INLINE bool is_like(enum op op, const struct page_entry *e, vaddr_t va, uint64_t word, uint32_t n)
{
    if (e[n].va != va + n * PAGE_SIZE)
        return false;
    if (op == PROTECT)
        return e[n].rights == (uint32_t)word;
    return op == UNBIND || ((const plain_word_t *)&e[n])[1] == word + n;
}

INLINE bool all_like(enum op op, const struct page_entry *e, vaddr_t va, uint64_t word)
{
    EACH (n, PAGE_GROUP)
        if (!is_like(op, e, va, word, n))
            return false;
    return true;
}

/* How many entries from `e`, which is `first`, to `end` are for pages side by side, done alike? */
INLINE uint32_t count_alike(enum op op, const struct page_entry *e, const struct page_entry *end,
                            struct page_entry first)
{
    const struct page_entry *begin = e++;
    const uint32_t step = op == BIND;
    vaddr_t va = first.va + PAGE_SIZE;
    uint64_t word = op == BIND ? RUN_FRAMES(first.pfn, first.rights) + 1 : first.rights;

    for (; end - e >= PAGE_GROUP && all_like(op, e, va, word); e += PAGE_GROUP) {
        va += PAGE_GROUP * PAGE_SIZE;
        word += PAGE_GROUP * step;
    }
    for (; e < end && is_like(op, e, va, word, 0); e++) {
        va += PAGE_SIZE;
        word += step;
    }
    return (uint32_t)(e - begin);
}

/* The same, as a function, so that the loops have the registers for themselves. */
NOINLINE uint32_t run_length(enum op op, const struct page_entry *e, uint32_t count,
                             struct page_entry first)
{
    switch (op) {
    case BIND:
        return count_alike(BIND, e, e + count, first);
    case PROTECT:
        return count_alike(PROTECT, e, e + count, first);
    default:
        return count_alike(UNBIND, e, e + count, first);
    }
}

/* Does the first run of what is left of the batch. */
INLINE int batch_step(enum op op, struct batch *b, struct cap *frames, vaddr_t *first)
{
    if (b->within == 0 && !batch_fetch(b))
        return ERR_BAD_USER;
    struct page_entry entry = *(const volatile struct page_entry *)b->at;
    if (entry.va % PAGE_SIZE || entry.va >= USER_TOP)
        return ERR_BAD_ARG;
    if (*first == TLB_ALL)
        *first = entry.va;
    uint32_t count = run_length(op, b->at, b->within, entry), done = 0;
    vaddr_t below = (USER_TOP - entry.va) / PAGE_SIZE; /* pages that are the user's */
    int e = do_pages(op, &b->work, frames, entry, count < below ? count : (uint32_t)below, &done);
    b->at += done;
    b->within -= done;
    b->entries += done * sizeof entry;
    b->left -= done;
    return e;
}

/* A call for a batch of `count` entries at `entries`. */
INLINE int batch_call(enum op op, struct thread *caller, slot_t env, struct cap *frames,
                      vaddr_t entries, uint32_t count, word_t *result)
{
    struct batch b = {.reader = caller->env->root};
    vaddr_t first = TLB_ALL;

    if (count == 0 || count > BATCH_MAX)
        return ERR_BAD_ARG;
    b.work.env = cap_env(caller->env, env, &b.work.rights);
    b.entries = entries;
    b.left = count;
    if (!b.work.env)
        return ERR_BAD_CAP;
    b.work.caller = caller;
    b.work.unbound = op == UNBIND ? unbind_done(caller, entries, env) : 0;
    int e = batch_readable(&b) ? ERR_OK : ERR_BAD_USER;
    while (b.left && e == ERR_OK)
        e = batch_step(op, &b, frames, &first);
    *result = count - b.left;
    flush(op, b.work.env, first, *result);
    return e == CALL_AGAIN
               ? unbind_again(caller, SYS_page_unbind, env, entries, count, (uint32_t)*result)
               : e;
}

int sys_page_bind(struct thread *caller, const struct sys_page_bind_args *a, word_t *result)
{
    struct cap *frames = cap_slot(caller->env, a->frames);
    slot_t env = names_frames(frames) ? a->env : SLOT_NONE;

    return batch_call(BIND, caller, env, frames, a->entries, a->count, result);
}

int sys_page_protect(struct thread *caller, const struct sys_page_protect_args *a, word_t *result)
{
    return batch_call(PROTECT, caller, a->env, NULL, a->entries, a->count, result);
}

int sys_page_unbind(struct thread *caller, const struct sys_page_unbind_args *a, word_t *result)
{
    return batch_call(UNBIND, caller, a->env, NULL, a->entries, a->count, result);
}
