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

/* A packet that waits at a socket of datagrams. */
struct packet {
    struct packet *next;
    struct pbuf *bytes;
    ip_addr_t from;
    uint16_t port;
};

enum stream_state { STREAM_NEW, STREAM_LISTENS, STREAM_CONNECTS, STREAM_CONNECTED, STREAM_OVER };

struct inet_socket {
    struct inet_socket *next; /* of all */
    uint16_t domain;
    uint16_t protocol; /* of raw sockets */
    uint8_t type;
    uint8_t state; /* enum stream_state */
    bool bound, v6_only, reuse, broadcast, keep_alive, corked, no_delay;
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
    struct inet_socket *pending, *pending_next;
    unsigned pending_count, pending_most;
};

/* stack.c: all sockets; begins the stack if that was not done. ENOMEM. */
extern struct inet_socket *inet_sockets;
long stack_begin(void);

/* Serves what is there now, and hands over to the card. After every call that may have sent. */
void stack_turn(void);

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
uint16_t stream_poll(const struct inet_socket *s);

/* datagram.c: UDP, and raw packets. */
long datagram_create(struct inet_socket *s);
void datagram_close(struct inet_socket *s);
long datagram_bind(struct inet_socket *s, const ip_addr_t *address, uint16_t port);
long datagram_connect(struct inet_socket *s, const ip_addr_t *address, uint16_t port);
long datagram_send(struct file *f, struct io *io, const ip_addr_t *to, uint16_t port);
long datagram_receive(struct file *f, struct io *io, uint32_t flags, struct inet_received *out);
uint16_t datagram_poll(const struct inet_socket *s);
void datagram_watch(void); /* hears of what could not be delivered */

/* socket.c */
struct inet_socket *socket_make(uint16_t domain, uint8_t type);
void socket_forget(struct inet_socket *s);
long socket_take_error(struct inet_socket *s); /* negative, or 0; it is told once */

/* option.c, control.c */
long option_set(struct file *f, int level, int option, const void *value, size_t bytes);
long option_get(struct file *f, int level, int option, void *value, size_t *bytes);
void option_apply(struct inet_socket *s);
long control(struct process *p, struct file *f, uint32_t request, vaddr_t argument);
