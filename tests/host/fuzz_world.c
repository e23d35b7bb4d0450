/* Who plays random calls of X.2, and what there is to play with: pages small and large, I/O ports,
 * endpoints and notifications, kernel memory; which come and go. */
#include "tests/host/fuzz_l4.h"

#include "bindings/cap.h"
#include "tests/fuzz/chance.h"

#include <string.h>

#define FIRST       20u /* the boss's slots for parties, 4 each, then these: */
#define MATES       30u
#define PAGES       32u
#define KMEM        34u
#define IDLER       36u /* 4 */
#define POINTS      40u
#define NOTES       42u
#define LARGE       44u
#define KMEM_FRAMES 192u
#define PLAY        ((vaddr_t)0x40000000)
#define SLOTS       32u /* in a party's table: endpoints, notifications      */
#define PORTS       50u /* and I/O ports, which the first party has          */
#define PORT        0x200u
#define PORT_COUNT  64u

struct party fuzz_party[2], fuzz_idler;
static struct thread *player[X2_PLAYERS];
struct x2_world fuzz = {.cpus = 2,
                        .priorities = 255,
                        .whole = true,
                        .first_new = 200,
                        .pages = PLAY,
                        .kip = 0x80100000,
                        .utcbs = 0x80000000,
                        .code = 0x400000,
                        .code_end = 0x401000,
                        .stack = 0x500000,
                        .lines = 17,
                        .slots = SLOTS,
                        .port = PORT - 8,
                        .ports = PORT_COUNT + 16};

static void drop(slot_t slot)
{
    if (cap_slot(world.root, slot)->kind)
        OK(BOSS(cap_delete, slot));
}

static void place(slot_t thread, uint32_t cpu, uint8_t priority)
{
    OK(BOSS(thread_place, thread, SLOT_CPU, cpu, priority));
}

/* Pages for party `n` to map on: half of what both may have, at both places. */
static void give_pages(unsigned n)
{
    slot_t slot = PAGES + n;

    drop(slot);
    if (frame_find(world.base, WORLD_FRAMES, X2_PAGES + 16) == PFN_ANY)
        return;
    pfn_t first = make_frames(slot, X2_PAGES);
    for (unsigned i = 0; i < X2_PAGES; i++) {
        vaddr_t va = PLAY + (i % 2 ? X2_FAR : 0) + i * PAGE_SIZE;
        make_tables(fuzz_party[n].env, va);
        const struct page_entry e = {va, first + i, RWX};
        put_entries(world.boss, SCRATCH, &e, 1);
        BOSS(page_bind, fuzz_party[n].env, slot, SCRATCH, 1);
    }
}

static void give_kernel_memory(void)
{
    drop(KMEM);
    OK(BOSS(cap_copy, SLOT_ENV, KMEM, REGION, RIGHT_ALL, world.base + world.count - KMEM_FRAMES,
            KMEM_FRAMES));
    for (unsigned n = 0; n < 2; n++)
        BOSS(env_kmem, fuzz_party[n].env, KMEM);
}

static void meet(unsigned i, struct thread *t)
{
    player[i] = t;
    fuzz.global[i] = t->global_id;
    fuzz.local[i] = local_id(t);
    *thread_mr(t, TCR_PAGER) = fuzz.global[rnd(X2_PLAYERS)];
}

static void begin_party(unsigned n)
{
    const slot_t first = FIRST + 4 * n;

    for (slot_t s = first; s < first + 4; s++)
        drop(s);
    drop(MATES + n);
    party_make(&fuzz_party[n], first);
    struct thread *mate = party_thread(&fuzz_party[n], MATES + n, 1);
    meet(2 * n, fuzz_party[n].t);
    meet(2 * n + 1, mate);
    place(fuzz_party[n].thread, 0, (uint8_t)(1 + rnd(100)));
    place(MATES + n, cpu_count - 1, (uint8_t)(1 + rnd(100)));
    give_pages(n);
}

/* A large page, which both parties have. */
static void give_large(unsigned n)
{
    const vaddr_t va = PLAY + X2_LARGE + n * LARGE_SIZE;
    const struct page_entry e = {va, cap_slot(world.root, LARGE)->base, RWX | PAGE_LARGE};

    BOSS(table_create, fuzz_party[n].env, REGION, PFN_ANY, va, 3);
    BOSS(table_create, fuzz_party[n].env, REGION, PFN_ANY, va, 2);
    put_entries(world.boss, SCRATCH, &e, 1);
    BOSS(page_bind, fuzz_party[n].env, LARGE, SCRATCH, 1);
}

static void give_ports(void)
{
    BOSS(cap_copy, fuzz_party[0].env, PORTS, ports_of(PORT), RW | RIGHT_GRANT, PORT, PORT_COUNT);
}

/* Both parties may send to each of two endpoints and receive from the one of their own, and so with
 * notifications, of which one is bound to a thread. */
static void give_names(unsigned n)
{
    static const rights_t rights[] = {RW | RIGHT_GRANT, RIGHT_WRITE};
    const slot_t point = POINTS + n, notification = NOTES + n;

    BOSS(cap_revoke, point);
    BOSS(cap_revoke, notification);
    drop(point);
    drop(notification);
    if (BOSS(endpoint_create, REGION, PFN_ANY, point) != ERR_OK ||
        BOSS(notification_create, REGION, PFN_ANY, notification) != ERR_OK)
        return;
    for (unsigned i = 0; i < 2; i++) {
        const slot_t env = fuzz_party[n ^ i].env, first = SLOTS + 4 * i;
        BOSS(cap_copy, env, first, point, rights[i], 0, 0);
        BOSS(cap_copy, env, first + 1, notification, rights[i], 0, 0);
        BOSS(cap_badge, env, first + 2, point, RW | RIGHT_GRANT, 0x100 + n);
        BOSS(cap_badge, env, first + 3, notification, RIGHT_WRITE, (word_t)1 << rnd(64));
    }
    BOSS(notify_bind, notification, rarely(2) ? fuzz_party[n].thread : MATES + n, rnd_word() | 1);
}

/* What a party has besides its pages and its memory. */
static void equip(unsigned n)
{
    give_large(n);
    give_names(0); /* the other's are for both, too */
    give_names(1);
    if (n == 0) {
        give_ports();
        OK(BOSS(env_privilege, fuzz_party[0].env, SLOT_MACHINE));
    }
}

void fuzz_begin(void)
{
    party_make(&fuzz_idler, IDLER);
    cpu_count = fuzz.cpus = rarely(4) ? 1 : 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    for (unsigned n = 0; n < 2; n++)
        begin_party(n);
    place(fuzz_idler.thread, cpu_count - 1, 0);
    give_kernel_memory();
    OK(BOSS(frames_find, REGION, FRAME_RANGE_ALL, LARGE_PAGES, 9, FRAME_COLOURS_ALL, LARGE));
    for (unsigned n = 0; n < 2; n++)
        equip(n);
}

/* ---- What the boss does: capabilities of what the players have come and go. ---- */

void fuzz_restart(unsigned n)
{
    const bool ended = fuzz_party[n].e->ended;

    fuzz_note(FUZZ_BOSS, NULL)->a = ended;
    if (ended) {
        begin_party(n);
        BOSS(env_kmem, fuzz_party[n].env, KMEM);
        equip(n);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        slot_t slot = i ? MATES + n : fuzz_party[n].thread;
        struct thread *t = player[2 * n + i];
        BOSS(thread_stop, slot);
        BOSS(thread_start, slot, 0x400000, 0x500000, 0);
        fuzz.global[2 * n + i] = t->global_id; /* another version, perhaps */
    }
}

void fuzz_boss(void)
{
    struct fuzz_event *e = fuzz_note(FUZZ_BOSS, NULL);

    e->a = 10 + rnd(12);
    switch (e->a) {
    case 10:
        give_kernel_memory();
        break;
    case 11:
        give_pages(rnd(2));
        break;
    case 12:
        BOSS(cap_revoke, PAGES + rnd(2));
        break;
    case 13:
        give_large(rnd(2));
        break;
    case 14:
        BOSS(cap_revoke, rarely(2) ? LARGE : ports_of(PORT));
        break;
    case 15:
        give_ports();
        break;
    case 16:
        give_names(rnd(2));
        break;
    case 17:
    case 18:
    case 19:
    case 20:
        BOSS(notify, NOTES + rnd(2), rnd_word() | 1);
        break;
    default:
        fuzz_restart(rnd(2));
    }
}
