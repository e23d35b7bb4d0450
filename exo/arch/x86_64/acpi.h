/* The firmware's tables. ACPI 6.4, "ACPI Software Programming Model". */
#pragma once

#include "exo/abi/types.h"

#define ACPI_HEADER 36u /* bytes in front of what a table says */

/* The table with this signature (four letters), and its length; or NULL. `rsdp` is the physical
 * address of the root pointer; 0: there is none. */
const uint8_t *acpi_table(paddr_t rsdp, const char *signature, uint32_t *bytes);
