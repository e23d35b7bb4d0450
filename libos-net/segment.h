/*
 * What a segment says of a connection, put right before lwIP reads it: a part of its hook for
 * packets of TCP (LWIP_HOOK_TCP_INPACKET_PCB), for both of its builds. lwIP believes a segment's
 * options before it looks whether its numbers are right, and data that waits to be sent must fit in
 * what is the longest segment now.
 */
#pragma once

#include <stdbool.h>

#include <lwip/opt.h>

#include <lwip/priv/tcp_priv.h>

#define SEGMENT_LEAST (SEGMENT_SMALL / 2u) /* no peer has its data cut in smaller pieces */

/* The options of a segment: `first` bytes behind its header, the others at `second`. */
struct segment_options {
    u8_t *at, *second;
    u16_t count, first;
};

static inline u8_t *segment_option(const struct segment_options *o, u16_t i)
{
    return i < o->first ? o->at + i : o->second + (i - o->first);
}

/* A maximum segment size is for who opens a connection (RFC 9293, 3.7.1): of another segment it is
 * not read, and a very small one is made larger. */
static inline void segment_limit(const struct segment_options *o, bool opens)
{
    for (u16_t i = 0, bytes; i < o->count; i = (u16_t)(i + bytes)) {
        const u8_t kind = *segment_option(o, i);
        bytes =
            kind != LWIP_TCP_OPT_NOP && i + 1 < o->count ? *segment_option(o, (u16_t)(i + 1)) : 1;
        if (kind == LWIP_TCP_OPT_EOL || !bytes || i + bytes > o->count)
            return;
        if (kind != LWIP_TCP_OPT_MSS || bytes != LWIP_TCP_OPT_LEN_MSS)
            continue;
        u8_t *high = segment_option(o, (u16_t)(i + 2)), *low = segment_option(o, (u16_t)(i + 3));
        for (u16_t k = 0; !opens && k < bytes; k++)
            *segment_option(o, (u16_t)(i + k)) = LWIP_TCP_OPT_NOP;
        if (opens && !*high && *low < SEGMENT_LEAST)
            *low = SEGMENT_LEAST;
    }
}

/* lwIP makes segments of half of the peer's largest window if that is less than the maximum size,
 * but is not 0. Of small windows it is the maximum here: it shrinks no more when a window grows,
 * and the peer cannot have its data cut into single bytes. */
static inline void segment_keep_size(struct tcp_pcb *pcb)
{
    if (pcb->snd_wnd_max < SEGMENT_SMALL)
        pcb->snd_wnd_max = (tcpwnd_size_t)(2u * pcb->mss);
}

/* A number that is half of all numbers away is before and behind at once: lwIP would take such a
 * segment for one that overlaps what it has, and such an acknowledgement for one of 2 GiB. It is
 * answered as any other that does not fit. */
static inline bool segment_is_lost(struct tcp_pcb *pcb, const struct tcp_hdr *head)
{
    if (pcb->state <= SYN_SENT ||
        (!SEGMENT_IS_FAR(head->seqno, pcb->rcv_nxt) && !SEGMENT_IS_FAR(head->ackno, pcb->lastack)))
        return false;
    if (TCPH_FLAGS(head) & TCP_RST)
        return true;
    tcp_ack_now(pcb);
    tcp_output(pcb);
    return true;
}

/* All of it, for a connection or a listener. ERR_ABRT: the packet was handled. */
static inline err_t segment_settle(struct tcp_pcb *pcb, struct tcp_hdr *head, u16_t count,
                                   u16_t first, u8_t *second)
{
    const struct segment_options o = {
        .at = (u8_t *)head + TCP_HLEN, .second = second, .count = count, .first = first};

    segment_limit(&o, TCPH_FLAGS(head) & TCP_SYN);
    if (pcb->state == LISTEN)
        return ERR_OK;
    segment_keep_size(pcb);
    return segment_is_lost(pcb, head) ? ERR_ABRT : ERR_OK;
}
