/* The device table, and the part of a dedicated function that stays the kernel's. */
#include "exo/io/function.h"

#include "exo/abi/kinfo.h"
#include "exo/arch/io.h"
#include "exo/arch/iommu.h"
#include "exo/arch/irq.h"
#include "exo/arch/mmu.h"
#include "exo/arch/upward.h"
#include "exo/base/assert.h"
#include "exo/io/msix.h"
#include "exo/io/virtio.h"
#include "exo/mem/frame.h"

#define TABLE_BYTES (DEVICE_MAX * sizeof(struct device_info))
_Static_assert(TABLE_BYTES % PAGE_SIZE == 0, "the table fills pages");

/* Classes of what the machine needs as it is. */
#define CLASS_BRIDGE 0x06u
#define CLASS_SYSTEM 0x08u
#define CLASS_SMBUS  0x0c05u

struct function {
    struct pci_function pci;
    struct pci_range ranges[DEVICE_BARS];
    struct msix msix;
    volatile uint8_t *virtio_status; /* NULL: no virtio device */
};

static struct function functions[DEVICE_MAX];
static struct device_info *table; /* [DEVICE_MAX] */
static uint32_t count;

uint32_t function_count(void)
{
    return count;
}

struct device_info *function_info(uint32_t n)
{
    ASSERT(n < count);
    return &table[n];
}

uint32_t function_config(uint32_t n, unsigned offset)
{
    return pci_read32(functions[n].pci, offset);
}

struct pci_range function_range(uint32_t n, unsigned bar)
{
    return functions[n].ranges[bar];
}

bool function_holds_messages(uint32_t n, unsigned bar, uint64_t offset, uint64_t bytes)
{
    return msix_touches(&functions[n].msix, bar, offset, bytes);
}

void function_wake(uint32_t n)
{
    pci_wake(functions[n].pci);
    msix_begin(&functions[n].msix);
}

void function_enable(uint32_t n)
{
    pci_enable(functions[n].pci);
}

void function_message(uint32_t n, uint32_t vector, const struct arch_msi *m)
{
    ASSERT(vector < table[n].vectors);
    msix_set(&functions[n].msix, vector, m);
}

void function_stop(uint32_t n)
{
    struct function *f = &functions[n];

    msix_end(&f->msix);
    if (f->virtio_status)
        virtio_stop(f->virtio_status);
    pci_silence(f->pci);
}

/* May the function be given away? Those behind bridges share requester numbers. */
static bool is_free(struct pci_function f, uint32_t class)
{
    bool ordinary = (pci_read8(f, PCI_AT_HEADER) & PCI_HEADER_KIND) == 0;
    bool needed =
        class >> 16 == CLASS_BRIDGE || class >> 16 == CLASS_SYSTEM || class >> 8 == CLASS_SMBUS;

    return ordinary && !needed && f.address < 256 && arch_iommu_serves((uint16_t)f.address) &&
           !pci_is_kept(f);
}

/* Is the range where no memory is? */
static bool is_apart(const struct pci_range *r)
{
    for (paddr_t at = r->base & ~(PAGE_SIZE - 1); at < r->base + r->bytes; at += PAGE_SIZE)
        if (at >> PAGE_BITS < frame_count() &&
            frame_of((pfn_t)(at >> PAGE_BITS))->type != FRAME_ABSENT)
            return false;
    return true;
}

/* What is needed to give it away. */
static void prepare(struct function *f, struct device_info *info)
{
    pci_wake(f->pci);
    for (unsigned i = 0; i < DEVICE_BARS; i++) {
        struct pci_range range = pci_range(f->pci, i);
        if (range.bytes && is_apart(&range)) {
            f->ranges[i] = range;
            info->bar_bytes[i] = range.bytes;
        }
        if (pci_range_is_wide(f->pci, i))
            i++;
    }
    msix_find(&f->msix, f->pci);
    info->vectors = (uint16_t)f->msix.count;
    f->virtio_status = virtio_find_status(f->pci);
    info->state = DEVICE_FREE;
    msix_end(&f->msix);
    pci_silence(f->pci);
}

void function_init(void)
{
    struct pci_walk walk = {0};
    paddr_t frames = boot_frames(TABLE_BYTES / PAGE_SIZE);

    table = arch_phys(frames);
    arch_window_map(WINDOW_DEVICES, frames, TABLE_BYTES, RIGHT_READ);
    for (; count < DEVICE_MAX && pci_next(&walk); count++) {
        uint32_t identity = pci_read32(walk.function, PCI_AT_IDENTITY);
        struct device_info *info = &table[count];
        functions[count].pci = walk.function;
        *info = (struct device_info){.function = (uint16_t)walk.function.address,
                                     .vendor = (uint16_t)identity,
                                     .device = (uint16_t)(identity >> 16),
                                     .class = pci_read32(walk.function, PCI_AT_CLASS) >> 8,
                                     .state = DEVICE_KERNEL};
        if (is_free(walk.function, info->class))
            prepare(&functions[count], info);
    }
}
