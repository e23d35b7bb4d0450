/* Frames that are given by address. */
#include "libos/servers/kept.h"

#include "libos/heap.h"
#include "libos/string.h"
#include "libos/vm.h"

#define PIECES_MAX 64u

static struct piece {
    pfn_t first;
    uint32_t count;
    rights_t rights;
    bool *given; /* [count] */
} pieces[PIECES_MAX];
static uint32_t piece_count;

enum err kept_add(slot_t slot, pfn_t first, uint32_t count, rights_t rights)
{
    const struct piece p = {first, count, rights, heap_alloc_zero(count, sizeof *p.given)};
    vaddr_t va = (vaddr_t)first << PAGE_BITS;

    if (piece_count == PIECES_MAX || !p.given)
        return ERR_NO_MEM;
    enum err e = vm_map_frames(slot, first, count, &va, rights);
    if (e == ERR_OK)
        e = vm_populate(va, count * PAGE_SIZE);
    if (e == ERR_OK)
        pieces[piece_count++] = p;
    return e;
}

static struct piece *piece_of(pfn_t first, uint32_t count)
{
    for (struct piece *p = pieces; p < pieces + piece_count; p++)
        if (first >= p->first && first - p->first < p->count &&
            count <= p->count - (first - p->first))
            return p;
    return NULL;
}

bool kept_take(pfn_t first, uint32_t count, rights_t *rights)
{
    const struct piece *p = piece_of(first, count);

    for (uint32_t i = 0; p && i < count; i++)
        if (p->given[first - p->first + i])
            return false;
    if (!p)
        return false;
    memset(p->given + (first - p->first), true, count);
    *rights = p->rights;
    return true;
}

void kept_give_back(pfn_t first, uint32_t count)
{
    const struct piece *p = piece_of(first, count);

    if (p)
        memset(p->given + (first - p->first), false, count);
}
