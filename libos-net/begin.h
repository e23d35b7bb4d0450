/*
 * Connections that begin where lwIP alone would let them wait: parts of its hook for packets of TCP
 * (LWIP_HOOK_TCP_INPACKET_PCB), for both of its builds. The packet is the one that lwIP looks at;
 * fields of its header are numbers by then.
 */
#pragma once

#include <lwip/opt.h>

#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>

static inline int begin_is_one(const struct tcp_hdr *head)
{
    return (TCPH_FLAGS(head) & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

/* The half-open connection of a listener that has waited the longest goes: lwIP would drop new ones
 * instead, for 20 s. A peer that is there has answered before as many others have begun. */
static inline void begin_make_room(const struct tcp_pcb_listen *listener)
{
    struct tcp_pcb *oldest = NULL; /* new ones are put in front */

    for (struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next)
        if (p->state == SYN_RCVD && p->listener == listener)
            oldest = p;
    if (oldest)
        tcp_abandon(oldest, 0);
}

/* The same ports once more, while a connection of theirs is remembered: one that is newer takes its
 * place (RFC 9293, 3.10.7.4). lwIP would answer with the old one's numbers, and the peer would come
 * again in vain until those are forgotten. ERR_ABRT: the packet was handled. */
static inline err_t begin_again(struct tcp_pcb *old, struct tcp_hdr *head, struct pbuf *p)
{
    const u16_t bytes = TCPH_HDRLEN_BYTES(head);

    if (!begin_is_one(head) || !TCP_SEQ_GT(head->seqno, old->rcv_nxt) ||
        (u8_t *)head + bytes != p->payload)
        return ERR_OK;
    head->src = lwip_htons(head->src);
    head->dest = lwip_htons(head->dest);
    head->seqno = lwip_htonl(head->seqno);
    head->ackno = lwip_htonl(head->ackno);
    head->wnd = lwip_htons(head->wnd);
    pbuf_add_header_force(p, bytes);
    pbuf_ref(p); /* one is this call's, and one the caller's */
    tcp_abandon(old, 0);
    tcp_input(p, ip_current_input_netif());
    return ERR_ABRT;
}
