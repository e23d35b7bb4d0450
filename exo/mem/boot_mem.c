/* Memory before there are regions: a short sorted list of ranges, eaten from the top of the first
 * that is large enough. */
#include "exo/mem/boot_mem.h"

#include "exo/abi/kinfo.h"
#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"
#include "exo/mem/frame.h"

#define MEMORY_MAX ((paddr_t)64 << 30) /* node names reach no further */

static struct boot_range ranges[REGION_MAX];
static unsigned range_count;

static void range_put(paddr_t base, paddr_t end)
{
    base = (base + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    end = (end > MEMORY_MAX ? MEMORY_MAX : end) & ~(PAGE_SIZE - 1);
    if (base < end && range_count < REGION_MAX)
        ranges[range_count++] = (struct boot_range){base, end};
}

void boot_mem_add(paddr_t base, paddr_t bytes)
{
    range_put(base, bytes > MEMORY_MAX ? MEMORY_MAX : base + bytes);
}

/* The ranges are made anew: what is left in front of the hole and behind it, and nothing empty. */
void boot_mem_reserve(paddr_t base, paddr_t bytes)
{
    struct boot_range old[REGION_MAX];
    paddr_t end = base + bytes;
    unsigned count = range_count;

    memcpy(old, ranges, sizeof old);
    range_count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct boot_range r = old[i];
        if (end <= r.base || base >= r.end) {
            range_put(r.base, r.end);
            continue;
        }
        range_put(r.base, base);
        range_put(end, r.end);
    }
}

paddr_t boot_frames_dirty(uint32_t count)
{
    paddr_t bytes = (paddr_t)count << PAGE_BITS;

    for (unsigned i = 0; i < range_count; i++) {
        if (ranges[i].end - ranges[i].base < bytes)
            continue;
        ranges[i].end -= bytes;
        frame_mark((pfn_t)(ranges[i].end >> PAGE_BITS), count, FRAME_KERNEL);
        return ranges[i].end;
    }
    panic(__FILE__, __LINE__, "too little memory to boot");
}

paddr_t boot_frames(uint32_t count)
{
    paddr_t frames = boot_frames_dirty(count);

    arch_clear(arch_phys(frames), (size_t)count << PAGE_BITS);
    return frames;
}

unsigned boot_mem_rest(const struct boot_range **out)
{
    *out = ranges;
    return range_count;
}

pfn_t boot_mem_top(void)
{
    paddr_t top = 0;

    for (unsigned i = 0; i < range_count; i++)
        if (ranges[i].end > top)
            top = ranges[i].end;
    return (pfn_t)(top >> PAGE_BITS);
}
