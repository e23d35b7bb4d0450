/*
 * Sockets of AF_INET, AF_INET6 and AF_NETLINK, as the calls see them: a table of functions, which
 * is empty in programs without such sockets (inet_none.c), and lwIP's in others (libos-posix/inet).
 *
 * A file of the kind FILE_INET has its socket in `buffer`. Addresses are bytes as the program wrote
 * them, of any length up to INET_NAME.
 *
 * Locking: the caller holds the arena's lock, which is free while a function waits.
 */
#pragma once

#include "libos-posix/base/text.h"
#include "libos-posix/file/file.h"

#define AF_INET    2u
#define AF_INET6   10u
#define AF_NETLINK 16u

#define SOCK_RAW 3u

#define INET_NAME 28u /* struct sockaddr_in6 */

#define INET_CONTROL 256u /* bytes of control messages with one packet */

struct inet_name {
    size_t bytes; /* 0: none */
    uint8_t address[INET_NAME];
};

/* What a call of recvmsg's kind got besides the bytes. */
struct inet_received {
    bool truncated;
    size_t whole; /* bytes that the packet had */
    struct inet_name from;
    size_t control_bytes;
    uint8_t control[INET_CONTROL]; /* control messages, as recvmsg gives them */
};

struct inet_ops {
    /* EAFNOSUPPORT and the like; otherwise *out is the socket of a file to be made. */
    long (*create)(struct process *p, uint32_t domain, uint32_t type, uint32_t protocol,
                   void **out);
    void (*close)(struct arena *a, void *socket);
    void (*opened)(void *socket, const struct file *f); /* its only one */
    long (*bind)(struct process *p, struct file *f, const struct inet_name *name);
    long (*listen)(struct file *f, int backlog);
    long (*accept)(struct file *f, void **out);
    long (*connect)(struct process *p, struct file *f, const struct inet_name *name);
    long (*shutdown)(struct file *f, unsigned how);
    long (*name)(const struct file *f, bool peer, struct inet_name *out);
    /* `to` of 0 bytes: where the socket is connected to. */
    long (*send)(struct process *p, struct file *f, struct io *io, const struct inet_name *to,
                 uint32_t flags);
    /* The same with control messages: a packet, and how it goes. */
    long (*send_message)(struct process *p, struct file *f, struct io *io,
                         const struct inet_name *to, uint32_t flags, const uint8_t *control,
                         size_t bytes);
    long (*receive)(struct file *f, struct io *io, uint32_t flags, struct inet_received *out);
    /* `value` has room for INET_OPTION bytes, of which `*bytes` are there, or are wanted. */
    long (*option_set)(struct file *f, int level, int option, const void *value, size_t bytes);
    long (*option_get)(struct file *f, int level, int option, void *value, size_t *bytes);
    /* ioctl on interfaces; EFAULT, ENODEV, EADDRNOTAVAIL, ENOTTY. */
    long (*control)(struct process *p, uint32_t request, vaddr_t argument);
    size_t (*waiting)(const struct file *f);
    uint16_t (*poll)(const struct file *f);

    /* Starts the stack with the port's card, whose address is "dhcp", or as in
     * "10.0.2.15/24,10.0.2.2,10.0.2.3": the gateway's and a name server's may be missing. ENODEV:
     * there is no card; EINVAL: no such address. */
    long (*start)(const char *address);
    bool (*has_address)(void);
    /* Writes /etc/resolv.conf and /etc/hosts, where they are missing. */
    long (*tell)(struct arena *a);
    /* Serves what has come and what is due; when it has to be called again, PORT_FOREVER: not
     * before somebody asks. */
    uint64_t (*run)(struct arena *a);
    /* Is something sent, and not acknowledged, that nobody has an open file for? */
    bool (*is_busy)(void);
    const char *(*check)(const struct arena *a);
    /* Adds the text of a file of /proc/net, MADE_NET_TCP to MADE_NET_ADDRESSES. */
    void (*table)(uint32_t kind, struct text *t);
};
#define INET_OPTION 256u

extern const struct inet_ops inet_ops;

/* calls/call_inet.c: the calls on files of that kind. */
long inet_socket(struct process *p, word_t domain, word_t type, word_t protocol);
long inet_bind(struct process *p, struct file *f, vaddr_t at, word_t bytes);
long inet_connect(struct process *p, struct file *f, vaddr_t at, word_t bytes);
long inet_accept(struct process *p, struct file *f, vaddr_t at, vaddr_t bytes_at, word_t flags);
long inet_name_get(struct process *p, const struct file *f, bool peer, vaddr_t at,
                   vaddr_t bytes_at);
long inet_setsockopt(struct process *p, struct file *f, word_t level, word_t option, vaddr_t at,
                     word_t bytes);
long inet_getsockopt(struct process *p, struct file *f, word_t level, word_t option, vaddr_t at,
                     vaddr_t bytes_at);
long inet_send(struct process *p, struct file *f, struct io *io, vaddr_t name, word_t name_bytes,
               uint32_t flags);
long inet_send_message(struct process *p, struct file *f, struct io *io, vaddr_t name,
                       word_t name_bytes, uint32_t flags, vaddr_t control, uint64_t control_bytes);
long inet_recvfrom(struct process *p, struct file *f, struct io *io, uint32_t flags, vaddr_t name,
                   vaddr_t bytes_at);
long inet_receive(struct process *p, struct file *f, struct io *io, uint32_t flags,
                  struct inet_received *out);
long inet_name_put(struct process *p, const struct inet_name *name, vaddr_t at, vaddr_t bytes_at);
