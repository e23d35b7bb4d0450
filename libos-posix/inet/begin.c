/* Beginnings of connections to a family's listeners. */
#include "libos-net/begin.h"
#include "libos-posix/inet/inet.h"

#define HALF_OPEN_MOST 250 /* of a listener, beside its queue; lwIP counts to 255 */

err_t inet_begins(struct tcp_pcb *pcb, struct tcp_hdr *head, struct pbuf *packet)
{
    const struct tcp_pcb_listen *listener = (const struct tcp_pcb_listen *)(void *)pcb;
    const struct inet_socket *s = pcb->callback_arg;

    if (pcb->state == TIME_WAIT)
        return begin_again(pcb, head, packet);
    if (!begin_is_one(head) || !s)
        return ERR_OK;
    if (!stream_has_room(s))
        return ERR_ABRT;
    if (listener->accepts_pending >= HALF_OPEN_MOST)
        begin_make_room(listener);
    return ERR_OK;
}
