/* A client's side of a pool of frames. */
#include "libos/pool.h"

#include "libos/call.h"
#include "libos/frames.h"
#include "libos/notify.h"
#include "libos/revoke.h"
#include "libos/vm.h"

#define TRIES 4u /* frames that were collected may be somebody else's by then */

static volatile struct pool_page *page;

enum err pool_attach(void)
{
    const volatile struct cap *c = slot_cap(POOL_PAGE);
    vaddr_t va = 0;

    if (!c || c->kind != CAP_FRAMES)
        return ERR_NOT_BOUND;
    enum err e = vm_map_frames(POOL_PAGE, c->base, 1, &va, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = vm_populate(va, PAGE_SIZE);
    if (e)
        return e;
    page = (volatile struct pool_page *)va;
    frames_set_source(pool_frames);
    return ERR_OK;
}

/* What is free now: adjacent frames, as many as there are, up to *count. */
static enum err take(uint32_t *count, slot_t slot, pfn_t *first)
{
    enum err e = ERR_NO_MEM;

    for (uint32_t n = *count; n && e == ERR_NO_MEM; n /= 2) {
        word_t base = 0;
        e = exo_frames_alloc_get(POOL_REGION, PFN_ANY, n, slot, &base);
        *count = n;
        *first = (pfn_t)base;
    }
    return e;
}

/* False: the server has none. */
static bool plead(uint32_t count)
{
    page->given = 0;
    page->want = count;
    if (exo_notify(POOL_BELL, page->bit))
        return false;
    while (notify_until(POOL_REPLY, 1, FOREVER, NULL) == ERR_INTERRUPTED)
        revoke_serve_idle();
    return page->given > 0;
}

enum err pool_frames(uint32_t *count, slot_t *slot, pfn_t *first)
{
    enum err e = page ? slot_take(slot) : ERR_NO_MEM;

    if (e)
        return e;
    uint32_t want = *count;
    e = take(count, *slot, first);
    for (uint32_t i = 0; i < TRIES && e == ERR_NO_MEM && plead(want); i++) {
        *count = want;
        e = take(count, *slot, first);
    }
    if (e)
        slot_give(*slot);
    return e;
}
