/*
 * Devices in an environment's hands. DEVICE_FRAMES frames each: the object, and its root I/O page
 * table with the nodes.
 *
 * Invariants. device_check() tests those of one device and names the broken one.
 *   V1  it is the one that the device table says has its function
 *   V2  a vector's message is set exactly when its node has a parent
 *   V3  its I/O page tables hold what io_table.h says of them
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/device.h"
#include "exo/arch/iommu.h"
#include "exo/arch/irq.h"

struct device {
    struct node pci;                     /* child of the CAP_PCI                                */
    struct node fault;                   /* child of whose notification is told of faults       */
    struct node vectors[DEVICE_VECTORS]; /* children of those that messages raise               */
    uint64_t fault_bits, bits[DEVICE_VECTORS];
    struct arch_msi messages[DEVICE_VECTORS];
    uint32_t function; /* its number in the device table                           */
    uint32_t faults;   /* recorded since device_faults was called last             */
    bool enabled;      /* it reaches memory                                        */
};
_Static_assert(offsetof(struct device, pci) == NODE_AT_PCI, "node offsets are ABI");
_Static_assert(offsetof(struct device, fault) == NODE_AT_FAULT, "node offsets are ABI");
_Static_assert(offsetof(struct device, vectors) == NODE_AT_VECTOR, "node offsets are ABI");
_Static_assert(sizeof(struct device) <= PAGE_SIZE, "a device's object is its first frame");

/* Takes the function, which is free, into a zeroed object in `frame`. */
void device_begin(pfn_t frame, struct cap *pci, uint32_t function);

/* The object's end: the function reaches nothing on return. */
void device_destroy(struct device *d);

pfn_t device_root(const struct device *d);
uint16_t device_domain(const struct device *d);

/* The device that a table's entries serve. */
struct device *device_of_table(pfn_t table);

/* Lets it reach memory and send messages, if it does not yet. */
void device_enable(struct device *d);

/* Has message `vector`, or faults (DEVICE_FAULT_VECTOR), raise `bits`. False: no vector is left. */
bool device_bind(struct device *d, uint32_t vector, struct cap *notification, uint64_t bits,
                 uint32_t cpu);

/* The node of that binding; NULL: there is no such vector. */
struct node *device_vector(struct device *d, uint32_t vector);

/* The binding of `n`, FAULT or one of VECTOR, is taken away. */
void device_unbind(struct device *d, struct node *n);

/* What came of the IOMMU's log: told to whom it concerns. */
void device_take_faults(void);

/* How many there were; those to come are recorded. */
uint32_t device_ask_faults(struct device *d);

const char *device_check(struct device *d);
