/*
 * A virtio device of one's own, on PCI in its modern form (exo/abi/virtio.h): finding its
 * structures, agreeing on features, handing queues over. All of this is done once; afterwards
 * queues are used without it (libos/virtqueue.h).
 *
 * The device is behind an IOMMU: it must offer VIRTIO_F_ACCESS_PLATFORM, and is told the addresses
 * of device_memory_make(). One thread uses a device at a time.
 */
#pragma once

#include "exo/abi/error.h"
#include "libos/device.h"
#include "libos/virtqueue.h"

struct virtio_pci {
    struct device *device;
    volatile uint8_t *common; /* the common configuration structure */
    volatile uint8_t *config; /* the device's own structure         */
    volatile uint8_t *notify; /* the bells                          */
    uint64_t config_bytes, notify_bytes;
    uint32_t notify_multiplier;
};

/* The lowest number in the device table, from `from` on, of a free virtio device of type `number`.
 * NO_DEVICE. */
enum err virtio_pci_find(uint16_t number, uint32_t from, uint32_t *function);

/* Shows the structures of a device of the virtio type `number`, and resets it. NO_DEVICE: it is
 * another device, or lacks what is needed. BAD_STATE: it does not obey. Errors of device_show(). */
enum err virtio_pci_open(struct virtio_pci *v, struct device *device, uint16_t number);

/* Stops it: on return it uses no memory. BAD_STATE: it does not obey. */
enum err virtio_pci_reset(struct virtio_pci *v);

/* After a reset: agrees on those features that both `wanted` and the device have, and puts them
 * into *agreed. NO_DEVICE: it lacks one of `needed`, or VERSION_1, or ACCESS_PLATFORM, or refuses.
 */
enum err virtio_pci_agree(struct virtio_pci *v, uint64_t wanted, uint64_t needed, uint64_t *agreed);

/* Makes an empty queue of at most `size` (a power of two) descriptors in `memory`, which is
 * VIRTQ_FRAMES frames of zeroes, and hands it to the device. Its interrupts are MSI-X vector
 * `vector`. NO_DEVICE: there is no such queue, or vector, or its bell lies outside. Pre: agreed. */
enum err virtio_pci_queue(struct virtio_pci *v, struct virtqueue *q, uint16_t number, uint16_t size,
                          const struct device_memory *memory, uint16_t vector);

/* Changes of the device's own configuration interrupt by MSI-X vector `vector` from now on.
 * NO_DEVICE: there is no such vector, and they do not. Pre: agreed. */
enum err virtio_pci_listen(struct virtio_pci *v, uint16_t vector);

/* Sets it going. */
void virtio_pci_start(struct virtio_pci *v);

/* Whether it is of no use any more: an access of it to memory was stopped, or it gave up by itself.
 * Then it is to be closed. */
bool virtio_pci_is_broken(const struct virtio_pci *v);

/* Reads `bytes` bytes of the device's own configuration as a number; 1, 2, 4 or 8. 0 beyond its
 * end. */
uint64_t virtio_pci_config(const struct virtio_pci *v, unsigned offset, unsigned bytes);
