/*
 * PCI configuration space: finding functions, their capabilities and address ranges. The firmware
 * has numbered the buses and assigned the ranges.
 *
 * Locking: none at boot, then the forest lock: two ports serve all functions.
 */
#pragma once

#include "exo/abi/types.h"

/* A function, by bus << 8 | device << 3 | function. */
struct pci_function {
    uint32_t address;
};

/* An address range (BAR) in memory; bytes is 0 when there is none or it was not assigned. */
struct pci_range {
    paddr_t base;
    uint64_t bytes;
};

/* A walk over all functions; zeroed at its beginning. */
struct pci_walk {
    struct pci_function function; /* the one found last */
    uint32_t next;                /* address of the first not looked at */
    uint32_t last_bus;            /* the highest that a bridge seen so far leads to */
};

#define PCI_CAP_MSI    0x05u
#define PCI_CAP_VENDOR 0x09u
#define PCI_CAP_MSIX   0x11u

#define PCI_AT_IDENTITY 0x00u /* vendor, and from bit 16 on device      */
#define PCI_AT_CLASS    0x08u /* from bit 8 on: interface, subclass, class */
#define PCI_AT_HEADER   0x0eu
#define PCI_HEADER_KIND 0x7fu /* 0: an ordinary function, no bridge */

/* Goes on to the next function; false: there is none. */
bool pci_next(struct pci_walk *w);

/* Goes on to the next one with this vendor and one of the `count` device numbers. */
bool pci_find(struct pci_walk *w, uint16_t vendor, const uint16_t *devices, unsigned count);

/* The kernel drives it itself, for ever. At most PCI_KEPT_MAX of them. Boot only. */
#define PCI_KEPT_MAX 4u
void pci_keep(struct pci_function f);
bool pci_is_kept(struct pci_function f);

uint32_t pci_read32(struct pci_function f, unsigned offset); /* offset: multiple of 4, below 256 */
void pci_write32(struct pci_function f, unsigned offset, uint32_t value);
uint16_t pci_read16(struct pci_function f, unsigned offset); /* offset: even */
uint8_t pci_read8(struct pci_function f, unsigned offset);
void pci_write16(struct pci_function f, unsigned offset, uint16_t value);

/* The offset of the next capability with identity `id` behind `after` (0: the first); 0: none. */
unsigned pci_capability(struct pci_function f, uint8_t id, unsigned after);

#define PCI_RANGES 6u

/* Bytes of address range `index`, assigned or not; 0: there is none in memory. The function's
 * decoding is off while it is asked. */
uint64_t pci_range_bytes(struct pci_function f, unsigned index);

/* Assigns address range `index`, which is in memory; `base`: a multiple of its bytes. */
void pci_range_set(struct pci_function f, unsigned index, paddr_t base);

/* Gives addresses to all ranges that have none. Boot, before anybody reads them. */
void pci_assign(void);

/* What address range `index` (0 to 5) says. The function's decoding is off while it is asked. */
struct pci_range pci_range(struct pci_function f, unsigned index);

/* Does an address range take the next one's register too? */
bool pci_range_is_wide(struct pci_function f, unsigned index);

/* Lets the function answer in memory and reach memory by itself; pin interrupts off. */
void pci_enable(struct pci_function f);

/* The same, but without its way to memory. */
void pci_wake(struct pci_function f);

/* Takes its way to memory away. It can transfer nothing on return. */
void pci_silence(struct pci_function f);
