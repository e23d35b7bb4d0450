/*
 * What tests of a card of several pairs share: who asks the peer (tests/tools/peer_flows.py) for
 * packets of many flows, by any pair, and who notes what comes by which. The main thread serves the
 * pairs of its own CPU, and on a machine of two another thread those of the other.
 */
#pragma once

#include "libos-net/rss.h"

#define FLOWS_PAIRS      4u
#define FLOWS_MAX        64u
#define FLOWS_FIRST_PORT 5000u
#define FLOWS_PORT       9u /* that all flows are for */
#define FLOWS_HOST       0x0a4d0001u
#define FLOWS_GUEST      0x0a4d0002u

/* Serves the pairs of `card` from now on, which has FLOWS_PAIRS. */
void flows_begin(struct card *card);
void flows_end(void);

/* Asks by pair `by` for `packets` packets of each of `flows` flows, and serves until they have
 * come, at most five seconds. */
void flows_round(unsigned by, uint16_t flows, uint16_t packets);

/* The same in parts: nothing of a pair that rests is taken until it is served again.
 * flows_rest() returns when whoever serves it has seen that. */
void flows_ask(unsigned by, uint16_t flows, uint16_t packets);
void flows_rest(unsigned pair, bool rests);
void flows_serve(void);
void flows_hear(uint32_t packets);

/* Of the last round: flows that did not come whole, in order, and by that pair alone. */
unsigned flows_wrong(const uint16_t *pairs);

/* Packets of flows that came by a pair in the last round; and of them that round's end. */
uint32_t flows_heard(unsigned pair);
bool flows_ended(unsigned pair);

/* Sends a datagram from `port` to the peer, by pair `by`, and serves until it is back. Returns the
 * pair that it came back by; FLOWS_PAIRS: it did not. */
unsigned flows_bounce(unsigned by, uint16_t port);

/* Writes a question to the peer; its length. */
uint32_t flows_request(uint8_t *packet, const uint8_t mac[6], uint16_t flows, uint16_t packets,
                       uint16_t number);

/* Writes a datagram to the peer; its length. */
uint32_t flows_datagram(uint8_t *packet, const uint8_t mac[6], uint16_t port);
