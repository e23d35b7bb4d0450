/* Devices in an environment's hands: their messages and faults, their beginning and end. */
#include "bindings/device.h"

#include "bindings/io_table.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "exo/base/assert.h"
#include "exo/base/print.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/io/function.h"
#include "exo/mem/frame.h"

#define VECTOR_BITS 8u /* of a message's argument; above them the function */
_Static_assert(DEVICE_VECTORS <= 1u << VECTOR_BITS, "vectors fit");
_Static_assert(DEVICE_MAX < IOMMU_DOMAIN_MAX, "each function can have a domain");

static struct device *devices[DEVICE_MAX]; /* by function; NULL: not open */

static uint16_t requester(uint32_t function)
{
    return function_info(function)->function;
}

pfn_t device_root(const struct device *d)
{
    return frame_number(d) + 1;
}

uint16_t device_domain(const struct device *d)
{
    return (uint16_t)(d->function + 1);
}

struct device *device_of_table(pfn_t table)
{
    return frame_memory(io_root(table) - 1);
}

void device_begin(pfn_t frame, struct cap *pci, uint32_t function)
{
    struct device *d = frame_memory(frame);
    struct device_info *info = function_info(function);

    d->function = function;
    devices[function] = d;
    io_root_make(frame + 1);
    node_link(&pci->node, &d->pci);
    arch_iommu_attach(requester(function), device_domain(d), (paddr_t)device_root(d) << PAGE_BITS);
    function_wake(function);
    info->state = DEVICE_OPEN;
    info->owner = kinfo_get()->hidden ? OWNER_HIDDEN : frame_of(frame)->owner;
}

void device_destroy(struct device *d)
{
    struct device_info *info = function_info(d->function);

    function_stop(d->function);
    arch_iommu_block(requester(d->function));
    for (uint32_t i = 0; i < info->vectors; i++)
        if (d->vectors[i].parent)
            device_unbind(d, &d->vectors[i]);
    if (d->fault.parent)
        device_unbind(d, &d->fault);
    node_unlink(&d->pci);
    devices[d->function] = NULL;
    info->state = DEVICE_FREE;
    info->owner = 0;
}

void device_enable(struct device *d)
{
    if (!d->enabled)
        function_enable(d->function);
    d->enabled = true;
}

static void raise(const struct node *n, uint64_t bits)
{
    const struct cap *c = (const struct cap *)(const void *)node_at(n->parent);

    notification_raise(frame_memory(c->base), bits);
}

/* A message came. What it was for may have gone while it was on its way. */
static void sent(word_t argument)
{
    uint32_t vector = argument & ((1u << VECTOR_BITS) - 1);

    forest_lock();
    const struct device *d = devices[argument >> VECTOR_BITS];
    if (d && d->vectors[vector].parent)
        raise(&d->vectors[vector], d->bits[vector]);
    forest_unlock();
}

struct node *device_vector(struct device *d, uint32_t vector)
{
    if (vector == DEVICE_FAULT_VECTOR)
        return &d->fault;
    return vector < function_info(d->function)->vectors ? &d->vectors[vector] : NULL;
}

bool device_bind(struct device *d, uint32_t vector, struct cap *notification, uint64_t bits,
                 uint32_t cpu)
{
    if (vector == DEVICE_FAULT_VECTOR) {
        d->fault_bits = bits;
        node_link(&notification->node, &d->fault);
        return true;
    }
    if (!arch_message_alloc(requester(d->function), cpu, sent,
                            (word_t)d->function << VECTOR_BITS | vector, &d->messages[vector]))
        return false;
    d->bits[vector] = bits;
    node_link(&notification->node, &d->vectors[vector]);
    function_message(d->function, vector, &d->messages[vector]);
    device_enable(d);
    return true;
}

void device_unbind(struct device *d, struct node *n)
{
    node_unlink(n);
    if (n == &d->fault)
        return;
    uint32_t vector = (uint32_t)(n - d->vectors);
    function_message(d->function, vector, NULL);
    arch_message_free(&d->messages[vector]);
    d->messages[vector] = (struct arch_msi){0};
}

/* The function that a fault names; function_count(): none that is known. */
static uint32_t find_function(uint16_t number)
{
    uint32_t n = 0;

    while (n < function_count() && function_info(n)->function != number)
        n++;
    return n;
}

static void take_fault(const struct arch_iommu_fault *f)
{
    uint32_t n = find_function(f->requester);
    struct device *d = n < function_count() ? devices[n] : NULL;

    if (n == function_count() || function_info(n)->faults == 0)
        print("exo4: stopped: PCI function %x at address %lx, reason %u\n", f->requester,
              f->address, f->reason);
    if (n < function_count()) {
        struct device_info *info = function_info(n);
        info->fault_address = f->address;
        info->fault_reason = f->reason;
        info->faults++;
    }
    if (d)
        d->faults++;
    if (!d || d->faults == DEVICE_FAULTS_KEPT)
        arch_iommu_mute(f->requester, true);
    if (d && d->faults >= DEVICE_FAULTS_CUT)
        function_stop(n);
    if (d && d->fault.parent)
        raise(&d->fault, d->fault_bits);
}

void device_take_faults(void)
{
    struct arch_iommu_fault f;

    while (arch_iommu_fault(&f)) /* ends, because muting or cutting off does */
        take_fault(&f);
}

uint32_t device_ask_faults(struct device *d)
{
    uint32_t faults = d->faults;

    d->faults = 0;
    if (faults >= DEVICE_FAULTS_KEPT)
        arch_iommu_mute(requester(d->function), false);
    return faults;
}

static const char *check_tables(pfn_t table)
{
    const iopte_t *entries = frame_memory(table);
    const char *broken = io_table_check(table);

    for (unsigned i = 0; !broken && frame_of(table)->level > 1 && i < MMU_ENTRIES; i++)
        if (arch_iopte_present(entries[i]))
            broken = check_tables((pfn_t)(arch_iopte_address(entries[i]) >> PAGE_BITS));
    return broken;
}

const char *device_check(struct device *d)
{
    if (devices[d->function] != d || function_info(d->function)->state != DEVICE_OPEN)
        return "V1: a device is not the one that has its function";
    for (uint32_t i = 0; i < DEVICE_VECTORS; i++)
        if (!d->vectors[i].parent != !d->messages[i].address)
            return "V2: a message is set and not bound, or bound and not set";
    return check_tables(device_root(d));
}
