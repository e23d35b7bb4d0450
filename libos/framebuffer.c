/* A display of one's own and its bands; the registers are those of Bochs' VBE extensions, in
 * memory. */
#include "libos/framebuffer.h"

#include "libos/call.h"
#include "libos/mmio.h"
#include "libos/slots.h"
#include "libos/vm.h"

#define VENDOR 0x1234u
#define DEVICE 0x1111u

#define BAR_MEMORY    0u
#define BAR_REGISTERS 2u
#define AT_VBE        0x500u /* 16-bit registers, by number */
#define VBE_COUNT     16u

enum vbe { VBE_WIDTH = 1, VBE_HEIGHT, VBE_BITS, VBE_ENABLE, VBE_BANK, VBE_LINE, VBE_X = 8, VBE_Y };

#define ENABLE_LINEAR 0x41u
#define PIXEL_BITS    32u

_Static_assert(FRAMEBUFFER_WIDTH *PIXEL_BITS / 8 == PAGE_SIZE, "a row is one page");

static void put(volatile uint8_t *vbe, enum vbe number, unsigned value)
{
    mmio_put16(vbe + 2 * number, (uint16_t)value);
}

/* The display is off while its mode changes. */
static void set_mode(volatile uint8_t *vbe, uint32_t rows)
{
    put(vbe, VBE_ENABLE, 0);
    put(vbe, VBE_WIDTH, FRAMEBUFFER_WIDTH);
    put(vbe, VBE_HEIGHT, rows);
    put(vbe, VBE_BITS, PIXEL_BITS);
    put(vbe, VBE_LINE, FRAMEBUFFER_WIDTH);
    put(vbe, VBE_X, 0);
    put(vbe, VBE_Y, 0);
    put(vbe, VBE_ENABLE, ENABLE_LINEAR);
}

static enum err make_window(struct framebuffer *f, uint32_t rows)
{
    word_t first = 0;
    enum err e = slot_take(&f->window);

    if (e) {
        f->window = SLOT_NONE;
        return e;
    }
    e = exo_device_window_get(f->device.slot, BAR_MEMORY, 0, rows, f->window, &first);
    if (e) {
        slot_give(f->window);
        f->window = SLOT_NONE;
    }
    f->first = (pfn_t)first;
    f->rows = rows;
    return e;
}

enum err framebuffer_open(struct framebuffer *f, slot_t pci, uint32_t rows)
{
    volatile uint8_t *vbe = NULL;
    uint32_t function;

    *f = (struct framebuffer){.window = SLOT_NONE};
    if (rows == 0 || rows > FRAMEBUFFER_ROWS_MAX)
        return ERR_BAD_ARG;
    enum err e = device_find(VENDOR, DEVICE, 0, &function);
    if (e == ERR_OK)
        e = device_open(&f->device, pci, function);
    if (e)
        return e;
    e = device_show(&f->device, BAR_REGISTERS, AT_VBE, 2 * VBE_COUNT, &vbe);
    if (e == ERR_OK)
        e = make_window(f, rows);
    if (e == ERR_OK)
        set_mode(vbe, rows);
    else
        framebuffer_close(f);
    return e;
}

void framebuffer_close(struct framebuffer *f)
{
    if (f->window)
        slot_delete(f->window);
    device_close(&f->device);
    *f = (struct framebuffer){.window = SLOT_NONE};
}

enum err framebuffer_band(const struct framebuffer *f, uint32_t row, uint32_t rows, slot_t *band)
{
    if (rows == 0 || row > f->rows || rows > f->rows - row)
        return ERR_BAD_ARG;
    enum err e = slot_take(band);
    if (e)
        return e;
    e = exo_cap_copy(SLOT_ENV, *band, f->window, RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT,
                     f->first + row, rows);
    if (e)
        slot_give(*band);
    return e;
}

enum err band_open(struct band *b, slot_t slot)
{
    const volatile struct cap *c = slot_cap(slot);
    vaddr_t va = 0;

    *b = (struct band){.va = 0};
    if (!c || c->kind != CAP_WINDOW)
        return ERR_BAD_CAP;
    const uint32_t rows = c->count;
    enum err e = vm_map_frames(slot, c->base, rows, &va, RIGHT_READ | RIGHT_WRITE);
    if (e)
        return e;
    *b = (struct band){.va = va, .rows = rows};
    e = vm_populate(va, rows * PAGE_SIZE);
    if (e)
        band_close(b);
    return e;
}

void band_close(struct band *b)
{
    if (b->va)
        vm_unmap(b->va, b->rows * PAGE_SIZE);
    *b = (struct band){.va = 0};
}

/* Where [first, first + count) ends, cut at `end`. */
static uint32_t cut(uint32_t first, uint32_t count, uint32_t end)
{
    return first >= end ? first : count < end - first ? first + count : end;
}

void band_fill(const struct band *b, const struct rectangle *where, uint32_t colour)
{
    const uint32_t right = cut(where->x, where->width, FRAMEBUFFER_WIDTH);
    const uint32_t bottom = cut(where->y, where->height, b->rows);

    for (uint32_t y = where->y; y < bottom; y++)
        for (uint32_t x = where->x; x < right; x++)
            *band_pixel(b, x, y) = colour;
}
