/* Reading the book-keeping of all environments. One thread at a time. */
#include "libos/inspect.h"

#include "exo/abi/batch.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/slots.h"
#include "libos/tables.h"

#define WINDOW      ((vaddr_t)0x340000000000) /* above all that libos' virtual memory gives out */
#define TABLE_SPAN  (PAGE_SIZE << 9)
#define ENTRIES     512u
#define LEVEL_TOP   4u
#define USER_HALF   (ENTRIES / 2) /* entries of a top table that are the user's */
#define NODES_FRAME (PAGE_SIZE / sizeof(struct node))
#define SPARE       32u /* frames that become tables while the window's own tables are made */

static pfn_t frames[INSPECT_FRAMES]; /* shown in the window, in this order, which ascends */
static uint32_t frame_count;

static bool is_readable(pfn_t pfn)
{
    uint8_t type = book_frame(pfn)->type;

    return type == FRAME_TABLE || type == FRAME_NODES || type == FRAME_CAPTABLE ||
           type == FRAME_CPU;
}

/* Collects what there is to show. False: too much. */
static bool collect(void)
{
    frame_count = 0;
    for (pfn_t pfn = 0; pfn < KINFO->frame_count; pfn++) {
        if (!is_readable(pfn))
            continue;
        if (frame_count == INSPECT_FRAMES)
            return false;
        frames[frame_count++] = pfn;
    }
    return true;
}

static enum err bind_all(void)
{
    static struct page_entry batch[BATCH_MAX];
    enum err e = ERR_OK;

    for (uint32_t done = 0; done < frame_count && e == ERR_OK;) {
        uint32_t count = 0;
        for (; count < BATCH_MAX && done < frame_count; count++, done++)
            batch[count] = (struct page_entry){WINDOW + done * PAGE_SIZE, frames[done], RIGHT_READ};
        e = exo_page_bind(SLOT_ENV, SLOT_INSPECT, (vaddr_t)batch, count);
    }
    return e;
}

enum err inspect_open(void)
{
    if (!slot_cap(SLOT_INSPECT))
        return ERR_BAD_CAP;
    if (!collect())
        return ERR_NO_MEM;
    uint64_t bytes = (frame_count + SPARE) * PAGE_SIZE;
    for (vaddr_t va = WINDOW; va < WINDOW + bytes; va += TABLE_SPAN) {
        enum err e = tables_make(va); /* before the frames are bound: these are among them */
        if (e)
            return e;
    }
    enum err e = collect() ? bind_all() : ERR_NO_MEM;
    if (e)
        inspect_close();
    return e;
}

void inspect_close(void)
{
    for (uint32_t i = 0; i < frame_count; i++) {
        struct page_entry entry = {WINDOW + i * PAGE_SIZE, 0, 0};
        exo_page_unbind(SLOT_ENV, (vaddr_t)&entry, 1);
    }
    frame_count = 0;
}

const volatile void *inspect_frame(pfn_t pfn)
{
    uint32_t low = 0, high = frame_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (frames[middle] < pfn)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == frame_count || frames[low] != pfn)
        return NULL;
    return (const volatile void *)(WINDOW + low * PAGE_SIZE);
}

const volatile struct node *inspect_node(node_t name)
{
    const volatile struct node *nodes = name ? inspect_frame(inspect_node_frame(name)) : NULL;

    return nodes ? nodes + name % NODES_FRAME : NULL;
}

static struct node copy(const volatile struct node *n)
{
    return (struct node){n->parent, n->child, n->next, n->prev};
}

static void show_caps(uint32_t env, pfn_t table, slot_t first, inspect_fn show, void *context)
{
    const volatile struct cap *caps = inspect_frame(table);

    for (uint32_t i = 0; caps && i < CAPS_PER_FRAME; i++) {
        const volatile struct cap *c = &caps[i];
        if (c->kind == CAP_NONE)
            continue;
        struct inspect_item item = {
            .kind = INSPECT_CAP,
            .name = (node_t)(table * NODES_FRAME + i * (sizeof *c / sizeof(struct node))),
            .node = copy(&c->node),
            .env = env,
            .slot = first + i,
            .cap = {.kind = c->kind,
                    .rights = c->rights,
                    .flags = c->flags,
                    .base = c->base,
                    .count = c->count}};
        show(context, &item);
    }
}

/* The first tables are named by the environment's record; slots of further ones are counted in
 * order of frames. */
static void show_all_caps(uint32_t env, inspect_fn show, void *context)
{
    const volatile struct env_info *info = book_env(env);
    const uint32_t named = sizeof info->captables / sizeof info->captables[0];
    uint32_t table = 0;

    for (; table < named && info->captables[table]; table++)
        show_caps(env, info->captables[table], table * CAPS_PER_FRAME, show, context);
    for (uint32_t i = 0; i < frame_count && table == named; i++) {
        bool shown =
            book_frame(frames[i])->type != FRAME_CAPTABLE || book_frame(frames[i])->owner != env;
        for (uint32_t n = 0; n < named; n++)
            shown |= info->captables[n] == frames[i];
        if (!shown)
            show_caps(env, frames[i], table++ * CAPS_PER_FRAME, show, context);
    }
}

static enum inspect_kind entry_kind(uint32_t level, uint64_t pte)
{
    if (level == 1 || cpu_pte_is_large(pte))
        return INSPECT_PAGE;
    return cpu_pte_is_share(pte) ? INSPECT_SHARE : INSPECT_TABLE;
}

static struct inspect_item entry_item(uint32_t env, pfn_t table, uint32_t i, uint32_t level,
                                      vaddr_t va, uint64_t pte)
{
    node_t name = (node_t)((table + 1) * NODES_FRAME + i);
    struct inspect_item item = {.kind = entry_kind(level, pte),
                                .name = name,
                                .env = env,
                                .va = va,
                                .pfn = cpu_pte_pfn(pte),
                                .rights = cpu_pte_rights(pte),
                                .level = level - 1,
                                .frames = 1u << 9 * (level - 1)};
    const volatile struct node *n = inspect_node(name);

    if (n)
        item.node = copy(n);
    return item;
}

/* Walks the page tables below `table`, of at most LEVEL_TOP levels. What is shared is shown where
 * it comes from. */
static void show_table(uint32_t env, pfn_t table, uint32_t level, vaddr_t base, inspect_fn show,
                       void *context)
{
    const volatile uint64_t *entries = inspect_frame(table);
    uint32_t end = level == LEVEL_TOP ? USER_HALF : ENTRIES;

    for (uint32_t i = 0; entries && i < end; i++) {
        uint64_t pte = entries[i];
        vaddr_t va = base + ((vaddr_t)i << (PAGE_BITS + 9 * (level - 1)));
        if (!cpu_pte_is_bound(pte))
            continue;
        struct inspect_item item = entry_item(env, table, i, level, va, pte);
        show(context, &item);
        if (item.kind == INSPECT_TABLE)
            show_table(env, item.pfn, level - 1, va, show, context);
    }
}

void inspect_env(uint32_t env, inspect_fn show, void *context)
{
    if (env >= ENV_MAX || !book_env(env)->frame)
        return;
    show_all_caps(env, show, context);
    show_table(env, book_env(env)->root, LEVEL_TOP, 0, show, context);
}

static void show_slices(uint32_t cpu, inspect_fn show, void *context)
{
    pfn_t frame = book_cpu(cpu)->slice_nodes;
    const volatile struct node *nodes = inspect_frame(frame);

    for (uint32_t position = 0; nodes && position < SLICE_COUNT; position++) {
        if (!nodes[position].parent)
            continue;
        struct inspect_item item = {.kind = INSPECT_SLICE,
                                    .name = (node_t)(frame * NODES_FRAME + position),
                                    .node = copy(&nodes[position]),
                                    .env = book_cpu(cpu)->slices[position].env,
                                    .slot = position,
                                    .level = cpu};
        show(context, &item);
    }
}

void inspect_slices(inspect_fn show, void *context)
{
    for (uint32_t cpu = 0; cpu < KINFO->cpu_count; cpu++)
        show_slices(cpu, show, context);
}
