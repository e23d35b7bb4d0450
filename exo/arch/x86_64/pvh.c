/* What the loader told: the start info of Xen's "x86/HVM direct boot ABI", as QEMU fills it. */
#include "exo/arch/boot.h"

#include "exo/arch/mmu.h"
#include "exo/base/assert.h"

#define PVH_MAGIC      0x336ec578u
#define MEMORY_USABLE  1u
#define LOW_MEMORY_END 0x100000u

struct pvh_start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, cmdline, rsdp;
    uint64_t map; /* version 1 and later */
    uint32_t map_count, reserved;
};

struct pvh_module {
    uint64_t base, bytes, cmdline, reserved;
};

struct pvh_range {
    uint64_t base, bytes;
    uint32_t type, reserved;
};

extern const uint8_t sigma0_begin[], sigma0_end[];
extern char kernel_end[];

void arch_boot_info(paddr_t start_info, struct boot_info *info,
                    void (*add)(paddr_t base, paddr_t bytes))
{
    const struct pvh_start_info *s = arch_phys(start_info);

    if (s->magic != PVH_MAGIC || s->version < 1)
        panic(__FILE__, __LINE__, "not started by the PVH protocol, version 1 or later");
    *info = (struct boot_info){.cmdline = s->cmdline ? arch_phys(s->cmdline) : "", .rsdp = s->rsdp};
    if (s->module_count) {
        const struct pvh_module *m = arch_phys(s->modules);
        info->archive_base = m->base;
        info->archive_bytes = m->bytes;
    }
    const struct pvh_range *map = arch_phys(s->map);
    for (uint32_t i = 0; i < s->map_count; i++)
        if (map[i].type == MEMORY_USABLE && map[i].base >= LOW_MEMORY_END)
            add(map[i].base, map[i].bytes);
}

void arch_kernel_image(paddr_t *base, paddr_t *bytes)
{
    *base = LOW_MEMORY_END;
    *bytes = arch_phys_of(kernel_end) - LOW_MEMORY_END;
}

paddr_t arch_display_memory(paddr_t *base)
{
    *base = 0xa0000;
    return 0x20000;
}

const uint8_t *arch_initial_program(size_t *bytes)
{
    *bytes = (size_t)(sigma0_end - sigma0_begin);
    return sigma0_begin;
}
