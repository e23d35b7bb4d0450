/* The control queue of a card of one's own, and what is asked by it: pairs and steering. */
#include "libos-net/card_control.h"

#define PATIENCE 1000000u /* looks at the answer, each with an access to the device */

#define COMMAND_MAX ((uint32_t)PAGE_SIZE - 1) /* the last byte of the frame is the answer */

enum err card_control_open(struct card *c, uint16_t number, const struct device_memory *memory)
{
    struct card_control *k = &c->control;
    enum err e = virtio_pci_queue(&c->pci, &k->queue, number, 2, memory, VIRTIO_NO_VECTOR);

    if (e)
        return e;
    if (k->queue.size < 2)
        return ERR_NO_DEVICE;
    k->command = (volatile uint8_t *)memory->va + VIRTQ_FRAMES * PAGE_SIZE;
    k->address = memory->address + VIRTQ_FRAMES * PAGE_SIZE;
    return ERR_OK;
}

/* Asks what stands in the command's frame, `bytes` bytes. */
static enum err ask(struct card *c, uint32_t bytes)
{
    struct card_control *k = &c->control;
    volatile uint8_t *answer = k->command + COMMAND_MAX;
    uint16_t head;
    uint32_t length;

    *answer = VIRTIO_NET_NO_ANSWER;
    k->queue.desc[0] = (struct virtq_desc){k->address, bytes, VIRTQ_DESC_NEXT, 1};
    k->queue.desc[1] = (struct virtq_desc){k->address + COMMAND_MAX, 1, VIRTQ_DESC_WRITE, 0};
    virtqueue_offer(&k->queue, 0);
    virtqueue_push(&k->queue);
    for (unsigned i = 0; i < PATIENCE && !virtio_pci_is_broken(&c->pci); i++)
        if (virtqueue_take(&k->queue, &head, &length))
            return *answer == VIRTIO_NET_OK ? ERR_OK : ERR_BAD_STATE;
    k->lost = true;
    return virtio_pci_is_broken(&c->pci) ? ERR_BAD_STATE : ERR_TIMEOUT;
}

/* A command grows in its frame; numbers are little-endian, wherever they lie. */
struct command {
    volatile uint8_t *at;
    uint32_t bytes;
};

static void put(struct command *m, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        m->at[m->bytes++] = (uint8_t)(value >> 8 * i);
}

static struct command begin(struct card *c, uint8_t command)
{
    struct command m = {c->control.command, 0};

    put(&m, VIRTIO_NET_CLASS_MQ, 1);
    put(&m, command, 1);
    return m;
}

enum err card_control_pairs(struct card *c, uint16_t pairs)
{
    if (c->control.lost)
        return ERR_BAD_STATE;
    struct command m = begin(c, VIRTIO_NET_MQ_PAIRS);

    put(&m, pairs, 2);
    return ask(c, m.bytes);
}

/* What a table and a key take at most, with what stands around them. */
#define AROUND 13u
_Static_assert(VIRTIO_NET_COMMAND_BYTES + AROUND + UINT8_MAX + 2 * CARD_TABLE_MAX <= COMMAND_MAX,
               "the longest command fits");

static bool fits(const struct card *c, const struct card_steering *s)
{
    if (s->table_length == 0 || (s->table_length & (s->table_length - 1)) ||
        s->table_length > c->table_most || s->key_bytes == 0 || s->key_bytes > c->key_most ||
        (s->hash_types & ~c->hash_types_most) || s->unclassified >= c->pair_count)
        return false;
    for (unsigned i = 0; i < s->table_length; i++)
        if (s->table[i] >= c->pair_count)
            return false;
    return true;
}

enum err card_steer(struct card *c, const struct card_steering *s)
{
    if (c->table_most == 0)
        return ERR_NO_DEVICE;
    if (!fits(c, s))
        return ERR_BAD_ARG;
    if (c->control.lost)
        return ERR_BAD_STATE;

    struct command m = begin(c, VIRTIO_NET_MQ_RSS);
    put(&m, s->hash_types, 4);
    put(&m, s->table_length - 1u, 2);
    put(&m, s->unclassified, 2);
    for (unsigned i = 0; i < s->table_length; i++)
        put(&m, s->table[i], 2);
    put(&m, c->pair_count, 2);
    put(&m, s->key_bytes, 1);
    for (unsigned i = 0; i < s->key_bytes; i++)
        put(&m, s->key[i], 1);
    return ask(c, m.bytes);
}
