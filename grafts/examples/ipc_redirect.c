/* A border with a door: of what leaves a space only messages with some labels go to its redirector;
 * others go straight to whom they are for. */
#include "grafts/examples/clan.h"
#include "grafts/include/graft_helpers.h"

volatile struct clan_rule inspected; /* a map of one entry */

uint64_t ipc_redirect(const struct graft_ipc *message);

GRAFT(ipc) uint64_t ipc_redirect(const struct graft_ipc *message)
{
    if (message->phase != GRAFT_IPC_SEND)
        return GRAFT_IPC_DEFAULT;
    if (message->label >= inspected.first && message->label <= inspected.last)
        return GRAFT_IPC_REDIRECT;
    return GRAFT_IPC_PASS;
}
