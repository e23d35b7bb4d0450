/*
 * A device of one's own: a PCI function that the kernel gave away whole (CAP_DEVICE). Its registers
 * are shown in this address space, it reaches the memory that it was given and no other, and its
 * interrupts raise bits of notifications.
 *
 * One thread uses a device at a time.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

#define DEVICE_WINDOWS 4u /* parts of its registers that are shown at a time */

struct device {
    slot_t slot; /* CAP_DEVICE */
    unsigned window_count;
    struct {
        slot_t frames;
        vaddr_t va;
        uint64_t bytes;
    } windows[DEVICE_WINDOWS];
};

/* Memory that this program and a device share; adjacent, and zero at first. */
struct device_memory {
    slot_t frames;
    pfn_t first;
    uint32_t count;   /* frames                  */
    vaddr_t va;       /* as the program sees it  */
    uint64_t address; /* as the device sees it   */
};

/* Begins with the device in `slot`, reset and without memory. Errors of device_reset. */
enum err device_open(struct device *d, slot_t slot);

/* Takes its memory and its interrupts away, and the windows. The capability stays. */
void device_close(struct device *d);

/* A word of its configuration space; `offset` is a multiple of 4 below 256. */
uint32_t device_config(const struct device *d, unsigned offset);

/* Shows bytes [offset, offset + bytes) of an address range (BAR) at *at. BAD_ARG: it has no such
 * range, or they are not all inside it, or there are DEVICE_WINDOWS already. NO_MEM. */
enum err device_show(struct device *d, unsigned bar, uint64_t offset, uint64_t bytes,
                     volatile uint8_t **at);

/* Makes memory that the device may read and write. NO_MEM. */
enum err device_memory(struct device *d, uint32_t frames, struct device_memory *memory);

/* Takes it back from the device, and frees it. */
void device_memory_give(struct device *d, struct device_memory *memory);

/* Interrupt number `vector` (of MSI-X) raises `bits` of `notification`. */
enum err device_interrupt(struct device *d, uint16_t vector, slot_t notification, word_t bits);
