/*
 * Ports of a network that several programs share: what is asked of its port authority
 * (libos-net/servers/port_authority.c), which alone holds the card, and finds the asker by the
 * badge of the endpoint in SLOT_NET.
 *
 * Messages: a label, untyped words, nothing else. The answer's label is an error; other words are
 * there with OK alone.
 *   PORTS_ASK      protocol | port << 16 | wants << 32, address, slot
 *                  -> port, address, mask, gateway
 *   PORTS_RELEASE  protocol | port << 16
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"
#include "libos-net/keys.h"

#define PORTS_ASK     1u
#define PORTS_RELEASE 2u

#define PORTS_WANT_ARP 1u /* to hear ARP of the address, and to ask and answer */
#define PORTS_WANTS    PORTS_WANT_ARP

/* What one has: the part of the card is its own, with keys for the port and what it wanted. */
struct ports_lease {
    slot_t part; /* CAP_FLOWS                                             */
    uint8_t protocol;
    uint16_t port;
    uint32_t address, mask, gateway;
};

/* Is this program one of an authority's? It has no card of its own then, and an endpoint. */
bool ports_are_given(void);

/* Asks for a port of KEYS_TCP or KEYS_UDP, 0: one that is free; or with KEYS_ICMP for all of that,
 * port 0. `address` 0: the authority's. Errors, in the order they are tested:
 *   NO_DEVICE  there is no authority, or it does not answer
 *   NO_MEM     there is no slot
 *   BAD_ARG    an unknown want
 *   NO_RIGHT   another address
 *   BAD_ARG    the protocol is none of those, or a port of ICMP
 *   NO_RIGHT   a port below 1024, or ICMP, of who may not have it
 *   IN_USE     somebody has it
 *   NO_MEM     the asker has as many as it may
 */
enum err ports_ask(struct ports_lease *lease, uint8_t protocol, uint16_t port, uint32_t address,
                   uint32_t wants);

/* Gives it back: the part is gone afterwards, and the port another's to ask for. NOT_BOUND: the
 * caller does not have it. NO_DEVICE. */
enum err ports_release(struct ports_lease *lease);

/* Opens a ring with `frames` more behind it (ring_link.h) that has one port of *address: by the
 * program's own card; or, where ports are given, by a lease, and then *address is what was leased
 * (0 before: the authority's). With `partial`, packets may come whose checksum is not complete
 * (ring_link_accept_partial). Errors of ring_link_open_more and ring_keys, or of ports_ask and
 * ports_bind. */
struct ring_link;
enum err ports_open_link(struct ring_link *l, uint32_t frames, uint32_t *address, uint8_t protocol,
                         uint16_t port, bool partial);

/* Binds the keys of a part, as many as fit, to a ring that was made by it. Errors of flows_read and
 * ring_keys. */
enum err ports_bind(slot_t ring, slot_t part);
