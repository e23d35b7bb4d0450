/* Copying a process: its pages are shown in the copy, and both lose the right to write to them. */
#include "exo/abi/batch.h"
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/page.h"
#include "libos-posix/family/space_parts.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/libos.h"
#include "libos/string.h"
#include "libos/tables.h"

#define TABLE_BYTES SPACE_TABLE_BYTES
#define PAGE_RIGHTS SPACE_RIGHTS

/* Bits of an entry that say how a page is used. */
#define ENTRY_USE (CPU_PTE_ACCESSED | CPU_PTE_DIRTY)

/* A copy of a page, the member's own; in a frame that it has kept, or another. */
static enum err bind_copy(uint32_t m, vaddr_t va, const void *page, bool used)
{
    const volatile uint64_t *entry = space_entry(m, va);
    pfn_t frame;
    bool zero;

    if (entry && cpu_pte_is_bound(*entry)) {
        page_copy(family_frame(cpu_pte_pfn(*entry)), page);
        return ERR_OK;
    }
    if (!space_take(TASK_KEEPER, 1, &frame, &zero))
        return ERR_NO_MEM;
    page_copy(family_frame(frame), page);
    enum err e = keeper_bind(m, va, frame, RIGHT_READ | RIGHT_WRITE, used);
    space_let_go(TASK_KEEPER);
    return e;
}

static bool is_zero(const void *page)
{
    const uint64_t *word = page;

    for (uint32_t i = 0; i < PAGE_SIZE / sizeof *word; i++)
        if (word[i])
            return false;
    return true;
}

/* What the image's entry for `va` is here; 0: nothing. */
static uint64_t image_entry(vaddr_t va)
{
    uint64_t pte = tables_entry(va);

    return cpu_pte_is_bound(pte) ? pte : 0;
}

/* To be executed, and not read. */
static enum err bind_low_page(uint32_t m)
{
    const pfn_t frame = cpu_pte_pfn(image_entry(FAMILY->low_page));
    struct page_note note = {0, PAGE_NOTE_CODE};
    enum err e = keeper_table(m, 0);

    if (e == ERR_OK)
        e = exo_page_bind_run(keeper_kept[m].env, SLOT_IMAGE, PAGE_RUN(0, 1),
                              RUN_FRAMES(frame, RIGHT_READ | RIGHT_EXEC));
    return e ? e : exo_page_note(keeper_kept[m].env, (vaddr_t)&note, 1);
}

/* By the frames that it was loaded into. */
enum err keeper_text(uint32_t m)
{
    const vaddr_t low = START->image_low & ~(PAGE_SIZE - 1), high = START->image_high;
    enum err e = keeper_table(m, low);

    for (vaddr_t va = low; va < high && e == ERR_OK; va += PAGE_SIZE) {
        uint64_t pte = image_entry(va);
        if (!pte || (pte & CPU_PTE_WRITE))
            continue;
        e = keeper_table(m, va);
        if (e == ERR_OK)
            e = exo_page_bind_run(keeper_kept[m].env, SLOT_IMAGE, PAGE_RUN(va, 1),
                                  RUN_FRAMES(cpu_pte_pfn(pte), cpu_pte_rights(pte)));
    }
    return e == ERR_OK && FAMILY->low_page ? bind_low_page(m) : e;
}

static enum err copy_data(uint32_t m)
{
    const struct family *f = FAMILY;
    enum err e = ERR_OK;

    for (vaddr_t va = f->image_data; va < f->image_high && e == ERR_OK; va += PAGE_SIZE)
        if (image_entry(va) && !is_zero((const void *)va))
            e = bind_copy(m, va, (const void *)va, true);
    return e;
}

/* What is hidden is seen by nobody, so the copy gets its own. */
static enum err copy_hidden(uint32_t m, vaddr_t va, pfn_t frame)
{
    struct page_note note = {va, SPACE_NOTE(frame)};
    pfn_t copy;
    bool zero;

    if (!(frame_list_mark(POOL, frame) & FRAME_LIST_ARENA)) {
        if (!space_take(TASK_KEEPER, 1, &copy, &zero))
            return ERR_NO_MEM;
        page_copy(family_frame(copy), family_frame(frame));
        note.value = SPACE_NOTE(copy);
    }
    if (space_entry(m, va)) /* finds the table */
        family_use(&FAMILY->members[m].groups[FAMILY->members[m].table_last], va, PAGE_SIZE);
    enum err e = exo_page_note(keeper_kept[m].env, (vaddr_t)&note, 1);
    space_let_go(TASK_KEEPER);
    return e;
}

/* Says in the copy, too, that pages are the arena's. */
static enum err note_shown(uint32_t m, vaddr_t va, uint32_t count)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
        struct page_note note = {va + i * PAGE_SIZE, SPACE_SHOWN};
        e = exo_page_note(keeper_kept[m].env, (vaddr_t)&note, 1);
    }
    return e;
}

/* Pages side by side, of frames side by side, with the same rights. */
static enum err copy_run(uint32_t parent, uint32_t m, vaddr_t va, uint64_t pte, uint32_t count)
{
    const word_t run = PAGE_RUN(va, count);
    rights_t rights = cpu_pte_rights(pte);
    enum err e = ERR_OK;

    if ((rights & RIGHT_WRITE) && !(pte & SPACE_SHOWN)) {
        rights &= ~RIGHT_WRITE;
        e = exo_page_protect_run(keeper_kept[parent].env, run, rights);
    }
    if (e == ERR_OK)
        e = exo_page_bind_run(keeper_kept[m].env, keeper_pool, run,
                              RUN_FRAMES(cpu_pte_pfn(pte), rights | RIGHTS_LATER(PAGE_RIGHTS)));
    if (e == ERR_OK && (pte & SPACE_SHOWN))
        e = note_shown(m, va, count);
    return e;
}

/* Pages that the parent has written to since it was copied last it will write to again, and the
 * copy as a rule too, so the first of them are copied at once: a fault costs more. */
#define COPIED_AT_ONCE 16u
static struct page_entry copied[COPIED_AT_ONCE];
static uint32_t copied_count;

static bool is_to_be_copied(uint64_t pte)
{
    const uint64_t both = CPU_PTE_WRITE | CPU_PTE_DIRTY;

    return copied_count < COPIED_AT_ONCE && (pte & both) == both && !(pte & SPACE_SHOWN);
}

/* One page; it is bound by bind_copied(). The keeper's hand is not looked at meanwhile. */
static enum err copy_page(vaddr_t va, uint64_t pte)
{
    pfn_t frame;
    bool zero;

    if (!frame_list_take(POOL, 1, &frame, &zero))
        return ERR_NO_MEM;
    page_copy(family_frame(frame), family_frame(cpu_pte_pfn(pte)));
    copied[copied_count++] =
        (struct page_entry){va, frame, cpu_pte_rights(pte) | RIGHTS_LATER(PAGE_RIGHTS)};
    return ERR_OK;
}

static enum err bind_copied(uint32_t m)
{
    enum err e = copied_count
                     ? exo_page_bind(keeper_kept[m].env, keeper_pool, (vaddr_t)copied, copied_count)
                     : ERR_OK;

    for (uint32_t i = 0; i < copied_count && e; i++)
        space_give(copied[i].pfn, frame_list_mark(POOL, copied[i].pfn));
    copied_count = 0;
    return e;
}

static enum err copy_table(uint32_t parent, uint32_t k, uint32_t m)
{
    struct member *from = &FAMILY->members[parent], *to = &FAMILY->members[m];
    const volatile uint64_t *table = family_view(parent, k);
    const vaddr_t base = (vaddr_t)from->tables[k] * TABLE_BYTES;
    const uint64_t groups = from->groups[k];
    enum err e = groups ? keeper_table(m, base) : ERR_OK;

    if (e || !groups || !space_entry(m, base))
        return e;
    const volatile uint64_t *there = family_view(m, to->table_last);
    uint64_t *used = &to->groups[to->table_last];
    for (uint32_t i = 0, count; (i = family_used(groups, i)) < 512 && e == ERR_OK; i += count) {
        const uint64_t pte = table[i] & ~ENTRY_USE;
        count = 1;
        if (!pte || (cpu_pte_is_bound(pte) && space_is_lent(pte)))
            continue;                     /* the copy finds it by its areas */
        if (cpu_pte_is_bound(there[i])) { /* as keeper_tidy() says */
            if (cpu_pte_pfn(there[i]) != cpu_pte_pfn(pte))
                page_copy(family_frame(cpu_pte_pfn(there[i])), family_frame(cpu_pte_pfn(pte)));
            continue;
        }
        if (cpu_pte_is_bound(pte) && frame_list_has(POOL, cpu_pte_pfn(pte))) {
            family_use(used, base + i * PAGE_SIZE, PAGE_SIZE);
            if (is_to_be_copied(table[i])) {
                e = copy_page(base + i * PAGE_SIZE, pte);
                continue;
            }
            while (i + count < 512 && !there[i + count] &&
                   frame_list_has(POOL, cpu_pte_pfn(pte) + count) &&
                   (table[i + count] & ~ENTRY_USE) == pte + count * PAGE_SIZE)
                count++;
            family_use(used, base + i * PAGE_SIZE, count * PAGE_SIZE);
            e = copy_run(parent, m, base + i * PAGE_SIZE, pte, count);
        } else if (SPACE_IS_HIDDEN(pte)) {
            e = copy_hidden(m, base + i * PAGE_SIZE, cpu_pte_pfn(pte));
        }
    }
    return e;
}

/* Of a block the copy has the stack as far as it is in use, which it writes to at once. */
static enum err copy_block(const struct family_task *parent, uint32_t m, vaddr_t sp)
{
    const vaddr_t block = FAMILY_BLOCK(parent->block), end = block + BLOCK_BYTES;
    vaddr_t low = block + BLOCK_STACK_FIRST * PAGE_SIZE;
    enum err e = ERR_OK;

    if (sp > low && sp < end)
        low = sp & ~(PAGE_SIZE - 1);
    for (vaddr_t va = low; va < end && e == ERR_OK; va += PAGE_SIZE) {
        const volatile uint64_t *entry = space_entry(parent->member, va);
        if (entry && cpu_pte_is_bound(*entry))
            e = bind_copy(m, va, family_frame(cpu_pte_pfn(*entry)), true);
    }
    return e;
}

static enum err copy_all(const struct family_task *parent, uint32_t m)
{
    const struct member *from = &FAMILY->members[parent->member];
    enum err e = ERR_OK;

    keeper_tidy(m, parent->member);
    for (uint32_t k = 0; k < from->table_count && e == ERR_OK; k++)
        if (from->tables[k] != FAMILY_BLOCKS / TABLE_BYTES)
            e = copy_table(parent->member, k, m);
    const enum err bound = bind_copied(m);
    return e ? e : bound;
}
_Static_assert(BLOCK_BYTES *FAMILY_BLOCKS_MAX == TABLE_BYTES, "blocks have one table");

/* Upcalls go on as they were set, with nothing pending. */
static void copy_utcb(uint32_t from, uint32_t to)
{
    const uint8_t *old = keeper_utcb(from);
    uint8_t *new = keeper_utcb(to);
    const struct utcb_exo *was = (const struct utcb_exo *)(const void *)(old + UTCB_EXO);
    struct utcb_exo *is = (struct utcb_exo *)(void *)(new + UTCB_EXO);

    is->mask = was->mask;
    is->pending = is->notified = 0;
    memcpy(is->entry, was->entry, sizeof is->entry);
    memcpy(is->stack, was->stack, sizeof is->stack);
    memcpy(new + UTCB_LIBRARY, old + UTCB_LIBRARY, FAMILY_PLACE - UTCB_LIBRARY);
}

const void *keeper_look(uint32_t m, vaddr_t va, uint64_t bytes)
{
    const volatile uint64_t *entry = space_entry(m, va);

    if (!entry || !cpu_pte_is_bound(*entry) || !frame_list_has(POOL, cpu_pte_pfn(*entry)) ||
        va % PAGE_SIZE > PAGE_SIZE - bytes)
        return NULL;
    return (const uint8_t *)family_frame(cpu_pte_pfn(*entry)) + va % PAGE_SIZE;
}

enum err keeper_fork(uint32_t parent_task, vaddr_t core, vaddr_t context, uint32_t *task)
{
    const struct family_task *parent = &FAMILY->tasks[parent_task];
    const struct family_context *c = keeper_look(parent->member, context, sizeof *c);
    uint32_t m;

    if (!c)
        return ERR_BAD_ARG;
    enum err e = keeper_make(parent->block, &m);
    if (e)
        return e;
    e = copy_all(parent, m);
    if (e == ERR_OK)
        e = keeper_thread(m, core, parent->block, task);
    if (e == ERR_OK)
        e = copy_block(parent, m, c->rsp);
    if (e == ERR_OK) {
        copy_utcb(parent_task, *task);
        e = keeper_start(*task, (vaddr_t)family_resume, c->rsp, context);
    }
    if (e)
        keeper_unmake(m);
    return e;
}

/* Where this program lies, and from where on its pages are each process' own. */
static void find_image(struct family *f)
{
    f->image_low = START->image_low & ~(PAGE_SIZE - 1);
    f->image_high = (START->image_high + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    for (f->image_data = f->image_low; f->image_data < f->image_high; f->image_data += PAGE_SIZE)
        if (image_entry(f->image_data) & CPU_PTE_WRITE)
            break;
}

enum err keeper_first(void (*run)(void *), void *argument, vaddr_t core)
{
    const vaddr_t top = FAMILY_BLOCK(0) + BLOCK_BYTES;
    uint32_t m, task;
    find_image(FAMILY);
    enum err e = keeper_make(0, &m);

    if (e)
        return e;
    e = copy_data(m);
    if (e == ERR_OK)
        e = keeper_thread(m, core, 0, &task);
    if (e == ERR_OK)
        e = keeper_start(task, (vaddr_t)run, top - 8, (word_t)argument);
    if (e)
        keeper_unmake(m);
    return e;
}
