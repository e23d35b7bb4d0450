/*
 * The simulated machine's IOMMU and messages, as plain data that a test reads and sets.
 *
 * As the translation caches of CPUs are, that of the IOMMU is the worst there may be: host_io_fill
 * puts everything in that is mapped, and only an invalidation takes it out. So host_io_stale finds
 * a missing one. Only functions of bus 0 exist.
 */
#pragma once

#include "exo/arch/iommu.h"
#include "exo/arch/irq.h"

#define HOST_FUNCTIONS    256u
#define HOST_IO_MAX       4096u
#define HOST_MESSAGES     8u
#define HOST_FAULTS       32u
#define HOST_FAULT_REASON 5u

struct host_io_context {
    uint16_t domain; /* 0: blocked */
    bool passed, muted;
    paddr_t root;
};

struct host_io_translation {
    uint16_t domain;
    uint64_t address;
    iopte_t entry; /* as it stood when it was cached */
};

struct host_message {
    uint16_t requester;
    unsigned cpu;
    void (*handler)(word_t); /* NULL: free */
    word_t argument;
};

struct host_devices {
    enum arch_iommu iommu; /* what arch_iommu_start finds */
    void (*faulted)(void);
    struct host_io_context contexts[HOST_FUNCTIONS]; /* by requester number */
    unsigned long flushes;
    uint32_t cached;
    struct host_io_translation cache[HOST_IO_MAX];
    struct arch_iommu_fault faults[HOST_FAULTS]; /* recorded and not taken */
    uint32_t fault_count;
    struct host_message messages[HOST_MESSAGES];
};

extern struct host_devices host_devices;

/* A device reads or, with `write`, writes a word; what it may not is recorded as a fault, and the
 * handler of faults runs. Where the word lies in memory; or NULL. */
uint32_t *host_io_access(uint16_t requester, uint64_t address, bool write);

/* Caches whatever is mapped for devices. */
void host_io_fill(void);

/* Is something cached that the tables do not say? */
bool host_io_stale(void);

/* Sends a message as a device that has it. */
void host_message(const struct arch_msi *m);
