/*
 * A web server of documents (libos-net/direct/) without a machine: an outlet that reads packets as
 * late as it may, a network that loses, doubles and reorders as it is told, and clients made of
 * single packets.
 */
#pragma once

#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "libos-net/direct/requests.h"
#include "libos-net/direct/tcp_parts.h"

#define SERVER_ADDRESS 0x0a00020fu
#define CLIENT_ADDRESS 0x0a000202u
#define SERVER_PORT    80u
#define WIRE_MOST      4096u

struct wire_packet {
    uint32_t length;
    uint8_t bytes[LINK_PACKET_MAX];
};

/* What it does with packets, in a thousand. */
struct weather {
    unsigned lost, doubled, late;
};

/* A client. What it got is checked for its sums, and put in order. */
struct client {
    uint32_t address;
    uint16_t port, segment;
    uint32_t first, out, in; /* sequence numbers: its own first, next, and expected   */
    uint32_t window;         /* that it tells                                        */
    uint32_t packets;        /* that came                                            */
    uint32_t resets, ends, acks;
    uint8_t flags;         /* of the last packet                                   */
    uint32_t acknowledged; /* by the server                                        */
    bool is_quiet;         /* it acknowledges nothing by itself                    */
    uint8_t *got;
    uint32_t got_count; /* in order                                             */
    uint8_t *has;       /* of each byte ahead                                   */
};
#define CLIENT_ROOM (4u << 20)

extern struct tcp server;
extern struct cache cache;
extern struct outlet outlet;
extern struct weather weather;
extern uint32_t arena_bytes; /* of the next world */
extern uint32_t link_room;   /* packets that the link takes until it reads: none is room */

int world_begin(void **state);
int world_end(void **state); /* and nothing is left but what the cache has */

/* The server's documents: "/N" has N bytes, which world_byte() tells. */
uint8_t world_byte(uint32_t at);

struct client *client_new(uint16_t port);
void client_free(struct client *c);

/* Writes a packet: its sequence number, flags and contents. Returns its length. */
uint32_t client_write(const struct client *c, uint32_t sequence, uint8_t flags, const void *bytes,
                      uint32_t count, uint8_t *packet);

/* Sends such a packet. */
void client_send_at(struct client *c, uint32_t sequence, uint8_t flags, const void *bytes,
                    uint32_t count);

/* Sends what is next, and takes note that it did. */
void client_send(struct client *c, const char *text);
void client_end(struct client *c);

/* A handshake, which the weather does not touch. */
void client_open(struct client *c);

/* A client of that port, after its handshake. */
struct client *client_opened(uint16_t port);

/* A request for "/N". */
const char *world_get(uint32_t bytes);

/* Lets packets through, both ways, for so many milliseconds. What is lost of a client's is its own
 * business. */
void world_run(uint32_t milliseconds);

/* Bytes of one answer to a request for "/N": head and N bytes, from `at` on of what came. Returns
 * how many there are; fails where they are not right. */
uint32_t world_answer(const struct client *c, uint32_t at, uint32_t bytes);

unsigned chance_below(unsigned most);
