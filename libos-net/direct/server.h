/* The loop of a web server of documents (direct/tcp.h) on an outlet. It answers ARP and ping, too.
 */
#pragma once

#include "libos-net/answer.h"
#include "libos-net/direct/requests.h"

struct server {
    struct tcp tcp;
    struct cache cache;
    struct answer_host host;
};

/* Begins to serve on an address and a port. */
void server_begin(struct server *s, struct outlet *o, uint32_t address, uint16_t port);

/* Takes what packets there are, at most a ring full, and sends what that makes. False: there were
 * none, and nothing was to be sent. */
bool server_serve(struct server *s);

/* Serves for ever; sleeps when there is nothing to do. `idle`: looks without a packet before it
 * does. Returns when the link is dead. */
void server_run(struct server *s, uint32_t idle);
