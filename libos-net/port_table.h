/*
 * Who has which port: the books of a port authority. Pure logic.
 *
 * Invariant, port_table_check():
 *   T1  a port of a protocol is one holder's, once
 *
 * One thread uses a table at a time.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

#define PORT_HOLDERS     32u /* holders are numbered from 0 */
#define PORTS_PER_HOLDER 4u
#define PORTS_LOW        1024u  /* below are those of whom that right was given        */
#define PORTS_FREE_FIRST 49152u /* those that may be chosen for an asker (RFC 6335)    */

struct port_entry {
    bool taken;
    uint8_t protocol;
    uint16_t port; /* 0 of ICMP, which is one */
};

struct port_table {
    struct port_entry at[PORT_HOLDERS][PORTS_PER_HOLDER];
    uint16_t next; /* above PORTS_FREE_FIRST: where the search for a free one begins */
};

/* Takes a port for `holder`; *port 0 becomes one that is free, but with ICMP. *place: which of the
 * holder's it is. Errors as of ports_ask (ports.h), those behind the address. */
enum err port_take(struct port_table *t, uint32_t holder, bool may_low, uint8_t protocol,
                   uint16_t *port, uint32_t *place);

/* Which of the holder's it is. NOT_BOUND: none. */
enum err port_find(const struct port_table *t, uint32_t holder, uint8_t protocol, uint16_t port,
                   uint32_t *place);

void port_give(struct port_table *t, uint32_t holder, uint32_t place);

/* NULL when T1 holds, else a sentence that begins with the broken invariant's name. */
const char *port_table_check(const struct port_table *t);
