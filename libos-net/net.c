/* Bringing a program's network up, and the loop that serves it. */
#include "libos-net/net.h"

#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "exo/abi/kinfo.h"
#include "libos-net/lwip.h"
#include "libos-net/ring_netif.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/vm.h"

#define RING_BIT ((word_t)1) /* of the notification */

static struct {
    struct ring ring;
    struct netif netif;
    slot_t notification;
    slot_t frames, ring_slot, graft;
    ip4_addr_t address, mask, gateway; /* when DHCP gives none */
} net;

/* Here and below the frame is looked for last: taking a slot, or touching memory for the first
 * time, may take frames too. */
static enum err make_ring(void)
{
    pfn_t first, frame;
    vaddr_t va = 0;
    enum err e = region_frames(RING_FRAMES, &net.frames, &first);

    if (e == ERR_OK)
        e = vm_map_frames(net.frames, first, RING_FRAMES, &va, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = slot_take(&net.ring_slot);
    if (e != ERR_OK)
        return e;
    ring_begin(&net.ring, (void *)va, RING_BIT);
    ring_netif_bind(net.ring_slot);
    e = region_find(1, &frame);
    return e != ERR_OK ? e
                       : exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, net.frames, net.notification,
                                         net.ring_slot);
}

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
    return e == ERR_OK ? exo_ring_filter(net.ring_slot, net.graft) : e;
}

#define IPV4      0x0800u
#define ARP       0x0806u
#define IPV4_ICMP 1u
#define IPV4_TCP  6u

/* Packets of this kind for `address`. */
static struct ring_key key_for(uint32_t address, uint16_t ethertype, uint8_t protocol)
{
    return (struct ring_key){
        .value = {.local = address, .ethertype = ethertype, .protocol = protocol},
        .mask = {.local = UINT32_MAX,
                 .ethertype = ethertype ? UINT16_MAX : 0,
                 .protocol = protocol ? UINT8_MAX : 0},
    };
}

/* Of an address that is shared by ports everybody hears ARP, and one answers echo requests. */
static enum err bind_keys(const struct net_config *config)
{
    const uint32_t address = lwip_ntohl(net.address.addr);
    struct ring_key keys[RING_KEYS] = {{.flags = RING_KEY_YIELD}};
    uint32_t count = 1;

    if (!config->dhcp && !config->tcp_port)
        keys[0] = key_for(address, 0, 0);
    if (!config->dhcp && config->tcp_port) {
        count = 3;
        keys[0] = key_for(address, ARP, 0);
        keys[0].flags = RING_KEY_YIELD | RING_KEY_COPY;
        keys[1] = key_for(address, IPV4, IPV4_ICMP);
        keys[1].flags = RING_KEY_YIELD;
        keys[2] = key_for(address, IPV4, IPV4_TCP);
        keys[2].value.local_port = config->tcp_port;
        keys[2].mask.local_port = UINT16_MAX;
    }
    return exo_ring_keys(net.ring_slot, (vaddr_t)keys, count);
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

    lwip_init();
    bool added = config->dhcp ? netif_add(&net.netif, &none, &none, &none, &net.ring,
                                          ring_netif_init, ethernet_input) != NULL
                              : netif_add(&net.netif, &net.address, &net.mask, &net.gateway,
                                          &net.ring, ring_netif_init, ethernet_input) != NULL;
    if (!added)
        return ERR_NO_MEM;
    netif_set_hostname(&net.netif, config->hostname);
    netif_set_status_callback(&net.netif, log_address);
    netif_set_default(&net.netif);
    netif_set_link_up(&net.netif);
    netif_set_up(&net.netif);
    if (config->dhcp) {
        if (dhcp_start(&net.netif) != ERR_OK)
            return ERR_NO_MEM;
        sys_timeout(NET_DHCP_PATIENCE, dhcp_late, NULL);
    }
    return ERR_OK;
}

enum err net_open(const struct net_config *config)
{
    if (!ip4addr_aton(config->address, &net.address) || !ip4addr_aton(config->mask, &net.mask) ||
        !ip4addr_aton(config->gateway, &net.gateway))
        return ERR_BAD_ARG;

    enum err e = notify_new(&net.notification);
    if (e == ERR_OK)
        e = make_ring();
    if (e == ERR_OK && config->filter)
        e = bind_filter(config->filter, config->filter_bytes);
    if (e == ERR_OK)
        e = bind_keys(config);
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

bool net_poll(uint64_t deadline)
{
    bool done = ring_netif_receive(&net.netif) > 0;

    sys_check_timeouts();
    netif_poll_all();
    done |= ring_unkicked(&net.ring) > 0;
    ring_netif_flush(&net.netif);
    if (done)
        return true;
    /* A packet that came after the look above has raised the bit: this returns at once. */
    return exo_notify_wait(net.notification, ~(word_t)0, deadline ? next_due(deadline) : 0) ==
           ERR_OK;
}

slot_t net_notification(void)
{
    return net.notification;
}

struct net_figures net_figures(void)
{
    const volatile struct ring_header *h = net.ring.header;

    return (struct net_figures){h->rx_filtered, h->rx_done, h->rx_dropped, h->tx_done};
}

struct netif *net_interface(void)
{
    return &net.netif;
}
