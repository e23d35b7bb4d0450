/*
 * A virtio device on PCI in its modern form: finding it, agreeing on features, starting queues,
 * ringing its bell. One interrupt vector serves the whole device.
 *
 * Locking: the owner's.
 */
#pragma once

#include "exo/abi/virtio.h"
#include "exo/io/pci.h"

#define VIRTIO_QUEUES_MAX 2u

/* Memory that kernel and device share: adjacent frames, reserved for ever, zeroed. */
struct virtio_memory {
    void *at;         /* as the kernel sees it */
    paddr_t physical; /* as the device sees it */
};

struct virtio_device {
    struct pci_function function;
    volatile uint8_t *common; /* the common configuration structure                */
    volatile uint8_t *config; /* the device's own structure                        */
    volatile uint8_t *notify; /* the bells                                         */
    uint64_t config_bytes, notify_bytes;
    uint32_t notify_multiplier;
    volatile uint16_t *bells[VIRTIO_QUEUES_MAX];
};

/* Finds a device by its virtio number, maps its structures and gives its interrupts to `handler`.
 * False: there is none, or it lacks what is needed. Boot only. */
bool virtio_open(struct virtio_device *d, uint16_t number, void (*handler)(void));

/* Where the status of a function that is a virtio device lies; NULL: it is none. Boot only. */
volatile uint8_t *virtio_find_status(struct pci_function f);

/* Resets the device whose status that is. False when it does not obey. */
bool virtio_stop(volatile uint8_t *status);

/* Reserves memory to share with a device. Boot only. */
struct virtio_memory virtio_memory(uint32_t frames);

/* Stops the device: on return it uses no memory that it was given. False when it does not obey; it
 * was then cut off from memory for ever. */
bool virtio_reset(struct virtio_device *d);

/* After a reset: agrees on those features that both `wanted` and the device have, and puts them
 * into *agreed. False when the device refuses. VERSION_1 is always wanted, and needed. */
bool virtio_agree(struct virtio_device *d, uint64_t wanted, uint64_t *agreed);

/* The longest length that queue `index` may have; 0: no such queue. */
uint16_t virtio_queue_limit(struct virtio_device *d, unsigned index);

/* Hands a queue (virtq.h, `size` descriptors) to the device. Pre: agreed, not started. */
bool virtio_queue_start(struct virtio_device *d, unsigned index, paddr_t queue, uint16_t size);

/* Sets it going. */
void virtio_start(struct virtio_device *d);

/* Tells the device that queue `index` has news. */
void virtio_notify(struct virtio_device *d, unsigned index);

/* Reads a byte of the device's own configuration; 0 beyond its end. */
uint8_t virtio_config8(const struct virtio_device *d, unsigned offset);
