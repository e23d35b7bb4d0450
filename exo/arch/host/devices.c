/* The simulated IOMMU, and messages of devices. */
#include "exo/arch/host/devices.h"

#include "exo/base/assert.h"

#include <string.h>

#define LEVELS          3u
#define MESSAGE_ADDRESS 0xfee00000u

struct host_devices host_devices;

enum arch_iommu arch_iommu_start(paddr_t rsdp, void (*faulted)(void))
{
    (void)rsdp;
    host_devices.faulted = faulted;
    return host_devices.iommu;
}

bool arch_iommu_serves(uint16_t requester)
{
    return requester < HOST_FUNCTIONS;
}

unsigned arch_iommu_levels(void)
{
    return LEVELS;
}

static struct host_io_context *context_of(uint16_t requester)
{
    ASSERT(host_devices.iommu && requester < HOST_FUNCTIONS);
    return &host_devices.contexts[requester];
}

void arch_iommu_pass(uint16_t requester)
{
    context_of(requester)->passed = true;
}

void arch_iommu_attach(uint16_t requester, uint16_t domain, paddr_t root)
{
    struct host_io_context *c = context_of(requester);

    ASSERT(domain > 0 && domain <= IOMMU_DOMAIN_MAX && !c->domain && !c->passed);
    *c = (struct host_io_context){.domain = domain, .root = root};
}

void arch_iommu_block(uint16_t requester)
{
    struct host_io_context *c = context_of(requester);
    uint16_t domain = c->domain;

    ASSERT(domain);
    *c = (struct host_io_context){0};
    arch_iommu_flush(domain);
}

void arch_iommu_mute(uint16_t requester, bool mute)
{
    context_of(requester)->muted = mute;
}

void arch_iommu_flush(uint16_t domain)
{
    struct host_devices *h = &host_devices;

    h->flushes++;
    for (uint32_t i = 0; i < h->cached; i++)
        if (h->cache[i].domain == domain)
            h->cache[i--] = h->cache[--h->cached];
}

void arch_iommu_filled(uint16_t domain)
{
    (void)domain; /* empty entries are not cached */
}

bool arch_iommu_fault(struct arch_iommu_fault *out)
{
    struct host_devices *h = &host_devices;

    if (h->fault_count == 0)
        return false;
    *out = h->faults[0];
    memmove(h->faults, h->faults + 1, --h->fault_count * sizeof h->faults[0]);
    return true;
}

/* The entry that serves an address now; 0: none. */
static iopte_t walk(paddr_t root, uint64_t address)
{
    iopte_t e = arch_iopte(root, RIGHT_READ);

    for (unsigned level = LEVELS; level >= 1 && arch_iopte_present(e); level--)
        e = ((const iopte_t *)arch_phys(arch_iopte_address(e)))[arch_mmu_index(address, level)];
    return e;
}

static void record(uint16_t requester, uint64_t address)
{
    struct host_devices *h = &host_devices;

    if (h->contexts[requester].muted || h->fault_count == HOST_FAULTS)
        return;
    h->faults[h->fault_count++] =
        (struct arch_iommu_fault){requester, HOST_FAULT_REASON, address & ~(PAGE_SIZE - 1)};
    h->faulted();
}

uint32_t *host_io_access(uint16_t requester, uint64_t address, bool write)
{
    const struct host_io_context *c = context_of(requester);
    iopte_t e = c->domain ? walk(c->root, address) : 0;

    if (!(arch_iopte_rights(e) & (write ? RIGHT_WRITE : RIGHT_READ))) {
        record(requester, address);
        return NULL;
    }
    uint8_t *at = arch_phys(arch_iopte_address(e));
    return (uint32_t *)(void *)(at + address % PAGE_SIZE);
}

static void fill_below(uint16_t domain, paddr_t table, uint64_t address, unsigned level)
{
    const iopte_t *entries = arch_phys(table);
    struct host_devices *h = &host_devices;

    for (unsigned i = 0; i < MMU_ENTRIES; i++) {
        uint64_t at = address + ((uint64_t)i << (3 + 9 * level));
        if (!arch_iopte_present(entries[i]))
            continue;
        if (level > 1) {
            fill_below(domain, arch_iopte_address(entries[i]), at, level - 1);
            continue;
        }
        ASSERT(h->cached < HOST_IO_MAX);
        h->cache[h->cached++] = (struct host_io_translation){domain, at, entries[i]};
    }
}

void host_io_fill(void)
{
    host_devices.cached = 0;
    for (unsigned i = 0; i < HOST_FUNCTIONS; i++) {
        const struct host_io_context *c = &host_devices.contexts[i];
        if (c->domain)
            fill_below(c->domain, c->root, 0, LEVELS);
    }
}

static paddr_t root_of(uint16_t domain)
{
    for (unsigned i = 0; i < HOST_FUNCTIONS; i++)
        if (host_devices.contexts[i].domain == domain)
            return host_devices.contexts[i].root;
    return 0;
}

bool host_io_stale(void)
{
    for (uint32_t i = 0; i < host_devices.cached; i++) {
        const struct host_io_translation *t = &host_devices.cache[i];
        paddr_t root = root_of(t->domain);
        if (!root || walk(root, t->address) != t->entry)
            return true;
    }
    return false;
}

bool arch_message_alloc(uint16_t requester, unsigned cpu, void (*handler)(word_t), word_t argument,
                        struct arch_msi *out)
{
    for (unsigned i = 0; i < HOST_MESSAGES; i++) {
        struct host_message *m = &host_devices.messages[i];
        if (m->handler)
            continue;
        *m = (struct host_message){requester, cpu, handler, argument};
        *out = (struct arch_msi){MESSAGE_ADDRESS, i, i};
        return true;
    }
    return false;
}

void arch_message_free(const struct arch_msi *m)
{
    ASSERT(host_devices.messages[m->vector].handler);
    host_devices.messages[m->vector] = (struct host_message){0};
}

void host_message(const struct arch_msi *m)
{
    const struct host_message *h = &host_devices.messages[m->data];

    ASSERT(m->address == MESSAGE_ADDRESS);
    if (h->handler)
        h->handler(h->argument);
}
