/* What tests of map and grant items share. */
#include "tests/host/map_world.h"

struct party giver, taker;
pfn_t pfn;

int map_set_up(void **state)
{
    world_begin(state);
    party_make(&giver, 20);
    party_make(&taker, 24);
    pfn = make_frames(FRAMES, PAGES);
    for (uint32_t i = 0; i < PAGES; i++)
        bind_page(giver.env, FRAMES, pfn + i, SOURCE + i * PAGE_SIZE, RW);
    return 0;
}

word_t fpage(vaddr_t base, unsigned bits, word_t rwx)
{
    return base | bits << 4 | rwx;
}

unsigned run_at(vaddr_t va, uint32_t first)
{
    unsigned n = 0;

    while (n < PAGES) {
        const pte_t *e = space_entry(taker.e->root, va + n * PAGE_SIZE, 1);
        if (!e || !arch_pte_present(*e) || arch_pte_address(*e) >> PAGE_BITS != pfn + first + n)
            break;
        n++;
    }
    return n;
}

bool map(word_t place, word_t page, word_t window)
{
    bool good = map_all(giver.t, taker.t, place | ITEM_MAP, page, window);

    world_check();
    return good;
}
