/* A space whose redirector sees no more than it must: messages with some labels go to it, the
 * others straight to whom they are for. Without helpers and loops. */
#include "grafts/examples/clan.h"
#include "grafts/include/graft_helpers.h"

volatile struct clan_rule seen; /* a map of one entry */

uint64_t ipc_redirect(const struct graft_ipc *message);

GRAFT(ipc) uint64_t ipc_redirect(const struct graft_ipc *message)
{
    if (message->phase != GRAFT_IPC_SEND)
        return GRAFT_IPC_DEFAULT;
    if (message->label >= seen.first && message->label <= seen.last)
        return GRAFT_IPC_REDIRECT;
    return GRAFT_IPC_PASS;
}
