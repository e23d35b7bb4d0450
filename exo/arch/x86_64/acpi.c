/* Finding the firmware's tables. */
#include "exo/arch/x86_64/acpi.h"

#include "exo/arch/mmu.h"
#include "exo/base/string.h"

#define TABLE_BYTES   (1u << 20) /* a longer one is not believed */
#define MEMORY_MAPPED ((paddr_t)64 << 30)

/* A table's bytes, or NULL when its address or length is absurd. */
static const uint8_t *table_at(paddr_t pa, uint32_t *bytes)
{
    if (pa == 0 || pa > MEMORY_MAPPED - TABLE_BYTES)
        return NULL;
    const uint8_t *t = arch_phys(pa);
    memcpy(bytes, t + 4, 4);
    return *bytes >= ACPI_HEADER && *bytes <= TABLE_BYTES ? t : NULL;
}

const uint8_t *acpi_table(paddr_t rsdp, const char *signature, uint32_t *bytes)
{
    if (rsdp == 0 || rsdp >= MEMORY_MAPPED)
        return NULL;
    const uint8_t *root_pointer = arch_phys(rsdp);
    bool wide = root_pointer[15] >= 2;
    unsigned width = wide ? 8 : 4;
    paddr_t at = 0;
    uint32_t length;

    memcpy(&at, root_pointer + (wide ? 24 : 16), width);
    const uint8_t *root = table_at(at, &length);
    for (uint32_t i = ACPI_HEADER; root && i + width <= length; i += width) {
        at = 0;
        memcpy(&at, root + i, width);
        const uint8_t *t = table_at(at, bytes);
        if (t && memcmp(t, signature, 4) == 0)
            return t;
    }
    return NULL;
}
