/* The linear page table, and the check of both. */
#include "libos/start/integer.h"

#include "libos/pagetable.h"

static struct page_record *linear_find(const struct pagetable *t, vaddr_t va)
{
    uint64_t index = (va - t->low) >> PAGE_BITS;

    return index < t->capacity && t->records[index].va ? &t->records[index] : NULL;
}

static struct page_record *linear_add(struct pagetable *t, vaddr_t va)
{
    uint64_t index = (va - t->low) >> PAGE_BITS;

    if (index >= t->capacity || t->records[index].va)
        return NULL;
    t->records[index].va = va;
    t->count++;
    return &t->records[index];
}

static void linear_remove(struct pagetable *t, vaddr_t va)
{
    struct page_record *record = linear_find(t, va);

    if (!record)
        return;
    *record = (struct page_record){0};
    t->count--;
}

void pagetable_linear(struct pagetable *t, struct page_record *records, vaddr_t low, uint32_t pages)
{
    *t = (struct pagetable){.find = linear_find,
                            .add = linear_add,
                            .remove = linear_remove,
                            .records = records,
                            .capacity = pages,
                            .low = low};
}

const char *pagetable_check(const struct pagetable *t)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < t->capacity; i++) {
        if (!t->records[i].va)
            continue;
        used++;
        if (t->find(t, t->records[i].va) != &t->records[i])
            return "T2: a record is not found under its address";
    }
    return used == t->count ? NULL : "T1: the count is not that of the records in use";
}
