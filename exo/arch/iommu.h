/*
 * The IOMMU: what memory devices reach, and which messages they may send. A device is named by its
 * requester number: bus << 8 | device << 3 | function. It is blocked, until it is passed or
 * attached to a domain: I/O page tables, whose root and lower tables have MMU_ENTRIES entries each.
 *
 * Locking: after boot the forest lock.
 */
#pragma once

#include "exo/arch/mmu.h"

typedef uint64_t iopte_t; /* an entry of an I/O page table, as the IOMMU reads it */

enum arch_iommu {
    ARCH_IOMMU_NONE, /* there is none that can be used; only arch_iommu_pass may be called        */
    ARCH_IOMMU_DMA,  /* it is told to confine messages too, but was seen to let forged ones by */
    ARCH_IOMMU_FULL,
};

/* Takes the IOMMU that the firmware's tables at `rsdp` name into use, and tries it. `faulted` runs,
 * as a handler of interrupts, when it stopped something. Boot only. */
enum arch_iommu arch_iommu_start(paddr_t rsdp, void (*faulted)(void));

/* Does the IOMMU, if it is used, see what the device does? */
bool arch_iommu_serves(uint16_t requester);

/* All of memory for a device of the kernel's. Boot only. */
void arch_iommu_pass(uint16_t requester);

/* Levels of I/O page tables; each table of the highest has 2^39 bytes at its beginning. */
unsigned arch_iommu_levels(void);

/* What the tables under `root` show, and nothing else. `domain`: a number above 0 of nobody else's,
 * at most IOMMU_DOMAIN_MAX. Pre: the device is served, and blocked. */
#define IOMMU_DOMAIN_MAX 250u
void arch_iommu_attach(uint16_t requester, uint16_t domain, paddr_t root);

/* Nothing. No translation of the domain is cached on return. */
void arch_iommu_block(uint16_t requester);

/* Whether accesses that are stopped are recorded; they are at first. */
void arch_iommu_mute(uint16_t requester, bool mute);

/* On return no device uses what the domain's entries said before, and nothing is on its way. */
void arch_iommu_flush(uint16_t domain);

/* Entries of the domain that were empty are in use now. */
void arch_iommu_filled(uint16_t domain);

struct arch_iommu_fault {
    uint16_t requester;
    uint8_t reason;   /* as the hardware numbers them                      */
    uint64_t address; /* that the device meant; of messages: their number */
};

/* Takes the next access that was stopped and recorded. */
bool arch_iommu_fault(struct arch_iommu_fault *out);

/* An entry for the page, or (with both rights) the table, at `pa`. Rights: RIGHT_READ, RIGHT_WRITE.
 */
static inline iopte_t arch_iopte(paddr_t pa, rights_t rights);
static inline bool arch_iopte_present(iopte_t e);
static inline paddr_t arch_iopte_address(iopte_t e);
static inline rights_t arch_iopte_rights(iopte_t e);

/* Writes an entry so that the IOMMU sees it. */
static inline void arch_iopte_write(iopte_t *e, iopte_t value);

#include <arch_iommu.h>
