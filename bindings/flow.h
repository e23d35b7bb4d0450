/*
 * Flows and keys: what of a packet decides whose it is (exo/abi/ring.h). Pure: it looks at nothing
 * but its arguments.
 */
#pragma once

#include "exo/abi/ring.h"

/* Bytes of a packet that a flow may come from when the sender's side is checked: Ethernet, IPv4
 * with one word of options, and ports; or Ethernet and ARP. */
#define FLOW_HEADERS 48u

/* What a packet says, and which of it: a field that it lacks is 0 in both. */
struct flow {
    struct ring_flow value;
    struct ring_flow has; /* all bits of the fields that are there */
};

/* Do both say the same of a conversation? */
static inline bool flow_is_same(const struct flow *a, const struct flow *b)
{
    uint64_t wa[4], wb[4];
    _Static_assert(sizeof wa == sizeof *a, "a flow is four words");

    __builtin_memcpy(wa, a, sizeof wa);
    __builtin_memcpy(wb, b, sizeof wb);
    return wa[0] == wb[0] && wa[1] == wb[1] && wa[2] == wb[2] && wa[3] == wb[3];
}

/* Reads the first `bytes` bytes of a packet, each at most once. `sent`: it leaves this machine. */
struct flow flow_read(const uint8_t *packet, uint32_t bytes, bool sent);

/* May a packet that begins with these bytes leave a card whose address is `mac`? It must bear the
 * address, in the Ethernet header and in ARP. */
bool flow_bears_mac(const uint8_t *packet, uint32_t bytes, const uint8_t mac[6]);

/* Bytes at the beginning of a packet to send that flow_read() and flow_bears_mac() judge it by:
 * what the card changes lies behind them. */
uint32_t flow_judged(const uint8_t *packet, uint32_t bytes);

/* May a card change a packet to send of `length` bytes as `work` says (exo/abi/offload.h)? It
 * begins with the `bytes` bytes given, and packets of the link have up to `most`. 0: it may not.
 * Else the bytes of its headers if it is to be cut, or 1. */
uint32_t flow_offload(const uint8_t *packet, uint32_t bytes, uint32_t length, uint32_t work,
                      uint32_t most);

/* Is the key one that the ABI allows? */
bool key_is_good(const struct ring_key *k);

bool key_matches(const struct ring_key *k, const struct flow *f);

/* Could one packet match both? */
bool key_overlaps(const struct ring_key *a, const struct ring_key *b);

/* How specific it is: the bits of its mask. */
/* Does the key ask for all that `of` asks for, with the same values, and have its flags? Then it
 * matches nothing that `of` does not match. */
bool key_is_inside(const struct ring_key *k, const struct ring_key *of);

unsigned key_bits(const struct ring_key *k);
