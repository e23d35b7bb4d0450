/*
 * Sockets of the family AF_UNIX: streams, datagrams and sequenced packets between processes.
 *
 * What is sent is queued at the receiver as messages; a stream takes bytes out of them as if there
 * were no borders. Descriptors and credentials travel with a message. A ring of sockets that are
 * on their way through each other is not found, and stays.
 *
 * Invariants. socket_check() tests them and names the broken one.
 *   U1  `queued` is the number of bytes in the messages that wait
 *   U2  two connected sockets name each other, or one knows that the other has gone
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/file/file.h"

#define AF_UNIX        1u
#define SOCK_STREAM    1u
#define SOCK_DGRAM     2u
#define SOCK_SEQPACKET 5u

#define MSG_OOB          0x01u
#define MSG_PEEK         0x02u
#define MSG_CTRUNC       0x08u
#define MSG_TRUNC        0x20u
#define MSG_DONTWAIT     0x40u
#define MSG_WAITALL      0x100u
#define MSG_ERRQUEUE     0x2000u
#define MSG_NOSIGNAL     0x4000u
#define MSG_CMSG_CLOEXEC 0x40000000u

#define SOCKET_PATH  108u
#define SOCKET_FILES 64u /* descriptors in one message */

struct linux_sockaddr_un {
    uint16_t family;
    char path[SOCKET_PATH];
};
_Static_assert(sizeof(struct linux_sockaddr_un) == 110, "struct sockaddr_un");

struct linux_ucred {
    int32_t pid;
    uint32_t uid, gid;
};

/* Where a socket is bound. */
struct socket_name {
    size_t bytes; /* of `path` that count; 0: not bound */
    char path[SOCKET_PATH];
};

struct message {
    struct message *next;
    size_t size;        /* of this block */
    size_t bytes, done; /* of the data, and of them read already (streams) */
    struct linux_ucred from;
    struct socket_name name;
    unsigned file_count;
    struct file *files[SOCKET_FILES]; /* each holds a reference */
    uint8_t data[];
};

struct socket {
    struct socket *next; /* of all in the arena */
    uint32_t refs;       /* its file, its peer, a queue of connections */
    uint32_t type;
    bool listens, read_shut, write_shut;
    bool peer_gone; /* was connected, and the other end is closed */
    bool open;      /* has a file, or waits for accept */
    bool wants_credentials;
    struct socket *peer;                   /* datagrams: where to send; it may be somebody else's */
    struct socket *pending, *pending_next; /* connections that were not accepted yet */
    unsigned pending_count, pending_most;
    struct linux_ucred owner, peer_owner;
    uint64_t node_number; /* of its file, 0: it has none yet */
    struct socket_name name;
    struct node *node; /* that the name stands for, which it holds; NULL: abstract or none */
    struct message *first, *last;
    size_t queued;
};

/* What a call of recvmsg's kind got besides the bytes. */
struct received {
    bool truncated;
    bool has_from;
    size_t whole; /* bytes that the message had */
    struct socket_name name;
    struct linux_ucred from;
    unsigned file_count;
    struct file *files[SOCKET_FILES]; /* references that the caller now has */
};

/* NULL: no memory. */
struct socket *socket_create(struct process *p, uint32_t type);
void socket_release(struct arena *a, struct socket *s);

/* Joins two. */
void socket_join(struct socket *a, struct socket *b);

/* Sends what is in `io`. `to` NULL: the peer. The references in `files` are taken over when
 * something was sent. Errors of sendmsg(2). */
long socket_send(struct process *p, struct file *f, struct io *io, struct socket *to,
                 uint32_t flags, struct file **files, unsigned file_count);
long socket_receive(struct process *p, struct file *f, struct io *io, uint32_t flags,
                    struct received *out);

/* Connections: waits for one; makes one. */
long socket_accept(struct process *p, struct file *f, struct socket **out);
long socket_connect(struct process *p, struct file *f, struct socket *to);

/* The socket that is bound to a name or a node, or NULL. */
struct socket *socket_find(const struct arena *a, const struct socket_name *name,
                           const struct node *n, uint32_t type);

/* NULL when U1 and U2 hold, else a sentence that begins with the broken invariant's name. */
const char *socket_check(const struct arena *a);
