/*
 * Long random sequences of calls, IPC, page faults and time by threads of several environments,
 * with arguments that are right often enough. Every invariant is tested after each step
 * (kernel_check.c), free memory is poisoned, and in the end nothing may be left. A failure names
 * its seed and step.
 */
#include "tests/host/kernel_ipc.h"
#include "tests/host/random.h"

#include "bindings/cap.h"
#include "exo/abi/device.h"
#include "exo/arch/host/devices.h"
#include "exo/base/string.h"
#include "tests/host/fakes/function.h"

#define SEEDS    16u
#define STEPS    1200u
#define PARTIES  5u
#define FIRST    20u /* the boss's slots for parties, 4 each */
#define PAGES    12u
#define NOTE     17u /* the boss's, and with IN_PARTY everybody's */
#define IN_PARTY 12u
#define PCI      13u /* in a party */
#define FAR      ((vaddr_t)0x40000000000)

/* Mostly pages that may be bound; the first two are what a party cannot do without. */
static vaddr_t any_page(void)
{
    vaddr_t page = PARTY_UTCB + (rarely(12) ? rnd(2) : 2 + rnd(PAGES - 2)) * PAGE_SIZE;

    return rarely(12) ? page + FAR : rarely(50) ? ~(vaddr_t)0 << rnd(64) : page;
}

static rights_t any_rights(void)
{
    return rarely(3) ? RIGHT_ALL : rarely(30) ? rnd(64) : rnd(16);
}

static pfn_t any_base(void)
{
    return rarely(4) ? world.base + rnd(world.count) : PFN_ANY;
}

/* Entries of a batch in the caller's first page of memory; false when it has lost that. */
static uint32_t write_entries(const struct thread *t, slot_t frames)
{
    const struct cap *c = cap_slot(t->env, frames);
    uint32_t count = 1 + rnd(4);

    for (uint32_t i = 0; i < count; i++) {
        struct page_entry e = {any_page(), c && c->count ? c->base + rnd(c->count) : rnd(2048),
                               any_rights() & RWX};
        if (rarely(6) && c && c->kind == CAP_ENV)
            e.pfn = env_by_number[frame_of(c->base)->owner]->root;
        space_copy_out(t->env->root, PARTY_MEMORY + i * sizeof e, &e, sizeof e);
    }
    return count;
}

/* What a run may show by the capability in `slot`. */
static word_t any_frames(const struct thread *t, slot_t slot)
{
    const struct cap *c = cap_slot(t->env, slot);

    return RUN_FRAMES(c && c->count ? c->base + rnd(c->count) : rnd(2048), any_rights() & RWX);
}

static void call_memory(struct thread *t)
{
    slot_t region = slot_of(t, CAP_REGION), env = slot_of(t, CAP_ENV);
    slot_t frames = slot_of(t, rarely(4) ? CAP_ENV : rarely(6) ? CAP_WINDOW : CAP_FRAMES);
    uint32_t count = write_entries(t, frames);

    switch (rnd(11)) {
    case 0:
        CALL(t, frames_alloc, region, any_base(), 1 + rnd(4), empty_slot(t));
        break;
    case 1:
        CALL(t, env_extend, env, region, any_base());
        break;
    case 2:
        CALL(t, table_create, env, region, any_base(), any_page(), 1 + rnd(3));
        break;
    case 3:
        CALL(t, page_protect, env, PARTY_MEMORY, count);
        break;
    case 4:
        CALL(t, page_unbind, env, PARTY_MEMORY, count);
        break;
    case 5:
        CALL(t, page_protect_run, env, PAGE_RUN(any_page(), rnd(PAGES)), any_rights() & RWX);
        break;
    case 6:
        CALL(t, page_unbind_run, env, PAGE_RUN(any_page(), rnd(PAGES)));
        break;
    case 7:
        CALL(t, page_bind_run, env, frames, PAGE_RUN(any_page(), rnd(PAGES)),
             any_frames(t, frames));
        break;
    default:
        CALL(t, page_bind, env, frames, PARTY_MEMORY, count);
    }
}

/* Where a table of `level` begins: one of a few places, in either of two gigabytes. */
static vaddr_t any_table(uint32_t level)
{
    vaddr_t va = PARTY_UTCB + rnd(4) * MMU_SPAN(2) + rnd(3) * MMU_SPAN(3);

    return rarely(30) ? any_page() : va & ~(MMU_SPAN(level + 1) - 1);
}

static void call_tables(struct thread *t)
{
    slot_t env = slot_of(t, CAP_ENV), to = slot_of(t, CAP_ENV), region = slot_of(t, CAP_REGION);
    uint32_t level = rarely(4) ? 2 : 1;
    const struct page_note notes[2] = {{any_page(), (uint64_t)rnd(~0u) << 1},
                                       {any_page(), (uint64_t)rnd(8) << 9}};

    switch (rnd(6)) {
    case 0:
        CALL(t, table_create, env, region, PFN_ANY, any_table(1), 1 + rnd(2));
        break;
    case 1:
        CALL(t, table_unshare, env, any_table(level), level);
        break;
    case 2:
        space_copy_out(t->env->root, PARTY_MEMORY, notes, sizeof notes);
        CALL(t, page_note, env, PARTY_MEMORY, 2);
        break;
    default:
        CALL(t, table_share, env,
             rarely(3) ? any_table(level) : PARTY_UTCB & ~(MMU_SPAN(level + 1) - 1), to,
             any_table(level), level, rarely(20) ? any_rights() : any_rights() & RWX);
    }
}

/* Few addresses, so that they meet. */
static uint64_t any_io_address(void)
{
    uint64_t address = (uint64_t)rnd(3) << 21 | rnd(4) * PAGE_SIZE;

    return rarely(30) ? address << rnd(40) | rnd(8) : address;
}

static void call_device_memory(struct thread *t)
{
    slot_t device = slot_of(t, CAP_DEVICE), frames = slot_of(t, CAP_FRAMES);
    const struct cap *c = cap_slot(t->env, frames);
    pfn_t first = c && c->count ? c->base + rnd(c->count) : rnd(WORLD_FRAMES);

    switch (rnd(6)) {
    case 0:
        CALL(t, device_unmap, device, any_io_address(), 1 + rnd(2));
        break;
    case 1:
    case 2:
        CALL(t, device_map, device, frames, first, 1 + rnd(2), any_io_address(),
             rarely(4) ? any_rights() : RW);
        break;
    case 3:
        host_io_access((uint16_t)(rnd(FUNCTION_COUNT) << 3), any_io_address(), rnd(2));
        break;
    default:
        CALL(t, device_table, device, slot_of(t, CAP_REGION), any_base(), any_io_address());
    }
}

/* With tables for the first addresses, or nothing could be mapped for long. */
static void open_device(struct thread *t, slot_t dst)
{
    slot_t pci = slot_of(t, CAP_PCI), region = slot_of(t, CAP_REGION);
    int e = CALL(t, device_open, pci, rnd(FUNCTION_COUNT + 1), region, any_base(), dst);

    for (unsigned i = 0; i < 4 && e == ERR_OK; i++)
        e = CALL(t, device_table, dst, region, PFN_ANY, (uint64_t)(i / 2) << 21);
}

static void call_device(struct thread *t)
{
    slot_t device = slot_of(t, CAP_DEVICE), dst = empty_slot(t);

    switch (rnd(8)) {
    case 0:
    case 1:
        open_device(t, dst);
        break;
    case 2:
        CALL(t, device_window, device, rnd(3), rnd(FUNCTION_PAGES), 1 + rnd(2), dst);
        break;
    case 3:
        CALL(t, device_interrupt, device,
             rarely(4) ? DEVICE_FAULT_VECTOR : rnd(FUNCTION_VECTORS + 1),
             rarely(3) ? SLOT_NONE : slot_of(t, CAP_NOTIFICATION), 1u << rnd(8), 0);
        break;
    case 4:
        CALL(t, device_faults, device);
        break;
    default:
        call_device_memory(t);
    }
}

static void call_caps(struct thread *t)
{
    slot_t env = slot_of(t, CAP_ENV), region = slot_of(t, CAP_REGION), src = any_slot();
    slot_t victim = rarely(20) ? any_slot() : SLOT_FREE + rnd(SLOTS - SLOT_FREE);

    if (cap_slot(t->env, victim) && cap_slot(t->env, victim)->kind == CAP_ENV && !rarely(4))
        victim = empty_slot(t);
    switch (rnd(6)) {
    case 0:
        CALL(t, cap_delete, victim);
        break;
    case 1:
        CALL(t, cap_revoke, victim);
        break;
    case 2:
        CALL(t, cap_copy, env, any_slot(), region, any_rights(), world.base + rnd(64), rnd(2000));
        break;
    default:
        CALL(t, cap_copy, env, empty_slot(t), src, any_rights(), 0, 0);
    }
}

static void call_objects(struct thread *t)
{
    slot_t env = slot_of(t, CAP_ENV), region = slot_of(t, CAP_REGION), dst = empty_slot(t);
    slot_t thread = slot_of(t, CAP_THREAD), note = slot_of(t, CAP_NOTIFICATION);

    switch (rnd(10)) {
    case 0:
        CALL(t, env_create, region, any_base(), dst);
        break;
    case 1:
    case 2:
        CALL(t, thread_create, env, region, any_base(), any_page(), 0, dst);
        break;
    case 3:
        CALL(t, notification_create, region, any_base(), dst);
        break;
    case 4:
        CALL(t, env_watch, env, note, 1u << rnd(8));
        break;
    case 5:
        CALL(t, env_kmem, env, region);
        break;
    case 6:
        CALL(t, thread_stop, thread);
        break;
    case 7: /* a stopped one can be placed */
        BOSS(thread_stop, FIRST + 4 * rnd(PARTIES) + 1);
        BOSS(thread_place, FIRST + 4 * rnd(PARTIES) + 1, SLOT_CPU, 0, rnd(255));
        break;
    default:
        CALL(t, thread_start, thread, 0x400000, 0x500000, 0);
    }
}

static void call_processor(struct thread *t)
{
    slot_t thread = slot_of(t, CAP_THREAD), note = slot_of(t, CAP_NOTIFICATION);
    slot_t cpu = slot_of(t, CAP_CPU);

    switch (rnd(9)) {
    case 0:
        CALL(t, thread_place, thread, cpu, 0, rnd(256));
        break;
    case 7:
        CALL(t, thread_counters, thread, rarely(3) ? SLOT_NONE : cpu);
        break;
    case 1:
        CALL(t, slice_bind, cpu, 0, rnd(SLICE_COUNT), rarely(3) ? SLOT_NONE : thread);
        break;
    case 2:
        CALL(t, yield, rarely(2) ? SLOT_NONE : thread);
        break;
    case 3:
        CALL(t, notify, note, 1u << rnd(8));
        break;
    case 4:
        CALL(t, notify_wait, note, 1u << rnd(8), rarely(4) ? FOREVER : host.ticks + rnd(5000));
        break;
    case 5:
        thread_exo(t)->entry[UPCALL_PCT] = 0x440000;
        CALL(t, pct_return, 0);
        break;
    case 6:
        CALL(t, pct_call, thread);
        break;
    default:
        CALL(t, pct_send, thread);
    }
}

/* Asks and promises, among the parties, and by the boss, whose capabilities most comes from. */
static void call_revoke(struct thread *t)
{
    static const slot_t sources[] = {REGION, SLOT_CPU, SLOT_IRQ, SLOT_PORTS};
    struct thread *by = rarely(2) ? world.boss : t;
    slot_t cap = by == t ? any_slot() : sources[rnd(4)];
    const struct env *victim = env_by_number[rnd(16)];
    word_t number = victim ? victim->number : rnd(16);

    switch (rnd(4)) {
    case 0:
        CALL(by, revoke_guarantee, by == t ? slot_of(t, CAP_ENV) : FIRST + 4 * rnd(PARTIES), cap,
             1 + rnd(REVOKE_KIND_COUNT - 1), rnd(4));
        break;
    case 1:
        CALL(by, revoke_look, cap, number);
        break;
    default:
        CALL(by, revoke_ask, cap, number, 1 + rnd(REVOKE_KIND_COUNT - 1), 1 + rnd(6),
             host.ticks + 1 + rnd(4000), rarely(3) ? empty_slot(by) : SLOT_NONE);
    }
}

/* Any thread but the boss that is in one of `states` (a bit each), or NULL. */
static struct thread *any_thread(unsigned states)
{
    struct thread *found = NULL;
    uint32_t seen = 0;

    for (uint32_t n = THREAD_FIRST + 1; n < THREAD_FIRST + 128; n++) {
        struct thread *t = thread_by_number(n);
        if (t && t != world.boss && (states >> t->state & 1) && rnd(++seen) == 0)
            found = t;
    }
    return found;
}

static word_t any_fpage(void)
{
    unsigned bits = rarely(20) ? rnd(64) : PAGE_BITS + rnd(4);

    return (any_page() & ~(word_t)0xfff) | bits << 4 | rnd(8);
}

static void call_ipc(struct thread *t)
{
    const struct thread *p = any_thread(~0u), *w = any_thread(~0u);
    word_t to = p ? p->global_id : L4_ANY, from = w ? w->global_id : L4_NIL;

    world_run(t);
    ipc_always_slow = rarely(2);
    *thread_mr(t, TCR_PAGER) = to;
    *thread_mr(t, TCR_BR0) = rarely(2) ? FPAGE_COMPLETE : any_fpage() & ~(word_t)15;
    if (rarely(10)) {
        set_mr(t, 0, any_fpage());
        thread_regs(t)->rdx = rnd(2) << 6;
        l4_enter(t, LINK_UNMAP);
        return;
    }
    if (rarely(20)) {
        page_fault(t, any_page(), 4 + 2 * rnd(2));
        return;
    }
    set_mr(t, 0, TAG_MAKE(rnd(99), rnd(4), rarely(30) ? 3 : 2 * rnd(3)));
    for (unsigned i = 1; i < 8; i += 2) {
        set_mr(t, i, (any_page() & ~(word_t)0xfff) | (rarely(20) ? ITEM_GRANT : ITEM_MAP));
        set_mr(t, i + 1, any_fpage());
    }
    word_t time = rarely(2) ? TIME_ZERO : rarely(5) ? TIME_NEVER : 1 + rnd(5);
    ipc(t,
        rarely(3)        ? L4_NIL
        : rarely(8) && p ? local_id(p)
                         : to,
        rarely(2)   ? L4_ANY
        : rarely(3) ? L4_NIL
                    : from,
        TIMEOUTS(time, rarely(5) ? TIME_NEVER : 1 + rnd(5)));
}

/* The boss gives a new party what it can have; its slots are emptied before. */
static void begin_party(slot_t first)
{
    struct party p;

    for (slot_t s = first; s < first + 4; s++)
        if (cap_slot(world.root, s)->kind)
            OK(BOSS(cap_delete, s));
    if (frame_find(world.base, WORLD_FRAMES, 64) == PFN_ANY)
        return;
    party_make(&p, first);
    give(p.env, SLOT_THREAD, p.thread, RIGHT_ALL);
    give(p.env, SLOT_CPU, SLOT_CPU, RIGHT_ALL);
    give(p.env, SLOT_INSPECT, SLOT_INSPECT, RIGHT_READ | RIGHT_GRANT);
    give(p.env, SLOT_IMAGE, p.frames, RIGHT_ALL);
    give(p.env, SLOT_MEMORY, REGION, RIGHT_ALL);
    give(p.env, IN_PARTY, NOTE, RIGHT_ALL);
    give(p.env, PCI, SLOT_PCI, RW | RIGHT_GRANT);
    for (slot_t s = FIRST; s < FIRST + 4 * PARTIES; s++)
        if (cap_slot(world.root, s)->kind && (cap_slot(world.root, s)->rights & RIGHT_GRANT))
            give(p.env, s, s, RIGHT_ALL);
}

/* All wait: the boss starts the first threads of the parties again, or makes a party anew. */
static void revive(void)
{
    bool any = false;

    for (slot_t s = FIRST; s < FIRST + 4 * PARTIES; s += 4) {
        BOSS(thread_stop, s + 1);
        any |= BOSS(thread_start, s + 1, 0x400000, 0x500000, 0) == ERR_OK;
    }
    if (!any)
        begin_party(FIRST + 4 * rnd(PARTIES));
}

static void step(void)
{
    struct thread *t = any_thread(1u << THREAD_READY | 1u << THREAD_RUNNING);

    if (rarely(100)) {
        begin_party(FIRST + 4 * rnd(PARTIES));
        return;
    }
    if (!t) {
        revive();
        return;
    }
    if (!world_try(t))
        return;
    switch (rnd(11)) {
    case 9:
        call_tables(t);
        break;
    case 10:
        call_device(t);
        break;
    case 0:
        call_caps(t);
        break;
    case 1:
    case 2:
        call_objects(t);
        break;
    case 3:
    case 4:
        call_memory(t);
        break;
    case 5:
        call_processor(t);
        break;
    case 6:
        pass_time(rarely(4) ? TICKS_1MS : rnd(4000));
        break;
    case 7:
        call_revoke(t);
        break;
    default:
        call_ipc(t);
    }
}

static void nothing_that_users_do_breaks_an_invariant_or_leaks(void **state)
{
    for (uint64_t i = 1; i <= SEEDS; i++) {
        rnd_state = i * 0x9e3779b97f4a7c15;
        world_begin(state);
        OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
        for (slot_t s = FIRST; s < FIRST + 4 * PARTIES; s += 4)
            begin_party(s);
        for (unsigned n = 0; n < STEPS; n++) {
            world.step = (unsigned)i * 10000 + n;
            step();
        }
        world_end(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_users_do_breaks_an_invariant_or_leaks),
    };
    return cmocka_run_group_tests_name("kernel/random", tests, NULL, NULL);
}
