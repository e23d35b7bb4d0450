/*
 * The network card of nic.h as a virtio network device: one queue each way, receive buffers of the
 * kernel's own, packets to send taken from where they lie.
 */
#include "exo/io/nic.h"

#include "exo/base/assert.h"
#include "exo/base/string.h"
#include "exo/io/virtio.h"
#include "exo/io/virtq.h"

#define RX_BUFFERS      128u
#define RX_BUFFER_BYTES 2048u
#define RX_FRAMES       (RX_BUFFERS * RX_BUFFER_BYTES / (uint32_t)PAGE_SIZE)
#define MTU_MAX         1500u
#define MTU_MIN         68u /* RFC 791: what every link must carry */
_Static_assert(VIRTIO_NET_HEADER_BYTES + NIC_PACKET_MAX <= RX_BUFFER_BYTES,
               "a packet fits a buffer");
_Static_assert(RX_BUFFERS <= VIRTQ_MAX, "each buffer has a descriptor");

static struct {
    bool found;     /* there is one, and it was understood                    */
    bool present;   /* it runs                                                */
    uint8_t mac[6]; /* zeroes where there is none                           */
    uint16_t mtu;
    uint32_t restarts;
    uint16_t rx_size, tx_size; /* descriptors                               */
    struct virtio_device device;
    struct virtio_memory rx_memory, tx_memory, buffers;
    /* What goes before a packet to send: one for each descriptor that a chain may begin with, and
     * one of zeroes for all packets without work for the card. */
    struct virtio_memory headers;
    paddr_t zeroes;
    uint32_t offloads; /* NIC_* */
    uint8_t rx_flags;  /* VIRTIO_NET_HEADER_* that are heeded */
    struct virtq rx, tx;
} nic;

static uint16_t smaller_size(uint16_t limit, uint16_t most)
{
    uint16_t size = most;

    while (size > limit)
        size /= 2;
    return size;
}

/* Offers receive buffer `index` to the card, the first time. */
static void post_buffer(uint32_t index)
{
    const struct virtq_piece piece = {nic.buffers.physical + index * RX_BUFFER_BYTES,
                                      VIRTIO_NET_HEADER_BYTES + NIC_PACKET_MAX};
    bool posted = virtq_offer(&nic.rx, &piece, 0, 1, index);

    ASSERT(posted); /* each buffer has a descriptor */
}

#define CSUM_FEATURES (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_GUEST_CSUM)
#define ZEROES_AT     (VIRTQ_MAX * VIRTIO_NET_HEADER_BYTES)
_Static_assert(ZEROES_AT + VIRTIO_NET_HEADER_BYTES <= PAGE_SIZE, "headers are one frame");

/* What was told of a card stays true: when it starts again, it has to have all of it. */
static bool take_offloads(uint64_t agreed)
{
    const uint32_t had = nic.offloads;

    nic.offloads = 0;
    nic.rx_flags = 0;
    if (agreed & VIRTIO_NET_F_CSUM)
        nic.offloads |= NIC_CSUM | (agreed & VIRTIO_NET_F_HOST_TSO4 ? NIC_TSO4 : 0);
    if (agreed & VIRTIO_NET_F_GUEST_CSUM) {
        nic.offloads |= NIC_RX_CSUM;
        nic.rx_flags = VIRTIO_NET_HEADER_NEEDS_CSUM | VIRTIO_NET_HEADER_DATA_VALID;
    }
    return !(had & ~nic.offloads);
}

static bool agree_on_features(void)
{
    uint64_t agreed;

    if (!virtio_agree(&nic.device, VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | CSUM_FEATURES, &agreed) ||
        !(agreed & VIRTIO_NET_F_MAC) || !take_offloads(agreed))
        return false;
    for (unsigned i = 0; i < 6; i++)
        nic.mac[i] = virtio_config8(&nic.device, VIRTIO_NET_CONFIG_MAC + i);
    nic.mtu = MTU_MAX;
    if (agreed & VIRTIO_NET_F_MTU) {
        unsigned mtu = virtio_config8(&nic.device, VIRTIO_NET_CONFIG_MTU) |
                       (unsigned)virtio_config8(&nic.device, VIRTIO_NET_CONFIG_MTU + 1) << 8;
        if (mtu < MTU_MIN)
            return false;
        if (mtu < MTU_MAX)
            nic.mtu = (uint16_t)mtu;
    }
    return true;
}

/* From reset to running with empty queues and all receive buffers posted. */
static bool start_device(void)
{
    if (!agree_on_features())
        return false;

    nic.rx_size = smaller_size(virtio_queue_limit(&nic.device, VIRTIO_NET_QUEUE_RX), RX_BUFFERS);
    nic.tx_size = smaller_size(virtio_queue_limit(&nic.device, VIRTIO_NET_QUEUE_TX), VIRTQ_MAX);
    if (nic.rx_size == 0 || nic.tx_size < 1 + NIC_SEGMENTS_MAX)
        return false;
    virtq_init(&nic.rx, nic.rx_memory.at, nic.rx_size);
    virtq_init(&nic.tx, nic.tx_memory.at, nic.tx_size);
    if (!virtio_queue_start(&nic.device, VIRTIO_NET_QUEUE_RX, nic.rx_memory.physical,
                            nic.rx_size) ||
        !virtio_queue_start(&nic.device, VIRTIO_NET_QUEUE_TX, nic.tx_memory.physical, nic.tx_size))
        return false;

    for (uint32_t i = 0; i < nic.rx_size; i++)
        post_buffer(i);
    virtio_start(&nic.device);
    virtio_notify(&nic.device, VIRTIO_NET_QUEUE_RX);
    return true;
}

void nic_init(void)
{
    nic.found = nic.present = false;
    memset(nic.mac, 0, sizeof nic.mac);
    nic.offloads = 0;
    if (!virtio_open(&nic.device, VIRTIO_NET, hook_nic_interrupt) || !virtio_reset(&nic.device))
        return;
    nic.rx_memory = virtio_memory(VIRTQ_FRAMES);
    nic.tx_memory = virtio_memory(VIRTQ_FRAMES);
    nic.buffers = virtio_memory(RX_FRAMES);
    nic.headers = virtio_memory(1);
    nic.zeroes = nic.headers.physical + ZEROES_AT;
    nic.present = nic.found = start_device();
    if (nic.present)
        return;
    virtio_reset(&nic.device);
    memset(nic.mac, 0, sizeof nic.mac);
    nic.offloads = 0;
}

bool nic_present(void)
{
    return nic.present;
}

void nic_mac(uint8_t mac[6])
{
    memcpy(mac, nic.mac, sizeof nic.mac);
}

uint16_t nic_mtu(void)
{
    return nic.mtu;
}

uint32_t nic_restarts(void)
{
    return nic.restarts;
}

uint32_t nic_offloads(void)
{
    return nic.offloads;
}

/* Pre: the card is present; at most `most` bytes. */
static inline bool offer(const struct nic_segment *segments, unsigned count, paddr_t header,
                         uint32_t most, uint32_t cookie)
{
    struct virtq_piece pieces[1 + NIC_SEGMENTS_MAX];
    uint32_t bytes = 0;

    pieces[0] = (struct virtq_piece){header, VIRTIO_NET_HEADER_BYTES};
    for (unsigned i = 0; i < count; i++) {
        pieces[1 + i] = (struct virtq_piece){segments[i].address, segments[i].length};
        bytes += segments[i].length;
    }
    ASSERT(bytes >= NIC_PACKET_MIN && bytes <= most);
    return virtq_offer(&nic.tx, pieces, 1 + count, 0, cookie);
}

bool nic_send(const struct nic_segment *segments, unsigned count, uint32_t cookie)
{
    ASSERT(count >= 1 && count <= NIC_SEGMENTS_MAX);
    return nic.present && offer(segments, count, nic.zeroes, NIC_PACKET_MAX, cookie);
}

/* The header is that of the descriptor with which the chain will begin: it is free, so the card
 * reads it no more. */
__attribute__((noinline)) bool nic_send_offload(const struct nic_segment *segments, unsigned count,
                                                uint32_t work, uint32_t heads, uint32_t cookie)
{
    const uint32_t mss = TSO_MSS(work), at = nic.tx.free * VIRTIO_NET_HEADER_BYTES;
    const struct virtio_net_header header = {
        .flags = VIRTIO_NET_HEADER_NEEDS_CSUM,
        .segments = mss ? VIRTIO_NET_HEADER_TCPV4 : 0,
        .head_bytes = (uint16_t)(mss ? heads : 0),
        .segment_bytes = (uint16_t)mss,
        .csum_start = CSUM_START(work),
        .csum_offset = CSUM_OFFSET(work),
    };

    ASSERT(count >= 1 && count <= NIC_SEGMENTS_MAX);
    ASSERT(work & CSUM_PARTIAL && nic.offloads & (mss ? NIC_TSO4 : NIC_CSUM));
    if (!nic.present || nic.tx.free == VIRTQ_END)
        return false;
    memcpy((uint8_t *)nic.headers.at + at, &header, sizeof header);
    return offer(segments, count, nic.headers.physical + at, mss ? TSO_PACKET_MAX : NIC_PACKET_MAX,
                 cookie);
}

void nic_flush(void)
{
    if (nic.present && virtq_wants_notify(&nic.tx))
        virtio_notify(&nic.device, VIRTIO_NET_QUEUE_TX);
}

static volatile struct virtio_net_header *header_of(uint8_t *packet)
{
    return (volatile struct virtio_net_header *)(volatile void *)(packet - VIRTIO_NET_HEADER_BYTES);
}

/* What the header before a packet says of its sum by these flags; NULL: what cannot be. */
static __attribute__((noinline)) struct nic_csum *read_csum(uint8_t *packet, uint32_t length,
                                                            uint8_t flags, struct nic_csum *out)
{
    const volatile struct virtio_net_header *header = header_of(packet);

    *out = (struct nic_csum){.is_valid = true};
    if (!(flags & VIRTIO_NET_HEADER_NEEDS_CSUM))
        return out;
    *out = (struct nic_csum){.start = header->csum_start, .offset = header->csum_offset};
    return out->start >= NIC_PACKET_MIN && out->start + out->offset + 2u <= length ? out : NULL;
}

/* Shows a packet that came upwards, with what the card says of its sum. */
static inline void show(uint8_t *packet, uint32_t length)
{
    const uint8_t flags = header_of(packet)->flags & nic.rx_flags;
    struct nic_csum csum;

    hook_nic_received(packet, length,
                      __builtin_expect(flags, 0) ? read_csum(packet, length, flags, &csum) : NULL);
}

/* Shows received packets upwards and gives their buffers back. False: the card broke the contract.
 */
static bool take_received(void)
{
    struct virtq_done done;
    enum virtq_result result = VIRTQ_EMPTY;
    unsigned count = 0;

    for (; count < nic.rx_size; count++) {
        result = virtq_look(&nic.rx, &done);
        if (result != VIRTQ_TAKEN)
            break;
        /* Shorter than an Ethernet header: no packet, and nobody's fault above. */
        if (done.length >= VIRTIO_NET_HEADER_BYTES + NIC_PACKET_MIN)
            show((uint8_t *)nic.buffers.at + done.cookie * RX_BUFFER_BYTES +
                     VIRTIO_NET_HEADER_BYTES,
                 done.length - VIRTIO_NET_HEADER_BYTES);
        virtq_offer_again(&nic.rx, &done);
    }
    if (count > 0 && virtq_wants_notify(&nic.rx))
        virtio_notify(&nic.device, VIRTIO_NET_QUEUE_RX);
    return result != VIRTQ_BROKEN;
}

static bool take_sent(void)
{
    struct virtq_done done;

    for (unsigned count = 0; count < nic.tx_size; count++) {
        enum virtq_result result = virtq_take(&nic.tx, &done);
        if (result != VIRTQ_TAKEN)
            return result != VIRTQ_BROKEN;
        hook_nic_sent(done.cookie);
    }
    return true;
}

void nic_poll(void)
{
    if (nic.present && (!take_sent() || !take_received()))
        nic_restart();
}

void nic_restart(void)
{
    uint32_t cookies[VIRTQ_MAX];

    if (!nic.present)
        return;
    nic.restarts++;
    nic.present = false;
    bool obeyed = virtio_reset(&nic.device);
    unsigned count = virtq_cookies(&nic.tx, cookies);
    nic.present = obeyed && start_device();
    if (obeyed && !nic.present)
        virtio_reset(&nic.device);
    for (unsigned i = 0; i < count; i++)
        hook_nic_sent(cookies[i]);
}
