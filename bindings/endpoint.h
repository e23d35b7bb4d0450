/*
 * Endpoints: where senders and receivers of L4 IPC meet, first come, first served. One frame each.
 *
 * Invariants. endpoint_check() tests them for one endpoint and names the broken one.
 *   E2  who is queued to send waits to send, and who is queued to receive waits to receive
 *   E3  each is queued by a capability of its environment for this endpoint, with the right to it
 *   E4  nobody waits to send while somebody waits to receive
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/types.h"
#include "exo/base/list.h"

struct cap;

struct endpoint {
    struct list senders, receivers; /* threads, by send_link */
};

/* Ends the IPC of all threads that are queued by `c`, which is for an endpoint or a notification
 * and goes. */
void endpoint_cap_gone(const struct cap *c);

const char *endpoint_check(const struct endpoint *e);
