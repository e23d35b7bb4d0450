/*
 * Receive-side scaling: the hash by which a card chooses among its pairs, for who wants to know
 * beforehand ("Receive-side scaling" of virtio; first NDIS). A hash needs a key of at least four
 * bytes more than what is hashed.
 */
#pragma once

#include "libos-net/card.h"

#define RSS_KEY_BYTES 40u /* long enough for all that is hashed */

/* A key that spreads well, the same as everybody's: not for who has enemies. */
extern const uint8_t rss_key[RSS_KEY_BYTES];

/* One direction of a flow, as its packets have it; in the order of bytes of this CPU. */
struct rss_flow {
    uint32_t from, to;           /* IPv4 */
    uint16_t from_port, to_port; /* of UDP or TCP */
};

/* Toeplitz hash of `bytes` bytes. Pre: the key has 4 more. */
uint32_t rss_hash(const uint8_t *key, const uint8_t *data, unsigned bytes);

/* The pair by which packets of the flow come: `ports`: they are hashed, too, as `hash_types` says
 * of UDP or TCP. Pre: `s` was taken by card_steer(), with a key of 16 bytes or more, and hashes
 * them. */
uint16_t rss_pair(const struct card_steering *s, const struct rss_flow *flow, bool ports);
