/* A clan's border: counts the messages of each pair that cross it, and lets those with some labels
 * not out. */
#include "grafts/examples/clan.h"
#include "grafts/include/graft_helpers.h"

MAP(pairs, GRAFT_MAP_LRU_HASH, struct clan_pair, uint64_t, 32);
MAP(rules, GRAFT_MAP_ARRAY, uint32_t, struct clan_rule, 1);

uint64_t ipc_clan(const struct graft_ipc *message);

static inline void count(const struct graft_ipc *message)
{
    struct clan_pair pair = {message->from, message->to};
    uint64_t one = 1, *n = map_lookup_elem(&pairs, &pair);

    if (n)
        *n += 1;
    else
        map_update_elem(&pairs, &pair, &one, GRAFT_MAP_ANY);
}

GRAFT(ipc) uint64_t ipc_clan(const struct graft_ipc *message)
{
    uint32_t key = 0;
    const struct clan_rule *rule = map_lookup_elem(&rules, &key);

    count(message);
    if (!rule || message->phase != GRAFT_IPC_SEND)
        return GRAFT_IPC_DEFAULT;
    if (message->label >= rule->first && message->label <= rule->last)
        return GRAFT_IPC_REFUSE;
    return GRAFT_IPC_DEFAULT;
}
