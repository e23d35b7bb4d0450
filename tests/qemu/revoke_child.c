/* Library operating systems that are asked to give something up: one gives it in time, one too
 * late, one hears nothing. What they give is what libos finds. */
#include "tests/qemu/revoke.h"

#include "exo/abi/cap.h"
#include "exo/abi/graft.h"
#include "exo/abi/kinfo.h"
#include "libos-net/ring.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/frames.h"
#include "libos/libos.h"
#include "libos/region.h"
#include "libos/revoke.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"

#define SPARE_PAGES 600u

static volatile struct revoke_page *shared;
static vaddr_t pages;

static void on_loss(enum revoke_kind kind, uint32_t name)
{
    (void)kind;
    (void)name;
    shared->losses++;
}

static bool set_up(void)
{
    const volatile struct cap *c;
    vaddr_t va = 0;

    if (libos_setup())
        return false;
    c = slot_cap(SLOT_FREE);
    if (vm_map_frames(SLOT_FREE, c->base, 1, &va, RIGHT_READ | RIGHT_WRITE) ||
        vm_populate(va, PAGE_SIZE))
        return false;
    shared = (volatile struct revoke_page *)va;
    revoke_set_loss(on_loss);
    return true;
}

/* Pages in use, and, if `spare`, frames that are kept and not used. */
static bool hold_frames(bool spare)
{
    vaddr_t more = 0;
    struct vm_info info;

    if (vm_map(&pages, CHILD_PAGES * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE) ||
        vm_populate(pages, CHILD_PAGES * PAGE_SIZE))
        return false;
    for (uint32_t i = 0; i < CHILD_PAGES; i++)
        *(volatile uint64_t *)(pages + i * PAGE_SIZE) = i + 1;
    if (vm_query(pages + (CHILD_PAGES - 1) * PAGE_SIZE, &info))
        return false;
    shared->expected = frames_slot(info.pfn);
    if (!spare)
        return true;
    return !vm_map(&more, SPARE_PAGES * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE) &&
           !vm_populate(more, SPARE_PAGES * PAGE_SIZE) && !vm_unmap(more, SPARE_PAGES * PAGE_SIZE);
}

/* Pages that hold what they held, or zeroes, and can be written. */
static uint64_t count_working(void)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < CHILD_PAGES; i++) {
        volatile uint64_t *word = (volatile uint64_t *)(pages + i * PAGE_SIZE);
        bool good = *word == i + 1 || *word == 0;
        *word = i + 1;
        count += good && *word == i + 1;
    }
    return count;
}

static bool load_filter(slot_t graft)
{
    struct archive_entry e;
    struct graft_report report;
    pfn_t frame;

    if (archive_find(guest_archive(), ".exo4/filter_all.o", &e))
        return false;
    for (size_t i = 0; i < e.bytes; i++)
        (void)*(const volatile uint8_t *)(e.data + i); /* bound before the kernel reads it */
    struct graft_load l = {.object = (vaddr_t)e.data,
                           .bytes = e.bytes,
                           .report = (vaddr_t)&report,
                           .hook = GRAFT_HOOK_PACKET_FILTER};
    return !region_find(GRAFT_FRAMES(e.bytes), &frame) &&
           !exo_graft_create(SLOT_MEMORY, frame, graft, (vaddr_t)&l);
}

/* A ring with a filter, and a graft that does nothing. */
static bool hold_ring(void)
{
    slot_t frames, ring = guest_slot(), graft = guest_slot();
    pfn_t first, frame;
    vaddr_t va = 0;

    if (region_frames(RING_FRAMES, &frames, &first) ||
        vm_map_frames(frames, first, RING_FRAMES, &va, RIGHT_READ | RIGHT_WRITE) ||
        vm_populate(va, RING_FRAMES * PAGE_SIZE) || !load_filter(graft) ||
        !load_filter(guest_slot()) || region_find(1, &frame))
        return false;
    return !exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, frames, SLOT_NONE, ring) &&
           !exo_ring_filter(ring, graft);
}

static void count_held(void)
{
    static const uint8_t kinds[CAP_KIND_COUNT] = {
        [CAP_RING] = REVOKE_RINGS, [CAP_GRAFT] = REVOKE_GRAFTS, [CAP_EXTENT] = REVOKE_EXTENTS,
        [CAP_IRQ] = REVOKE_IRQS,   [CAP_PORTS] = REVOKE_PORTS,
    };
    uint64_t held[REVOKE_KIND_COUNT] = {0};

    for (slot_t slot = SLOT_FREE; slot < 2 * CAPS_PER_FRAME; slot++) {
        const volatile struct cap *c = slot_cap(slot);
        if (c)
            held[kinds[c->kind]] += c->kind == CAP_RING || c->kind == CAP_GRAFT ? 1 : c->count;
    }
    for (uint32_t kind = 1; kind < REVOKE_KIND_COUNT; kind++)
        shared->held[kind] = held[kind];
}

static void live(void)
{
    while (!shared->stop) {
        count_held();
        shared->beat++;
        if (revoke_waits() && shared->serve) {
            revoke_serve();
            shared->works = count_working();
        }
    }
}

int revoke_child(const char *role)
{
    bool polite = !strcmp(role, "polite"), deaf = !strcmp(role, "deaf");

    if (!set_up() || !hold_frames(!deaf) || (KINFO->nic_present && !hold_ring()))
        return 3;
    count_held();
    revoke_init();
    revoke_in_handler(polite);
    if (deaf)
        book_utcb()->mask |= 1u << UPCALL_CLASS_EVENT;
    else if (!polite)
        revoke_prefer(REVOKE_FRAMES, (uint32_t)shared->expected);
    shared->ready = 1;
    live();
    return deaf || count_working() == CHILD_PAGES ? 0 : 2;
}
