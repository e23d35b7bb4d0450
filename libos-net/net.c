/* Bringing a program's network up, and the loop that serves it. */
#include "libos-net/net.h"

#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "exo/abi/kinfo.h"
#include "libos-net/lwip.h"
#include "libos-net/card_link.h"
#include "libos-net/keys.h"
#include "libos-net/link_netif.h"
#include "libos-net/ports.h"
#include "libos-net/ring_link.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/vm.h"

static struct {
    struct ring_link ring; /* one of the two */
    struct card_link card;
    struct link *link; /* which it is */
    struct netif netif;
    slot_t graft;
    ip4_addr_t address, mask, gateway; /* when DHCP gives none */
} net;

/* Has the object's pages bound: the kernel reads what is there and repairs nothing. */
static void touch(const void *bytes, size_t count)
{
    const volatile uint8_t *b = bytes;

    for (size_t i = 0; i < count; i += PAGE_SIZE)
        (void)b[i];
    if (count)
        (void)b[count - 1];
}

static enum err bind_filter(const void *object, size_t bytes)
{
    struct graft_report report = {0};
    struct graft_load load = {.object = (vaddr_t)object,
                              .bytes = bytes,
                              .report = (vaddr_t)&report,
                              .hook = GRAFT_HOOK_PACKET_FILTER};
    pfn_t frame;

    if (bytes == 0 || bytes > GRAFT_OBJECT_MAX)
        return ERR_BAD_ARG;
    touch(object, bytes);
    enum err e = slot_take(&net.graft);
    if (e == ERR_OK)
        e = region_find(GRAFT_FRAMES(bytes), &frame);
    if (e == ERR_OK)
        e = exo_graft_create(SLOT_MEMORY, frame, net.graft, (vaddr_t)&load);
    if (e == ERR_BAD_GRAFT)
        log_kernel_line("net: filter refused: reason %u at instruction %u, line %u", report.reason,
                        report.instruction, report.line);
    return e == ERR_OK ? exo_ring_filter(net.ring.slot, net.graft) : e;
}

static enum err bind_keys(const struct net_config *config)
{
    const uint32_t address = lwip_ntohl(net.address.addr);
    struct ring_key keys[RING_KEYS] = {{.flags = RING_KEY_YIELD}};
    uint32_t count = 1;

    if (!config->dhcp && !config->rest && config->tcp_port)
        count = keys_of_port(address, KEYS_TCP, config->tcp_port, keys);
    else if (!config->dhcp && !config->rest)
        keys[0] = keys_for(address, 0, 0);
    return exo_ring_keys(net.ring.slot, (vaddr_t)keys, count);
}

static void log_address(struct netif *netif)
{
    const uint8_t *a = (const uint8_t *)&netif_ip4_addr(netif)->addr;

    if (!ip4_addr_isany(netif_ip4_addr(netif)))
        log_line("net: address %u.%u.%u.%u", a[0], a[1], a[2], a[3]);
}

static void dhcp_late(void *unused)
{
    (void)unused;
    if (dhcp_supplied_address(&net.netif))
        return;
    log_line("net: no DHCP server answers");
    dhcp_release_and_stop(&net.netif);
    netif_set_addr(&net.netif, &net.address, &net.mask, &net.gateway);
}

static enum err start_interface(const struct net_config *config)
{
    const ip4_addr_t none = {0};
    const bool dhcp = config->dhcp && (config->card || !ports_are_given());

    lwip_init();
    bool added = dhcp ? netif_add(&net.netif, &none, &none, &none, net.link, link_netif_init,
                                  ethernet_input) != NULL
                      : netif_add(&net.netif, &net.address, &net.mask, &net.gateway, net.link,
                                  link_netif_init, ethernet_input) != NULL;
    if (!added)
        return ERR_NO_MEM;
    netif_set_hostname(&net.netif, config->hostname);
    netif_set_status_callback(&net.netif, log_address);
    netif_set_default(&net.netif);
    netif_set_link_up(&net.netif);
    netif_set_up(&net.netif);
    if (dhcp) {
        if (dhcp_start(&net.netif) != ERR_OK)
            return ERR_NO_MEM;
        sys_timeout(NET_DHCP_PATIENCE, dhcp_late, NULL);
    }
    return ERR_OK;
}

/* With the port that an authority leases; 0: one that is free would be nobody's to find. */
static enum err open_lease(const struct net_config *config, slot_t *part)
{
    struct ports_lease lease;
    enum err e = config->tcp_port ? ports_ask(&lease, KEYS_TCP, config->tcp_port, 0, PORTS_WANT_ARP)
                                  : ERR_NO_RIGHT;

    if (e)
        return e;
    *part = lease.part;
    net.address.addr = lwip_htonl(lease.address);
    net.mask.addr = lwip_htonl(lease.mask);
    net.gateway.addr = lwip_htonl(lease.gateway);
    return ERR_OK;
}

static enum err open_ring(const struct net_config *config)
{
    const bool leased = ports_are_given();
    slot_t nic = SLOT_NIC;
    enum err e = leased ? open_lease(config, &nic) : ERR_OK;

    if (e == ERR_OK)
        e = ring_link_open_by(&net.ring, nic, 0);
    if (e == ERR_OK)
        ring_link_accept_partial(&net.ring);
    if (e == ERR_OK && config->filter)
        e = bind_filter(config->filter, config->filter_bytes);
    if (e)
        return e;
    return leased ? ports_bind(net.ring.slot, nic) : bind_keys(config);
}

enum err net_open(const struct net_config *config)
{
    enum err e = ERR_OK;

    if (!ip4addr_aton(config->address, &net.address) || !ip4addr_aton(config->mask, &net.mask) ||
        !ip4addr_aton(config->gateway, &net.gateway) || (config->card && config->filter))
        return ERR_BAD_ARG;
    net.link = config->card ? &net.card.link : &net.ring.link;
    if (config->card)
        card_link_open(&net.card, &config->card->pairs[0]);
    else
        e = open_ring(config);
    return e == ERR_OK ? start_interface(config) : e;
}

/* When lwIP's next timer is due, in ticks of the time-stamp counter; not later than `deadline`. */
static uint64_t next_due(uint64_t deadline)
{
    uint32_t pause = sys_timeouts_sleeptime();
    if (pause == SYS_TIMEOUTS_SLEEPTIME_INFINITE)
        return deadline;

    uint64_t due = cpu_ticks() + (uint64_t)pause * KINFO->tsc_khz;
    return due < deadline ? due : deadline;
}

/* Who comes back says so: lwIP tells the others on the link who it is. */
static void follow_link(void)
{
    if (net.link->is_up == netif_is_link_up(&net.netif))
        return;
    log_line("net: the link is %s", net.link->is_up ? "up" : "down");
    if (net.link->is_up)
        netif_set_link_up(&net.netif);
    else
        netif_set_link_down(&net.netif);
}

bool net_poll(uint64_t deadline)
{
    follow_link();
    unsigned received = link_netif_receive(&net.netif);

    sys_check_timeouts();
    netif_poll_all();
    bool done = net.link->flush(net.link) || received > 0;
    return done || net.link->wait(net.link, deadline ? next_due(deadline) : 0);
}

slot_t net_notification(void)
{
    return net.link == &net.card.link ? net.card.pair->card->device.notification
                                      : net.ring.notification;
}

struct net_figures net_figures(void)
{
    const volatile struct ring_header *h = net.ring.ring.header;
    const struct card_pair *pair = net.card.pair;

    if (net.link == &net.card.link)
        return (struct net_figures){pair->received, pair->received, 0, pair->sent};
    return (struct net_figures){h->rx_filtered, h->rx_done, h->rx_dropped, h->tx_done};
}

struct netif *net_interface(void)
{
    return &net.netif;
}

struct link *net_link(void)
{
    return net.link;
}
