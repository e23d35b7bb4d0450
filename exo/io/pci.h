/*
 * PCI configuration space: finding a function, its capabilities and its address ranges. The
 * firmware has numbered the buses and assigned the ranges. Boot only.
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

#define PCI_CAP_VENDOR 0x09u
#define PCI_CAP_MSIX   0x11u

/* Finds the first function with this vendor and one of the `count` device numbers. */
bool pci_find(uint16_t vendor, const uint16_t *devices, unsigned count, struct pci_function *out);

uint32_t pci_read32(struct pci_function f, unsigned offset); /* offset: multiple of 4, below 256 */
void pci_write32(struct pci_function f, unsigned offset, uint32_t value);
uint16_t pci_read16(struct pci_function f, unsigned offset); /* offset: even */
uint8_t pci_read8(struct pci_function f, unsigned offset);
void pci_write16(struct pci_function f, unsigned offset, uint16_t value);

/* The offset of the next capability with identity `id` behind `after` (0: the first); 0: none. */
unsigned pci_capability(struct pci_function f, uint8_t id, unsigned after);

/* What address range `index` (0 to 5) says. The function's decoding is off while it is asked. */
struct pci_range pci_range(struct pci_function f, unsigned index);

/* Lets the function answer in memory and reach memory by itself; pin interrupts off. */
void pci_enable(struct pci_function f);

/* Takes its way to memory away. It can transfer nothing on return. */
void pci_silence(struct pci_function f);
