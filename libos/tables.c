/* This environment's page tables. One thread at a time. */
#include "libos/tables.h"

#include "exo/abi/batch.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"

#define TABLES_WINDOW  ((vaddr_t)0x7ffd00000000)
#define TABLES_SCRATCH (START_INFO + 0x6000) /* where upper tables are looked at */
#define LEVEL_TOP      4u

/* An open hash of the numbers of tables that exist (va >> TABLE_BITS, plus 1; 0: none). A table's
 * place in the hash is also the page of the window that shows it. */
static uint32_t tables[TABLES_MAX];
static uint32_t table_count;

/* The place of `va`'s table, or the free place where it belongs. */
static uint32_t place_of(vaddr_t va)
{
    uint32_t number = (uint32_t)(va >> TABLE_BITS) + 1;
    uint32_t place = (uint32_t)(number * 2654435761u) >> 20;

    while (tables[place] && tables[place] != number)
        place = (place + 1) % TABLES_MAX;
    return place;
}
_Static_assert(TABLES_MAX == 1u << 12, "a place has 12 bits");

static uint32_t entry_index(vaddr_t va, uint32_t level)
{
    return (uint32_t)(va >> (PAGE_BITS + 9 * (level - 1))) & 511;
}

const volatile uint64_t *tables_at(vaddr_t va)
{
    uint32_t place = place_of(va);

    return tables[place] ? (const volatile uint64_t *)(TABLES_WINDOW + place * PAGE_SIZE) : NULL;
}

uint64_t tables_entry(vaddr_t va)
{
    const volatile uint64_t *table = tables_at(va);

    return table ? table[entry_index(va, 1)] : 0;
}

bool tables_exist(vaddr_t va)
{
    return tables[place_of(va)];
}

vaddr_t tables_next(vaddr_t va)
{
    return ((va >> TABLE_BITS) + 1) << TABLE_BITS;
}

static enum err create(vaddr_t va, uint32_t level, word_t *frame)
{
    pfn_t base;
    enum err e = region_find(TABLE_FRAMES, &base);

    return e ? e : exo_table_create_get(SLOT_ENV, SLOT_MEMORY, base, va, level, frame);
}

/* The level-1 table of `va`, made with all above it. IN_USE: there is one already. */
static enum err create_path(vaddr_t va, word_t *frame)
{
    for (uint32_t level = 1; level < LEVEL_TOP; level++) {
        enum err e = create(va, level, frame);
        if (e == ERR_NO_TABLE)
            continue; /* first the one above */
        if (e || level == 1)
            return e;
        level = 0; /* made one: try again from below */
    }
    return ERR_NO_TABLE;
}

static enum err show(pfn_t frame, vaddr_t va)
{
    struct page_entry entry = {va, frame, RIGHT_READ};

    return exo_page_bind(SLOT_ENV, SLOT_ENV, (vaddr_t)&entry, 1);
}

/* Enters a table in the hash and shows it in the window. */
static enum err adopt(vaddr_t va, pfn_t frame)
{
    if (table_count >= TABLES_MAX / 4 * 3) /* beyond, searches would be long */
        return ERR_NO_MEM;
    uint32_t place = place_of(va);
    vaddr_t window = TABLES_WINDOW + place * PAGE_SIZE;
    enum err e = show(frame, window);
    if (e == ERR_NO_TABLE) {
        word_t unused;
        e = create_path(window, &unused);
        if (e == ERR_OK)
            e = show(frame, window);
    }
    if (e)
        return e;
    tables[place] = (uint32_t)(va >> TABLE_BITS) + 1;
    table_count++;
    return ERR_OK;
}

/* The entry for `va` in `table`, of `level`. */
static enum err look(pfn_t table, vaddr_t va, uint32_t level, uint64_t *entry)
{
    enum err e = show(table, TABLES_SCRATCH);

    if (e)
        return e;
    *entry = ((const volatile uint64_t *)TABLES_SCRATCH)[entry_index(va, level)];
    struct page_entry gone = {TABLES_SCRATCH, 0, 0};
    return exo_page_unbind(SLOT_ENV, (vaddr_t)&gone, 1);
}

/* Walks from the top table, looking at one table at a time, to an entry of `level` or to the last
 * above it on the way to `va`; then `level` says which. */
static enum err walk(vaddr_t va, uint64_t *entry, uint32_t *level)
{
    pfn_t table = book_env((uint32_t)book_utcb()->env)->root;

    for (uint32_t l = LEVEL_TOP;; l--) {
        enum err e = look(table, va, l, entry);
        bool leads =
            cpu_pte_is_bound(*entry) && !cpu_pte_is_large(*entry) && !cpu_pte_is_share(*entry);
        if (e == ERR_OK && l > *level && leads) {
            table = cpu_pte_pfn(*entry);
            continue;
        }
        *level = l;
        return e;
    }
}

/* The level-1 table of `va`. NO_TABLE: the path ends early. */
static enum err find(vaddr_t va, pfn_t *frame)
{
    uint32_t level = 2;
    uint64_t entry = 0;
    enum err e = walk(va, &entry, &level);

    if (e)
        return e;
    *frame = cpu_pte_pfn(entry);
    return level == 2 && cpu_pte_is_bound(entry) && !cpu_pte_is_large(entry) &&
                   !cpu_pte_is_share(entry)
               ? ERR_OK
               : ERR_NO_TABLE;
}

enum err tables_walk(vaddr_t va, uint64_t *entry, uint64_t *bytes)
{
    uint32_t level = 1;
    enum err e = walk(va, entry, &level);

    *bytes = PAGE_SIZE << 9 * (level - 1);
    return e;
}

enum err tables_adopt(vaddr_t low, vaddr_t high)
{
    const vaddr_t step = (vaddr_t)1 << TABLE_BITS;

    for (vaddr_t va = low & ~(step - 1); va < high; va += step) {
        pfn_t frame;
        if (tables[place_of(va)])
            continue;
        enum err e = find(va, &frame);
        if (e == ERR_OK)
            e = adopt(va, frame);
        if (e && e != ERR_NO_TABLE)
            return e;
    }
    return ERR_OK;
}

enum err tables_make(vaddr_t va)
{
    word_t frame;

    if (tables[place_of(va)])
        return ERR_OK;
    enum err e = create_path(va, &frame);
    if (e == ERR_IN_USE)
        e = tables_adopt(va, va + 1);
    else if (e == ERR_OK)
        return adopt(va, (pfn_t)frame);
    if (e)
        return e;
    return tables_exist(va) ? ERR_OK : ERR_IN_USE;
}
