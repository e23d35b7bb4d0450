/*
 * lwIP's options for the sockets of a family: IPv4 and IPv6, TCP, UDP and raw packets, by the raw
 * API under the arena's lock; memory is the arena's heap.
 */
#pragma once

/* Whoever holds the arena's lock calls lwIP. */
#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0

#define LWIP_IPV4                     1
#define LWIP_IPV6                     1
#define LWIP_IPV6_DHCP6               0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 1
#define LWIP_ARP                      1
#define LWIP_ICMP                     1
#define LWIP_ICMP6                    1
#define LWIP_UDP                      1
#define LWIP_TCP                      1
#define LWIP_RAW                      1
#define LWIP_DHCP                     1
#define LWIP_DNS                      1 /* keeps what DHCP tells; names are the C library's */

/* Groups. Their clocks, which tick ten times a second, are group.c's: they run while there are
 * some. */
#ifndef INET_WITHOUT_GROUPS
#define LWIP_IGMP     1
#define LWIP_IPV6_MLD 1
#endif

#define LWIP_DHCP_DOES_ACD_CHECK 0 /* the server says what is free; the check costs seconds */
#define DHCP_DOES_ARP_CHECK      0

/* 64-bit pointers; packets themselves may begin anywhere. */
#define MEM_ALIGNMENT 8
#define ETH_PAD_SIZE  0

/* Objects and packets are blocks of the arena's heap. */
#define MEM_LIBC_MALLOC      1
#define MEMP_MEM_MALLOC      1
#define mem_clib_malloc      inet_malloc
#define mem_clib_calloc      inet_calloc
#define mem_clib_free        inet_free
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 8)

/* A window of 256 KiB, scaled; what is sent and not acknowledged is no more. */
#define TCP_MSS             1460
#define LWIP_WND_SCALE      1
#define TCP_RCV_SCALE       3
#define TCP_WND             (180 * TCP_MSS)
#define TCP_SND_BUF         (180 * TCP_MSS)
#define TCP_SND_QUEUELEN    2000
#define TCP_SNDLOWAT        (32 * 1024)
#define TCP_SNDQUEUELOWAT   (TCP_SND_QUEUELEN / 2)
#define TCP_LISTEN_BACKLOG  1
#define TCP_QUEUE_OOSEQ     1
#define TCP_MAXRTX          8           /* some 20 minutes, as others have it */
#define TCP_OOSEQ_MAX_BYTES (64 * 1024) /* a sender in disorder must not hold all memory */
#define TCP_OOSEQ_MAX_PBUFS 64
#define LWIP_TCP_KEEPALIVE  1
#define LWIP_TCP_SACK_OUT   1
#define LWIP_TCP_TIMESTAMPS 0
#define TCP_MSL             10000 /* a closed connection's ports rest for twice that, in ms */
#define SO_REUSE            1
#define SO_REUSE_RXTOALL    1
#define IP_SOF_BROADCAST    1

#define MEMP_NUM_TCP_SEG  4096 /* what is asserted against other options; not a limit */
#define PBUF_POOL_SIZE    1024
#define PBUF_POOL_BUFSIZE 1520

#define IP_REASSEMBLY        1
#define IP_REASS_MAX_PBUFS   64
#define MEMP_NUM_REASSDATA   16
#define IP_FRAG              1
#define LWIP_IPV6_FRAG       1
#define LWIP_IPV6_REASS      1
#define IPV6_FRAG_COPYHEADER 1 /* pointers do not fit where the header was */

/* Sums that a card makes or has tested are not made or tested here. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_INLINE_IP_CHKSUM        1

#define LWIP_NETIF_LOOPBACK      1
#define LWIP_HAVE_LOOPIF         1
#define LWIP_LOOPBACK_MAX_PBUFS  0 /* no limit but the windows' */
#define LWIP_SUPPORT_CUSTOM_PBUF 1

#define LWIP_NETIF_HOSTNAME                1
#define LWIP_STATS                         0
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1
#define LWIP_DNS_SECURE                    0

/* Where a connection's numbers begin is not to be guessed. */
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) inet_random()

#include "libos-net/segment_hook.h"
