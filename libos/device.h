/*
 * A device of one's own: a PCI function out of the kernel's hands (exo/abi/device.h). Its registers
 * are shown in this address space, it reaches the memory that it was given and no other, and its
 * messages raise bits of notifications.
 *
 * One thread uses a device at a time.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/device.h"
#include "exo/abi/error.h"
#include "exo/abi/kinfo.h"

#define DEVICE_WINDOWS 4u /* parts of its registers that are shown at a time */

struct device {
    slot_t slot;           /* CAP_DEVICE; SLOT_NONE: it is not open                  */
    slot_t notification;   /* that its messages raise bits of; others may, too       */
    uint32_t function;     /* its number in the device table                         */
    uint32_t faults;       /* of it, when it was opened                              */
    uint64_t next_address; /* I/O addresses from here on were never given to memory  */
    unsigned window_count;
    struct {
        slot_t slot;
        vaddr_t va;
        uint32_t pages;
    } windows[DEVICE_WINDOWS];
};

/* Memory that this program and a device share; adjacent, and zero at first. */
struct device_memory {
    slot_t frames; /* SLOT_NONE: there is none */
    pfn_t first;
    uint32_t count;   /* frames                          */
    vaddr_t va;       /* as the program sees it          */
    uint64_t address; /* as the device sees it           */
};

/* What the kernel says of device number `function`, below kinfo.device_count. */
static inline const volatile struct device_info *device_entry(uint32_t function)
{
    return (const volatile struct device_info *)WINDOW_DEVICES + function;
}

/* The lowest number from `from` on of a free function of that maker and product. NO_DEVICE. */
enum err device_find(uint16_t vendor, uint16_t product, uint32_t from, uint32_t *function);

/* Has the machine an IOMMU that confines devices? Without, none can be opened. */
bool device_is_confined(void);

/* Takes a function into this program's hands. It reaches no memory until the first of it is made.
 * NO_MEM; errors of the call device_open: NO_DEVICE says that no IOMMU could confine it. */
enum err device_open(struct device *d, slot_t pci, uint32_t function);

/* Gives it back: it is cut off from memory, which can be freed then, and its windows are gone. */
void device_close(struct device *d);

/* A word of its configuration space; `offset` is a multiple of 4 below 256. */
uint32_t device_config(const struct device *d, unsigned offset);

/* Shows bytes [offset, offset + bytes) of an address range (BAR) at *at. BAD_ARG: they are not all
 * inside it, or of no length. NO_MEM: DEVICE_WINDOWS are shown. Errors of device_window. */
enum err device_show(struct device *d, unsigned bar, uint64_t offset, uint64_t bytes,
                     volatile uint8_t **at);

/* Makes memory that the device may read and write. NO_MEM; errors of device_map. */
enum err device_memory_make(struct device *d, uint32_t frames, struct device_memory *memory);

/* Takes it from the device, which can reach it no more on return, and frees it. Its I/O addresses
 * are not used again. None is no error. */
void device_memory_free(struct device_memory *memory);

/* From now on messages number `vector` raise `bits` of the notification; DEVICE_FAULT_VECTOR:
 * accesses to memory that were stopped. This thread's CPU takes the interrupt. Errors of the call
 * device_interrupt. */
enum err device_listen(struct device *d, uint32_t vector, word_t bits);

#define DEVICE_FOREVER UINT64_MAX

/* Waits for one of `bits` up to `deadline` (time-stamp counter, or DEVICE_FOREVER), and says in
 * *got, unless NULL, which came. TIMEOUT; errors of notify_wait. */
enum err device_wait(struct device *d, word_t bits, uint64_t deadline, word_t *got);

/* Was an access of it to memory stopped since it was opened? Devices may go on as if they had read
 * and written; what they say is done is then not to be believed. */
bool device_is_stopped(const struct device *d);

/* What the kernel says of it. */
static inline const volatile struct device_info *device_info(const struct device *d)
{
    return device_entry(d->function);
}
