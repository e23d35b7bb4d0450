/*
 * What both builds of lwIP ask before they look at a segment of TCP: whether it begins a
 * connection, or says what it may not. Read by lwIP as a part of its options.
 */
#pragma once

struct tcp_pcb;
struct tcp_hdr;
struct pbuf;

/* In begin.c of each build. `options`: their bytes, of which `first` are behind the header, and the
 * others at `second`. An err_t: ERR_ABRT: the segment was handled. */
signed char segment_comes(struct tcp_pcb *pcb, struct tcp_hdr *head, unsigned short options,
                          unsigned short first, unsigned char *second, struct pbuf *packet);

#define BEGIN_STATES  (1u << LISTEN | 1u << TIME_WAIT)
#define SEGMENT_SMALL 96 /* bytes of a window: twice what a segment is at least */

/* Half of all numbers away. */
#define SEGMENT_IS_FAR(a, b) ((unsigned)((a) - (b) + 0x80000001u) < 2u)

#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, head, options, first, second, packet)                      \
    (BEGIN_STATES >> (pcb)->state & 1u || (options) || (pcb)->snd_wnd_max < SEGMENT_SMALL ||       \
             SEGMENT_IS_FAR((head)->seqno, (pcb)->rcv_nxt) ||                                      \
             SEGMENT_IS_FAR((head)->ackno, (pcb)->lastack)                                         \
         ? segment_comes(pcb, head, options, first, second, packet)                                \
         : (signed char)ERR_OK)
