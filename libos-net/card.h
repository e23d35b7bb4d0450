/*
 * A network card of one's own (a dedicated virtio network device): the program drives the queues,
 * and nothing here but opening, waiting, steering and closing enters the kernel.
 *
 * A card has one or more pairs of queues, each with CARD_BUFFERS buffers. A buffer is at any time
 * the card's, for reception or sending, or the program's: one that it received or took, until it
 * sends it or frees it by the same pair. So a packet can be answered in place. One thread uses a
 * pair at a time, and pairs have nothing in common that changes. One thread at a time steers; one
 * opens and closes, while no other uses the card.
 */
#pragma once

#include "exo/abi/offload.h"
#include "libos/virtio_pci.h"

#define CARD_BUFFERS      256u
#define CARD_BUFFER_BYTES 2048u
#define CARD_PACKET_MIN   14u   /* an Ethernet header                              */
#define CARD_PACKET_MAX   1514u /* with the header, without the check sequence     */
#define CARD_PAIRS_MAX    8u
#define CARD_TABLE_MAX    512u /* entries of a steering table that are made use of */

struct card;

struct card_pair {
    struct virtqueue rx, tx; /* descriptor i of both names buffer i                     */
    struct card *card;
    struct device_memory buffers;
    uint16_t number;
    uint16_t count;          /* buffers                                                 */
    uint16_t spare_most;     /* of them kept for packets of the program's own making    */
    word_t bits;             /* of the notification, that waiting is for                */
    uint32_t received, sent; /* packets, free-running */
    uint16_t spare_count;
    bool is_up;                   /* the card's link, as this pair's last waiting saw it */
    uint8_t spares[CARD_BUFFERS]; /* buffers that neither the card nor the program has */
    uint32_t *busy[CARD_BUFFERS]; /* what of the program's is sent in a buffer's place, or NULL */
};
_Static_assert(CARD_BUFFERS <= 256 && CARD_BUFFERS <= VIRTQ_MAX, "numbers of buffers are bytes");

/* The control queue of a card with several pairs. */
struct card_control {
    struct virtqueue queue;
    volatile uint8_t *command; /* a frame: what is asked, and the answer                 */
    uint64_t address;          /* of it, as the card sees it                             */
    bool lost;                 /* a command was not answered: the frame may be read yet  */
};

struct card {
    struct device device;
    struct virtio_pci pci;
    struct card_control control;
    struct device_memory queues;
    uint16_t mtu;
    uint8_t mac[6];
    uint32_t offloads; /* NIC_*: what it can do, of reception only what was asked for      */
    uint16_t pair_count;
    bool tells_link;          /* when its link goes down or up; else it is taken to be up   */
    uint16_t table_most;      /* entries that a steering table may have; 0: it knows none   */
    uint8_t key_most;         /* bytes of its key                                           */
    uint32_t hash_types_most; /* kinds of packets that it can tell apart                    */
    struct card_pair pairs[CARD_PAIRS_MAX];
};

/* Takes device number `function` (virtio_pci_find) into this program's hands, with one pair, and
 * sets it going.
 * NO_DEVICE: it is no network card that this understands, or no IOMMU is there to confine it.
 * BAD_STATE: it does not obey. NO_MEM; errors of device_open(). After an error nothing is left. */
enum err card_open(struct card *c, slot_t pci, uint32_t function);

/* The same with `pairs` pairs. Which of them a packet comes by is the card's choice, which should
 * be the one by which the program last sent to where it is from; until card_steer(). All interrupts
 * are this CPU's, until card_here().
 * BAD_ARG: not 1 to CARD_PAIRS_MAX. NO_DEVICE: it has no control queue, or not so many pairs, or
 * not a message for each. BAD_STATE: it refuses. TIMEOUT: its control queue does not answer. */
enum err card_open_pairs(struct card *c, slot_t pci, uint32_t function, uint16_t pairs);

/* The same, and with NIC_RX_CSUM in `accepted` packets may come whose checksum is not complete
 * (card_csum()), where the card has that; others may not know of it. */
enum err card_open_accepting(struct card *c, slot_t pci, uint32_t function, uint16_t pairs,
                             uint32_t accepted);

/* The same with one pair of the first card that is free, by SLOT_PCI. Says in the log what is
 * amiss, in the name of `who`. */
enum err card_open_any(struct card *c, const char *who, uint32_t accepted);

/* Gives the device back, and all that it took. */
void card_close(struct card *c);

/* Which pair a packet comes by: the low bits of its hash (libos-net/rss.h) are an index into a
 * table. */
struct card_steering {
    uint32_t hash_types;   /* VIRTIO_NET_HASH_*: what is hashed; with ports before without */
    uint16_t unclassified; /* pair of packets that are not                                 */
    uint16_t table_length; /* entries: a power of two                                      */
    uint8_t key_bytes;
    const uint8_t *key;
    const uint16_t *table; /* pairs                                                        */
};

/* Packets that arrive from now on come by that rule. Those that have arrived stay where they are.
 * NO_DEVICE: the card cannot be told. BAD_ARG: more than it can keep (table_most, key_most,
 * hash_types_most), no power of two, a pair that is not there. BAD_STATE: it refuses, and steers as
 * it likes now; or it failed to answer before. TIMEOUT: it does not answer; the card is to be
 * closed. */
enum err card_steer(struct card *c, const struct card_steering *s);

/* From now on this thread's CPU takes the pair's interrupts. Errors of device_listen(). */
enum err card_here(struct card_pair *p);

/* The packet in a buffer, or room for one of CARD_PACKET_MAX bytes. */
static inline uint8_t *card_packet(const struct card_pair *p, uint16_t buffer)
{
    return (uint8_t *)p->buffers.va + (size_t)buffer * CARD_BUFFER_BYTES + VIRTIO_NET_HEADER_BYTES;
}

/* Takes the next packet that has arrived. False: there is none. */
bool card_receive(struct card_pair *p, uint16_t *buffer, uint32_t *length);

/* Of the packet in a buffer: CSUM_PARTIAL or CSUM_VALID, or 0 where its checksum is to be tested.
 */
static inline uint32_t card_csum(const struct card_pair *p, uint16_t buffer)
{
    const uint8_t flags = *(card_packet(p, buffer) - VIRTIO_NET_HEADER_BYTES);

    return flags & VIRTIO_NET_HEADER_NEEDS_CSUM   ? CSUM_PARTIAL
           : flags & VIRTIO_NET_HEADER_DATA_VALID ? CSUM_VALID
                                                  : 0;
}

/* Takes a buffer for a packet of the program's own making. False: all are in use. */
bool card_take(struct card_pair *p, uint16_t *buffer);

/* Sends the packet in a buffer of the program's. Pre: CARD_PACKET_MIN to CARD_PACKET_MAX bytes. */
void card_send(struct card_pair *p, uint16_t buffer, uint32_t length);

/* The same, and the card does for it what `work` says (exo/abi/offload.h). Pre: its offloads have
 * that; the sum's field lies in the packet. */
void card_send_offload(struct card_pair *p, uint16_t buffer, uint32_t length, uint32_t work);

/* Sends the packet at `at` of memory that the program has made for the card, in the place of a
 * buffer of the program's; *busy is one more until the card has read it. The
 * VIRTIO_NET_HEADER_BYTES before it are written. Pre: as of card_send(). */
void card_send_from(struct card_pair *p, uint16_t buffer, const struct device_memory *memory,
                    uint32_t at, uint32_t length, uint32_t *busy);

/* The same with work for the card. Pre: as of card_send_offload(); a packet that is to be cut may
 * have TSO_PACKET_MAX bytes, and TCP's header is in it. */
void card_send_from_offload(struct card_pair *p, uint16_t buffer,
                            const struct device_memory *memory, uint32_t at, uint32_t length,
                            uint32_t work, uint32_t *busy);

/* Takes back what the card has sent. */
void card_reclaim(struct card_pair *p);

/* Gives a buffer back unsent. */
void card_free(struct card_pair *p, uint16_t buffer);

/* Shows the card what was sent and freed, and takes back what it has sent. Once for a batch. */
void card_push(struct card_pair *p);

/* Packets handed to card_send() that are not known to be sent. */
static inline uint16_t card_sending(const struct card_pair *p)
{
    return virtqueue_in_flight(&p->tx);
}

/* Bits of the device's notification: a byte for each pair, and in it a packet, a stopped access or
 * a change of the link, and six that others may raise to end a waiting. With one pair, all above
 * the two are such. */
#define CARD_BITS_FREE (~(word_t)0 << 2)
static inline word_t card_bits_free(const struct card_pair *p)
{
    return p->bits & CARD_BITS_FREE << 8 * p->number;
}

/* Waits for a packet, such a bit, or a change of the link, which p->is_up tells then, up to
 * `deadline` (time-stamp counter, or DEVICE_FOREVER). Does not wait while each buffer that a packet
 * could come into is being sent: card_push() gives them back to the card.
 * TIMEOUT; BAD_STATE: the card gave up, as when it was told of memory that is not its own. */
enum err card_wait(struct card_pair *p, uint64_t deadline);
