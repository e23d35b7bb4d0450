/* What the boot loader told. */
#pragma once

#include "exo/abi/types.h"

struct boot_info {
    const char *cmdline;   /* NUL-terminated; "" when none     */
    paddr_t archive_base;  /* bytes                            */
    paddr_t archive_bytes; /* 0: none                          */
    paddr_t rsdp;          /* ACPI root pointer; 0: none       */
};

/* Reads `start_info` into `*info`, and gives each range of usable memory above 1 MiB to `add`.
 * Panics when the structure is not what the loader's protocol says. */
void arch_boot_info(paddr_t start_info, struct boot_info *info,
                    void (*add)(paddr_t base, paddr_t bytes));

/* Physical memory that the kernel's image occupies: [*base, *base + *bytes). */
void arch_kernel_image(paddr_t *base, paddr_t *bytes);

/* Device memory that is there without being told of by a device table, [*base, *base + bytes), and
 * by which nobody reaches other memory: a display's. Returns `bytes`; 0: none. */
paddr_t arch_display_memory(paddr_t *base);

struct numa_range;

/* Writes at most `most` ranges of memory with the domain that the firmware's tables give each;
 * returns how many: 0 when there is no such table. */
unsigned arch_numa_ranges(paddr_t rsdp, struct numa_range *out, unsigned most);

/* The domain of the CPU with that number of its interrupt controller; 0 when nothing is told. */
uint32_t arch_numa_of_cpu(paddr_t rsdp, uint32_t apic_id);

/* The initial program, an ELF file inside the kernel's image. */
const uint8_t *arch_initial_program(size_t *bytes);
