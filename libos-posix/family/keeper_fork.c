/* Making the first process of a family, and copying one. */
#include "exo/abi/batch.h"
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/page.h"
#include "libos-posix/family/space_parts.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/libos.h"
#include "libos/string.h"
#include "libos/tables.h"

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

/* Variables of the image that are the family's (program.ld). */
extern uint8_t program_shared[], program_shared_end[];

static bool is_shared(vaddr_t va)
{
    return va >= (vaddr_t)program_shared && va < (vaddr_t)program_shared_end;
}

/* By the frames that it was loaded into. */
enum err keeper_text(uint32_t m)
{
    const vaddr_t low = START->image_low & ~(PAGE_SIZE - 1), high = START->image_high;
    enum err e = keeper_table(m, low);

    for (vaddr_t va = low; va < high && e == ERR_OK; va += PAGE_SIZE) {
        uint64_t pte = image_entry(va);
        if (!pte || ((pte & CPU_PTE_WRITE) && !is_shared(va)))
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
        if (image_entry(va) && !is_shared(va) && !is_zero((const void *)va))
            e = bind_copy(m, va, (const void *)va, true);
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

/* No process is made of the last part of memory: those that there are still write to pages that
 * they share, and who finds no memory for that is ended. */
#define RESERVE_SHIFT 5

enum err keeper_fork(uint32_t parent_task, const word_t words[3], uint32_t *task)
{
    const struct family_task *parent = &FAMILY->tasks[parent_task];
    const struct family_context *c = keeper_look(parent->member, words[1], sizeof *c);
    uint32_t m;

    if (!c)
        return ERR_BAD_ARG;
    if (POOL->count - POOL->used < POOL->count >> RESERVE_SHIFT)
        return ERR_NO_MEM;
    enum err e = keeper_make(parent, words[2] & ~FORK_MOVE, &m);
    if (e)
        return e;
    e = keeper_copy(parent->member, m, words[2] & ~FORK_MOVE);
    if (e == ERR_OK)
        e = keeper_thread(m, words[0], parent->block, task);
    if (e == ERR_OK)
        e = copy_block(parent, m, c->rsp);
    if (e == ERR_OK) {
        copy_utcb(parent_task, *task);
        e = keeper_start(*task, (vaddr_t)family_resume, c->rsp, words[1]);
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
    enum err e = keeper_make(NULL, 0, &m);

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
