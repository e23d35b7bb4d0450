/*
 * A program's own network, with lwIP on top: a ring on the kernel's network card, with keys that
 * say which packets are its own and a filter that narrows them if it wants one; or a card of its
 * own. One thread uses all of this and lwIP's raw API.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

struct link;
struct netif;
struct card;

struct net_config {
    struct card *card;  /* of its own (card.h), open; NULL: a ring on the kernel's            */
    const void *filter; /* of a ring: an eBPF object, in readable memory; NULL: none          */
    size_t filter_bytes;
    uint16_t tcp_port; /* of a ring. 0: all packets of the address. Else of those that are not ARP
                          or echo only those to this port, so that others can have other ports */
    bool dhcp; /* ask a DHCP server first; after NET_DHCP_PATIENCE take what follows. The ring
                  then gets all packets that are nobody else's, whatever tcp_port says     */
    bool rest; /* all packets that are nobody else's without that, too: for who serves a whole
                  address, of which others have ports                                       */
    const char *address; /* as in "10.0.2.15" */
    const char *mask;
    const char *gateway;
    const char *hostname; /* told to the DHCP server; stays the caller's memory */
};

#define NET_DHCP_PATIENCE 3000u /* milliseconds */

/* What fits QEMU's user network. */
#define NET_CONFIG_USER                                                                            \
    {                                                                                              \
        .dhcp = true, .address = "10.0.2.15", .mask = "255.255.255.0", .gateway = "10.0.2.2",      \
        .hostname = "exo4"                                                                         \
    }

/* Makes the ring, binds keys and filter and brings the interface up. Once. In a program whose ports
 * are given by an authority (ports.h), which has no card, the ring is for tcp_port alone, and the
 * network's addresses are the authority's, whatever stands here; errors of ports_ask. The address
 * may come later (netif_is_up tells, and the log). Pre: libos_setup(). BAD_ARG: an address cannot
 * be read, or a card is to have a filter. IN_USE: its packets are another ring's. NO_DEVICE: no
 * network card. BAD_GRAFT: the filter was refused (the log says why). BAD_CAP: the program was not
 * given the card. NO_MEM. */
enum err net_open(const struct net_config *config);

/* Serves what has arrived and what is due. When there was nothing, waits for it until `deadline`
 * (time-stamp counter; 0: not at all; FOREVER). True: something was done. */
bool net_poll(uint64_t deadline);

/* The notification that net_poll waits for, and the bits that are free for others to raise, who
 * want it to return. */
slot_t net_notification(void);
#define NET_BITS_FREE (~(word_t)0 << 2)

/* What the kernel counted for the ring; of a card, what came and went. */
struct net_figures {
    uint32_t shown;    /* packets that a key matched                                   */
    uint32_t received; /* packets that it took and a buffer was there for              */
    uint32_t dropped;  /* packets that it took and no buffer was there for; a card does not say */
    uint32_t sent;
};
struct net_figures net_figures(void);

/* The interface, for lwIP's functions. */
struct netif *net_interface(void);

/* What it stands on. */
struct link *net_link(void);
