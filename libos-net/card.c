/* A network card of one's own: buffers between two queues. */
#include "libos-net/card.h"

#include "libos/error.h"
#include "libos/log.h"

#define BIT_PACKET ((word_t)1) /* of the notification                      */
#define BIT_FAULT  ((word_t)2)
#define VECTOR     0u /* both queues interrupt by it              */
#define FRAMES     (CARD_BUFFERS * CARD_BUFFER_BYTES / (uint32_t)PAGE_SIZE)
_Static_assert(!((BIT_PACKET | BIT_FAULT) & CARD_BITS_FREE), "others raise others");
_Static_assert(VIRTIO_NET_HEADER_BYTES + CARD_PACKET_MAX <= CARD_BUFFER_BYTES, "a packet fits");

#define MTU_MAX (CARD_PACKET_MAX - CARD_PACKET_MIN)
#define MTU_MIN 68u /* RFC 791: what every link must carry */

static enum err agree_on_features(struct card *c)
{
    uint64_t agreed = 0;
    enum err e = virtio_pci_agree(&c->pci, VIRTIO_NET_F_MTU, VIRTIO_NET_F_MAC, &agreed);

    if (e)
        return e;
    for (unsigned i = 0; i < sizeof c->mac; i++)
        c->mac[i] = (uint8_t)virtio_pci_config(&c->pci, VIRTIO_NET_CONFIG_MAC + i, 1);
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

static enum err make_queue(struct card *c, struct virtqueue *q, uint16_t number)
{
    struct device_memory part = c->queues;

    part.va += number * VIRTQ_FRAMES * PAGE_SIZE;
    part.address += number * VIRTQ_FRAMES * PAGE_SIZE;
    return virtio_pci_queue(&c->pci, q, number, CARD_BUFFERS, &part, VECTOR);
}

/* Descriptors never change but for the length of what is sent. */
static void fill_queues(struct card *c)
{
    c->count = c->rx.size < c->tx.size ? c->rx.size : c->tx.size;
    c->spare_most = c->count / 4;
    for (uint16_t i = 0; i < c->count; i++) {
        uint64_t address = c->buffers.address + i * CARD_BUFFER_BYTES;

        c->rx.desc[i].address = c->tx.desc[i].address = address;
        c->rx.desc[i].length = VIRTIO_NET_HEADER_BYTES + CARD_PACKET_MAX;
        c->rx.desc[i].flags = VIRTQ_DESC_WRITE;
        card_free(c, i);
    }
}

/* The card is reset before it can reach memory: it may have been another program's. */
static enum err start(struct card *c)
{
    enum err e = virtio_pci_open(&c->pci, &c->device, VIRTIO_NET);

    if (e == ERR_OK)
        e = device_listen(&c->device, VECTOR, BIT_PACKET);
    if (e == ERR_OK)
        e = device_listen(&c->device, DEVICE_FAULT_VECTOR, BIT_FAULT);
    if (e == ERR_OK)
        e = device_memory_make(&c->device, 2 * VIRTQ_FRAMES, &c->queues);
    if (e == ERR_OK)
        e = device_memory_make(&c->device, FRAMES, &c->buffers);
    if (e == ERR_OK)
        e = agree_on_features(c);
    if (e == ERR_OK)
        e = make_queue(c, &c->rx, VIRTIO_NET_QUEUE_RX);
    if (e == ERR_OK)
        e = make_queue(c, &c->tx, VIRTIO_NET_QUEUE_TX);
    if (e)
        return e;
    fill_queues(c);
    virtio_pci_start(&c->pci);
    card_push(c);
    return ERR_OK;
}

enum err card_open(struct card *c, slot_t pci, uint32_t function)
{
    *c = (struct card){.count = 0};
    enum err e = device_open(&c->device, pci, function);

    if (e == ERR_OK)
        e = start(c);
    if (e)
        card_close(c);
    return e;
}

enum err card_open_any(struct card *c, const char *who)
{
    uint32_t function;
    enum err e = virtio_pci_find(VIRTIO_NET, 0, &function);

    if (e == ERR_OK)
        e = card_open(c, SLOT_PCI, function);
    if (e && !device_is_confined())
        log_error_line("%s: no IOMMU confines a card here, so none can be given away", who);
    else if (e)
        log_error_line("%s: a card of its own: %s", who, error_text(e));
    return e;
}

void card_close(struct card *c)
{
    device_close(&c->device);
    device_memory_free(&c->buffers);
    device_memory_free(&c->queues);
    *c = (struct card){.count = 0};
}

bool card_receive(struct card *c, uint16_t *buffer, uint32_t *length)
{
    while (virtqueue_take(&c->rx, buffer, length)) {
        *length -= VIRTIO_NET_HEADER_BYTES;
        if (*length - CARD_PACKET_MIN <= CARD_PACKET_MAX - CARD_PACKET_MIN) {
            c->received++;
            return true;
        }
        card_free(c, *buffer);
    }
    return false;
}

bool card_take(struct card *c, uint16_t *buffer)
{
    if (c->spare_count == 0)
        return false;
    *buffer = c->spares[--c->spare_count];
    return true;
}

void card_send(struct card *c, uint16_t buffer, uint32_t length)
{
    volatile uint32_t *header =
        (volatile uint32_t *)(void *)(card_packet(c, buffer) - VIRTIO_NET_HEADER_BYTES);

    /* No offload is asked for, whatever the header said when the packet came. */
    for (unsigned i = 0; i < VIRTIO_NET_HEADER_BYTES / sizeof *header; i++)
        header[i] = 0;
    c->tx.desc[buffer].length = VIRTIO_NET_HEADER_BYTES + length;
    virtqueue_offer(&c->tx, buffer);
    c->sent++;
}

void card_free(struct card *c, uint16_t buffer)
{
    if (c->spare_count < c->spare_most)
        c->spares[c->spare_count++] = (uint8_t)buffer;
    else
        virtqueue_offer(&c->rx, buffer);
}

void card_push(struct card *c)
{
    uint16_t buffer;
    uint32_t length;

    while (virtqueue_take(&c->tx, &buffer, &length))
        card_free(c, buffer);
    virtqueue_push(&c->rx);
    virtqueue_push(&c->tx);
}

enum err card_wait(struct card *c, uint64_t deadline)
{
    enum err e = ERR_OK;
    word_t got = 0;

    while (e == ERR_OK && !(got & CARD_BITS_FREE) && !virtqueue_interrupt(&c->rx, true) &&
           !virtio_pci_is_broken(&c->pci))
        e = device_wait(&c->device, ~(word_t)0, deadline, &got);
    virtqueue_interrupt(&c->rx, false);
    return e == ERR_OK && virtio_pci_is_broken(&c->pci) ? ERR_BAD_STATE : e;
}
