/* The inverted page table: open addressing, linear probing, holes closed at removal. */
#include "libos/start/integer.h"

#include "libos/pagetable.h"

/* Where a page belongs, by multiplicative hashing. */
static uint32_t home_of(const struct pagetable *t, vaddr_t va)
{
    return (uint32_t)((va >> PAGE_BITS) * 0x9e3779b97f4a7c15 >> t->shift);
}

/* The place of `va`'s record, or the free place where a search for it ends. */
static uint32_t place_of(const struct pagetable *t, vaddr_t va)
{
    uint32_t place = home_of(t, va);

    while (t->records[place].va && t->records[place].va != va)
        place = (place + 1) & (t->capacity - 1);
    return place;
}

static struct page_record *inverted_find(const struct pagetable *t, vaddr_t va)
{
    struct page_record *record = &t->records[place_of(t, va)];

    return record->va ? record : NULL;
}

static struct page_record *inverted_add(struct pagetable *t, vaddr_t va)
{
    struct page_record *record = &t->records[place_of(t, va)];

    /* Beyond three quarters searches would be long; and one free place ends them all. */
    if (!va || record->va || t->count >= t->capacity / 4 * 3)
        return NULL;
    record->va = va;
    t->count++;
    return record;
}

/* Moves records that were pushed past the hole back into it, so that no search ends early. */
static void inverted_remove(struct pagetable *t, vaddr_t va)
{
    const uint32_t mask = t->capacity - 1;
    uint32_t hole = place_of(t, va);

    if (!t->records[hole].va)
        return;
    for (uint32_t at = (hole + 1) & mask; t->records[at].va; at = (at + 1) & mask) {
        uint32_t home = home_of(t, t->records[at].va);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* its search begins behind the hole */
        t->records[hole] = t->records[at];
        hole = at;
    }
    t->records[hole] = (struct page_record){0};
    t->count--;
}

void pagetable_inverted(struct pagetable *t, struct page_record *records, uint32_t capacity)
{
    *t = (struct pagetable){.find = inverted_find,
                            .add = inverted_add,
                            .remove = inverted_remove,
                            .records = records,
                            .capacity = capacity,
                            .shift = 64};
    while (capacity >>= 1)
        t->shift--;
}
