/* Modern virtio devices on PCI: capabilities, features, queues, MSI-X. */
#include "exo/io/virtio.h"

#include "exo/arch/io.h"
#include "exo/arch/iommu.h"
#include "exo/arch/irq.h"
#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/io/msix.h"
#include "exo/io/virtq.h"
#include "exo/mem/boot_mem.h"

/* virtio 1.1, "PCI Device Discovery" and "Virtio Structure PCI Capabilities". */
#define VENDOR              0x1af4u
#define DEVICE_MODERN       0x1040u /* + number */
#define DEVICE_TRANSITIONAL 0x0fffu /* + number, for the first few numbers */
#define CAP_KIND            3u
#define CAP_BAR             4u
#define CAP_OFFSET          8u
#define CAP_LENGTH          12u
#define CAP_MULTIPLIER      16u
#define KIND_COMMON         1u
#define KIND_NOTIFY         2u
#define KIND_CONFIG         4u
#define COMMON_BYTES        56u

/* virtio 1.1, "Common configuration structure layout". */
#define AT_DEVICE_SELECT 0u
#define AT_DEVICE_BITS   4u
#define AT_DRIVER_SELECT 8u
#define AT_DRIVER_BITS   12u
#define AT_CONFIG_VECTOR 16u
#define AT_QUEUES        18u
#define AT_STATUS        20u
#define AT_QUEUE_SELECT  22u
#define AT_QUEUE_SIZE    24u
#define AT_QUEUE_VECTOR  26u
#define AT_QUEUE_ENABLE  28u
#define AT_QUEUE_BELL    30u
#define AT_QUEUE_DESC    32u
#define AT_QUEUE_DRIVER  40u
#define AT_QUEUE_DEVICE  48u

#define F_ACCESS_PLATFORM (1u << 1) /* of the second half of the features */

#define STATUS_FOUND   1u
#define STATUS_DRIVER  2u
#define STATUS_GOING   4u
#define STATUS_AGREED  8u
#define VECTOR         0u
#define NO_VECTOR      0xffffu
#define RESET_PATIENCE 1000000u /* reads of the status, each an access to the device */

static uint8_t get8(const struct virtio_device *d, unsigned at)
{
    return d->common[at];
}

static uint16_t get16(const struct virtio_device *d, unsigned at)
{
    return *(volatile uint16_t *)(d->common + at);
}

static uint32_t get32(const struct virtio_device *d, unsigned at)
{
    return *(volatile uint32_t *)(d->common + at);
}

static void put8(struct virtio_device *d, unsigned at, uint8_t value)
{
    d->common[at] = value;
}

static void put16(struct virtio_device *d, unsigned at, uint16_t value)
{
    *(volatile uint16_t *)(d->common + at) = value;
}

static void put32(struct virtio_device *d, unsigned at, uint32_t value)
{
    *(volatile uint32_t *)(d->common + at) = value;
}

/* As two halves: the specification promises no wider access. */
static void put64(struct virtio_device *d, unsigned at, uint64_t value)
{
    put32(d, at, (uint32_t)value);
    put32(d, at + 4, (uint32_t)(value >> 32));
}

/* Maps `bytes` bytes at `offset` of an address range; NULL when they are not all inside it. */
static volatile uint8_t *map_part(struct pci_function f, unsigned bar, uint64_t offset,
                                  uint64_t bytes)
{
    if (bar > 5)
        return NULL;

    struct pci_range range = pci_range(f, bar);
    if (bytes == 0 || offset > range.bytes || bytes > range.bytes - offset)
        return NULL;
    uint64_t into = (range.base + offset) % PAGE_SIZE;
    return (volatile uint8_t *)arch_map_device(range.base + offset - into, bytes + into) + into;
}

/* Maps the first structure of a kind. Returns its capability's offset, 0 when there is none. */
static unsigned map_structure(struct virtio_device *d, uint8_t kind, volatile uint8_t **at,
                              uint64_t *bytes)
{
    struct pci_function f = d->function;

    for (unsigned cap = pci_capability(f, PCI_CAP_VENDOR, 0); cap;
         cap = pci_capability(f, PCI_CAP_VENDOR, cap)) {
        if (cap + CAP_MULTIPLIER > 252 || pci_read8(f, cap + CAP_KIND) != kind)
            continue;
        *bytes = pci_read32(f, cap + CAP_LENGTH);
        *at = map_part(f, pci_read8(f, cap + CAP_BAR), pci_read32(f, cap + CAP_OFFSET), *bytes);
        if (*at)
            return cap;
    }
    return 0;
}

/* Sends the device's first message to `handler`. */
static bool route_interrupt(struct virtio_device *d, void (*handler)(void))
{
    struct msix messages;

    msix_find(&messages, d->function);
    if (!messages.entries)
        return false;
    struct arch_msi message = arch_msi_alloc((uint16_t)d->function.address, handler);
    msix_begin(&messages);
    msix_set(&messages, VECTOR, &message);
    return true;
}

static uint32_t offered(struct virtio_device *d, unsigned half)
{
    put32(d, AT_DEVICE_SELECT, half);
    return get32(d, AT_DEVICE_BITS);
}

/* Maps what the driver needs of the device. */
static bool map_device(struct virtio_device *d)
{
    uint64_t common_bytes = 0;

    if (!map_structure(d, KIND_COMMON, &d->common, &common_bytes) || common_bytes < COMMON_BYTES)
        return false;
    if (!map_structure(d, KIND_CONFIG, &d->config, &d->config_bytes))
        return false;

    unsigned cap = map_structure(d, KIND_NOTIFY, &d->notify, &d->notify_bytes);
    if (!cap)
        return false;
    d->notify_multiplier = pci_read32(d->function, cap + CAP_MULTIPLIER);
    return true;
}

/* A device that wants its memory accesses translated is left to whoever it is dedicated to. */
bool virtio_open(struct virtio_device *d, uint16_t number, void (*handler)(void))
{
    const uint16_t devices[] = {(uint16_t)(DEVICE_MODERN + number),
                                (uint16_t)(DEVICE_TRANSITIONAL + number)};
    struct pci_walk walk = {0};

    while (pci_find(&walk, VENDOR, devices, 2)) {
        *d = (struct virtio_device){.function = walk.function};
        pci_wake(d->function);
        if (!map_device(d) || (offered(d, 1) & F_ACCESS_PLATFORM))
            continue;
        pci_keep(d->function);
        arch_iommu_pass((uint16_t)d->function.address);
        pci_enable(d->function);
        return route_interrupt(d, handler);
    }
    return false;
}

struct virtio_memory virtio_memory(uint32_t frames)
{
    paddr_t physical = boot_frames(frames);

    return (struct virtio_memory){arch_phys(physical), physical};
}

volatile uint8_t *virtio_find_status(struct pci_function f)
{
    struct virtio_device d = {.function = f};
    uint64_t bytes = 0;

    if ((pci_read32(f, PCI_AT_IDENTITY) & 0xffff) != VENDOR ||
        !map_structure(&d, KIND_COMMON, &d.common, &bytes) || bytes < COMMON_BYTES)
        return NULL;
    return d.common + AT_STATUS;
}

bool virtio_stop(volatile uint8_t *status)
{
    *status = 0;
    for (unsigned i = 0; i < RESET_PATIENCE; i++)
        if (*status == 0)
            return true;
    return false;
}

bool virtio_reset(struct virtio_device *d)
{
    if (virtio_stop(d->common + AT_STATUS))
        return true;
    pci_silence(d->function);
    return false;
}

bool virtio_agree(struct virtio_device *d, uint64_t wanted, uint64_t *agreed)
{
    put8(d, AT_STATUS, STATUS_FOUND);
    put8(d, AT_STATUS, STATUS_FOUND | STATUS_DRIVER);

    uint64_t features = offered(d, 0) | (uint64_t)offered(d, 1) << 32;
    if (!(features & VIRTIO_F_VERSION_1))
        return false;

    *agreed = features & (wanted | VIRTIO_F_VERSION_1);
    put32(d, AT_DRIVER_SELECT, 0);
    put32(d, AT_DRIVER_BITS, (uint32_t)*agreed);
    put32(d, AT_DRIVER_SELECT, 1);
    put32(d, AT_DRIVER_BITS, (uint32_t)(*agreed >> 32));
    put8(d, AT_STATUS, STATUS_FOUND | STATUS_DRIVER | STATUS_AGREED);
    put16(d, AT_CONFIG_VECTOR, NO_VECTOR); /* changes of the link are not followed */
    return get8(d, AT_STATUS) & STATUS_AGREED;
}

uint16_t virtio_queue_limit(struct virtio_device *d, unsigned index)
{
    if (index >= get16(d, AT_QUEUES))
        return 0;
    put16(d, AT_QUEUE_SELECT, (uint16_t)index);
    return get16(d, AT_QUEUE_SIZE);
}

bool virtio_queue_start(struct virtio_device *d, unsigned index, paddr_t queue, uint16_t size)
{
    ASSERT(index < VIRTIO_QUEUES_MAX);

    put16(d, AT_QUEUE_SELECT, (uint16_t)index);
    put16(d, AT_QUEUE_SIZE, size);
    put16(d, AT_QUEUE_VECTOR, VECTOR);
    if (get16(d, AT_QUEUE_VECTOR) != VECTOR)
        return false;

    uint64_t bell = (uint64_t)get16(d, AT_QUEUE_BELL) * d->notify_multiplier;
    if (bell + sizeof(uint16_t) > d->notify_bytes || bell % sizeof(uint16_t) != 0)
        return false;
    d->bells[index] = (volatile uint16_t *)(d->notify + bell);

    put64(d, AT_QUEUE_DESC, queue + VIRTQ_AT_DESC);
    put64(d, AT_QUEUE_DRIVER, queue + VIRTQ_AT_AVAIL);
    put64(d, AT_QUEUE_DEVICE, queue + VIRTQ_AT_USED);
    put16(d, AT_QUEUE_ENABLE, 1);
    return true;
}

void virtio_start(struct virtio_device *d)
{
    put8(d, AT_STATUS, STATUS_FOUND | STATUS_DRIVER | STATUS_AGREED | STATUS_GOING);
}

void virtio_notify(struct virtio_device *d, unsigned index)
{
    ASSERT(index < VIRTIO_QUEUES_MAX && d->bells[index]);
    *d->bells[index] = (uint16_t)index;
}

uint8_t virtio_config8(const struct virtio_device *d, unsigned offset)
{
    return offset < d->config_bytes ? d->config[offset] : 0;
}
