/* The disk of a family. */
#include "libos-posix/family/disk.h"

#include "exo/abi/disk.h"
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/member.h"
#include "libos-posix/family/space.h"
#include "libos-posix/port.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/string.h"

#define DONE_BIT        ((word_t)1)
#define LOOK_AGAIN_MS   10u /* whoever else had the disk may have taken the bit */
#define DISK_UNIT_SLOTS (DISK_SLOTS / 2)

static slot_t ring, done; /* the keeper's own slots */

/* The pool begins with its page. */
static volatile struct disk_header *header(void)
{
    return family_frame(POOL->first);
}

enum err keeper_disk_begin(void)
{
    const volatile struct cap *extent = slot_cap(SLOT_DISK);
    pfn_t first, frame;
    bool zero;

    if (!extent || !KINFO->disk_blocks)
        return ERR_NO_DEVICE;
    if (space_take(TASK_KEEPER, 1, &first, &zero) != 1 || first != POOL->first)
        return ERR_NO_MEM;
    frame_list_share(POOL, first);
    space_let_go(TASK_KEEPER);
    memset(family_frame(first), 0, PAGE_SIZE);
    header()->notify_bits = DONE_BIT;
    enum err e = notify_new(&done);
    if (e == ERR_OK)
        e = slot_take(&ring);
    if (e == ERR_OK)
        e = region_find(1, &frame);
    if (e == ERR_OK)
        e = exo_disk_ring_create(SLOT_DISK, SLOT_MEMORY, frame, keeper_pool, done, ring);
    if (e)
        return e;
    FAMILY->disk_first = extent->base;
    FAMILY->disk_blocks = extent->count;
    FAMILY->disk_read_only = !(extent->rights & RIGHT_WRITE) || KINFO->disk_read_only;
    return ERR_OK;
}

enum err keeper_disk_give(slot_t env)
{
    if (!FAMILY->disk_blocks)
        return ERR_OK;
    enum err e = exo_cap_copy(env, FAMILY_SLOT_DISK, ring, RIGHT_WRITE, 0, 0);

    return e ? e : exo_cap_copy(env, FAMILY_SLOT_DISK_DONE, done, RIGHT_READ, 0, 0);
}

static bool is_keeper(void)
{
    return member_place()->member == TASK_NONE;
}

bool port_disk_get(unsigned disk, struct port_disk *out)
{
    *out = (struct port_disk){FAMILY->disk_blocks, FAMILY->disk_read_only};
    return disk == 0 && FAMILY->disk_blocks;
}

/* Where a page of the arena lies in the ring's frames. */
static uint64_t offset_of(const void *page)
{
    return (uint64_t)(*family_core_frame((vaddr_t)page) - POOL->first) * PAGE_SIZE;
}

static void post(enum disk_op op, uint64_t block, uint32_t count, uint64_t offset)
{
    volatile struct disk_header *h = header();
    volatile struct disk_slot *slot = &h->slots[h->posted % DISK_SLOTS];

    slot->offset = offset;
    slot->block = (uint32_t)block;
    slot->count = count;
    slot->op = op;
    slot->state = 0;
    __atomic_store_n(&h->posted, h->posted + 1, __ATOMIC_RELEASE);
}

/* Begins what was posted, and waits for its end. */
static bool finish(uint32_t first)
{
    volatile struct disk_header *h = header();
    const uint32_t end = h->posted;

    while (__atomic_load_n(&h->done, __ATOMIC_ACQUIRE) != end) {
        if (exo_disk_kick(is_keeper() ? ring : FAMILY_SLOT_DISK))
            return false;
        if (__atomic_load_n(&h->done, __ATOMIC_ACQUIRE) != end)
            notify_until(is_keeper() ? done : FAMILY_SLOT_DISK_DONE, DONE_BIT,
                         cpu_ticks() + KINFO->tsc_khz * LOOK_AGAIN_MS, NULL);
    }
    for (uint32_t i = first; i != end; i++)
        if (h->slots[i % DISK_SLOTS].state != DISK_DONE)
            return false;
    return true;
}

/* How many of `list` are side by side, on the disk and in memory. */
static uint32_t run_of(const struct port_disk_move *list, size_t count)
{
    uint32_t run = 1;

    while (run < count && run < DISK_COUNT_MAX && list[run].block == list[0].block + run &&
           offset_of(list[run].page) == offset_of(list[0].page) + run * PAGE_SIZE)
        run++;
    return run;
}

bool port_disk_move(unsigned disk, bool write, const struct port_disk_move *list, size_t count)
{
    (void)disk;
    while (count) {
        const uint32_t first = header()->posted;
        for (uint32_t posted = 0, run; posted < DISK_UNIT_SLOTS && count; posted++) {
            run = run_of(list, count);
            post(write ? DISK_WRITE : DISK_READ, FAMILY->disk_first + list->block, run,
                 offset_of(list->page));
            list += run;
            count -= run;
        }
        if (!finish(first))
            return false;
    }
    return true;
}

bool port_disk_flush(unsigned disk)
{
    const uint32_t first = header()->posted;

    (void)disk;
    post(DISK_FLUSH, 0, 0, 0);
    return finish(first);
}
