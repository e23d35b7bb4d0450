/* lwIP's network interface on a link. */
#include "libos-net/link_netif.h"

#include "libos-net/offload.h"
#include "libos/string.h"

#define ETHERNET_LEAST 60u /* bytes: shorter packets are filled up with zeroes */

/* A receive buffer in lwIP's hands. */
struct rx_pbuf {
    struct pbuf_custom custom; /* first: lwIP gives it back by its address */
    uint32_t buffer;
    struct link *link;
};

static struct rx_pbuf rx_pbufs[LINK_BUFFERS];

static void rx_freed(struct pbuf *p)
{
    struct rx_pbuf *rx = (struct rx_pbuf *)(void *)p;

    rx->link->give_back(rx->link, rx->buffer);
}

/* The packet as lwIP wants it; NULL when it has to be dropped. */
static struct pbuf *wrap(struct link *l, uint32_t buffer, uint8_t *packet, uint32_t length)
{
    if (!l->is_short(l)) {
        struct rx_pbuf *rx = &rx_pbufs[buffer];
        rx->custom.custom_free_function = rx_freed;
        rx->buffer = buffer;
        rx->link = l;
        return pbuf_alloced_custom(PBUF_RAW, (u16_t)length, PBUF_REF, &rx->custom, packet,
                                   (u16_t)length);
    }
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL);
    if (p)
        pbuf_take(p, packet, (u16_t)length);
    l->give_back(l, buffer);
    return p;
}

#define CHECKS (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

/* Whether lwIP tests the sums of what it is given. Packets of this host to itself have none where
 * the card makes them. */
static void set_checks(struct netif *netif, bool on)
{
    const u16_t others = (u16_t)(netif->chksum_flags & ~CHECKS);

    NETIF_SET_CHECKSUM_CTRL(netif, (u16_t)(on ? others | CHECKS : others));
}

static bool give(struct netif *netif, struct pbuf *p, bool tested)
{
    if (tested)
        set_checks(netif, false);
    const bool taken = netif->input(p, netif) == ERR_OK;
    if (tested)
        set_checks(netif, true);
    return taken;
}

unsigned link_netif_receive(struct netif *netif)
{
    struct link *l = netif->state;
    uint32_t buffer, length;
    uint8_t *packet;
    unsigned count = 0;

    /* Not without end, so that timers are served in a flood, too. */
    set_checks(netif, true);
    for (; count < LINK_TURN && l->receive(l, &buffer, &packet, &length); count++) {
        const bool tested = l->csum && offload_is_tested(packet, length);
        struct pbuf *p = wrap(l, buffer, packet, length);
        if (p && !give(netif, p, tested))
            pbuf_free(p);
    }
    set_checks(netif, !(l->offloads & NIC_CSUM));
    return count;
}

/* lwIP's linkoutput. ERR_MEM makes TCP try again later. */
static err_t send_packet(struct netif *netif, struct pbuf *p)
{
    struct link *l = netif->state;
    uint32_t length = p->tot_len;

    if (length > LINK_PACKET_MAX)
        return ERR_BUF;
    uint8_t *bytes = l->room(l);
    if (!bytes)
        return ERR_MEM;

    pbuf_copy_partial(p, bytes, (u16_t)length, 0);
    if (length < ETHERNET_LEAST) {
        memset(bytes + length, 0, ETHERNET_LEAST - length);
        length = ETHERNET_LEAST;
    }
    const uint32_t work = l->offloads & NIC_CSUM ? offload_begin(bytes, length) : 0;
    if (work)
        l->send_offload(l, length, work);
    else
        l->send(l, length);
    return ERR_OK;
}

err_t link_netif_init(struct netif *netif)
{
    const struct link *l = netif->state;

    netif->name[0] = 'e';
    netif->name[1] = 'x';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, l->mac, ETH_HWADDR_LEN);
    netif->mtu = l->mtu;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = send_packet;
    if (l->offloads & NIC_CSUM)
        NETIF_SET_CHECKSUM_CTRL(
            netif, (u16_t)(NETIF_CHECKSUM_ENABLE_ALL & ~(NETIF_CHECKSUM_GEN_TCP | CHECKS)));
    return ERR_OK;
}
