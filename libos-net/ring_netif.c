/* lwIP's network interface on a packet ring. */
#include "libos-net/ring_netif.h"

#include "exo/abi/kinfo.h"
#include "libos/call.h"
#include "libos/string.h"

#define ETHERNET_LEAST 60u              /* bytes: shorter packets are filled up with zeroes */
#define KICK_AT        (RING_SLOTS / 2) /* packets that may wait for ring_netif_flush */

/* A receive buffer in lwIP's hands. */
struct rx_pbuf {
    struct pbuf_custom custom; /* first: lwIP gives it back by its address */
    uint32_t buffer;
    struct ring *ring;
};

static struct rx_pbuf rx_pbufs[RING_RX_BUFFERS];
static slot_t ring_slot;

void ring_netif_bind(slot_t ring)
{
    ring_slot = ring;
}

static void rx_freed(struct pbuf *p)
{
    struct rx_pbuf *rx = (struct rx_pbuf *)(void *)p;

    ring_rx_free(rx->ring, rx->buffer);
}

/* The packet as lwIP wants it; NULL when it has to be dropped. */
static struct pbuf *wrap(struct ring *r, uint32_t buffer, uint32_t length)
{
    uint8_t *bytes = ring_rx_memory(r, buffer);

    if (r->header->rx_posted - r->header->rx_done + ring_spare(r) >= RING_SLOTS / 2) {
        struct rx_pbuf *rx = &rx_pbufs[buffer];
        rx->custom.custom_free_function = rx_freed;
        rx->buffer = buffer;
        rx->ring = r;
        return pbuf_alloced_custom(PBUF_RAW, (u16_t)length, PBUF_REF, &rx->custom, bytes,
                                   RING_BUFFER_BYTES);
    }
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL);
    if (p)
        pbuf_take(p, bytes, (u16_t)length);
    ring_rx_free(r, buffer);
    return p;
}

unsigned ring_netif_receive(struct netif *netif)
{
    struct ring *r = netif->state;
    uint32_t buffer, length;
    unsigned count = 0;

    /* At most one round of slots, so that timers are served in a flood, too. */
    for (; count < RING_SLOTS && ring_receive(r, &buffer, &length); count++) {
        struct pbuf *p = wrap(r, buffer, length);
        if (p && netif->input(p, netif) != ERR_OK)
            pbuf_free(p);
    }
    return count;
}

void ring_netif_flush(struct netif *netif)
{
    struct ring *r = netif->state;

    if (ring_unkicked(r) && exo_ring_kick(ring_slot) == ERR_OK)
        ring_kicked(r);
}

/* lwIP's linkoutput. ERR_MEM makes TCP try again later. */
static err_t send_packet(struct netif *netif, struct pbuf *p)
{
    struct ring *r = netif->state;
    uint32_t length = p->tot_len;

    if (length > RING_PACKET_MAX)
        return ERR_BUF;
    uint8_t *bytes = ring_send_buffer(r);
    if (!bytes) {
        ring_netif_flush(netif);
        bytes = ring_send_buffer(r);
    }
    if (!bytes)
        return ERR_MEM;

    pbuf_copy_partial(p, bytes, (u16_t)length, 0);
    if (length < ETHERNET_LEAST) {
        memset(bytes + length, 0, ETHERNET_LEAST - length);
        length = ETHERNET_LEAST;
    }
    ring_send(r, length);
    if (ring_unkicked(r) >= KICK_AT)
        ring_netif_flush(netif);
    return ERR_OK;
}

err_t ring_netif_init(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 'x';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, KINFO->nic_mac, ETH_HWADDR_LEN);
    netif->mtu = KINFO->nic_mtu;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = send_packet;
    return ERR_OK;
}
