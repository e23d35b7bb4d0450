/* A pair of queues of a network card of one's own: buffers between the two. */
#include "libos-net/card.h"

#define BIT_PACKET ((word_t)1) /* of the pair's byte of the notification; the fault is bit 1 */

enum err card_here(struct card_pair *p)
{
    return device_listen(&p->card->device, p->number, BIT_PACKET << 8 * p->number);
}

bool card_receive(struct card_pair *p, uint16_t *buffer, uint32_t *length)
{
    while (virtqueue_take(&p->rx, buffer, length)) {
        *length -= VIRTIO_NET_HEADER_BYTES;
        if (*length - CARD_PACKET_MIN <= CARD_PACKET_MAX - CARD_PACKET_MIN) {
            p->received++;
            return true;
        }
        card_free(p, *buffer);
    }
    return false;
}

bool card_take(struct card_pair *p, uint16_t *buffer)
{
    if (p->spare_count == 0)
        return false;
    *buffer = p->spares[--p->spare_count];
    return true;
}

/* No offload is asked for, whatever the header said when the packet came. */
static inline void clear_header(uint8_t *packet)
{
    volatile uint32_t *header = (volatile uint32_t *)(void *)(packet - VIRTIO_NET_HEADER_BYTES);

    for (unsigned i = 0; i < VIRTIO_NET_HEADER_BYTES / sizeof *header; i++)
        header[i] = 0;
}

#define TCP_AT_WORDS                                                                               \
    12u /* of TCP's header: its length in words of four bytes, in the upper half                   \
         */

static void write_header(uint8_t *packet, uint32_t work)
{
    volatile struct virtio_net_header *header =
        (volatile struct virtio_net_header *)(void *)(packet - VIRTIO_NET_HEADER_BYTES);
    const uint16_t start = CSUM_START(work);

    clear_header(packet);
    if (!(work & CSUM_PARTIAL))
        return;
    header->flags = VIRTIO_NET_HEADER_NEEDS_CSUM;
    header->csum_start = start;
    header->csum_offset = CSUM_OFFSET(work);
    if (TSO_MSS(work)) {
        header->segments = VIRTIO_NET_HEADER_TCPV4;
        header->head_bytes = (uint16_t)(start + (packet[start + TCP_AT_WORDS] >> 4) * 4);
        header->segment_bytes = (uint16_t)TSO_MSS(work);
    }
}

static inline void offer(struct card_pair *p, uint16_t buffer, uint32_t length)
{
    p->tx.desc[buffer].length = VIRTIO_NET_HEADER_BYTES + length;
    virtqueue_offer(&p->tx, buffer);
    p->sent++;
}

void card_send(struct card_pair *p, uint16_t buffer, uint32_t length)
{
    clear_header(card_packet(p, buffer));
    offer(p, buffer, length);
}

void card_send_offload(struct card_pair *p, uint16_t buffer, uint32_t length, uint32_t work)
{
    write_header(card_packet(p, buffer), work);
    offer(p, buffer, length);
}

static inline void offer_from(struct card_pair *p, uint16_t buffer,
                              const struct device_memory *memory, uint32_t at, uint32_t length,
                              uint32_t *busy)
{
    p->tx.desc[buffer].address = memory->address + at - VIRTIO_NET_HEADER_BYTES;
    p->busy[buffer] = busy;
    ++*busy;
    offer(p, buffer, length);
}

void card_send_from(struct card_pair *p, uint16_t buffer, const struct device_memory *memory,
                    uint32_t at, uint32_t length, uint32_t *busy)
{
    clear_header((uint8_t *)memory->va + at);
    offer_from(p, buffer, memory, at, length, busy);
}

void card_send_from_offload(struct card_pair *p, uint16_t buffer,
                            const struct device_memory *memory, uint32_t at, uint32_t length,
                            uint32_t work, uint32_t *busy)
{
    write_header((uint8_t *)memory->va + at, work);
    offer_from(p, buffer, memory, at, length, busy);
}

void card_free(struct card_pair *p, uint16_t buffer)
{
    if (p->spare_count < p->spare_most)
        p->spares[p->spare_count++] = (uint8_t)buffer;
    else
        virtqueue_offer(&p->rx, buffer);
}

/* Gives the card buffers. When it may have seen none, it may keep packets for this pair where they
 * came in, and look again when the bell of that queue rings. */
static void refill(struct card_pair *p)
{
    const struct card *c = p->card;
    uint16_t shown = p->rx.pushed;

    virtqueue_push(&p->rx);
    if (p->rx.pushed == shown || (uint16_t)(p->rx.used->index - shown) > CARD_BUFFERS)
        return;
    for (unsigned i = 0; i < c->pair_count; i++)
        *c->pairs[i].rx.bell = c->pairs[i].rx.number;
}

void card_reclaim(struct card_pair *p)
{
    uint16_t buffer;
    uint32_t length;

    while (virtqueue_take(&p->tx, &buffer, &length)) {
        if (p->busy[buffer]) { /* the descriptor is the buffer's again */
            --*p->busy[buffer];
            p->busy[buffer] = NULL;
            p->tx.desc[buffer].address = p->rx.desc[buffer].address;
        }
        card_free(p, buffer);
    }
}

void card_push(struct card_pair *p)
{
    card_reclaim(p);
    if (p->card->pair_count > 1)
        refill(p);
    else
        virtqueue_push(&p->rx);
    virtqueue_push(&p->tx);
}

/* Has the link gone down or up since this pair was told? Then it is told now. */
static bool follow_link(struct card_pair *p)
{
    const struct card *c = p->card;

    if (!c->tells_link)
        return false;
    const bool up = virtio_pci_config(&c->pci, VIRTIO_NET_CONFIG_LINK, 2) & VIRTIO_NET_LINK_IS_UP;
    const bool changed = up != p->is_up;
    p->is_up = up;
    return changed;
}

/* Is all that packets could come into on its way out? The card interrupts for none of it. */
static bool is_drained(const struct card_pair *p)
{
    return !virtqueue_in_flight(&p->rx) && virtqueue_in_flight(&p->tx);
}

enum err card_wait(struct card_pair *p, uint64_t deadline)
{
    enum err e = ERR_OK;
    word_t got = 0;

    while (e == ERR_OK && !(got & card_bits_free(p)) && !virtqueue_interrupt(&p->rx, true) &&
           !is_drained(p) && !virtio_pci_is_broken(&p->card->pci) && !follow_link(p))
        e = device_wait(&p->card->device, p->bits, deadline, &got);
    virtqueue_interrupt(&p->rx, false);
    return e == ERR_OK && virtio_pci_is_broken(&p->card->pci) ? ERR_BAD_STATE : e;
}
