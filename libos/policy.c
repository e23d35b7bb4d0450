/* Who is asked for how much: in proportion to what each holds above what it is entitled to. */
#include "libos/policy.h"

#include "exo/abi/revoke.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"

#define LOOK_NS ((uint64_t)1 * CLOCK_NS_PER_MS) /* between two looks at who has given */

uint32_t policy_count(pfn_t first, uint32_t count, struct policy_client *clients, uint32_t n)
{
    uint32_t free = 0;

    for (uint32_t i = 0; i < n; i++)
        clients[i].held = 0;
    for (pfn_t pfn = first; pfn < first + count; pfn++) {
        const struct frame_info f = book_frame_read(pfn);
        uint32_t owner = f.owner;
        free += f.type == FRAME_FREE;
        for (uint32_t i = 0; i < n; i++)
            clients[i].held += owner != 0 && clients[i].env == owner;
    }
    return free;
}

void policy_entitle(struct policy_client *clients, uint32_t n, uint32_t frames)
{
    uint64_t least = 0, weight = 0;

    for (uint32_t i = 0; i < n; i++) {
        least += clients[i].least;
        weight += clients[i].weight;
    }
    uint64_t rest = frames > least ? frames - least : 0;
    for (uint32_t i = 0; i < n; i++)
        clients[i].keeps =
            clients[i].least + (uint32_t)(weight ? rest * clients[i].weight / weight : 0);
}

static uint32_t above(const struct policy_client *c)
{
    return c->held > c->keeps ? c->held - c->keeps : 0;
}

uint32_t policy_divide(struct policy_client *clients, uint32_t n, uint32_t want)
{
    uint64_t all = 0;
    uint32_t given = 0;

    for (uint32_t i = 0; i < n; i++)
        all += above(&clients[i]);
    if (want > all)
        want = (uint32_t)all;
    for (uint32_t i = 0; i < n; i++) {
        clients[i].share = all ? (uint32_t)((uint64_t)want * above(&clients[i]) / all) : 0;
        given += clients[i].share;
    }
    for (uint32_t i = 0; i < n && given < want; i++) { /* what rounding left */
        uint32_t room = above(&clients[i]) - clients[i].share;
        uint32_t more = room < want - given ? room : want - given;
        clients[i].share += more;
        given += more;
    }
    return given;
}

static uint32_t ask_all(slot_t region, struct policy_client *clients, uint32_t n, uint64_t deadline)
{
    uint32_t all = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct policy_client *c = &clients[i];
        word_t asked = 0;
        c->open = c->share > 0 && exo_revoke_ask_get(region, c->env, REVOKE_FRAMES, c->share,
                                                     deadline, SLOT_NONE, &asked) == ERR_OK;
        c->share = c->open ? (uint32_t)asked : 0;
        all += c->share;
    }
    return all;
}

/* How many have an open ask? */
static uint32_t look(slot_t region, struct policy_client *clients, uint32_t n)
{
    uint32_t open = 0;

    for (uint32_t i = 0; i < n; i++) {
        word_t rest = 0;
        if (!clients[i].open)
            continue;
        enum err e = exo_revoke_look_get(region, clients[i].env, &rest);
        clients[i].open = e == ERR_BAD_STATE || (e == ERR_OK && rest > 0);
        open += clients[i].open;
    }
    return open;
}

enum err policy_collect(slot_t region, struct policy_client *clients, uint32_t n,
                        uint64_t patience_ns, uint32_t *got)
{
    slot_t bell;

    *got = 0;
    if (!patience_ns || patience_ns > REVOKE_PATIENCE_SECONDS * (uint64_t)CLOCK_NS_PER_S)
        return ERR_BAD_ARG;
    enum err e = notify_new(&bell);
    if (e)
        return e;
    *got = ask_all(region, clients, n, clock_deadline(patience_ns));
    while (look(region, clients, n) > 0)
        notify_until(bell, 1, clock_deadline(LOOK_NS), NULL);
    slot_delete(bell);
    return ERR_OK;
}
