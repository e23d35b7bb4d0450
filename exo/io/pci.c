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
#define AT_HEADER       0x0eu
#define AT_RANGE        0x10u
#define AT_BUSES        0x18u /* of a bridge: primary, secondary, subordinate */
#define AT_CAPABILITIES 0x34u

#define COMMAND_MEMORY (1u << 1)
#define COMMAND_MASTER (1u << 2)
#define COMMAND_NO_PIN (1u << 10)
#define STATUS_LIST    (1u << 4)
#define HEADER_MULTI   0x80u
#define HEADER_KIND    0x7fu
#define HEADER_BRIDGE  0x01u
#define RANGE_PORTS    1u
#define RANGE_KIND     6u
#define RANGE_64       4u
#define RANGE_FLAGS    0xfu
#define RANGES         6u
#define CAPABILITY_MAX 48u /* in 192 bytes, four each: more is a loop */
#define CAPABILITY_LOW 0x40u
#define DEVICES_ON_BUS 32u
#define FUNCTIONS      8u
#define BUSES          256u
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

bool pci_find(uint16_t vendor, const uint16_t *devices, unsigned count, struct pci_function *out)
{
    unsigned last_bus = 0; /* the highest that a bridge seen so far leads to */

    for (unsigned bus = 0; bus <= last_bus && bus < BUSES; bus++) {
        for (unsigned i = 0; i < DEVICES_ON_BUS * FUNCTIONS; i++) {
            struct pci_function f = {bus << 8 | i};

            if (pci_read16(f, AT_VENDOR) == NO_FUNCTION) {
                if (i % FUNCTIONS == 0)
                    i += FUNCTIONS - 1; /* no function 0: no device */
                continue;
            }
            if (is_wanted(f, vendor, devices, count)) {
                *out = f;
                return true;
            }
            uint8_t header = pci_read8(f, AT_HEADER);
            uint8_t behind = pci_read8(f, AT_BUSES + 2);
            if ((header & HEADER_KIND) == HEADER_BRIDGE && behind > last_bus)
                last_bus = behind;
            if (i % FUNCTIONS == 0 && !(header & HEADER_MULTI))
                i += FUNCTIONS - 1;
        }
    }
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

struct pci_range pci_range(struct pci_function f, unsigned index)
{
    ASSERT(index < RANGES);

    unsigned at = AT_RANGE + index * 4;
    uint32_t low = pci_read32(f, at);
    bool wide = (low & RANGE_KIND) == RANGE_64;
    if ((low & RANGE_PORTS) || (wide && index + 1 >= RANGES))
        return (struct pci_range){0, 0};

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

    paddr_t base = (paddr_t)high << 32 | (low & ~RANGE_FLAGS);
    if (base == 0 || (uint32_t)mask == 0)
        return (struct pci_range){0, 0};
    return (struct pci_range){base, ~mask + 1};
}

void pci_enable(struct pci_function f)
{
    uint16_t command = pci_read16(f, AT_COMMAND);

    pci_write16(f, AT_COMMAND,
                (uint16_t)(command | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_PIN));
}

void pci_silence(struct pci_function f)
{
    uint16_t command = pci_read16(f, AT_COMMAND);

    pci_write16(f, AT_COMMAND, (uint16_t)(command & ~COMMAND_MASTER));
    pci_read16(f, AT_COMMAND); /* its answer comes behind what it had on the way */
}
