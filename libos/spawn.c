/* Starting a program in an environment of its own. */
#include "libos/spawn.h"

#include "exo/abi/batch.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/elf.h"
#include "libos/exit.h"
#include "libos/notify.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"

/* Order of the frames of an image: program pages, start page, UTCB, stack. */
#define TAIL_FRAMES (2u + START_STACK_PAGES)
#define WATCH_BIT   ((word_t)1)

/* What is known while a program is being made. */
struct spawn_plan {
    const struct spawn_args *args;
    struct elf_program elf;
    uint32_t pages; /* of the program */
    vaddr_t window; /* where its frames are seen here */
    bool is_clean;  /* they are zero */
};

static enum err check(struct spawn_plan *plan)
{
    const struct elf_program *elf = &plan->elf;
    enum err e = elf_read(plan->args->image, plan->args->image_bytes, &plan->elf);

    if (e)
        return e;
    if (elf->movable || elf->interpreted || !elf_is_separated(elf) || elf->low < PAGE_SIZE ||
        elf->high > START_INFO || (elf->high - elf->low) / PAGE_SIZE > UINT32_MAX / 2)
        return ERR_BAD_ARG;
    plan->pages = (uint32_t)((elf->high - elf->low) / PAGE_SIZE);
    return ERR_OK;
}

/* Appends strings to the start page. */
static enum err add_strings(struct startinfo *info, size_t *used, const char *const *strings,
                            uint32_t *count)
{
    for (; strings && *strings; strings++, ++*count) {
        size_t bytes = strlen(*strings) + 1;
        if (bytes > sizeof info->text - *used)
            return ERR_BAD_ARG;
        memcpy(info->text + *used, *strings, bytes);
        *used += bytes;
    }
    return ERR_OK;
}

static enum err fill(const struct spawn_plan *plan, const struct spawn_child *child)
{
    const struct elf_program *elf = &plan->elf;
    struct startinfo *info = (struct startinfo *)(plan->window + plan->pages * PAGE_SIZE);
    size_t used = 0;

    if (!plan->is_clean)
        memset((void *)plan->window, 0, child->image_frames * PAGE_SIZE);
    for (vaddr_t va = elf->low; va < elf->high; va += PAGE_SIZE)
        elf_fill_page(elf, plan->args->image, va, (void *)(plan->window + (va - elf->low)));
    info->magic = STARTINFO_MAGIC;
    info->image_low = elf->low;
    info->image_high = elf->high;
    if (plan->args->give & SPAWN_GIVE(SLOT_ARCHIVE))
        info->archive_bytes = ((const struct startinfo *)START_INFO)->archive_bytes;
    info->parent_id = *book_tcr(TCR_GLOBAL_ID);
    info->memory_free = child->memory_first;
    enum err e = add_strings(info, &used, plan->args->arguments, &info->argc);
    return e ? e : add_strings(info, &used, plan->args->environment, &info->envc);
}

/* Sets the child's memory aside. */
static enum err promise_memory(const struct spawn_args *args, struct spawn_child *child)
{
    enum err e = ERR_OK;

    if (!args->memory_frames)
        return ERR_OK;
    child->memory_first = args->memory_first;
    if (args->memory_first)
        e = region_withhold(args->memory_first, args->memory_frames);
    else
        e = region_promise(args->memory_frames, &child->memory_first);
    child->has_memory = e == ERR_OK;
    return e;
}

static enum err make_image(struct spawn_plan *plan, struct spawn_child *child)
{
    child->image_frames = plan->pages + TAIL_FRAMES;
    enum err e = region_frames(child->image_frames, &child->image, &child->image_first);
    if (e) {
        child->image = SLOT_NONE;
        return e;
    }
    plan->is_clean = region_is_clean(child->image_first, child->image_frames);
    e = vm_map_frames(child->image, child->image_first, child->image_frames, &plan->window,
                      RIGHT_READ | RIGHT_WRITE);
    return e == ERR_OK ? fill(plan, child) : e;
}

static enum err make_table(slot_t env, vaddr_t va, uint32_t level)
{
    pfn_t frame;
    enum err e = region_find(TABLE_FRAMES, &frame);

    if (e == ERR_OK)
        e = exo_table_create(env, SLOT_MEMORY, frame, va, level);
    return e == ERR_IN_USE ? ERR_OK : e;
}

/* From the top down. */
enum err spawn_tables(slot_t env, vaddr_t low, vaddr_t high)
{
    enum err e = ERR_OK;

    for (uint32_t level = 3; level > 0 && e == ERR_OK; level--) {
        vaddr_t step = (vaddr_t)PAGE_SIZE << 9 * level;
        for (vaddr_t va = low & ~(step - 1); va < high && e == ERR_OK; va += step)
            e = make_table(env, va, level);
    }
    return e;
}

enum err spawn_bind(slot_t env, slot_t frames, vaddr_t va, pfn_t pfn, uint32_t count,
                    rights_t rights)
{
    struct page_entry entries[64];

    while (count) {
        uint32_t part = count < 64 ? count : 64;
        for (uint32_t i = 0; i < part; i++)
            entries[i] = (struct page_entry){va + i * PAGE_SIZE, pfn + i, rights};
        enum err e = exo_page_bind(env, frames, (vaddr_t)entries, part);
        if (e)
            return e;
        va += part * PAGE_SIZE;
        pfn += part;
        count -= part;
    }
    return ERR_OK;
}

static enum err show_image(const struct spawn_plan *plan, const struct spawn_child *child)
{
    const struct elf_program *elf = &plan->elf;
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < plan->pages && e == ERR_OK; i++) {
        vaddr_t va = elf->low + i * PAGE_SIZE;
        rights_t rights = elf_page_rights(elf, va);
        if (rights) /* else a hole between segments */
            e = spawn_bind(child->env, child->image, va, child->image_first + i, 1,
                           rights | RIGHT_READ);
    }
    pfn_t tail = child->image_first + plan->pages;
    if (e == ERR_OK)
        e = spawn_bind(child->env, child->image, START_INFO, tail, 1, RIGHT_READ);
    if (e == ERR_OK)
        e = spawn_bind(child->env, child->image, START_UTCB, tail + 1, 1, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = spawn_bind(child->env, child->image, START_STACK, tail + 2, START_STACK_PAGES,
                       RIGHT_READ | RIGHT_WRITE);
    return e;
}

enum err spawn_env(slot_t *env, uint32_t *number)
{
    slot_t slot;
    pfn_t frame;
    word_t made = 0;
    enum err e = slot_take(&slot);

    *env = SLOT_NONE;
    if (e)
        return e;
    e = region_find(ENV_FRAMES, &frame);
    if (e == ERR_OK)
        e = exo_env_create_get(SLOT_MEMORY, frame, slot, &made);
    if (e) {
        slot_give(slot);
        return e;
    }
    *env = slot;
    *number = (uint32_t)made;
    return ERR_OK;
}

static enum err make_env(const struct spawn_plan *plan, struct spawn_child *child)
{
    enum err e = spawn_env(&child->env, &child->number);

    if (e)
        return e;
    child->entry = plan->elf.entry;
    e = spawn_tables(child->env, plan->elf.low, plan->elf.high);
    if (e == ERR_OK)
        e = spawn_tables(child->env, START_INFO, START_STACK_TOP);
    return e == ERR_OK ? show_image(plan, child) : e;
}

static enum err make_thread(const struct spawn_plan *plan, struct spawn_child *child)
{
    struct startinfo *info = (struct startinfo *)(plan->window + plan->pages * PAGE_SIZE);
    uint32_t cpu = plan->args->cpu;
    pfn_t frame;
    word_t id;
    slot_t slot;
    enum err e = slot_take(&slot);

    if (e == ERR_OK)
        e = region_find(1, &frame);
    if (e)
        return e;
    e = exo_thread_create_get(child->env, SLOT_MEMORY, frame, START_UTCB, plan->args->number, slot,
                              &id);
    if (e) {
        slot_give(slot);
        return e;
    }
    child->thread = slot;
    child->thread_id = info->thread_id = id;
    if (!slot_cap(SLOT_CPU))
        return ERR_OK;
    if (cpu == THREAD_CPU_HERE)
        cpu = (uint32_t)*book_tcr(TCR_PROCESSOR);
    return exo_thread_place(slot, SLOT_CPU, cpu,
                            plan->args->priority ? plan->args->priority : THREAD_PRIORITY);
}

/* Copies a capability of ours, whole, if there is one, into the same slot. */
static enum err give(const struct spawn_child *child, slot_t slot)
{
    const volatile struct cap *cap = slot_cap(slot);

    return cap ? exo_cap_copy(child->env, slot, slot, cap->rights, 0, 0) : ERR_OK;
}

static enum err give_all(const struct spawn_args *args, const struct spawn_child *child)
{
    enum err e = exo_cap_copy(child->env, SLOT_ENV, child->env, RIGHT_ALL, 0, 0);

    if (e == ERR_OK)
        e = exo_cap_copy(child->env, SLOT_THREAD, child->thread, RIGHT_ALL, 0, 0);
    if (e == ERR_OK)
        e = exo_cap_copy(child->env, SLOT_IMAGE, child->image, RIGHT_ALL, 0, 0);
    for (slot_t slot = SLOT_CPU; slot < SLOT_FREE && e == ERR_OK; slot++)
        if (args->give & SPAWN_GIVE(slot))
            e = give(child, slot);
    if (e == ERR_OK && child->has_memory)
        e = exo_cap_copy(child->env, SLOT_MEMORY, SLOT_MEMORY, RIGHT_ALL, child->memory_first,
                         args->memory_frames);
    return e;
}

static enum err watch(const struct spawn_args *args, struct spawn_child *child)
{
    uint64_t name[2] = {0, 0};
    size_t length = args->name ? strnlen(args->name, sizeof name) : 0;
    slot_t slot;
    enum err e = notify_new(&slot);

    if (e)
        return e;
    child->watch = slot;
    if (length)
        memcpy(name, args->name, length);
    exo_env_name(child->env, name[0], name[1]); /* a name that is refused is no reason to fail */
    return exo_env_watch(child->env, slot, WATCH_BIT);
}

enum err spawn_prepare(struct spawn_child *child, const struct spawn_args *args)
{
    struct spawn_plan plan = {.args = args};
    enum err e = check(&plan);

    *child = (struct spawn_child){0};
    if (e)
        return e;
    e = promise_memory(args, child);
    if (e == ERR_OK)
        e = make_image(&plan, child);
    if (e == ERR_OK)
        e = make_env(&plan, child);
    if (e == ERR_OK)
        e = make_thread(&plan, child);
    if (e == ERR_OK)
        e = give_all(args, child);
    if (e == ERR_OK)
        e = watch(args, child);
    /* The UTCB stays in sight: the program leaves its status there. */
    child->utcb = plan.window + (plan.pages + 1) * PAGE_SIZE;
    if (plan.window) {
        vm_unmap(plan.window, (plan.pages + 1) * PAGE_SIZE);
        vm_unmap(child->utcb + PAGE_SIZE, START_STACK_PAGES * PAGE_SIZE);
    }
    if (e)
        spawn_destroy(child);
    return e;
}

enum err spawn_run(struct spawn_child *child)
{
    enum err e = exo_thread_start(child->thread, child->entry, START_STACK_TOP, START_INFO);

    child->started = e == ERR_OK;
    return e;
}

enum err spawn_start(struct spawn_child *child, const struct spawn_args *args)
{
    enum err e = spawn_prepare(child, args);

    if (e)
        return e;
    e = spawn_run(child);
    if (e)
        spawn_destroy(child);
    return e;
}

enum err spawn_wait(struct spawn_child *child, struct spawn_end *end)
{
    if (notify_until(child->watch, WATCH_BIT, FOREVER, NULL))
        return ERR_BAD_STATE;
    const volatile struct exit_record *record =
        (const volatile struct exit_record *)(child->utcb + EXIT_OFFSET);
    const struct env_info env = book_env_read(child->number);
    *end = (struct spawn_end){
        .exited = env.death == 0 && record->magic == EXIT_MAGIC,
        .status = (int)(record->status & 255),
        .vector = env.death - 1,
        .ip = env.death_ip,
        .address = env.death_addr,
    };
    return ERR_OK;
}

void spawn_destroy(struct spawn_child *child)
{
    if (child->thread)
        slot_delete(child->thread);
    if (child->env)
        slot_delete(child->env);
    if (child->watch)
        slot_delete(child->watch);
    if (child->utcb)
        vm_unmap(child->utcb, PAGE_SIZE);
    if (child->image)
        region_give_frames(child->image, child->image_first, child->image_frames);
    if (child->has_memory)
        region_release(child->memory_first);
    *child = (struct spawn_child){0};
}
