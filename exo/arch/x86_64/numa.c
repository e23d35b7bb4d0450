/* Which memory is near which CPUs, as the firmware tells. ACPI 6.4, "System Resource Affinity
 * Table". */
#include "exo/abi/kinfo.h"
#include "exo/abi/syscall.h"
#include "exo/arch/boot.h"
#include "exo/arch/x86_64/acpi.h"
#include "exo/base/string.h"

#define RECORDS 48u /* the first record */

/* Records, as types and lengths; each is enabled by bit 0 of its flags. */
enum { CPU_AFFINITY, MEMORY_AFFINITY, X2APIC_AFFINITY };
#define CPU_BYTES    16u
#define MEMORY_BYTES 40u
#define X2APIC_BYTES 24u

static uint32_t word_at(const uint8_t *p)
{
    uint32_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

/* The record of that type and length behind `at`, an offset, which follows it; NULL: no more. */
static const uint8_t *record_next(const uint8_t *srat, uint32_t bytes, uint32_t *at, unsigned type,
                                  unsigned length)
{
    while (srat && *at + 2 <= bytes && srat[*at + 1] >= 2 && *at + srat[*at + 1] <= bytes) {
        const uint8_t *r = srat + *at;
        *at += r[1];
        if (r[0] == type && r[1] >= length)
            return r;
    }
    return NULL;
}

unsigned arch_numa_ranges(paddr_t rsdp, struct numa_range *out, unsigned most)
{
    uint32_t bytes, at = RECORDS;
    const uint8_t *srat = acpi_table(rsdp, "SRAT", &bytes), *r;
    unsigned count = 0;

    while (count < most && (r = record_next(srat, bytes, &at, MEMORY_AFFINITY, MEMORY_BYTES))) {
        paddr_t base, length;
        memcpy(&base, r + 8, sizeof base);
        memcpy(&length, r + 16, sizeof length);
        paddr_t first = (base + PAGE_SIZE - 1) >> PAGE_BITS, end = (base + length) >> PAGE_BITS;
        if (!(word_at(r + 28) & 1) || base + length < base || first >= end || end > PFN_ANY)
            continue;
        out[count++] = (struct numa_range){(pfn_t)first, (uint32_t)(end - first), word_at(r + 2)};
    }
    return count;
}

uint32_t arch_numa_of_cpu(paddr_t rsdp, uint32_t apic_id)
{
    uint32_t bytes, at = RECORDS;
    const uint8_t *srat = acpi_table(rsdp, "SRAT", &bytes), *r;

    while ((r = record_next(srat, bytes, &at, CPU_AFFINITY, CPU_BYTES)))
        if ((word_at(r + 4) & 1) && r[3] == apic_id)
            return r[2] | (word_at(r + 8) & 0xffffff00u);
    at = RECORDS;
    while ((r = record_next(srat, bytes, &at, X2APIC_AFFINITY, X2APIC_BYTES)))
        if ((word_at(r + 12) & 1) && word_at(r + 8) == apic_id)
            return word_at(r + 4);
    return 0;
}
