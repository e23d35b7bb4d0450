/* Fake: PCI functions. */
#include "tests/host/fakes/function.h"

#include "exo/arch/mmu.h"
#include "exo/arch/upward.h"
#include "exo/base/assert.h"

struct fake_function fake_functions[FUNCTION_COUNT];
static struct device_info *table;

void function_init(void)
{
    table = arch_phys(boot_frames(1));
    for (uint32_t n = 0; n < FUNCTION_COUNT; n++)
        table[n] = (struct device_info){.function = (uint16_t)(n << 3),
                                        .state = n == FUNCTION_BRIDGE ? DEVICE_KERNEL : DEVICE_FREE,
                                        .vectors = n == FUNCTION_DEVICE ? FUNCTION_VECTORS : 0};
}

uint32_t function_count(void)
{
    return FUNCTION_COUNT;
}

struct device_info *function_info(uint32_t n)
{
    ASSERT(n < FUNCTION_COUNT);
    return &table[n];
}

uint32_t function_config(uint32_t n, unsigned offset)
{
    ASSERT(offset < 256 && offset % 4 == 0);
    return n << 16 | offset;
}

struct pci_range function_range(uint32_t n, unsigned bar)
{
    if (n == FUNCTION_DEVICE && bar == 0)
        return (struct pci_range){FUNCTION_BASE, FUNCTION_PAGES * PAGE_SIZE};
    if (n == FUNCTION_DEVICE && bar == FUNCTION_HALF)
        return (struct pci_range){FUNCTION_BASE + FUNCTION_PAGES * PAGE_SIZE, PAGE_SIZE / 2};
    return (struct pci_range){0};
}

bool function_holds_messages(uint32_t n, unsigned bar, uint64_t offset, uint64_t bytes)
{
    return n == FUNCTION_DEVICE && bar == 0 && offset + bytes > (FUNCTION_PAGES - 1) * PAGE_SIZE;
}

void function_wake(uint32_t n)
{
    fake_functions[n].awake = true;
}

void function_enable(uint32_t n)
{
    ASSERT(fake_functions[n].awake);
    fake_functions[n].enabled = true;
}

void function_message(uint32_t n, uint32_t vector, const struct arch_msi *m)
{
    ASSERT(vector < table[n].vectors);
    fake_functions[n].messages[vector] = m ? *m : (struct arch_msi){0};
}

void function_stop(uint32_t n)
{
    fake_functions[n].awake = fake_functions[n].enabled = false;
    fake_functions[n].stops++;
}
