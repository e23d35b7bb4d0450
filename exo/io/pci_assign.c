/* Address ranges of PCI functions that no firmware has assigned, as on a machine that boots by
 * QEMU's qboot. */
#include "exo/base/print.h"
#include "exo/io/pci.h"

/* Between the configuration window and the interrupt controllers of a PC with a Q35 chipset; no
 * memory reaches up there. */
#define WINDOW_BASE_32 0xc0000000u
#define WINDOW_END_32  0xfec00000u

/* The end of what is assigned in the window already. */
static paddr_t first_free(void)
{
    struct pci_walk walk = {.next = 0};
    paddr_t end = WINDOW_BASE_32;

    while (pci_next(&walk))
        for (unsigned i = 0; i < PCI_RANGES; i += pci_range_is_wide(walk.function, i) ? 2 : 1) {
            struct pci_range r = pci_range(walk.function, i);
            if (r.base < WINDOW_END_32 && r.base + r.bytes > end)
                end = r.base + r.bytes;
        }
    return end;
}

/* The ranges of one function, from `next` on. Returns what follows them. */
static paddr_t assign(struct pci_function f, paddr_t next)
{
    for (unsigned i = 0; i < PCI_RANGES; i += pci_range_is_wide(f, i) ? 2 : 1) {
        uint64_t bytes = pci_range_bytes(f, i);
        paddr_t base = (next + bytes - 1) & ~(bytes - 1);
        if (bytes == 0 || pci_range(f, i).bytes != 0)
            continue;
        if (base + bytes > WINDOW_END_32) {
            print("exo4: no addresses for range %u of PCI function %x\n", i, f.address);
            continue;
        }
        pci_range_set(f, i, base);
        next = base + bytes;
    }
    return next;
}

/* Bridges and what is behind them stay as they are: without firmware their buses have no number. */
void pci_assign(void)
{
    struct pci_walk walk = {.next = 0};
    paddr_t next = first_free();

    while (pci_next(&walk))
        if ((pci_read8(walk.function, PCI_AT_HEADER) & PCI_HEADER_KIND) == 0)
            next = assign(walk.function, next);
}
