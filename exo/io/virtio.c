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

#define VECTOR         0u
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
        if (cap + VIRTIO_CAP_MULTIPLIER > 252 || pci_read8(f, cap + VIRTIO_CAP_KIND) != kind)
            continue;
        *bytes = pci_read32(f, cap + VIRTIO_CAP_LENGTH);
        *at = map_part(f, pci_read8(f, cap + VIRTIO_CAP_BAR),
                       pci_read32(f, cap + VIRTIO_CAP_OFFSET), *bytes);
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

static uint64_t offered(struct virtio_device *d)
{
    put32(d, VIRTIO_AT_DEVICE_SELECT, 0);
    uint64_t low = get32(d, VIRTIO_AT_DEVICE_BITS);
    put32(d, VIRTIO_AT_DEVICE_SELECT, 1);
    return low | (uint64_t)get32(d, VIRTIO_AT_DEVICE_BITS) << 32;
}

/* Maps what the driver needs of the device. */
static bool map_device(struct virtio_device *d)
{
    uint64_t common_bytes = 0;

    if (!map_structure(d, VIRTIO_KIND_COMMON, &d->common, &common_bytes) ||
        common_bytes < VIRTIO_COMMON_BYTES)
        return false;
    if (!map_structure(d, VIRTIO_KIND_CONFIG, &d->config, &d->config_bytes))
        return false;

    unsigned cap = map_structure(d, VIRTIO_KIND_NOTIFY, &d->notify, &d->notify_bytes);
    if (!cap)
        return false;
    d->notify_multiplier = pci_read32(d->function, cap + VIRTIO_CAP_MULTIPLIER);
    return true;
}

/* A device that wants its memory accesses translated is left to whoever it is dedicated to. */
bool virtio_open(struct virtio_device *d, uint16_t number, void (*handler)(void))
{
    const uint16_t devices[] = {(uint16_t)(VIRTIO_DEVICE_MODERN + number),
                                (uint16_t)(VIRTIO_DEVICE_TRANSITIONAL + number)};
    struct pci_walk walk = {0};

    while (pci_find(&walk, VIRTIO_VENDOR, devices, 2)) {
        *d = (struct virtio_device){.function = walk.function};
        pci_wake(d->function);
        if (!map_device(d) || (offered(d) & VIRTIO_F_ACCESS_PLATFORM))
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

    if ((pci_read32(f, PCI_AT_IDENTITY) & 0xffff) != VIRTIO_VENDOR ||
        !map_structure(&d, VIRTIO_KIND_COMMON, &d.common, &bytes) || bytes < VIRTIO_COMMON_BYTES)
        return NULL;
    return d.common + VIRTIO_AT_STATUS;
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
    if (virtio_stop(d->common + VIRTIO_AT_STATUS))
        return true;
    pci_silence(d->function);
    return false;
}

bool virtio_agree(struct virtio_device *d, uint64_t wanted, uint64_t *agreed)
{
    put8(d, VIRTIO_AT_STATUS, VIRTIO_STATUS_FOUND);
    put8(d, VIRTIO_AT_STATUS, VIRTIO_STATUS_FOUND | VIRTIO_STATUS_DRIVER);

    uint64_t features = offered(d);
    if (!(features & VIRTIO_F_VERSION_1))
        return false;

    *agreed = features & (wanted | VIRTIO_F_VERSION_1);
    put32(d, VIRTIO_AT_DRIVER_SELECT, 0);
    put32(d, VIRTIO_AT_DRIVER_BITS, (uint32_t)*agreed);
    put32(d, VIRTIO_AT_DRIVER_SELECT, 1);
    put32(d, VIRTIO_AT_DRIVER_BITS, (uint32_t)(*agreed >> 32));
    put8(d, VIRTIO_AT_STATUS, VIRTIO_STATUS_FOUND | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_AGREED);
    put16(d, VIRTIO_AT_CONFIG_VECTOR, VIRTIO_NO_VECTOR); /* changes of the link are not followed */
    return get8(d, VIRTIO_AT_STATUS) & VIRTIO_STATUS_AGREED;
}

uint16_t virtio_queue_limit(struct virtio_device *d, unsigned index)
{
    if (index >= get16(d, VIRTIO_AT_QUEUES))
        return 0;
    put16(d, VIRTIO_AT_QUEUE_SELECT, (uint16_t)index);
    return get16(d, VIRTIO_AT_QUEUE_SIZE);
}

bool virtio_queue_start(struct virtio_device *d, unsigned index, paddr_t queue, uint16_t size)
{
    ASSERT(index < VIRTIO_QUEUES_MAX);

    put16(d, VIRTIO_AT_QUEUE_SELECT, (uint16_t)index);
    put16(d, VIRTIO_AT_QUEUE_SIZE, size);
    put16(d, VIRTIO_AT_QUEUE_VECTOR, VECTOR);
    if (get16(d, VIRTIO_AT_QUEUE_VECTOR) != VECTOR)
        return false;

    uint64_t bell = (uint64_t)get16(d, VIRTIO_AT_QUEUE_BELL) * d->notify_multiplier;
    if (bell + sizeof(uint16_t) > d->notify_bytes || bell % sizeof(uint16_t) != 0)
        return false;
    d->bells[index] = (volatile uint16_t *)(d->notify + bell);

    put64(d, VIRTIO_AT_QUEUE_DESC, queue + VIRTQ_AT_DESC);
    put64(d, VIRTIO_AT_QUEUE_DRIVER, queue + VIRTQ_AT_AVAIL);
    put64(d, VIRTIO_AT_QUEUE_DEVICE, queue + VIRTQ_AT_USED);
    put16(d, VIRTIO_AT_QUEUE_ENABLE, 1);
    return true;
}

void virtio_start(struct virtio_device *d)
{
    put8(d, VIRTIO_AT_STATUS,
         VIRTIO_STATUS_FOUND | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_AGREED | VIRTIO_STATUS_GOING);
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
