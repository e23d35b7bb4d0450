/* Modern virtio devices of one's own: capabilities, features, queues. */
#include "libos/virtio_pci.h"

#include "libos/mmio.h"

/* PCI Local Bus Specification 3.0, "Configuration Space". */
#define PCI_IDENTITY     0u
#define PCI_STATUS       4u /* in the upper half                                        */
#define PCI_CAPABILITIES 0x34u
#define PCI_HAS_LIST     ((uint32_t)1 << 20)
#define PCI_LIST_BEGIN   0x40u
#define PCI_LIST_MOST    48u /* capabilities that fit: a list with a loop ends, too      */
#define PCI_CAP_VENDOR   9u

#define RESET_PATIENCE 1000000u /* reads of the status, each an access to the device */

/* Reads a number of 1, 2 or 4 bytes that does not cross a word. */
static uint32_t config_part(const struct device *d, unsigned at, unsigned bytes)
{
    uint32_t word = device_config(d, at & ~3u) >> (at % 4 * 8);

    return bytes == 4 ? word : word & (((uint32_t)1 << bytes * 8) - 1);
}

/* Shows the first structure of a kind. *cap: its capability's offset. */
static enum err show_structure(struct virtio_pci *v, uint8_t kind, volatile uint8_t **at,
                               uint64_t *bytes, unsigned *cap)
{
    const struct device *d = v->device;
    unsigned count = 0;

    if (!(device_config(d, PCI_STATUS) & PCI_HAS_LIST))
        return ERR_NO_DEVICE;
    for (*cap = config_part(d, PCI_CAPABILITIES, 1) & ~3u;
         *cap >= PCI_LIST_BEGIN && count < PCI_LIST_MOST;
         *cap = config_part(d, *cap + 1, 1) & ~3u, count++) {
        if (*cap + VIRTIO_CAP_MULTIPLIER > 252 || config_part(d, *cap, 1) != PCI_CAP_VENDOR ||
            config_part(d, *cap + VIRTIO_CAP_KIND, 1) != kind)
            continue;
        *bytes = device_config(d, *cap + VIRTIO_CAP_LENGTH);
        return device_show(v->device, config_part(d, *cap + VIRTIO_CAP_BAR, 1),
                           device_config(d, *cap + VIRTIO_CAP_OFFSET), *bytes, at);
    }
    return ERR_NO_DEVICE;
}

enum err virtio_pci_find(uint16_t number, uint32_t from, uint32_t *function)
{
    uint32_t modern = UINT32_MAX, transitional = UINT32_MAX;

    device_find(VIRTIO_VENDOR, (uint16_t)(VIRTIO_DEVICE_MODERN + number), from, &modern);
    device_find(VIRTIO_VENDOR, (uint16_t)(VIRTIO_DEVICE_TRANSITIONAL + number), from,
                &transitional);
    *function = modern < transitional ? modern : transitional;
    return *function == UINT32_MAX ? ERR_NO_DEVICE : ERR_OK;
}

static bool is_virtio(const struct device *d, uint16_t number)
{
    uint32_t identity = device_config(d, PCI_IDENTITY);
    uint32_t product = identity >> 16;

    return (identity & 0xffff) == VIRTIO_VENDOR && (product == VIRTIO_DEVICE_MODERN + number ||
                                                    product == VIRTIO_DEVICE_TRANSITIONAL + number);
}

enum err virtio_pci_open(struct virtio_pci *v, struct device *device, uint16_t number)
{
    uint64_t common_bytes = 0;
    unsigned cap;

    *v = (struct virtio_pci){.device = device};
    if (!is_virtio(device, number))
        return ERR_NO_DEVICE;
    enum err e = show_structure(v, VIRTIO_KIND_COMMON, &v->common, &common_bytes, &cap);
    if (e == ERR_OK && common_bytes < VIRTIO_COMMON_BYTES)
        return ERR_NO_DEVICE;
    if (e == ERR_OK)
        e = show_structure(v, VIRTIO_KIND_CONFIG, &v->config, &v->config_bytes, &cap);
    if (e == ERR_OK)
        e = show_structure(v, VIRTIO_KIND_NOTIFY, &v->notify, &v->notify_bytes, &cap);
    if (e)
        return e;
    v->notify_multiplier = device_config(device, cap + VIRTIO_CAP_MULTIPLIER);
    return virtio_pci_reset(v);
}

static void set_status(struct virtio_pci *v, unsigned bits)
{
    mmio_put8(v->common + VIRTIO_AT_STATUS, (uint8_t)bits);
}

static uint8_t status_of(const struct virtio_pci *v)
{
    return mmio_get8(v->common + VIRTIO_AT_STATUS);
}

enum err virtio_pci_reset(struct virtio_pci *v)
{
    set_status(v, 0);
    for (unsigned i = 0; i < RESET_PATIENCE; i++)
        if (status_of(v) == 0)
            return ERR_OK;
    return ERR_BAD_STATE;
}

static uint64_t offered_bits(struct virtio_pci *v)
{
    uint64_t bits = 0;

    for (uint32_t half = 0; half < 2; half++) {
        mmio_put32(v->common + VIRTIO_AT_DEVICE_SELECT, half);
        bits |= (uint64_t)mmio_get32(v->common + VIRTIO_AT_DEVICE_BITS) << half * 32;
    }
    return bits;
}

enum err virtio_pci_agree(struct virtio_pci *v, uint64_t wanted, uint64_t needed, uint64_t *agreed)
{
    set_status(v, VIRTIO_STATUS_FOUND);
    set_status(v, VIRTIO_STATUS_FOUND | VIRTIO_STATUS_DRIVER);

    uint64_t offered = offered_bits(v);
    needed |= VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM;
    if (needed & ~offered)
        return ERR_NO_DEVICE;
    *agreed = offered & (wanted | needed);
    for (uint32_t half = 0; half < 2; half++) {
        mmio_put32(v->common + VIRTIO_AT_DRIVER_SELECT, half);
        mmio_put32(v->common + VIRTIO_AT_DRIVER_BITS, (uint32_t)(*agreed >> half * 32));
    }
    set_status(v, VIRTIO_STATUS_FOUND | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_AGREED);
    mmio_put16(v->common + VIRTIO_AT_CONFIG_VECTOR, VIRTIO_NO_VECTOR);
    return status_of(v) & VIRTIO_STATUS_AGREED ? ERR_OK : ERR_NO_DEVICE;
}

/* As two halves: the specification promises no wider access. */
static void put_address(struct virtio_pci *v, unsigned at, uint64_t address)
{
    mmio_put32(v->common + at, (uint32_t)address);
    mmio_put32(v->common + at + 4, (uint32_t)(address >> 32));
}

static uint16_t smaller_size(uint16_t size, uint16_t limit)
{
    while (size > limit)
        size /= 2;
    return size;
}

enum err virtio_pci_queue(struct virtio_pci *v, struct virtqueue *q, uint16_t number, uint16_t size,
                          const struct device_memory *memory, uint16_t vector)
{
    volatile uint8_t *common = v->common;

    if (number >= mmio_get16(common + VIRTIO_AT_QUEUES))
        return ERR_NO_DEVICE;
    mmio_put16(common + VIRTIO_AT_QUEUE_SELECT, number);
    size = smaller_size(size, mmio_get16(common + VIRTIO_AT_QUEUE_SIZE));
    if (size == 0)
        return ERR_NO_DEVICE;
    mmio_put16(common + VIRTIO_AT_QUEUE_SIZE, size);
    mmio_put16(common + VIRTIO_AT_QUEUE_VECTOR, vector);
    if (mmio_get16(common + VIRTIO_AT_QUEUE_VECTOR) != vector)
        return ERR_NO_DEVICE;

    uint64_t bell = (uint64_t)mmio_get16(common + VIRTIO_AT_QUEUE_BELL) * v->notify_multiplier;
    if (bell + sizeof(uint16_t) > v->notify_bytes || bell % sizeof(uint16_t) != 0)
        return ERR_NO_DEVICE;
    virtqueue_init(q, (void *)memory->va, size);
    q->number = number;
    q->bell = (volatile uint16_t *)(v->notify + bell);
    put_address(v, VIRTIO_AT_QUEUE_DESC, memory->address + VIRTQ_AT_DESC);
    put_address(v, VIRTIO_AT_QUEUE_DRIVER, memory->address + VIRTQ_AT_AVAIL);
    put_address(v, VIRTIO_AT_QUEUE_DEVICE, memory->address + VIRTQ_AT_USED);
    mmio_put16(common + VIRTIO_AT_QUEUE_ENABLE, 1);
    return ERR_OK;
}

enum err virtio_pci_listen(struct virtio_pci *v, uint16_t vector)
{
    mmio_put16(v->common + VIRTIO_AT_CONFIG_VECTOR, vector);
    return mmio_get16(v->common + VIRTIO_AT_CONFIG_VECTOR) == vector ? ERR_OK : ERR_NO_DEVICE;
}

void virtio_pci_start(struct virtio_pci *v)
{
    set_status(v, VIRTIO_STATUS_FOUND | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_AGREED |
                      VIRTIO_STATUS_GOING);
}

bool virtio_pci_is_broken(const struct virtio_pci *v)
{
    return device_is_stopped(v->device) || (status_of(v) & VIRTIO_STATUS_NEEDS_RESET);
}

uint64_t virtio_pci_config(const struct virtio_pci *v, unsigned offset, unsigned bytes)
{
    uint64_t value = 0;

    if (offset + bytes > v->config_bytes)
        return 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)mmio_get8(v->config + offset + i) << i * 8;
    return value;
}
