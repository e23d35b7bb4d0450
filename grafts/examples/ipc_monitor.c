/* A monitor: counts the messages that cross a space's border, and their words, each way; nothing
 * else changes. Without helpers and loops it runs before registers are saved. */
#include "grafts/examples/clan.h"
#include "grafts/include/graft_helpers.h"

volatile struct clan_traffic traffic[2]; /* a map of one entry; by enum graft_ipc_phase */

uint64_t ipc_monitor(const struct graft_ipc *message);

GRAFT(ipc) uint64_t ipc_monitor(const struct graft_ipc *message)
{
    volatile struct clan_traffic *t = &traffic[message->phase & 1];

    t->messages++;
    t->words += (uint64_t)message->untyped + message->typed;
    return GRAFT_IPC_DEFAULT;
}
