/*
 * A display's memory, divided among programs. Who owns the display sets its mode and cuts its
 * memory into bands of whole rows. A band is a capability for those pages of the display
 * (CAP_WINDOW): who has it draws there and nowhere else, without asking the owner or the kernel,
 * until it is taken back. Of displays QEMU's bochs-display is known.
 */
#pragma once

#include "libos/device.h"

/* A row is one page, so that a band may begin at any. */
#define FRAMEBUFFER_WIDTH    1024u /* pixels, each a word 0x00RRGGBB                        */
#define FRAMEBUFFER_ROWS_MAX 2048u

struct framebuffer {
    struct device device;
    slot_t window; /* CAP_WINDOW: all rows that are shown */
    pfn_t first;   /* page of row 0                       */
    uint32_t rows;
};

/* Takes the display into this program's hands and shows FRAMEBUFFER_WIDTH times `rows` pixels.
 * BAD_ARG: no rows, or more than FRAMEBUFFER_ROWS_MAX or the display's memory. NO_DEVICE: there is
 * no such display, or no IOMMU that would confine it. NO_MEM; errors of device_open and
 * device_window. After an error nothing is left. */
enum err framebuffer_open(struct framebuffer *f, slot_t pci, uint32_t rows);

/* Gives it back. All bands are gone. */
void framebuffer_close(struct framebuffer *f);

/* Cuts out rows [row, row + rows): a capability that others get copies of. slot_delete() takes it
 * back from all of them. BAD_ARG: not all are shown, or there are none. NO_MEM. */
enum err framebuffer_band(const struct framebuffer *f, uint32_t row, uint32_t rows, slot_t *band);

/* A band as its holder sees it: row 0 is its own first one. */
struct band {
    vaddr_t va;
    uint32_t rows;
};

struct rectangle {
    uint32_t x, y, width, height;
};

/* Shows the band in `slot` in this address space. BAD_CAP: it holds none. Errors of vm_map_frames
 * and vm_populate. */
enum err band_open(struct band *b, slot_t slot);
void band_close(struct band *b);

/* The pixel at (x, y). Pre: it is in the band. */
static inline volatile uint32_t *band_pixel(const struct band *b, uint32_t x, uint32_t y)
{
    return (volatile uint32_t *)b->va + (uint64_t)y * FRAMEBUFFER_WIDTH + x;
}

/* Fills what of the rectangle lies in the band. */
void band_fill(const struct band *b, const struct rectangle *where, uint32_t colour);
