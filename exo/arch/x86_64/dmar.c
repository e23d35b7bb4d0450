/* Reading the firmware's "DMA Remapping Reporting" table. Intel VT-d, "BIOS Considerations". */
#include "exo/arch/x86_64/dmar.h"

#include "exo/arch/x86_64/acpi.h"
#include "exo/base/string.h"

#define AT_FLAGS        37u
#define FLAG_REMAPS     0x01u /* of the table: interrupts too */
#define AT_STRUCTURES   48u
#define UNIT            0u /* a kind of structure */
#define UNIT_AT_FLAGS   4u
#define UNIT_FLAG_ALL   0x01u /* it serves all functions of its segment */
#define UNIT_AT_SEGMENT 6u
#define UNIT_AT_BASE    8u
#define UNIT_AT_SCOPES  16u
#define SCOPE_FUNCTION  1u
#define SCOPE_IO_APIC   3u
#define SCOPE_AT_BUS    5u
#define SCOPE_AT_PATH   6u
#define SCOPE_ONE_STEP  8u /* bytes of a scope whose path is one device and function */

static uint16_t word_at(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* Notes what a scope of a unit names, if that is one function by a path of one step. */
static void read_scope(const uint8_t *scope, struct dmar *out)
{
    unsigned at = scope[SCOPE_AT_PATH] << 3 | (scope[SCOPE_AT_PATH + 1] & 7);
    unsigned bus = scope[SCOPE_AT_BUS];

    if (scope[1] != SCOPE_ONE_STEP)
        return;
    if (scope[0] == SCOPE_IO_APIC)
        out->io_apic = (uint16_t)(bus << 8 | at);
    if (scope[0] == SCOPE_FUNCTION && bus == 0 && at < 256)
        out->served[at / 8] |= (uint8_t)(1u << at % 8);
}

static const char *read_unit(const uint8_t *unit, uint32_t bytes, struct dmar *out)
{
    if (out->base)
        return "there is more than one";
    if (bytes < UNIT_AT_SCOPES || word_at(unit + UNIT_AT_SEGMENT) != 0)
        return "it serves other devices";
    memcpy(&out->base, unit + UNIT_AT_BASE, sizeof out->base);
    if (unit[UNIT_AT_FLAGS] & UNIT_FLAG_ALL)
        memset(out->served, 0xff, sizeof out->served);
    for (uint32_t at = UNIT_AT_SCOPES; at + SCOPE_ONE_STEP <= bytes && unit[at + 1] > 1;
         at += unit[at + 1])
        read_scope(unit + at, out);
    return out->io_apic ? NULL : "it does not know the I/O APIC";
}

bool dmar_read(paddr_t rsdp, struct dmar *out)
{
    uint32_t bytes = 0;
    const uint8_t *table = acpi_table(rsdp, "DMAR", &bytes);

    *out = (struct dmar){0};
    if (!table || bytes < AT_STRUCTURES)
        return false;
    if (!(table[AT_FLAGS] & FLAG_REMAPS))
        out->unusable = "the firmware forbids interrupt remapping";
    for (uint32_t at = AT_STRUCTURES; at + 4 <= bytes && !out->unusable;) {
        uint32_t length = word_at(table + at + 2);
        if (length < 4 || length > bytes - at)
            break;
        if (word_at(table + at) == UNIT)
            out->unusable = read_unit(table + at, length, out);
        at += length;
    }
    if (!out->base && !out->unusable)
        out->unusable = "the firmware names no unit";
    return true;
}
