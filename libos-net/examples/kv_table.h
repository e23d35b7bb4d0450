/*
 * The memory of the key-value store (kv.h), which its packet handler in the kernel (handler_kv.c)
 * reads, too, and a request on the wire. Made to compile as eBPF C.
 *
 * A key has one set of places that it may lie in. Only the program writes items and keys; an item's
 * `turn` is odd while it does, and another one afterwards, so who has read beside it knows whether
 * what it has read belongs together. Both say when an item was asked for; that may be told wrong
 * by a little, when they do so at once.
 */
#pragma once

#include <stdint.h>

#define KV_KEY_MOST   250u
#define KV_VALUE_MOST 1000u
#define KV_SETS       512u
#define KV_PLACES     4u

struct kv_item {
    uint64_t turn;
    uint64_t version; /* "CAS"; 0: the place is free */
    uint64_t asked;   /* when it was last: a count; meaningful when it is not free */
    uint64_t ends;    /* second; 0: never            */
    uint32_t flags;   /* the client's own, as on the wire */
    uint16_t key_bytes, value_bytes;
    uint8_t bytes[KV_KEY_MOST + KV_VALUE_MOST + 6]; /* key, then value */
};

struct kv {
    uint64_t version, asked, second; /* since 1970: set it before kv_answer() */
    uint64_t found, missed, stored;
    /* For the handler: since 1970 when the time-stamp counter was 0, in ns; what of a packet is
     * the store's, as on the wire; and what it counts. */
    uint64_t zero;
    uint16_t address[2], port, unused;
    uint64_t handled;
    struct kv_item items[KV_SETS][KV_PLACES];
};

/* What a datagram begins with: memcached's heads. */
struct kv_heads {
    uint16_t request, number, count, unused; /* of a datagram of memcached's */
    uint8_t magic, opcode;
    uint16_t key_bytes;
    uint8_t extra_bytes, data_type;
    uint16_t status; /* in a request: the place of a bucket */
    uint16_t body_bytes[2];
    uint16_t opaque[2];
    uint16_t cas[4];
};

/* On the wire: Ethernet, IPv4, UDP, and these. */
struct kv_packet {
    uint16_t to_mac[3], from_mac[3];
    uint16_t type;
    uint8_t version, service;
    uint16_t length, id, fragment;
    uint8_t time_to_live, protocol;
    uint16_t ip_sum;
    uint16_t from[2], to[2];
    uint16_t from_port, to_port, bytes, sum;
    struct kv_heads heads;
};

#define KV_REQUEST 0x80u
#define KV_ANSWER  0x81u
#define KV_HEADS   32u /* bytes of memcached's */

enum kv_opcode {
    KV_GET = 0x00,
    KV_SET,
    KV_ADD,
    KV_REPLACE,
    KV_DELETE,
    KV_GET_QUIET = 0x09,
    KV_NOTHING,
    KV_TELL_VERSION,
    KV_GET_KEY,
    KV_GET_KEY_QUIET
};

/* The hash of a key begins with its bytes, and takes its words, the last one filled up with zeroes:
 * keys that differ in any byte are to lie in any sets. */
static inline uint64_t kv_mix(uint64_t hash, uint64_t word)
{
    const uint64_t mixed = (hash ^ word) * 0x9e3779b97f4a7c15u;

    return mixed ^ mixed >> 32;
}
