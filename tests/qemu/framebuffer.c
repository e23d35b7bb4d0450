/* A display divided among programs: each draws in its band and nowhere else, until it is taken
 * back. */
#include "libos/framebuffer.h"

#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/servers/program.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define ROWS         96u
#define BAND_ROWS    32u /* the upper band, then the lower one; the rest is the owner's */
#define UPPER        0x00c02010u
#define LOWER        0x001040f0u
#define CHILD_FRAMES 512u
#define PAGE_FAULT   14u
#define BIT_UPPER    ((word_t)1)
#define BIT_LOWER    ((word_t)2)

/* In a child. */
#define SLOT_BAND SLOT_FREE
#define SLOT_BELL (SLOT_FREE + 1)

static struct framebuffer display;
static struct band all;
static slot_t bell;

/* What a program with a band does: tries what it may not, then draws for ever. Status: what went
 * wrong first. */
static int draw(uint32_t colour, word_t bit)
{
    struct band b;
    pfn_t first = slot_cap(SLOT_BAND)->base;

    if (band_open(&b, SLOT_BAND) || b.rows != BAND_ROWS)
        return 2;
    if (!probe_write(b.va - PAGE_SIZE) || !probe_write(b.va + BAND_ROWS * PAGE_SIZE))
        return 3;
    if (guest_tables(SLOT_ENV, GUEST_FREE))
        return 4;
    if (guest_bind(SLOT_ENV, SLOT_BAND, GUEST_FREE, first - 1, RIGHT_WRITE) != ERR_BAD_ARG ||
        guest_bind(SLOT_ENV, SLOT_BAND, GUEST_FREE, first + BAND_ROWS, RIGHT_WRITE) != ERR_BAD_ARG)
        return 5;
    for (;;) {
        band_fill(&b, &(struct rectangle){0, 0, FRAMEBUFFER_WIDTH, 2 * BAND_ROWS}, colour);
        exo_notify(SLOT_BELL, bit);
    }
}

struct painter {
    struct spawn_child child;
    slot_t band;
};

static bool start(struct painter *p, const char *role, uint32_t row)
{
    const char *arguments[] = {"framebuffer", role, NULL};
    struct archive_entry entry;

    if (program_find(guest_archive(), "framebuffer", &entry) ||
        framebuffer_band(&display, row, BAND_ROWS, &p->band))
        return false;
    struct spawn_args args = {.image = entry.data,
                              .image_bytes = entry.bytes,
                              .name = role,
                              .arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CPU),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = KINFO->cpu_count - 1,
                              .priority = 1};
    return spawn_prepare(&p->child, &args) == ERR_OK &&
           exo_cap_copy(p->child.env, SLOT_BAND, p->band, RIGHT_READ | RIGHT_WRITE, 0, 0) ==
               ERR_OK &&
           exo_cap_copy(p->child.env, SLOT_BELL, bell, RIGHT_WRITE, 0, 0) == ERR_OK &&
           spawn_run(&p->child) == ERR_OK;
}

/* Has it drawn once more, from beginning to end, after this was called? */
static bool draws(word_t bit)
{
    uint64_t end = clock_deadline((uint64_t)20 * CLOCK_NS_PER_S);
    bool good = true;

    for (unsigned i = 0; i < 3 && good; i++)
        good = notify_until(bell, bit, end, NULL) == ERR_OK;
    return good;
}

static bool is_filled(uint32_t row, uint32_t colour)
{
    for (uint32_t y = row; y < row + BAND_ROWS; y++)
        for (uint32_t x = 0; x < FRAMEBUFFER_WIDTH; x++)
            if (*band_pixel(&all, x, y) != colour)
                return false;
    return true;
}

static void errors(void)
{
    struct framebuffer f;
    slot_t band;

    tap_is(framebuffer_open(&f, SLOT_PCI, 0), ERR_BAD_ARG, "a display of no rows");
    tap_is(framebuffer_open(&f, SLOT_PCI, FRAMEBUFFER_ROWS_MAX + 1), ERR_BAD_ARG, "or of too many");
    tap_is(framebuffer_open(&f, SLOT_CPU, ROWS), ERR_BAD_CAP, "by no functions");
    tap_is(framebuffer_open(&display, SLOT_PCI, ROWS), ERR_OK, "open the display");
    tap_is(framebuffer_open(&f, SLOT_PCI, ROWS), ERR_NO_DEVICE, "there is no second one");
    tap_is(framebuffer_band(&display, 0, 0, &band), ERR_BAD_ARG, "a band of no rows");
    tap_is(framebuffer_band(&display, 0, ROWS + 1, &band), ERR_BAD_ARG, "of more than are shown");
    tap_is(framebuffer_band(&display, ROWS, 1, &band), ERR_BAD_ARG, "behind the last one");
    tap_is(framebuffer_band(&display, ROWS + 1, 1, &band), ERR_BAD_ARG, "and farther");
    tap_is(band_open(&all, SLOT_CPU), ERR_BAD_CAP, "what is no band is not shown");
}

/* The owner draws, too; what of a rectangle lies outside is not drawn. */
static void rectangles(void)
{
    const struct rectangle corner = {FRAMEBUFFER_WIDTH - 2, ROWS - 1, UINT32_MAX, UINT32_MAX};
    const struct rectangle outside[] = {{FRAMEBUFFER_WIDTH, 0, 4, 4}, {0, ROWS, 4, 4}};
    unsigned drawn = 0;

    band_fill(&all, &(struct rectangle){0, 0, FRAMEBUFFER_WIDTH, ROWS}, 0);
    band_fill(&all, &corner, 1);
    band_fill(&all, &outside[0], 1);
    band_fill(&all, &outside[1], 1);
    for (uint32_t y = 0; y < ROWS; y++)
        for (uint32_t x = 0; x < FRAMEBUFFER_WIDTH; x++)
            drawn += *band_pixel(&all, x, y);
    tap_ok(drawn == 2 && *band_pixel(&all, FRAMEBUFFER_WIDTH - 1, ROWS - 1) == 1,
           "a rectangle ends where the band does");
    band_fill(&all, &corner, 0);
}

static void ends_by_a_fault(struct painter *p, const char *what)
{
    struct spawn_end end = {0};
    enum err e = spawn_wait(&p->child, &end);

    if (!tap_ok(e == ERR_OK && end.exited && end.status == STATUS_FAULT, what))
        tap_note("error %d, exited %d, status %d", (int)e, end.exited, end.status);
    spawn_destroy(&p->child);
}

static void two_painters(void)
{
    static struct painter upper, lower;
    struct band b;

    tap_ok(start(&upper, "upper", 0), "a program with the upper band");
    tap_ok(start(&lower, "lower", BAND_ROWS), "and one with the lower band");
    tap_ok(draws(BIT_UPPER) && draws(BIT_LOWER), "both draw, having tried to reach farther");
    tap_ok(is_filled(0, UPPER) && is_filled(BAND_ROWS, LOWER), "each has filled its own band");
    tap_ok(is_filled(2 * BAND_ROWS, 0), "and nobody the rest");
    slot_delete(upper.band);
    ends_by_a_fault(&upper, "whose band is taken back ends by a fault as it draws on");
    band_fill(&all, &(struct rectangle){0, 0, FRAMEBUFFER_WIDTH, 2 * BAND_ROWS}, 0);
    tap_ok(draws(BIT_LOWER) && is_filled(BAND_ROWS, LOWER), "the other draws on");
    tap_ok(is_filled(0, 0), "and nobody where the band was");
    tap_ok(framebuffer_band(&display, 0, BAND_ROWS, &upper.band) == ERR_OK &&
               band_open(&b, upper.band) == ERR_OK && !probe_write(b.va),
           "the band can be given anew");
    framebuffer_close(&display);
    tap_ok(probe_write(b.va), "with the display all bands go");
    ends_by_a_fault(&lower, "those of others, too");
}

int main(int argc, char **argv)
{
    guest_begin();
    if (argc > 1 && strcmp(argv[1], "upper") == 0)
        return draw(UPPER, BIT_UPPER);
    if (argc > 1)
        return draw(LOWER, BIT_LOWER);
    if (notify_new(&bell))
        return 1;
    errors();
    tap_is(band_open(&all, display.window), ERR_OK, "the owner sees all of it");
    rectangles();
    two_painters();
    return tap_done();
}
