/* Domains of memory, as the firmware tells them: one, or two with a CPU and half of the memory
 * each; frames are had from the range of either by its numbers. */
#include "exo/abi/syscall.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/slots.h"
#include "tests/qemu/tap.h"

#define FREE_SLOT (SLOT_FREE + 90)

static const struct numa_range *range(uint32_t i)
{
    return &KINFO->numa[i];
}

static uint32_t frames_near(uint32_t domain)
{
    uint32_t frames = 0;

    for (uint32_t i = 0; i < KINFO->numa_count; i++)
        frames += range(i)->domain == domain ? range(i)->count : 0;
    return frames;
}

/* Is each frame that is memory in one range? */
static bool covered(void)
{
    for (pfn_t n = 0; n < KINFO->frame_count; n++) {
        uint32_t ranges = 0;
        for (uint32_t i = 0; i < KINFO->numa_count; i++)
            ranges += n >= range(i)->base && n - range(i)->base < range(i)->count;
        if (ranges != 1 && book_frame(n)->type != FRAME_ABSENT)
            return false;
    }
    return true;
}

/* A frame near a domain, if the program's own region has any there. */
static bool taken_near(uint32_t domain)
{
    for (uint32_t i = 0; i < KINFO->numa_count; i++) {
        const struct numa_range *r = range(i);
        word_t frames = FRAME_RANGE(r->base, r->base + r->count), pfn = 0;
        if (r->domain != domain)
            continue;
        enum err e =
            exo_frames_find_get(SLOT_MEMORY, frames, 1, 0, FRAME_COLOURS_ALL, FREE_SLOT, &pfn);
        if (e == ERR_NO_MEM)
            continue;
        exo_cap_delete(FREE_SLOT);
        return e == ERR_OK && pfn >= r->base && pfn - r->base < r->count;
    }
    return false;
}

int main(void)
{
    tap_ok(KINFO->numa_count >= 1 && KINFO->numa_count <= NUMA_RANGES, "there is a range");
    tap_ok(covered(), "every frame is in one range");
    tap_is(book_cpu(0)->domain, 0, "the first CPU is in the first domain");
    if (!tap_ok(taken_near(0), "a frame near it"))
        tap_note("%u ranges", KINFO->numa_count);
    if (KINFO->numa_count == 1) { /* tests/features.def names what two must show */
        tap_is(frames_near(0), KINFO->frame_count, "one range is all that is told of one domain");
        return tap_done();
    }
    tap_is(book_cpu(1)->domain, 1, "the second CPU is in the second");
    tap_ok(frames_near(0) >= KINFO->frame_count / 2 - 256 &&
               frames_near(1) >= KINFO->frame_count / 2 - 256,
           "each CPU is near half of the memory");
    tap_ok(taken_near(1), "a frame near the second");
    return tap_done();
}
