/*
 * The messages of a PCI function: its MSI-X table, or, if it has none, the one of its MSI. PCI
 * Local Bus Specification 3.0, "MSI and MSI-X Capabilities".
 *
 * Locking: the owner's.
 */
#pragma once

#include "exo/io/pci.h"

struct arch_msi;

/* A part of an address range. */
struct msix_part {
    unsigned bar;
    uint64_t offset, bytes; /* 0: none */
};

struct msix {
    struct pci_function function;
    unsigned at;                /* the capability; 0: none                 */
    uint32_t count;             /* messages that can be set, at most DEVICE_VECTORS */
    volatile uint32_t *entries; /* of MSI-X, four words each; NULL: MSI    */
    struct msix_part table, pending;
};

/* Finds what the function has, and maps its table. Boot only. */
void msix_find(struct msix *m, struct pci_function f);

/* Does [offset, offset + bytes) of an address range touch the table or its pending bits? */
bool msix_touches(const struct msix *m, unsigned bar, uint64_t offset, uint64_t bytes);

/* All messages silenced; those that are set from now on are sent. */
void msix_begin(struct msix *m);

/* Sets message `vector`; NULL silences it. */
void msix_set(struct msix *m, uint32_t vector, const struct arch_msi *message);

/* No message is sent. */
void msix_end(struct msix *m);
