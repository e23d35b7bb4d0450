/* Segments that come to a program's connections, and those that begin one. */
#include "libos-net/begin.h"
#include "libos-net/segment.h"

err_t segment_comes(struct tcp_pcb *pcb, struct tcp_hdr *head, u16_t options, u16_t first,
                    u8_t *second, struct pbuf *packet)
{
    const struct tcp_pcb_listen *listener = (const struct tcp_pcb_listen *)(void *)pcb;

    if (pcb->state == TIME_WAIT)
        return begin_again(pcb, head, packet);
    const err_t e = segment_settle(pcb, head, options, first, second);
    if (pcb->state == LISTEN && begin_is_one(head) &&
        listener->accepts_pending >= listener->backlog)
        begin_make_room(listener);
    return e;
}
