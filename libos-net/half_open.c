/* Beginnings of connections whose senders say no more: SYN floods. */
#include <lwip/opt.h>

#include <lwip/priv/tcp_priv.h>

/* Who has waited the longest for the end of its handshake: new ones are put in front. */
static struct tcp_pcb *oldest(const struct tcp_pcb_listen *listener)
{
    struct tcp_pcb *found = NULL;

    for (struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next)
        if (p->state == SYN_RCVD && p->listener == listener)
            found = p;
    return found;
}

/* lwIP drops a SYN when so many wait already, for the 20 s that it gives each. The oldest makes
 * room instead: a peer that is there has answered before as many others have begun. */
err_t net_half_open(struct tcp_pcb *pcb, const struct tcp_hdr *head)
{
    const struct tcp_pcb_listen *listener = (const struct tcp_pcb_listen *)(void *)pcb;

    if ((TCPH_FLAGS(head) & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN ||
        listener->accepts_pending < listener->backlog)
        return ERR_OK;
    struct tcp_pcb *victim = oldest(listener);
    if (victim)
        tcp_abandon(victim, 0);
    return ERR_OK;
}
