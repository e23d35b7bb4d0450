/* A network card of one's own: opening and closing it. */
#include "libos-net/card.h"

#include "libos-net/card_control.h"
#include "libos/error.h"
#include "libos/log.h"

#define FRAMES (CARD_BUFFERS * CARD_BUFFER_BYTES / (uint32_t)PAGE_SIZE)
_Static_assert(VIRTIO_NET_HEADER_BYTES + CARD_PACKET_MAX <= CARD_BUFFER_BYTES, "a packet fits");

#define PAIR_FRAMES (2u * VIRTQ_FRAMES)
#define PAIR_QUEUES 2u

#define MTU_MAX (CARD_PACKET_MAX - CARD_PACKET_MIN)
#define MTU_MIN 68u /* RFC 791: what every link must carry */

static enum err read_mtu(struct card *c, uint64_t agreed)
{
    c->mtu = MTU_MAX;
    if (agreed & VIRTIO_NET_F_MTU) {
        uint16_t mtu = (uint16_t)virtio_pci_config(&c->pci, VIRTIO_NET_CONFIG_MTU, 2);
        if (mtu < MTU_MIN)
            return ERR_NO_DEVICE;
        if (mtu < MTU_MAX)
            c->mtu = mtu;
    }
    return ERR_OK;
}

/* What it says of steering; of a longer table a part is made use of. */
static void read_steering(struct card *c)
{
    c->table_most = (uint16_t)virtio_pci_config(&c->pci, VIRTIO_NET_CONFIG_TABLE, 2);
    if (c->table_most > CARD_TABLE_MAX)
        c->table_most = CARD_TABLE_MAX;
    c->key_most = (uint8_t)virtio_pci_config(&c->pci, VIRTIO_NET_CONFIG_KEY, 1);
    c->hash_types_most = (uint32_t)virtio_pci_config(&c->pci, VIRTIO_NET_CONFIG_TYPES, 4);
}

static uint32_t offloads_of(uint64_t agreed)
{
    return (agreed & VIRTIO_NET_F_CSUM ? NIC_CSUM : 0) |
           ((~agreed & (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4)) == 0 ? NIC_TSO4 : 0) |
           (agreed & VIRTIO_NET_F_GUEST_CSUM ? NIC_RX_CSUM : 0);
}

/* *most: pairs that it has. */
static enum err agree_on_features(struct card *c, uint32_t accepted, uint16_t *most)
{
    bool several = c->pair_count > 1;
    uint64_t agreed = 0, wanted = VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CSUM |
                                  VIRTIO_NET_F_HOST_TSO4 |
                                  (accepted & NIC_RX_CSUM ? VIRTIO_NET_F_GUEST_CSUM : 0) |
                                  (several ? VIRTIO_NET_F_RSS : 0);
    uint64_t needed = VIRTIO_NET_F_MAC | (several ? VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ : 0);
    enum err e = virtio_pci_agree(&c->pci, wanted, needed, &agreed);

    if (e)
        return e;
    for (unsigned i = 0; i < sizeof c->mac; i++)
        c->mac[i] = (uint8_t)virtio_pci_config(&c->pci, VIRTIO_NET_CONFIG_MAC + i, 1);
    c->tells_link = agreed & VIRTIO_NET_F_STATUS;
    *most = 1;
    if (several)
        *most = (uint16_t)virtio_pci_config(&c->pci, VIRTIO_NET_CONFIG_PAIRS, 2);
    if (*most < c->pair_count)
        return ERR_NO_DEVICE;
    if (agreed & VIRTIO_NET_F_RSS)
        read_steering(c);
    c->offloads = offloads_of(agreed);
    return read_mtu(c, agreed);
}

/* The memory of queues from number `number` on. */
static struct device_memory queue_memory(const struct card *c, unsigned number)
{
    struct device_memory part = c->queues;

    part.va += number * VIRTQ_FRAMES * PAGE_SIZE;
    part.address += number * VIRTQ_FRAMES * PAGE_SIZE;
    return part;
}

static enum err make_queue(struct card *c, struct virtqueue *q, unsigned number, uint16_t vector)
{
    const struct device_memory part = queue_memory(c, number);

    return virtio_pci_queue(&c->pci, q, (uint16_t)number, CARD_BUFFERS, &part, vector);
}

/* Descriptors never change but for the length of what is sent. */
static void fill_queues(struct card_pair *p)
{
    p->count = p->rx.size < p->tx.size ? p->rx.size : p->tx.size;
    p->spare_most = p->count / 4;
    for (uint16_t i = 0; i < p->count; i++) {
        uint64_t address = p->buffers.address + i * CARD_BUFFER_BYTES;

        p->rx.desc[i].address = p->tx.desc[i].address = address;
        p->rx.desc[i].length = VIRTIO_NET_HEADER_BYTES + CARD_PACKET_MAX;
        p->rx.desc[i].flags = VIRTQ_DESC_WRITE;
        card_free(p, i);
    }
}

/* Pair i interrupts by message i. */
static enum err make_pair(struct card *c, uint16_t number)
{
    struct card_pair *p = &c->pairs[number];
    enum err e = device_memory_make(&c->device, FRAMES, &p->buffers);

    p->card = c;
    p->number = number;
    p->is_up = true;
    p->bits = c->pair_count == 1 ? ~(word_t)0 : (word_t)0xff << 8 * number;
    if (e == ERR_OK && card_here(p))
        e = ERR_NO_DEVICE; /* it has not so many messages */
    if (e == ERR_OK)
        e = make_queue(c, &p->rx, PAIR_QUEUES * number + VIRTIO_NET_QUEUE_RX, number);
    if (e == ERR_OK)
        e = make_queue(c, &p->tx, PAIR_QUEUES * number + VIRTIO_NET_QUEUE_TX, number);
    if (e == ERR_OK)
        fill_queues(p);
    return e;
}

static enum err make_pairs(struct card *c, uint16_t most)
{
    enum err e = ERR_OK;

    for (uint16_t i = 0; i < c->pair_count && e == ERR_OK; i++)
        e = make_pair(c, i);
    if (e == ERR_OK && c->pair_count > 1) {
        const struct device_memory part = queue_memory(c, PAIR_QUEUES * c->pair_count);
        e = card_control_open(c, (uint16_t)(PAIR_QUEUES * most), &part);
    }
    return e;
}

/* Sets it going: buffers first, so that no packet finds none. */
static enum err go(struct card *c)
{
    virtio_pci_start(&c->pci);
    for (uint16_t i = 0; i < c->pair_count; i++)
        card_push(&c->pairs[i]);
    return c->pair_count > 1 ? card_control_pairs(c, c->pair_count) : ERR_OK;
}

/* A stopped access is every pair's business, and so is the link. */
static word_t fault_bits(const struct card *c)
{
    word_t bits = 0;

    for (unsigned i = 0; i < c->pair_count; i++)
        bits |= (word_t)2 << 8 * i;
    return bits;
}

/* Its link is followed where it has a message left for that, behind the pairs'. */
static void listen_to_link(struct card *c)
{
    c->tells_link = c->tells_link && !device_listen(&c->device, c->pair_count, fault_bits(c)) &&
                    !virtio_pci_listen(&c->pci, c->pair_count);
}

/* The card is reset before it can reach memory: it may have been another program's. */
static enum err start(struct card *c, uint32_t accepted)
{
    uint32_t frames = c->pair_count * PAIR_FRAMES + (c->pair_count > 1 ? CARD_CONTROL_FRAMES : 0);
    uint16_t most = 0;
    enum err e = virtio_pci_open(&c->pci, &c->device, VIRTIO_NET);

    if (e == ERR_OK)
        e = device_listen(&c->device, DEVICE_FAULT_VECTOR, fault_bits(c));
    if (e == ERR_OK)
        e = device_memory_make(&c->device, frames, &c->queues);
    if (e == ERR_OK)
        e = agree_on_features(c, accepted, &most);
    if (e == ERR_OK)
        e = make_pairs(c, most);
    if (e)
        return e;
    listen_to_link(c);
    return go(c);
}

enum err card_open_accepting(struct card *c, slot_t pci, uint32_t function, uint16_t pairs,
                             uint32_t accepted)
{
    *c = (struct card){.pair_count = pairs};
    if (pairs < 1 || pairs > CARD_PAIRS_MAX)
        return ERR_BAD_ARG;
    enum err e = device_open(&c->device, pci, function);

    if (e == ERR_OK)
        e = start(c, accepted);
    if (e)
        card_close(c);
    return e;
}

enum err card_open_pairs(struct card *c, slot_t pci, uint32_t function, uint16_t pairs)
{
    return card_open_accepting(c, pci, function, pairs, 0);
}

enum err card_open(struct card *c, slot_t pci, uint32_t function)
{
    return card_open_pairs(c, pci, function, 1);
}

enum err card_open_any(struct card *c, const char *who, uint32_t accepted)
{
    enum err e = ERR_IN_USE;

    for (uint32_t from = 0, function = 0; e == ERR_IN_USE; from = function + 1) {
        e = virtio_pci_find(VIRTIO_NET, from, &function);
        if (e == ERR_OK) /* it was free; another may have been quicker */
            e = card_open_accepting(c, SLOT_PCI, function, 1, accepted);
    }
    if (e && !device_is_confined())
        log_error_line("%s: no IOMMU confines a card here, so none can be given away", who);
    else if (e)
        log_error_line("%s: a card of its own: %s", who, error_text(e));
    return e;
}

void card_close(struct card *c)
{
    device_close(&c->device);
    for (unsigned i = 0; i < CARD_PAIRS_MAX; i++)
        device_memory_free(&c->pairs[i].buffers);
    device_memory_free(&c->queues);
    *c = (struct card){.pair_count = 0};
}
