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

/* The initial program, an ELF file inside the kernel's image. */
const uint8_t *arch_initial_program(size_t *bytes);
