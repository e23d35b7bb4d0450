/* Segments that come to a family's connections, and those that begin one at a listener. */
#include "libos-net/begin.h"
#include "libos-net/segment.h"
#include "libos-posix/inet/inet.h"

#define HALF_OPEN_MOST 250 /* of a listener, beside its queue; lwIP counts to 255 */

err_t segment_comes(struct tcp_pcb *pcb, struct tcp_hdr *head, u16_t options, u16_t first,
                    u8_t *second, struct pbuf *packet)
{
    const struct tcp_pcb_listen *listener = (const struct tcp_pcb_listen *)(void *)pcb;
    const struct inet_socket *s = pcb->callback_arg;

    if (pcb->state == TIME_WAIT)
        return begin_again(pcb, head, packet);
    const err_t e = segment_settle(pcb, head, options, first, second);
    if (pcb->state != LISTEN || !begin_is_one(head) || !s)
        return e;
    if (!stream_has_room(s))
        return ERR_ABRT;
    if (listener->accepts_pending >= HALF_OPEN_MOST)
        begin_make_room(listener);
    return ERR_OK;
}
