/* PCI configuration space by the two ports of configuration mechanism 1. */
#include "exo/io/pci.h"

#include "exo/arch/io.h"
#include "exo/base/assert.h"

/* PCI Local Bus Specification 3.0, "Configuration Space". */
#define PORT_ADDRESS 0xcf8u
#define PORT_DATA    0xcfcu
#define ENABLE       0x80000000u

#define AT_VENDOR       0x00u
#define AT_COMMAND      0x04u
#define AT_STATUS       0x06u
#define AT_RANGE        0x10u
#define AT_BUSES        0x18u /* of a bridge: primary, secondary, subordinate */
#define AT_CAPABILITIES 0x34u

#define COMMAND_MEMORY (1u << 1)
#define COMMAND_MASTER (1u << 2)
#define COMMAND_NO_PIN (1u << 10)
#define STATUS_LIST    (1u << 4)
#define HEADER_MULTI   0x80u
#define HEADER_BRIDGE  0x01u
#define RANGE_PORTS    1u
#define RANGE_KIND     6u
#define RANGE_64       4u
#define RANGE_FLAGS    0xfu
#define CAPABILITY_MAX 48u /* in 192 bytes, four each: more is a loop */
#define CAPABILITY_LOW 0x40u
#define FUNCTIONS      8u
#define NO_FUNCTION    0xffffu

static void select_word(struct pci_function f, unsigned offset)
{
    ASSERT(offset < 256 && offset % 4 == 0);
    arch_port_out32(PORT_ADDRESS, ENABLE | f.address << 8 | offset);
}

uint32_t pci_read32(struct pci_function f, unsigned offset)
{
    select_word(f, offset);
    return arch_port_in32(PORT_DATA);
}

void pci_write32(struct pci_function f, unsigned offset, uint32_t value)
{
    select_word(f, offset);
    arch_port_out32(PORT_DATA, value);
}

uint16_t pci_read16(struct pci_function f, unsigned offset)
{
    return (uint16_t)(pci_read32(f, offset & ~3u) >> (offset & 2u) * 8);
}

uint8_t pci_read8(struct pci_function f, unsigned offset)
{
    return (uint8_t)(pci_read32(f, offset & ~3u) >> (offset & 3u) * 8);
}

/* By a 16-bit access: writing the other half back could clear status bits. */
void pci_write16(struct pci_function f, unsigned offset, uint16_t value)
{
    select_word(f, offset & ~3u);
    arch_port_out16((uint16_t)(PORT_DATA + (offset & 2u)), value);
}

static bool is_wanted(struct pci_function f, uint16_t vendor, const uint16_t *devices,
                      unsigned count)
{
    uint32_t identity = pci_read32(f, AT_VENDOR);

    if ((identity & 0xffffu) != vendor)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (identity >> 16 == devices[i])
            return true;
    return false;
}

bool pci_next(struct pci_walk *w)
{
    for (uint32_t at = w->next; at >> 8 <= w->last_bus; at++) {
        struct pci_function f = {at};
        bool first = at % FUNCTIONS == 0;

        if (pci_read16(f, AT_VENDOR) == NO_FUNCTION) {
            at += first ? FUNCTIONS - 1 : 0; /* no function 0: no device */
            continue;
        }
        uint8_t header = pci_read8(f, PCI_AT_HEADER);
        uint8_t behind = pci_read8(f, AT_BUSES + 2);
        if ((header & PCI_HEADER_KIND) == HEADER_BRIDGE && behind > w->last_bus)
            w->last_bus = behind;
        w->next = first && !(header & HEADER_MULTI) ? at + FUNCTIONS : at + 1;
        w->function = f;
        return true;
    }
    return false;
}

bool pci_find(struct pci_walk *w, uint16_t vendor, const uint16_t *devices, unsigned count)
{
    while (pci_next(w))
        if (is_wanted(w->function, vendor, devices, count))
            return true;
    return false;
}

static struct pci_function kept[PCI_KEPT_MAX];
static unsigned kept_count;

void pci_keep(struct pci_function f)
{
    ASSERT(kept_count < PCI_KEPT_MAX);
    kept[kept_count++] = f;
}

bool pci_is_kept(struct pci_function f)
{
    for (unsigned i = 0; i < kept_count; i++)
        if (kept[i].address == f.address)
            return true;
    return false;
}

unsigned pci_capability(struct pci_function f, uint8_t id, unsigned after)
{
    if (!(pci_read16(f, AT_STATUS) & STATUS_LIST))
        return 0;

    bool behind = after == 0;
    unsigned at = pci_read8(f, AT_CAPABILITIES) & ~3u;
    for (unsigned i = 0; i < CAPABILITY_MAX && at >= CAPABILITY_LOW; i++) {
        if (behind && pci_read8(f, at) == id)
            return at;
        behind |= at == after;
        at = pci_read8(f, at + 1) & ~3u;
    }
    return 0;
}

uint64_t pci_range_bytes(struct pci_function f, unsigned index)
{
    ASSERT(index < PCI_RANGES);

    unsigned at = AT_RANGE + index * 4;
    uint32_t low = pci_read32(f, at);
    bool wide = pci_range_is_wide(f, index);
    if ((low & RANGE_PORTS) || (wide && index + 1 >= PCI_RANGES))
        return 0;

    uint32_t high = wide ? pci_read32(f, at + 4) : 0;
    uint16_t command = pci_read16(f, AT_COMMAND);
    pci_write16(f, AT_COMMAND, (uint16_t)(command & ~COMMAND_MEMORY));
    pci_write32(f, at, ~0u);
    uint64_t mask = 0xffffffff00000000u | (pci_read32(f, at) & ~RANGE_FLAGS);
    pci_write32(f, at, low);
    if (wide) {
        pci_write32(f, at + 4, ~0u);
        mask = (uint64_t)pci_read32(f, at + 4) << 32 | (uint32_t)mask;
        pci_write32(f, at + 4, high);
    }
    pci_write16(f, AT_COMMAND, command);
    return (uint32_t)mask ? ~mask + 1 : 0;
}

struct pci_range pci_range(struct pci_function f, unsigned index)
{
    uint64_t bytes = pci_range_bytes(f, index);
    unsigned at = AT_RANGE + index * 4;
    paddr_t base = pci_read32(f, at) & ~RANGE_FLAGS;

    if (bytes && pci_range_is_wide(f, index))
        base |= (paddr_t)pci_read32(f, at + 4) << 32;
    return base && bytes ? (struct pci_range){base, bytes} : (struct pci_range){0, 0};
}

void pci_range_set(struct pci_function f, unsigned index, paddr_t base)
{
    unsigned at = AT_RANGE + index * 4;

    pci_write32(f, at, (uint32_t)base | (pci_read32(f, at) & RANGE_FLAGS));
    if (pci_range_is_wide(f, index))
        pci_write32(f, at + 4, (uint32_t)(base >> 32));
}

bool pci_range_is_wide(struct pci_function f, unsigned index)
{
    uint32_t low = pci_read32(f, AT_RANGE + index * 4);

    return !(low & RANGE_PORTS) && (low & RANGE_KIND) == RANGE_64;
}

static void set_command(struct pci_function f, uint16_t bits)
{
    pci_write16(f, AT_COMMAND, (uint16_t)(pci_read16(f, AT_COMMAND) | bits));
}

void pci_enable(struct pci_function f)
{
    set_command(f, COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_PIN);
}

void pci_wake(struct pci_function f)
{
    set_command(f, COMMAND_MEMORY | COMMAND_NO_PIN);
}

void pci_silence(struct pci_function f)
{
    uint16_t command = pci_read16(f, AT_COMMAND);

    pci_write16(f, AT_COMMAND, (uint16_t)(command & ~COMMAND_MASTER));
    pci_read16(f, AT_COMMAND); /* its answer comes behind what it had on the way */
}
