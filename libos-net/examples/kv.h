/*
 * A key-value store that speaks memcached's binary protocol in UDP datagrams (its
 * doc/protocol-binary and doc/protocol.txt): one request and one answer a datagram. Pure logic, for
 * programs on bare packets.
 *
 * A key has one set of places that it may lie in; when all are taken, the one not asked for the
 * longest makes room.
 */
#pragma once

#include "libos-net/answer.h"

#define KV_KEY_MOST   250u
#define KV_VALUE_MOST 1000u
#define KV_SETS       512u
#define KV_PLACES     4u

struct kv_item {
    uint64_t version; /* "CAS"; 0: the place is free */
    uint64_t asked;   /* when it was last: a count   */
    uint64_t ends;    /* second; 0: never            */
    uint32_t flags;   /* the client's own, as on the wire */
    uint16_t key_bytes, value_bytes;
    uint8_t bytes[KV_KEY_MOST + KV_VALUE_MOST + 6]; /* key, then value */
};

struct kv {
    uint64_t version, asked, second; /* since 1970: set it before kv_answer() */
    uint64_t found, missed, stored;
    struct kv_item items[KV_SETS][KV_PLACES];
};

/* Writes the answer to a packet of `length` bytes into `to`, which has room for a whole one.
 * Returns its length; 0: it gets none. me->port is the store's. */
uint32_t kv_answer(struct kv *kv, const struct answer_host *me, const uint8_t *packet,
                   uint32_t length, uint8_t *to);
