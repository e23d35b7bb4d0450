/*
 * Messages of routing netlink (rtnetlink(7)): what is asked, and a datagram of answers that grows.
 *
 * Every message and attribute begins at a multiple of four bytes. Locking: the arena's lock.
 */
#pragma once

#include "libos-posix/inet/inet.h"

#define RTM_NEWLINK  16u
#define RTM_GETLINK  18u
#define RTM_NEWADDR  20u
#define RTM_GETADDR  22u
#define RTM_NEWROUTE 24u
#define RTM_GETROUTE 26u
#define RTM_NEWNEIGH 28u
#define RTM_GETNEIGH 30u

#define NLM_F_MULTI 2u

struct netlink_head {
    uint32_t bytes; /* with this head */
    uint16_t type, flags;
    uint32_t sequence, port_id;
};
_Static_assert(sizeof(struct netlink_head) == 16, "struct nlmsghdr");

struct netlink_attribute {
    uint16_t bytes, type; /* with this head */
};

/* Heads of the bodies. */
struct link_body {
    uint8_t family, pad;
    uint16_t kind;
    int32_t index;
    uint32_t flags, change;
};
struct address_body {
    uint8_t family, prefix_bits, flags, scope;
    uint32_t index;
};
struct route_body {
    uint8_t family, to_bits, from_bits, tos, table, protocol, scope, type;
    uint32_t flags;
};
struct neighbour_body {
    uint8_t family, pad[3];
    int32_t index;
    uint16_t state;
    uint8_t flags, type;
};

/* A datagram of answers to one question. */
#define ANSWER_BYTES 4096u
struct answer {
    struct inet_socket *to;
    uint32_t sequence;    /* of the question */
    uint16_t flags;       /* of each message */
    size_t used, message; /* bytes; where the last message begins */
    uint8_t bytes[ANSWER_BYTES];
};

/* A message begins and ends; between, its attributes. What an answer has no room for goes in a next
 * datagram: a message is at most ANSWER_MESSAGE bytes. */
#define ANSWER_MESSAGE 512u
void answer_begin(struct answer *a, uint16_t type, const void *body, size_t bytes);
void answer_add(struct answer *a, uint16_t type, const void *value, size_t bytes);
void answer_add_number(struct answer *a, uint16_t type, uint32_t value);
void answer_end(struct answer *a);
void answer_send(struct answer *a);

/* The value of an attribute among `bytes` of them, at least `least` bytes long, or NULL. */
const void *attribute_find(const uint8_t *at, size_t bytes, uint16_t type, size_t least);

/* netlink_dump.c: all that there is of a kind and a family (0: of all). EOPNOTSUPP. */
long netlink_dump(struct answer *a, uint16_t type, uint8_t family);

/* One of them, that the body and the attributes of a question name. ENODEV, ENETUNREACH, EINVAL,
 * EOPNOTSUPP. */
long netlink_one(struct answer *a, uint16_t type, const uint8_t *body, size_t bytes);
