/* Intel VT-d: what its files share. Words of a specification's name stand in "Register
 * Descriptions", "Context Entry", "Interrupt Remap Table Entry" and "Queued Invalidation
 * Interface". */
#pragma once

#include "exo/arch/iommu.h"

/* Registers, by offset. vtd_regs.c reaches the real ones. */
#define VTD_CAP         0x08u
#define VTD_ECAP        0x10u
#define VTD_COMMAND     0x18u
#define VTD_STATUS      0x1cu
#define VTD_ROOT        0x20u
#define VTD_FAULTS      0x34u /* fault status */
#define VTD_FAULT_MASK  0x38u /* fault event control: */
#define VTD_FAULT_DATA  0x3cu
#define VTD_FAULT_WHERE 0x40u
#define VTD_QUEUE_HEAD  0x80u
#define VTD_QUEUE_TAIL  0x88u
#define VTD_QUEUE       0x90u
#define VTD_MESSAGES    0xb8u /* interrupt remapping table */
#define VTD_BYTES       0x1000u

void vtd_map(paddr_t base);
uint32_t vtd_read32(unsigned at);
uint64_t vtd_read64(unsigned at);
void vtd_write32(unsigned at, uint32_t value);
void vtd_write64(unsigned at, uint64_t value);

/* Sets a bit of the command register and waits until the status shows it; what is on stays on. */
void vtd_command(uint32_t bit);

/* Writes a word of a table in memory so that the IOMMU sees it. */
void vtd_put(uint64_t *word, uint64_t value);

/* Gives the IOMMU `count` words of invalidations, a multiple of 2, and waits until it has done
 * them.
 */
void vtd_invalidate(const uint64_t *words, unsigned count);

/* The queue for that; then nothing is cached any more. Boot only. */
void vtd_queue_start(void);

/* Turns the remapping of messages on: none passes but those in the table. Boot only. */
void remap_start(void);

/* Lets `requester` interrupt CPU `apic` with `vector`, by the message whose number that is. */
void remap_allow(uint16_t requester, uint32_t apic, unsigned vector, bool level);
void remap_forbid(unsigned vector);

/* Whether messages are remapped, and that of an allowed vector. */
bool remap_is_on(void);
uint64_t remap_address(unsigned vector);

/* The requester number of the I/O APIC. */
uint16_t remap_io_apic(void);

/* Whether messages in the format of before remapping are stopped, as they should be since
 * remap_start: tried by the I/O APIC's (apic.c). Boot only. */
bool apic_stops_old_messages(void);
