/* QEMU's device for teaching (docs/specs/edu.txt there), driven through the calls on devices: its
 * registers, its one message, and a DMA engine that goes wherever it is told to. */
#pragma once

#include "exo/abi/device.h"
#include "exo/abi/error.h"

#define EDU_VENDOR   0x1234u
#define EDU_DEVICE   0x11e8u
#define EDU_IDENTITY 0x010000edu

/* Registers, as indices of words. */
enum { EDU_AT_IDENTITY, EDU_AT_INVERTED, EDU_AT_RAISE = 24, EDU_AT_QUIET };

struct edu {
    uint32_t function; /* in the device table */
    slot_t device, window;
    pfn_t window_first;
    volatile uint32_t *regs;
};

#define DEVICES ((const volatile struct device_info *)WINDOW_DEVICES)

/* The device's number in the table; DEVICE_MAX: the machine has none. */
uint32_t edu_find(void);

/* Opens it, and shows its registers. The slots are filled. */
enum err edu_open(struct edu *e);

/* I/O page tables for `address`. */
enum err edu_tables(const struct edu *e, uint64_t address);

/* Has its DMA engine read a word at an I/O address, or write the word it read last there, and waits
 * for its end. The device says nothing of success. */
void edu_read(const struct edu *e, uint64_t address);
void edu_write(const struct edu *e, uint64_t address);
