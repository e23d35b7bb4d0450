/*
 * A display shared by two programs, neither of which trusts the other. The one that owns it cuts
 * out two bands and starts itself twice more, each with the capability of a band: what is drawn
 * there asks nobody. With argument `back` the lower band is then taken from its holder, who ends as
 * it draws on, and the owner clears it.
 */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/framebuffer.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/string.h"

#define ROWS       768u
#define BAND_ROWS  256u
#define BORDER     64u
#define TILE       32u
#define MEMORY     512u
#define RING_UPPER 1u /* bits of the bell */
#define RING_LOWER 2u
#define SLOT_BAND  SLOT_FREE       /* in a painter */
#define SLOT_BELL  (SLOT_FREE + 1) /* rung when it has drawn all */

static struct framebuffer display;
static slot_t bell, bands[2];

static void check(enum err e)
{
    if (e)
        program_fail(1, "bands", error_text(e));
}

/* A chequered band, drawn again and again: in one colour, and in that with the bits of `other` too;
 * each time the bell is rung. */
static _Noreturn void paint(uint32_t colour, uint32_t other, uint64_t ring)
{
    struct band b;

    check(band_open(&b, SLOT_BAND));
    for (;;) {
        for (uint32_t y = 0; y < b.rows; y += TILE)
            for (uint32_t x = 0; x < FRAMEBUFFER_WIDTH; x += TILE)
                band_fill(&b, &(struct rectangle){x, y, TILE, TILE},
                          (x + y) / TILE % 2 ? colour | other : colour);
        exo_notify(SLOT_BELL, ring);
    }
}

static void start(const struct archive *a, struct spawn_child *child, const char *role,
                  uint32_t row, uint64_t ring, slot_t *band)
{
    const char *arguments[] = {"bands", role, NULL};
    struct archive_entry entry;

    check(program_find(a, "bands", &entry));
    struct spawn_args args = {.image = entry.data,
                              .image_bytes = entry.bytes,
                              .name = role,
                              .arguments = arguments,
                              .memory_frames = MEMORY,
                              .priority = 1};
    check(framebuffer_band(&display, row, BAND_ROWS, band));
    check(spawn_prepare(child, &args));
    check(exo_cap_copy(child->env, SLOT_BAND, *band, RIGHT_READ | RIGHT_WRITE, 0, 0));
    check(exo_cap_copy(child->env, SLOT_BELL, bell, RIGHT_WRITE, 0, 0));
    check(spawn_run(child));
    check(notify_until(bell, ring, FOREVER, NULL)); /* it has drawn */
}

static void take_back(struct spawn_child *child, uint32_t row, slot_t *band)
{
    struct band b;
    struct spawn_end end;

    slot_delete(*band);
    check(spawn_wait(child, &end));
    check(framebuffer_band(&display, row, BAND_ROWS, band));
    check(band_open(&b, *band));
    band_fill(&b, &(struct rectangle){0, 0, FRAMEBUFFER_WIDTH, BAND_ROWS}, 0);
}

int main(int argc, char **argv)
{
    static struct spawn_child upper, lower;
    struct archive archive;
    struct band all;
    const char *role = argc > 1 ? argv[1] : "";

    check(libos_setup());
    if (strcmp(role, "upper") == 0)
        paint(0x400000, 0x8000, RING_UPPER);
    if (strcmp(role, "lower") == 0)
        paint(0x40, 0x8000, RING_LOWER);
    check(archive_map(&archive));
    check(notify_new(&bell));
    check(framebuffer_open(&display, SLOT_PCI, ROWS));
    check(band_open(&all, display.window));
    band_fill(&all, &(struct rectangle){0, 0, FRAMEBUFFER_WIDTH, ROWS}, 0x202020);
    start(&archive, &upper, "upper", BORDER, RING_UPPER, &bands[0]);
    start(&archive, &lower, "lower", ROWS - BORDER - BAND_ROWS, RING_LOWER, &bands[1]);
    log_line("bands: two programs draw");
    if (strcmp(role, "back") == 0) {
        take_back(&lower, ROWS - BORDER - BAND_ROWS, &bands[1]);
        log_line("bands: the lower one was taken back");
    }
    return program_wait("bands", &upper);
}
