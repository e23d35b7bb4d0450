/* Clients of a web server on the other end of a wire: packets out of a card of the lab's own
 * (web.c). */
#pragma once

#include "libos-net/card.h"
#include "libos-net/direct/packet.h"

#define WEB_CLIENTS 16u
#define WEB_ADDRESS 0x0a000202u
#define WEB_SERVER  0x0a00020fu

struct web_client {
    uint32_t out, in;       /* sequence numbers                  */
    uint32_t got, expected; /* bytes of the answer               */
    uint32_t owed;          /* packets that are not acknowledged */
};

struct web {
    struct card_pair *pair;
    uint8_t server_mac[6];
    uint16_t port, first_port; /* of the server; of the clients */
    const char *request;
    uint32_t count; /* clients that take part */
    struct web_client clients[WEB_CLIENTS];
};

/* Begins a handshake for each client, from ports of its own. */
void web_greet(struct web *w);

/* Lays the next request of each ready, with its acknowledgement of the last answer. */
void web_ask(struct web *w);

/* Lays acknowledgements of what came ready. Returns how many. */
uint32_t web_acknowledge(struct web *w);

/* Takes what came, and answers questions for the link address; fails on anything that is not as it
 * should be. Returns how many packets. */
uint32_t web_collect(struct web *w);

/* Has each got what it expects? */
bool web_is_done(const struct web *w);
