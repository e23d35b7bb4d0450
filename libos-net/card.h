/*
 * A network card of one's own (a dedicated virtio network device): the program drives the queues,
 * and nothing here but card_open(), card_wait() and card_close() enters the kernel.
 *
 * Memory is CARD_BUFFERS buffers. Each is at any time the card's, for reception or sending, or the
 * program's: one that it received or took, until it sends it or frees it. So a packet can be
 * answered in place. One thread uses a card at a time.
 */
#pragma once

#include "libos/virtio_pci.h"

#define CARD_BUFFERS      256u
#define CARD_BUFFER_BYTES 2048u
#define CARD_PACKET_MIN   14u   /* an Ethernet header                              */
#define CARD_PACKET_MAX   1514u /* with the header, without the check sequence     */

struct card {
    struct device device;
    struct virtio_pci pci;
    struct virtqueue rx, tx; /* descriptor i of both names buffer i                     */
    struct device_memory queues, buffers;
    uint16_t count;      /* buffers                                                 */
    uint16_t spare_most; /* of them kept for packets of the program's own making    */
    uint16_t mtu;
    uint8_t mac[6];
    uint32_t received, sent; /* packets, free-running */
    uint16_t spare_count;
    uint8_t spares[CARD_BUFFERS]; /* buffers that neither the card nor the program has */
};
_Static_assert(CARD_BUFFERS <= 256 && CARD_BUFFERS <= VIRTQ_MAX, "numbers of buffers are bytes");

/* Takes device number `function` (virtio_pci_find) into this program's hands and sets it going.
 * NO_DEVICE: it is no network card that this understands, or no IOMMU is there to confine it.
 * BAD_STATE: it does not obey. NO_MEM; errors of device_open(). After an error nothing is left. */
enum err card_open(struct card *c, slot_t pci, uint32_t function);

/* The same with the first card that is free, by SLOT_PCI. Says in the log what is amiss, in the
 * name of `who`. */
enum err card_open_any(struct card *c, const char *who);

/* Gives the device back, and all that it took. */
void card_close(struct card *c);

/* The packet in a buffer, or room for one of CARD_PACKET_MAX bytes. */
static inline uint8_t *card_packet(const struct card *c, uint16_t buffer)
{
    return (uint8_t *)c->buffers.va + (size_t)buffer * CARD_BUFFER_BYTES + VIRTIO_NET_HEADER_BYTES;
}

/* Takes the next packet that has arrived. False: there is none. */
bool card_receive(struct card *c, uint16_t *buffer, uint32_t *length);

/* Takes a buffer for a packet of the program's own making. False: all are in use. */
bool card_take(struct card *c, uint16_t *buffer);

/* Sends the packet in a buffer of the program's. Pre: CARD_PACKET_MIN to CARD_PACKET_MAX bytes. */
void card_send(struct card *c, uint16_t buffer, uint32_t length);

/* Gives a buffer back unsent. */
void card_free(struct card *c, uint16_t buffer);

/* Shows the card what was sent and freed, and takes back what it has sent. Once for a batch. */
void card_push(struct card *c);

/* Packets handed to card_send() that are not known to be sent. */
static inline uint16_t card_sending(const struct card *c)
{
    return virtqueue_in_flight(&c->tx);
}

/* Bits of the device's notification that others may raise to end a waiting. */
#define CARD_BITS_FREE (~(word_t)0 << 2)

/* Waits for a packet, or such a bit, up to `deadline` (time-stamp counter, or DEVICE_FOREVER).
 * TIMEOUT; BAD_STATE: the card gave up, as when it was told of memory that is not its own. */
enum err card_wait(struct card *c, uint64_t deadline);
