/*
 * Dedicated devices: a PCI function in one environment's hands. What the machine has is an array at
 * WINDOW_DEVICES, kinfo.device_count records long; a function's place in it is its number, which
 * CAP_PCI names.
 *
 * Who has a CAP_DEVICE drives it without the kernel: its registers are pages (device_window), its
 * DMA goes through I/O page tables of its own (device_table, device_map), its messages raise bits
 * of notifications (device_interrupt). The kernel keeps the function's configuration space, its
 * MSI-X table, and the tables of the IOMMU. The function reaches memory from the first device_map
 * on, not before: so that a driver can reset first what an earlier holder may have set up.
 */
#pragma once

#include "exo/abi/types.h"

#define DEVICE_MAX     64u
#define DEVICE_BARS    6u
#define DEVICE_VECTORS 64u /* messages of a function that can be bound; the first ones */
#define DEVICE_FRAMES  4u  /* of a CAP_DEVICE: itself, and its first I/O page table    */

#define DEVICE_FAULT_VECTOR 0xffffu /* device_interrupt: not a message, but a stopped access  */
#define DEVICE_FAULTS_KEPT                                                                         \
    16u                         /* reported until device_faults is asked; others are only stopped  \
                                 */
#define DEVICE_FAULTS_CUT  64u  /* reported: it is cut off from memory until it is opened anew    */
#define DEVICE_MAP_MAX     512u /* pages in one device_map or device_unmap                   */
#define DEVICE_ADDRESS_TOP ((uint64_t)1 << 39) /* first I/O address that cannot be mapped       */

enum device_state {
    DEVICE_KERNEL, /* the kernel drives it, or the machine needs it as it is */
    DEVICE_FREE,
    DEVICE_OPEN,
};

struct device_info {
    uint16_t function;       /* bus << 8 | device << 3 | function                              */
    uint16_t vendor, device; /* as PCI numbers them                                            */
    uint16_t vectors;        /* messages that can be bound: MSI-X, else MSI; 0: none           */
    uint32_t class;          /* class << 16 | subclass << 8 | interface                        */
    uint16_t state;          /* enum device_state                                              */
    uint16_t owner;          /* env number of the holder; 0: nobody; OWNER_HIDDEN: hide=1      */
    uint32_t faults;         /* accesses to memory stopped and recorded, ever                  */
    uint32_t fault_reason;   /* of the last one, as the IOMMU numbers them                     */
    uint64_t fault_address;  /* of the last one, an I/O address                                */
    uint64_t bar_bytes[DEVICE_BARS]; /* of each range in memory; 0: none, or the second half of
                                        the one before                                         */
    uint64_t unused[6];
};
_Static_assert(sizeof(struct device_info) == 128, "device_info layout");
