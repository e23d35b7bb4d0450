/*
 * lwIP's options: IPv4, TCP and UDP by the raw API, one thread, memory in pools of fixed size, so
 * that what one connection uses up is known and bounded.
 */
#pragma once

/* The program calls lwIP from one thread, between two waits (net_poll). */
#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0

#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_ARP  1
#define LWIP_ICMP 1
#define LWIP_UDP  1
#define LWIP_TCP  1
#define LWIP_DHCP 1
#define LWIP_RAW  1 /* for the echo of ICMP */
#define LWIP_DNS  0

#define LWIP_DHCP_DOES_ACD_CHECK 0 /* the server says what is free; the check costs seconds */
#define DHCP_DOES_ARP_CHECK      0

/* 64-bit pointers; packets themselves may begin anywhere. */
#define MEM_ALIGNMENT 8
#define ETH_PAD_SIZE  0

/*
 * Connections and their worst case. A connection holds TCP_SND_QUEUELEN segments at most; pools are
 * for NET_SENDERS connections that all do so, because a stalled reader must not stop the others.
 */
#define NET_SENDERS         64
#define TCP_MSS             1460
#define LWIP_WND_SCALE      1
#define TCP_RCV_SCALE       1
#define TCP_WND             (45 * TCP_MSS)
#define TCP_SND_BUF         (45 * TCP_MSS)
#define TCP_SND_QUEUELEN    128
#define TCP_LISTEN_BACKLOG  1
#define TCP_QUEUE_OOSEQ     1
#define TCP_OOSEQ_MAX_PBUFS 8 /* a sender of fragments in disorder must not hold all buffers */
#define LWIP_TCP_KEEPALIVE  1
#define LWIP_TCP_TIMESTAMPS 0
#define SO_REUSE            1

#define MEMP_NUM_TCP_PCB        256
#define MEMP_NUM_TCP_PCB_LISTEN 16
#define MEMP_NUM_UDP_PCB        64
#define MEMP_NUM_RAW_PCB        8
#define MEMP_NUM_TCP_SEG        (NET_SENDERS * 64)
#define MEMP_NUM_PBUF           (NET_SENDERS * 64)
#define MEMP_NUM_SYS_TIMEOUT    (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 8) /* and the program's own */
#define PBUF_POOL_SIZE          256 /* copies of received packets when the ring runs short */
#define PBUF_POOL_BUFSIZE       1520
#define MEM_SIZE                (4 * 1024 * 1024)
#define MEM_USE_POOLS           0

/* Received packets stay in the ring's buffers until lwIP frees them. */
#define LWIP_SUPPORT_CUSTOM_PBUF 1

#define IP_REASSEMBLY      1
#define IP_REASS_MAX_PBUFS 16
#define IP_FRAG            1

/* What a card does not offer is summed here; a packet to this host itself needs no sum of TCP or
 * UDP, and has none where the card's packets have none. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_INLINE_IP_CHKSUM        1

#define LWIP_NETIF_LOOPBACK     1
#define LWIP_HAVE_LOOPIF        1
#define LWIP_LOOPBACK_MAX_PBUFS 64

#define LWIP_NETIF_HOSTNAME                1
#define LWIP_NETIF_STATUS_CALLBACK         1
#define LWIP_STATS                         0
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1

/* Where a connection's numbers begin is not to be guessed. */
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) net_random()

#include "libos-net/segment_hook.h"
