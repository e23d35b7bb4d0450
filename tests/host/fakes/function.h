/* Fake: PCI functions, and what the kernel did to them. */
#pragma once

#include "exo/arch/irq.h"
#include "exo/io/function.h"

/* By number: a bridge that the kernel keeps; a device with registers of FUNCTION_PAGES pages, its
 * MSI-X table in the last of them, a range of half a page, and FUNCTION_VECTORS messages; one with
 * neither. */
enum { FUNCTION_BRIDGE, FUNCTION_DEVICE, FUNCTION_PLAIN, FUNCTION_COUNT };
#define FUNCTION_PAGES   16u
#define FUNCTION_VECTORS 3u
#define FUNCTION_BASE    ((paddr_t)0xfebf0000)
#define FUNCTION_HALF    1u /* the range of half a page */

struct fake_function {
    bool awake, enabled;
    unsigned stops;
    struct arch_msi messages[FUNCTION_VECTORS]; /* address 0: silenced */
};
extern struct fake_function fake_functions[FUNCTION_COUNT];
