/* Who is asked for how much: in proportion to what each holds above its least. */
#include "libos/policy.h"

#include "exo/abi/revoke.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"

#define LOOK_NS ((uint64_t)1 * CLOCK_NS_PER_MS) /* between two looks at who has given */

static uint32_t above_least(const struct policy_client *c)
{
    return c->held > c->least ? c->held - c->least : 0;
}

uint32_t policy_divide(struct policy_client *clients, uint32_t count, uint32_t want)
{
    uint64_t all = 0;
    uint32_t given = 0;

    for (uint32_t i = 0; i < count; i++)
        all += above_least(&clients[i]);
    if (want > all)
        want = (uint32_t)all;
    for (uint32_t i = 0; i < count; i++) {
        clients[i].share = all ? (uint32_t)((uint64_t)want * above_least(&clients[i]) / all) : 0;
        given += clients[i].share;
    }
    for (uint32_t i = 0; i < count && given < want; i++) { /* what rounding left */
        uint32_t room = above_least(&clients[i]) - clients[i].share;
        uint32_t more = room < want - given ? room : want - given;
        clients[i].share += more;
        given += more;
    }
    return given;
}

static void ask_all(slot_t region, struct policy_client *clients, uint32_t count, uint64_t deadline)
{
    for (uint32_t i = 0; i < count; i++) {
        struct policy_client *c = &clients[i];
        word_t asked = 0;
        c->open = c->share > 0 && exo_revoke_ask_get(region, c->env, REVOKE_FRAMES, c->share,
                                                     deadline, &asked) == ERR_OK;
        c->share = c->open ? (uint32_t)asked : 0;
    }
}

/* Looks at each client once, and takes one thing if it is late. Returns how many are not done. */
static uint32_t look(slot_t region, struct policy_client *clients, uint32_t count)
{
    uint32_t open = 0;

    for (uint32_t i = 0; i < count; i++) {
        word_t rest = 0;
        if (!clients[i].open)
            continue;
        enum err e = exo_revoke_take_get(region, clients[i].env, SLOT_NONE, &rest);
        clients[i].open = e == ERR_BAD_STATE || (e == ERR_OK && rest > 0);
        open += clients[i].open;
    }
    return open;
}

enum err policy_collect(slot_t region, struct policy_client *clients, uint32_t count, uint32_t want,
                        uint64_t patience_ns, uint32_t *got)
{
    slot_t bell;

    *got = 0;
    if (!patience_ns || patience_ns > REVOKE_PATIENCE_SECONDS * (uint64_t)CLOCK_NS_PER_S)
        return ERR_BAD_ARG;
    enum err e = notify_new(&bell);
    if (e)
        return e;
    for (uint32_t i = 0; i < count; i++)
        clients[i].held = book_env_read(clients[i].env).frames;
    policy_divide(clients, count, want);
    ask_all(region, clients, count, clock_deadline(patience_ns));
    while (look(region, clients, count) > 0)
        notify_until(bell, 1, clock_deadline(LOOK_NS), NULL);
    for (uint32_t i = 0; i < count; i++)
        *got += clients[i].share;
    slot_delete(bell);
    return ERR_OK;
}
