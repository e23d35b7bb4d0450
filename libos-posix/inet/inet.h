/*
 * Sockets on lwIP's raw API: what the sources of this folder share (libos-posix/channel/inet.h is
 * what others see).
 *
 * Static variables of these sources, and lwIP's, are the family's, as the arena is (decision 48).
 *
 * Invariants. stack_check() tests them and names the broken one.
 *   I1  a socket that has a lwIP connection is its argument
 *   I2  `queued` is the number of bytes that wait at a socket
 *   I3  `pending_count` is the number of connections that wait for accept
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/channel/inet.h"
#include "libos-posix/channel/socket.h"

#include <lwip/pbuf.h>
#include <lwip/raw.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

/* What control messages tell of a packet. */
struct packet_info {
    ip_addr_t to, local; /* where it was sent; IPv4: what of ours that is */
    uint64_t time_ns;
    uint8_t interface, hops, traffic_class;
};

/* A packet that waits at a socket of datagrams. */
struct packet {
    struct packet *next;
    struct pbuf *bytes;
    ip_addr_t from;
    uint16_t port;
    bool has_info;
    struct packet_info info[]; /* one, or none */
};

/* What a socket wants to be told of its packets. */
#define WANTS_INFO     1u
#define WANTS_HOPS     2u
#define WANTS_CLASS    4u
#define WANTS_TIME     8u
#define WANTS_OLD_INFO 16u /* by RFC 2292's numbers */
#define WANTS_OLD_HOPS 32u
#define WANTS_ALL      64u /* above each of them */

enum stream_state { STREAM_NEW, STREAM_LISTENS, STREAM_CONNECTS, STREAM_CONNECTED, STREAM_OVER };

struct inet_socket {
    struct inet_socket *next; /* of all */
    uint16_t domain;
    uint16_t protocol;       /* of raw sockets */
    const struct file *file; /* NULL: it has none yet */
    uint32_t owner;          /* the effective user who made it */
    uint32_t port_id;        /* of netlink sockets: their name, 0: they have none yet */
    uint8_t type;
    uint8_t state;  /* enum stream_state */
    uint8_t wanted; /* WANTS_* */
    bool bound, v6_only, reuse, reuse_port, broadcast, keep_alive, corked, no_delay;
    bool told_all; /* IP_RECVERR: also of datagrams that were not sent to where it is connected */
    bool read_shut, write_shut, got_end; /* the peer has sent its last byte */
    bool is_wanted;                      /* room to send was missing: tell when there is some */
    int32_t error;                       /* for SO_ERROR and the next call; positive */
    int32_t linger;                      /* seconds; -1: not set */
    uint64_t receive_ns, send_ns;        /* how long to wait; 0: for ever */
    struct tcp_pcb *tcp;                 /* one of the three, or none */
    struct udp_pcb *udp;
    struct raw_pcb *raw;
    ip_addr_t local, remote; /* of a stream, also after its end; of datagrams: connected to */
    uint16_t local_port, remote_port;
    size_t queued, queue_most;
    struct pbuf *first, *last; /* streams: what came */
    size_t first_done;         /* bytes of the first that were read */
    struct packet *first_packet, *last_packet;
    struct membership *groups; /* of multicast, that it has joined */
    uint32_t refused[8];       /* kinds of ICMPv6 that a raw socket does not want, a bit each */
    struct inet_socket *pending, *pending_next;
    unsigned pending_count, pending_most;
    uint32_t send_most; /* bytes sent and not acknowledged; streams */
};

/* stack.c: all sockets; begins the stack if that was not done. ENOMEM. */
extern struct inet_socket *inet_sockets;
long stack_begin(void);

/* Serves what is there now, and hands over to the card. After every call that may have sent. */
void stack_turn(void);

/* Only hands over what was sent, to the card and within the machine: where no timer was set. */
void stack_push(void);

/* As inet_ops has them. */
uint64_t stack_run(struct arena *a);
bool stack_is_busy(void);
const char *stack_check(const struct arena *a);

/* 0 or a negative error, of lwIP's. */
long inet_error(err_t e);

/* Memory of the arena; zeroed. */
void *inet_take(size_t bytes);

/* Sleeps until something changes at the socket. -EAGAIN: it may not, or not longer. */
long inet_wait(struct file *f, uint32_t flags, uint64_t deadline);
uint64_t inet_deadline(uint64_t ns);
void inet_wake(struct inet_socket *s);

/* card.c: the interface on the port's card. False: there is none. */
bool card_begin(void);
/* Does the card make the sum of a datagram of so many bytes to there? */
bool card_sums(const ip_addr_t *to, size_t bytes);
void card_receive(void);
void card_flush(void);
struct netif *card_netif(void);

/* start.c, as inet_ops has them. */
long start_card(const char *address);
bool start_has_address(void);
long start_tell(struct arena *a);

/* name.c: addresses of programs. EINVAL, EAFNOSUPPORT. An IPv4 address in IPv6's form is one. */
long name_read(const struct inet_socket *s, const struct inet_name *name, ip_addr_t *address,
               uint16_t *port);
void name_write(const struct inet_socket *s, const ip_addr_t *address, uint16_t port,
                struct inet_name *out);

/* stream.c, and stream_bytes.c for what is sent and received */
long stream_create(struct inet_socket *s);
void stream_close(struct inet_socket *s);
long stream_bind(struct inet_socket *s, const ip_addr_t *address, uint16_t port);
long stream_listen(struct file *f, int backlog);
long stream_accept(struct file *f, void **out);
long stream_connect(struct file *f, const ip_addr_t *address, uint16_t port);
long stream_shutdown(struct file *f, unsigned how);
long stream_send(struct file *f, struct io *io, uint32_t flags);
long stream_receive(struct file *f, struct io *io, uint32_t flags);
bool stream_is_writable(const struct inet_socket *s);
struct pbuf *stream_take_first(struct inet_socket *s);
void stream_delay(struct inet_socket *s); /* as no_delay says */
/* May a further connection begin at a listener? */
bool stream_has_room(const struct inet_socket *s);
void stream_send_most(struct inet_socket *s, uint32_t bytes);
uint8_t stream_state_number(const struct inet_socket *s); /* as Linux numbers them */
void stream_info(const struct inet_socket *s, void *out); /* STREAM_INFO bytes */
#define STREAM_INFO 104u
uint16_t stream_poll(struct inet_socket *s);

/* datagram.c: UDP, and raw packets. */
long datagram_create(struct inet_socket *s);
void datagram_close(struct inet_socket *s);
long datagram_bind(struct inet_socket *s, const ip_addr_t *address, uint16_t port);
long datagram_connect(struct inet_socket *s, const ip_addr_t *address, uint16_t port);
long datagram_send(struct file *f, struct io *io, const ip_addr_t *to, uint16_t port);
long datagram_receive(struct file *f, struct io *io, uint32_t flags, struct inet_received *out);
uint16_t datagram_poll(const struct inet_socket *s);
/* A packet comes to a socket, which takes it over; false: it was dropped, for too many wait. */
bool datagram_enqueue(struct inet_socket *s, struct pbuf *p, const ip_addr_t *from, uint16_t port);
void datagram_watch(void); /* hears of what could not be delivered */

/* socket.c */
struct inet_socket *socket_make(uint16_t domain, uint8_t type);
void socket_forget(struct inet_socket *s);
long socket_take_error(struct inet_socket *s);          /* negative, or 0; it is told once */
struct ip_pcb *socket_pcb(const struct inet_socket *s); /* what lwIP keeps of every kind, or NULL */

/* message.c: what is known of the packet that is being received; that for the program; sending as
 * the control messages of sendmsg say. EINVAL, ENODEV, and as inet_ops.send. */
void message_note(struct packet_info *info);
void message_add(const struct inet_socket *s, const struct packet_info *info,
                 struct inet_received *out);
long message_send(struct process *p, struct file *f, struct io *io, const struct inet_name *to,
                  uint32_t flags, const uint8_t *control, size_t bytes);

/* share.c: may `s` have an address that another socket has? The next other socket with which `s`
 * shares its port, `after` NULL: the first one. Whose is what comes from a peer? */
bool share_allows(const struct inet_socket *s, const ip_addr_t *address, uint16_t port);
struct inet_socket *share_next(const struct inet_socket *s, struct inet_socket *after);
struct inet_socket *share_pick(struct inet_socket *s, const ip_addr_t *from, uint16_t port);

/* netlink.c: questions about interfaces, addresses and ways. Errors of netlink(7). */
long netlink_check(uint32_t type, uint32_t protocol);
long netlink_create(struct inet_socket *s);
long netlink_bind(struct process *p, struct inet_socket *s, const struct inet_name *name);
long netlink_connect(struct process *p, struct inet_socket *s, const struct inet_name *name);
long netlink_send(struct process *p, struct inet_socket *s, struct io *io,
                  const struct inet_name *to);
void netlink_name(const struct inet_socket *s, bool peer, struct inet_name *out);
long netlink_option(int option, size_t bytes);

/* interface.c: interfaces, as programs see them; numbered from 1. */
#define INTERFACE_NAME 16u
struct netif *interface_at(uint32_t index);     /* or NULL */
struct netif *interface_find(const char *name); /* by a name that ends with a zero, or NULL */
const char *interface_name(const struct netif *n);
uint32_t interface_flags(const struct netif *n); /* IFF_* */
uint32_t interface_mtu(const struct netif *n);   /* bytes */
uint16_t interface_kind(const struct netif *n);  /* ARPHRD_* */
bool interface_has(const ip_addr_t *address);    /* does one have it, or is it a broadcast? */
/* Of IPv6 addresses: RT_SCOPE_*, IFA_F_*, and bits of the network's number. */
uint8_t interface_scope6(const ip6_addr_t *address);
uint8_t interface_flags6(const struct netif *n, unsigned i);
uint8_t interface_bits6(const struct netif *n);

/* group.c: multicast. Requests as programs write them; EINVAL, ENODEV, EADDRNOTAVAIL. */
long group_read4(const void *value, size_t bytes, ip_addr_t *group, uint32_t *interface);
long group_read6(const void *value, size_t bytes, ip_addr_t *group, uint32_t *interface);
long group_read(bool six, const void *value, size_t bytes, ip_addr_t *group, uint32_t *interface);
/* EPROTO: not a socket of datagrams; ENODEV; EADDRINUSE: it has joined; ENOBUFS: too many. */
long group_join(struct inet_socket *s, const ip_addr_t *group, uint32_t interface);
long group_leave(struct inet_socket *s, const ip_addr_t *group, uint32_t interface);
void group_leave_all(struct inet_socket *s);
void group_begin(struct inet_socket *s); /* as every new socket of datagrams */
/* How packets to groups go: by which interface, how far, and also to ourselves? */
long group_interface_set(struct inet_socket *s, bool six, const void *value, size_t bytes);
long group_hops_set(struct inet_socket *s, int32_t hops);
long group_loop_set(struct inet_socket *s, bool on);
#define GROUP_INTERFACE 0u
#define GROUP_HOPS      1u
#define GROUP_LOOP      2u
long group_get(const struct inet_socket *s, bool six, unsigned what, int32_t *out);

/* What went through an interface since the beginning. Of the loop: what its addresses were sent,
 * not what goes to the card's own. */
struct traffic {
    uint64_t received, received_bytes, sent, sent_bytes; /* packets, and their bytes */
};
const struct traffic *interface_traffic(const struct netif *n);
extern struct traffic card_traffic;
void interface_watch(void); /* counts the loop's packets from now on */

/* tables.c: as inet_ops.table */
void table_text(uint32_t kind, struct text *t);

/* option.c, option_ip.c, control.c */
#define SOL_IP     0
#define SOL_IPV6   41
#define SOL_ICMPV6 58
#define SOL_RAW    255
long option_ip_set(struct inet_socket *s, int level, int option, const void *value, size_t bytes);
long option_ip_get(const struct inet_socket *s, int level, int option, int32_t *out);
long option_raw_set(struct inet_socket *s, int level, int option, const void *value, size_t bytes);
long option_set(struct file *f, int level, int option, const void *value, size_t bytes);
long option_get(struct file *f, int level, int option, void *value, size_t *bytes);
void option_apply(struct inet_socket *s);
long control(struct process *p, uint32_t request, vaddr_t argument);
