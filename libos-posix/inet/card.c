/* lwIP's interface on the network card of the port. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/base/mem.h"

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/netif.h>
#include <netif/ethernet.h>

#define ETHERNET_LEAST 60u /* bytes: shorter packets are filled up with zeroes */
#define TURN           64u /* packets before timers have their turn */

#define CHECKS (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

static struct netif card;
static bool is_there, has_sums;

struct netif *card_netif(void)
{
    return &card;
}

/* lwIP's linkoutput. ERR_MEM makes TCP try again later. */
static err_t send_packet(struct netif *netif, struct pbuf *p)
{
    uint32_t length = p->tot_len;

    (void)netif;
    if (length > PORT_PACKET_MAX)
        return ERR_BUF;
    uint8_t *bytes = port_net_room();
    if (!bytes)
        return ERR_MEM;
    pbuf_copy_partial(p, bytes, (u16_t)length, 0);
    if (length < ETHERNET_LEAST) {
        memset(bytes + length, 0, ETHERNET_LEAST - length);
        length = ETHERNET_LEAST;
    }
    port_net_send(length);
    return ERR_OK;
}

/* Whether lwIP tests the sums of what it is given. Packets of the card's address to itself have
 * none where the card makes them. */
static void set_checks(bool on)
{
    const u16_t others = (u16_t)(card.chksum_flags & ~CHECKS);

    NETIF_SET_CHECKSUM_CTRL(&card, (u16_t)(on ? others | CHECKS : others));
}

bool card_sums(const ip_addr_t *to, size_t bytes)
{
    return has_sums && IP_IS_V4(to) && bytes + IP_HLEN + UDP_HLEN <= card.mtu;
}

static err_t set_up(struct netif *netif)
{
    const struct port_net *net = netif->state;

    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, net->mac, ETH_HWADDR_LEN);
    netif->mtu = net->mtu;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_packet;
    has_sums = net->sums;
    set_checks(!has_sums);
    if (has_sums)
        NETIF_SET_CHECKSUM_CTRL(netif, (u16_t)(netif->chksum_flags & ~NETIF_CHECKSUM_GEN_TCP));
    return ERR_OK;
}

bool card_begin(void)
{
    struct port_net net;
    const ip4_addr_t none = {0};

    if (is_there)
        return true;
    if (!port_net_get(&net) || !netif_add(&card, &none, &none, &none, &net, set_up, ethernet_input))
        return false;
    card.state = NULL;
    is_there = true;
    netif_set_hostname(&card, arena_get()->host_name);
    netif_create_ip6_linklocal_address(&card, 1);
    card.ip6_autoconfig_enabled = 1;
    netif_set_default(&card);
    netif_set_link_up(&card);
    netif_set_up(&card);
    return true;
}

void card_receive(void)
{
    const uint8_t *bytes;
    uint32_t buffer, length;
    bool is_tested;

    for (unsigned i = 0;
         is_there && i < TURN && port_net_receive(&buffer, &bytes, &length, &is_tested); i++) {
        struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL);
        if (p)
            pbuf_take(p, bytes, (u16_t)length);
        port_net_free(buffer);
        set_checks(!is_tested);
        if (p && card.input(p, &card) != ERR_OK)
            pbuf_free(p);
        set_checks(!has_sums);
    }
}

void card_flush(void)
{
    if (is_there)
        port_net_flush();
}
