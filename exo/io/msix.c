/* Setting and silencing the messages of a PCI function. */
#include "exo/io/msix.h"

#include "exo/abi/device.h"
#include "exo/arch/io.h"
#include "exo/arch/irq.h"

#define CONTROL       2u
#define X_COUNT       0x7ffu /* of the control word: entries less one */
#define X_MASK_ALL    0x4000u
#define X_ENABLE      0x8000u
#define X_TABLE       4u
#define X_PENDING     8u
#define X_BAR         7u
#define X_ENTRY_WORDS 4u
#define X_MASK        1u /* of an entry's last word */

#define ENABLE       1u
#define COUNT_CHOSEN 0x70u /* how many of its messages are used, as a power of two */
#define WIDE         0x80u
#define ADDRESS      4u
#define ADDRESS_HIGH 8u
#define DATA         8u
#define DATA_WIDE    12u

static uint16_t control(const struct msix *m)
{
    return pci_read16(m->function, m->at + CONTROL);
}

static void set_control(const struct msix *m, unsigned value)
{
    pci_write16(m->function, m->at + CONTROL, (uint16_t)value);
}

static struct msix_part part_at(const struct msix *m, unsigned at, uint64_t bytes)
{
    uint32_t word = pci_read32(m->function, m->at + at);

    return (struct msix_part){word & X_BAR, word & ~X_BAR, bytes};
}

static void find_table(struct msix *m)
{
    uint32_t entries = (control(m) & X_COUNT) + 1;

    m->table = part_at(m, X_TABLE, entries * X_ENTRY_WORDS * sizeof(uint32_t));
    m->pending = part_at(m, X_PENDING, (entries + 63) / 64 * sizeof(uint64_t));
    if (m->table.bar >= DEVICE_BARS)
        return;
    struct pci_range range = pci_range(m->function, m->table.bar);
    if (m->table.offset > range.bytes || m->table.bytes > range.bytes - m->table.offset)
        return;
    m->count = entries < DEVICE_VECTORS ? entries : DEVICE_VECTORS;
    m->entries =
        arch_map_device(range.base + m->table.offset, m->count * X_ENTRY_WORDS * sizeof(uint32_t));
}

void msix_find(struct msix *m, struct pci_function f)
{
    *m = (struct msix){.function = f, .at = pci_capability(f, PCI_CAP_MSIX, 0)};
    if (m->at) {
        find_table(m);
        return;
    }
    m->at = pci_capability(f, PCI_CAP_MSI, 0);
    m->count = m->at ? 1 : 0;
}

static bool overlaps(const struct msix_part *p, unsigned bar, uint64_t offset, uint64_t bytes)
{
    return p->bytes && p->bar == bar && p->offset < offset + bytes && offset < p->offset + p->bytes;
}

bool msix_touches(const struct msix *m, unsigned bar, uint64_t offset, uint64_t bytes)
{
    return overlaps(&m->table, bar, offset, bytes) || overlaps(&m->pending, bar, offset, bytes);
}

void msix_begin(struct msix *m)
{
    for (uint32_t i = 0; m->entries && i < m->count; i++)
        msix_set(m, i, NULL);
    if (m->entries)
        set_control(m, (control(m) | X_ENABLE) & ~X_MASK_ALL);
}

static void set_entry(volatile uint32_t *entry, const struct arch_msi *message)
{
    entry[3] = X_MASK;
    if (!message)
        return;
    entry[0] = (uint32_t)message->address;
    entry[1] = (uint32_t)(message->address >> 32);
    entry[2] = message->data;
    entry[3] = 0;
}

void msix_set(struct msix *m, uint32_t vector, const struct arch_msi *message)
{
    if (m->entries) {
        set_entry(m->entries + X_ENTRY_WORDS * vector, message);
        return;
    }
    unsigned off = control(m) & ~(ENABLE | COUNT_CHOSEN);
    set_control(m, off);
    if (!message)
        return;
    pci_write32(m->function, m->at + ADDRESS, (uint32_t)message->address);
    if (off & WIDE)
        pci_write32(m->function, m->at + ADDRESS_HIGH, (uint32_t)(message->address >> 32));
    pci_write16(m->function, m->at + (off & WIDE ? DATA_WIDE : DATA), (uint16_t)message->data);
    set_control(m, off | ENABLE);
}

void msix_end(struct msix *m)
{
    if (m->at)
        set_control(m, control(m) & ~(m->table.bytes ? X_ENABLE : ENABLE));
}
