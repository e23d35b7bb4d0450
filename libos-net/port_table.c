/* The books of a port authority. */
#include "libos-net/port_table.h"

#include "libos-net/keys.h"

#define FREE_COUNT (65536u - PORTS_FREE_FIRST)

/* The authority itself speaks to DHCP servers from there. */
#define DHCP_CLIENT 68u

static bool is_taken(const struct port_table *t, uint8_t protocol, uint16_t port)
{
    for (uint32_t h = 0; h < PORT_HOLDERS; h++)
        for (uint32_t i = 0; i < PORTS_PER_HOLDER; i++) {
            const struct port_entry *e = &t->at[h][i];
            if (e->taken && e->protocol == protocol && e->port == port)
                return true;
        }
    return protocol == KEYS_UDP && port == DHCP_CLIENT;
}

/* One is free, since the table has room for fewer. */
static uint16_t choose(struct port_table *t, uint8_t protocol)
{
    uint16_t port;

    do {
        port = (uint16_t)(PORTS_FREE_FIRST + t->next);
        t->next = (uint16_t)((t->next + 1u) % FREE_COUNT);
    } while (is_taken(t, protocol, port));
    return port;
}
_Static_assert(PORT_HOLDERS *PORTS_PER_HOLDER < FREE_COUNT, "one is always free");

static uint32_t place_of(const struct port_table *t, uint32_t holder)
{
    uint32_t i = 0;

    while (i < PORTS_PER_HOLDER && t->at[holder][i].taken)
        i++;
    return i;
}

enum err port_take(struct port_table *t, uint32_t holder, bool may_low, uint8_t protocol,
                   uint16_t *port, uint32_t *place)
{
    const bool has_ports = protocol == KEYS_TCP || protocol == KEYS_UDP;

    if (!has_ports && (protocol != KEYS_ICMP || *port))
        return ERR_BAD_ARG;
    if (!may_low && *port < PORTS_LOW && (*port || !has_ports))
        return ERR_NO_RIGHT;
    if ((*port || !has_ports) && is_taken(t, protocol, *port))
        return ERR_IN_USE;
    const uint32_t i = place_of(t, holder);
    if (i == PORTS_PER_HOLDER)
        return ERR_NO_MEM;
    if (!*port && has_ports)
        *port = choose(t, protocol);
    t->at[holder][i] = (struct port_entry){true, protocol, *port};
    *place = i;
    return ERR_OK;
}

enum err port_find(const struct port_table *t, uint32_t holder, uint8_t protocol, uint16_t port,
                   uint32_t *place)
{
    for (uint32_t i = 0; i < PORTS_PER_HOLDER; i++) {
        const struct port_entry *e = &t->at[holder][i];
        if (e->taken && e->protocol == protocol && e->port == port) {
            *place = i;
            return ERR_OK;
        }
    }
    return ERR_NOT_BOUND;
}

void port_give(struct port_table *t, uint32_t holder, uint32_t place)
{
    t->at[holder][place] = (struct port_entry){0};
}

/* By position: does a later entry name the same? */
static bool has_twin(const struct port_table *t, uint32_t n)
{
    const struct port_entry *all = &t->at[0][0], *e = &all[n];

    for (uint32_t k = n + 1; k < PORT_HOLDERS * PORTS_PER_HOLDER; k++)
        if (all[k].taken && all[k].protocol == e->protocol && all[k].port == e->port)
            return true;
    return false;
}

const char *port_table_check(const struct port_table *t)
{
    const struct port_entry *all = &t->at[0][0];

    for (uint32_t n = 0; n < PORT_HOLDERS * PORTS_PER_HOLDER; n++)
        if (all[n].taken && has_twin(t, n))
            return "T1: a port is two holders'";
    return NULL;
}
