/* Beginnings of connections to a program's servers. */
#include "libos-net/begin.h"

err_t net_begins(struct tcp_pcb *pcb, struct tcp_hdr *head, struct pbuf *packet)
{
    const struct tcp_pcb_listen *listener = (const struct tcp_pcb_listen *)(void *)pcb;

    if (pcb->state == TIME_WAIT)
        return begin_again(pcb, head, packet);
    if (begin_is_one(head) && listener->accepts_pending >= listener->backlog)
        begin_make_room(listener);
    return ERR_OK;
}
