/* What lwIP knows of a connection, as TCP_INFO tells it. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/base/mem.h"

#include <lwip/priv/tcp_priv.h>

#define US_PER_TICK   (TCP_SLOW_INTERVAL * 1000u) /* of the clock that lwIP measures trips with */
#define HEADS_OF_IPV4 40u
#define OPTION_SACK   2u
#define OPTION_SCALE  4u

/* struct tcp_info of <linux/tcp.h>, up to what Linux 3 had. What is not named here is 0: nobody
 * counts it. */
struct info {
    uint8_t state, congestion, retransmits, probes, backoff, options, scales, limited;
    uint32_t timeout_us, ack_us, send_mss, receive_mss;
    uint32_t unacked, sacked, lost, retransmitted, forward;
    uint32_t last[4];
    uint32_t path_mtu, receive_threshold, trip_us, trip_variation_us, send_threshold, window;
    uint32_t advertised_mss, reordering, receive_trip_us, receive_space, all_retransmitted;
};
_Static_assert(sizeof(struct info) == STREAM_INFO, "struct tcp_info");

uint8_t stream_state_number(const struct inet_socket *s)
{
    static const uint8_t numbers[] = {
        [CLOSED] = 7,      [LISTEN] = 10,    [SYN_SENT] = 2,   [SYN_RCVD] = 3,
        [ESTABLISHED] = 1, [FIN_WAIT_1] = 4, [FIN_WAIT_2] = 5, [CLOSE_WAIT] = 8,
        [CLOSING] = 11,    [LAST_ACK] = 9,   [TIME_WAIT] = 6};

    if (s->state == STREAM_LISTENS)
        return numbers[LISTEN];
    return numbers[s->tcp ? s->tcp->state : CLOSED];
}

void stream_info(const struct inet_socket *s, void *out)
{
    const struct tcp_pcb *pcb = s->state == STREAM_LISTENS ? NULL : s->tcp;
    struct info i = {.state = stream_state_number(s), .advertised_mss = TCP_MSS};

    if (s->state == STREAM_LISTENS) { /* as Linux has it: who waits, and how many may */
        i.unacked = s->pending_count;
        i.sacked = s->pending_most;
    }
    if (pcb && pcb->mss) {
        i.retransmits = pcb->nrtx;
        i.options = (uint8_t)((pcb->flags & TF_SACK ? OPTION_SACK : 0) |
                              (pcb->flags & TF_WND_SCALE ? OPTION_SCALE : 0));
        i.scales = (uint8_t)(pcb->snd_scale | pcb->rcv_scale << 4);
        i.timeout_us = (uint32_t)pcb->rto * US_PER_TICK;
        i.send_mss = i.receive_mss = pcb->mss;
        for (const struct tcp_seg *g = pcb->unacked; g; g = g->next)
            i.unacked++;
        i.path_mtu = pcb->mss + HEADS_OF_IPV4;
        i.trip_us = (uint32_t)(pcb->sa >> 3) * US_PER_TICK;
        i.trip_variation_us = (uint32_t)(pcb->sv >> 2) * US_PER_TICK;
        i.send_threshold = pcb->ssthresh / pcb->mss;
        i.window = pcb->cwnd / pcb->mss;
        i.receive_space = pcb->rcv_wnd;
    }
    memcpy(out, &i, sizeof i);
}
