/* Grafts, their maps and places through the calls: every error, values that both sides see, a
 * thread whose waiting a graft judges, what ends with what, and a run that is aborted and undone.
 */
#include "tests/host/graft_asm.h"
#include "tests/host/graft_object.h"
#include "tests/host/graft_proof.h"
#undef CALL
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/graft.h"
#include "bindings/notification.h"
#include "exo/abi/graft_object.h"

enum { FRAMES = 30, WEAK_FRAMES, MAP, READ_MAP, WRITE_MAP, NOTE, WEAK_NOTE, TOLD, GRAFT, SECOND };
#define IN_PARTY   5u
#define LOAD       SCRATCH
#define REPORT     (SCRATCH + 1024)
#define SLOTS_AT   (SCRATCH + 2048)
#define KEY        (SCRATCH + PAGE_SIZE)
#define VALUE      (KEY + 512)
#define OBJECT     (SCRATCH + 2 * PAGE_SIZE)
#define HELP(name) INSN(0x85, 0, 0, 0, name)
#define MAP_AT(r)  INSN(0x18, r, INSN_MAP, 0, 0), INSN(0, 0, 0, 0, 0)

/* Counts its runs in the map, and lets bit 0 wait for ever. */
static const struct insn counts[] = {COPY(6, 1),
                                     ST(W, 10, -4, 0),
                                     MAP_AT(1),
                                     COPY(2, 10),
                                     ALU64_K(ADD, 2, -4),
                                     HELP(1),
                                     JUMP64_K(JEQ, 0, 0, 5),
                                     LDX(DW, 1, 0, 0),
                                     ALU64_K(ADD, 1, 1),
                                     STX(DW, 0, 1, 0),
                                     LDX(DW, 3, 6, 0), /* 11: for bit 0 this is a loop */
                                     JUMP64_K(JSET, 3, 1, -2),
                                     SET(0, 1),
                                     EXIT};
static const uint64_t counts_proof[] = {
    2, 1,  11, 0, 0,    20,
    4,                                          /* the loop: head, parent, rank, entry, body */
    2, 11, 1,  0, 1,    STATE(1 << 6, CONTEXT), /* its head                                  */
    1, 0,  30, 1, EMPTY};                       /* where the ways meet                       */

/* Wakes for bit 1 alone. */
static const struct insn picky[] = {LDX(DW, 0, 1, 0), ALU64_K(AND, 0, 2), EXIT};
static const struct insn leaks[] = {COPY(0, 1), EXIT};

static struct party p;
static const struct graft_map_def def = {GRAFT_MAP_ARRAY, 4, 8, 16};
static const struct graft_map_def hash = {GRAFT_MAP_HASH, 4, 8, 2};

static void put(vaddr_t va, const void *from, size_t bytes)
{
    assert_true(space_copy_out(world.root->root, va, from, bytes));
}

/* An object in the boss's memory; returns its size. */
static uint64_t put_object(const struct insn *code, size_t bytes, const struct graft_map_def *d,
                           const uint8_t *proof, uint32_t proof_bytes)
{
    static struct go o;

    go_begin(&o);
    go_section(&o, GRAFT_SECTION_CODE, OBJECT_PROGBITS, OBJECT_ALLOC | OBJECT_EXEC, code, bytes);
    if (d)
        go_section(&o, GRAFT_SECTION_MAPS, OBJECT_PROGBITS, OBJECT_ALLOC, d, sizeof *d);
    if (proof)
        go_section(&o, GRAFT_SECTION_PROOF, OBJECT_PROGBITS, 0, proof, proof_bytes);
    size_t size = go_end(&o);
    put(OBJECT, o.image, size);
    return size;
}

static struct graft_load load_of(uint64_t bytes, uint32_t map)
{
    struct graft_load l = {.object = OBJECT,
                           .bytes = bytes,
                           .report = REPORT,
                           .hook = GRAFT_HOOK_WAKE_UP,
                           .map_count = map ? 1 : 0,
                           .maps = SLOTS_AT,
                           .bits = 8,
                           .notification = TOLD};

    put(SLOTS_AT, &map, sizeof map);
    put(LOAD, &l, sizeof l);
    return l;
}

static void make_picky(slot_t dst)
{
    load_of(put_object(picky, sizeof picky, NULL, NULL, 0), 0);
    OK(BOSS(graft_create, REGION, PFN_ANY, dst, LOAD));
}

static void make_counts(slot_t dst)
{
    uint8_t proof[256];
    uint32_t bytes =
        proof_encode(counts_proof, sizeof counts_proof / sizeof counts_proof[0], proof);

    load_of(put_object(counts, sizeof counts, &def, proof, bytes), MAP);
    int e = BOSS(graft_create, REGION, PFN_ANY, dst, LOAD);
    const struct graft_report *r = memory_of(world.boss, REPORT);
    if (e)
        fail_msg("refused: reason %u at %u", r->reason, r->instruction);
}

static struct graft_map_load map_load(const struct graft_map_def *d, slot_t frames)
{
    struct graft_map_load l = {.def = *d, .frames = frames, .notification = NOTE, .bits = 1};

    put(LOAD, &l, sizeof l);
    return l;
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    make_frames(FRAMES, 1);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK_FRAMES, FRAMES, RIGHT_READ, 0, 0));
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(notification_create, REGION, PFN_ANY, TOLD));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK_NOTE, NOTE, RIGHT_READ, 0, 0));
    give(p.env, IN_PARTY, NOTE, RIGHT_ALL);
    map_load(&def, FRAMES);
    OK(BOSS(graft_map_create, REGION, PFN_ANY, MAP, LOAD));
    OK(BOSS(cap_copy, SLOT_ENV, READ_MAP, MAP, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, WRITE_MAP, MAP, RIGHT_WRITE, 0, 0));
    return 0;
}

static void a_map_that_is_refused_changes_nothing(void **state)
{
    struct thread *b = world.boss;
    const struct graft_map_def bad = {GRAFT_MAP_ARRAY, 4, 8, 0},
                               large = {GRAFT_MAP_ARRAY, 4, 8, 513};

    (void)state;
    map_load(&def, FRAMES);
    REFUSED(ERR_BAD_ARG, b, graft_map_create, REGION, PFN_ANY, SLOT_NONE, LOAD);
    REFUSED(ERR_BAD_ARG, b, graft_map_create, REGION, world.base + world.count, 50, LOAD);
    REFUSED(ERR_BAD_CAP, b, graft_map_create, NOTE, PFN_ANY, 50, LOAD);
    REFUSED(ERR_BAD_USER, b, graft_map_create, REGION, PFN_ANY, 50, 8);
    REFUSED(ERR_IN_USE, b, graft_map_create, REGION, PFN_ANY, NOTE, LOAD);
    REFUSED(ERR_IN_USE, b, graft_map_create, REGION, cap_slot(world.root, NOTE)->base, 50, LOAD);
    map_load(&bad, FRAMES);
    REFUSED(ERR_BAD_ARG, b, graft_map_create, REGION, PFN_ANY, 50, LOAD);
    map_load(&large, FRAMES);
    REFUSED(ERR_BAD_ARG, b, graft_map_create, REGION, PFN_ANY, 50, LOAD);
    map_load(&hash, FRAMES);
    REFUSED(ERR_BAD_ARG, b, graft_map_create, REGION, PFN_ANY, 50, LOAD);
    map_load(&def, NOTE);
    REFUSED(ERR_BAD_CAP, b, graft_map_create, REGION, PFN_ANY, 50, LOAD);
    map_load(&def, WEAK_FRAMES);
    REFUSED(ERR_NO_RIGHT, b, graft_map_create, REGION, PFN_ANY, 50, LOAD);
    struct graft_map_load l = map_load(&def, FRAMES);
    l.notification = FRAMES;
    put(LOAD, &l, sizeof l);
    REFUSED(ERR_BAD_CAP, b, graft_map_create, REGION, PFN_ANY, 50, LOAD);
    l.notification = WEAK_NOTE;
    put(LOAD, &l, sizeof l);
    REFUSED(ERR_NO_RIGHT, b, graft_map_create, REGION, PFN_ANY, 50, LOAD);
    OK(BOSS(cap_copy, SLOT_ENV, 51, REGION, RIGHT_ALL, world.base + world.count - 1, 1));
    map_load(&hash, SLOT_NONE);
    REFUSED(ERR_NO_MEM, b, graft_map_create, 51, PFN_ANY, 50, LOAD);
}

static void put_pair(uint32_t key, uint64_t value)
{
    put(KEY, &key, sizeof key);
    put(VALUE, &value, sizeof value);
}

static void values_are_read_and_written(void **state)
{
    struct thread *b = world.boss;
    uint64_t *values = frame_memory(cap_slot(world.root, FRAMES)->base);
    const uint64_t *read = memory_of(b, VALUE);

    (void)state;
    put_pair(3, 77);
    REFUSED(ERR_BAD_ARG, b, graft_map_write, MAP, KEY, VALUE, 0, 1);
    REFUSED(ERR_BAD_ARG, b, graft_map_write, MAP, KEY, VALUE, 3, 0);
    REFUSED(ERR_BAD_CAP, b, graft_map_write, NOTE, KEY, VALUE, 0, 0);
    REFUSED(ERR_NO_RIGHT, b, graft_map_write, READ_MAP, KEY, VALUE, 0, 0);
    REFUSED(ERR_BAD_USER, b, graft_map_write, MAP, 8, VALUE, 0, 0);
    REFUSED(ERR_BAD_USER, b, graft_map_write, MAP, KEY, 8, 0, 0);
    assert_int_equal(BOSS(graft_map_write, MAP, KEY, VALUE, GRAFT_MAP_NEW, 0), ERR_IN_USE);
    OK(BOSS(graft_map_write, WRITE_MAP, KEY, VALUE, 0, 0));
    assert_int_equal(values[3], 77);
    values[3] = 78; /* the owner's frames are the map's values */
    REFUSED(ERR_BAD_ARG, b, graft_map_read, MAP, KEY, VALUE, 1);
    REFUSED(ERR_BAD_CAP, b, graft_map_read, NOTE, KEY, VALUE, 0);
    REFUSED(ERR_NO_RIGHT, b, graft_map_read, WRITE_MAP, KEY, VALUE, 0);
    REFUSED(ERR_BAD_USER, b, graft_map_read, MAP, 8, VALUE, 0);
    REFUSED(ERR_BAD_USER, b, graft_map_read, MAP, KEY, 8, 0);
    OK(BOSS(graft_map_read, READ_MAP, KEY, VALUE, 0));
    assert_int_equal(*read, 78);
    put_pair(16, 1);
    REFUSED(ERR_NOT_BOUND, b, graft_map_read, MAP, KEY, VALUE, 0);
    assert_int_equal(BOSS(graft_map_write, MAP, KEY, VALUE, 0, 0), ERR_NO_MEM);
    REFUSED(ERR_BAD_ARG, b, graft_map_delete, MAP, KEY);
}

static void keys_are_deleted_and_walked(void **state)
{
    struct thread *b = world.boss;

    (void)state;
    map_load(&hash, SLOT_NONE);
    OK(BOSS(graft_map_create, REGION, PFN_ANY, SECOND, LOAD));
    put_pair(5, 55);
    assert_int_equal(BOSS(graft_map_write, SECOND, KEY, VALUE, GRAFT_MAP_PRESENT, 0),
                     ERR_NOT_BOUND);
    REFUSED(ERR_NOT_BOUND, b, graft_map_next, SECOND, 0, VALUE);
    OK(BOSS(graft_map_write, SECOND, KEY, VALUE, GRAFT_MAP_NEW, 0));
    put_pair(6, 66);
    OK(BOSS(graft_map_write, SECOND, KEY, VALUE, GRAFT_MAP_NEW, 0));
    put_pair(7, 77);
    assert_int_equal(BOSS(graft_map_write, SECOND, KEY, VALUE, GRAFT_MAP_NEW, 0), ERR_NO_MEM);
    REFUSED(ERR_NOT_BOUND, b, graft_map_delete, SECOND, KEY);
    REFUSED(ERR_BAD_CAP, b, graft_map_delete, NOTE, KEY);
    OK(BOSS(cap_copy, SLOT_ENV, 53, SECOND, RIGHT_READ, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, graft_map_delete, 53, KEY);
    REFUSED(ERR_BAD_USER, b, graft_map_delete, SECOND, 8);
    REFUSED(ERR_BAD_CAP, b, graft_map_next, NOTE, 0, VALUE);
    REFUSED(ERR_NO_RIGHT, b, graft_map_next, WRITE_MAP, 0, VALUE);
    REFUSED(ERR_BAD_USER, b, graft_map_next, SECOND, 8, VALUE);
    REFUSED(ERR_BAD_USER, b, graft_map_next, SECOND, 0, 8);
    OK(BOSS(graft_map_next, SECOND, 0, KEY));
    OK(BOSS(graft_map_next, SECOND, KEY, VALUE));
    REFUSED(ERR_NOT_BOUND, b, graft_map_next, SECOND, VALUE, KEY);
    OK(BOSS(graft_map_delete, SECOND, KEY));
    OK(BOSS(graft_map_delete, SECOND, VALUE));
    REFUSED(ERR_NOT_BOUND, b, graft_map_next, SECOND, 0, VALUE);
}

static void a_graft_that_is_refused_changes_nothing(void **state)
{
    struct thread *b = world.boss;
    const struct graft_report *report = memory_of(b, REPORT);
    uint64_t bytes = put_object(picky, sizeof picky, NULL, NULL, 0);
    uint32_t free = world_free();

    (void)state;
    struct graft_load l = load_of(bytes, 0);
    l.map_count = GRAFT_MAX_MAPS + 1;
    put(LOAD, &l, sizeof l);
    REFUSED(ERR_BAD_ARG, b, graft_create, REGION, PFN_ANY, 50, LOAD);
    load_of(bytes, NOTE);
    REFUSED(ERR_BAD_CAP, b, graft_create, REGION, PFN_ANY, 50, LOAD);
    load_of(bytes, READ_MAP);
    REFUSED(ERR_NO_RIGHT, b, graft_create, REGION, PFN_ANY, 50, LOAD);
    l = load_of(bytes, MAP);
    l.maps = 8;
    put(LOAD, &l, sizeof l);
    REFUSED(ERR_BAD_USER, b, graft_create, REGION, PFN_ANY, 50, LOAD);
    l = load_of(bytes, 0);
    l.notification = FRAMES;
    put(LOAD, &l, sizeof l);
    REFUSED(ERR_BAD_CAP, b, graft_create, REGION, PFN_ANY, 50, LOAD);
    l.notification = WEAK_NOTE;
    put(LOAD, &l, sizeof l);
    REFUSED(ERR_NO_RIGHT, b, graft_create, REGION, PFN_ANY, 50, LOAD);
    load_of(bytes, MAP); /* which it does not define */
    assert_int_equal(BOSS(graft_create, REGION, PFN_ANY, 50, LOAD), ERR_BAD_GRAFT);
    assert_int_equal(report->reason, GRAFT_MAP_GIVEN);
    load_of(put_object(picky, sizeof picky, &hash, NULL, 0), MAP); /* another one */
    assert_int_equal(BOSS(graft_create, REGION, PFN_ANY, 50, LOAD), ERR_BAD_GRAFT);
    assert_int_equal(report->reason, GRAFT_MAP_GIVEN);
    load_of(put_object(leaks, sizeof leaks, NULL, NULL, 0), 0);
    assert_int_equal(BOSS(graft_create, REGION, PFN_ANY, 50, LOAD), ERR_BAD_GRAFT);
    assert_int_equal(report->reason, GRAFT_POINTER_LEAK);
    assert_int_equal(world_free(), free);
}

static void places_refuse(void **state)
{
    struct thread *b = world.boss;

    (void)state;
    make_picky(GRAFT);
    OK(BOSS(cap_copy, SLOT_ENV, 52, p.thread, RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_ARG, b, graft_bind, GRAFT, p.thread, 0);
    REFUSED(ERR_BAD_ARG, b, graft_bind, GRAFT, p.thread, 99);
    REFUSED(ERR_BAD_CAP, b, graft_bind, GRAFT, NOTE, GRAFT_HOOK_WAKE_UP);
    REFUSED(ERR_BAD_CAP, b, graft_bind, NOTE, p.thread, GRAFT_HOOK_WAKE_UP);
    REFUSED(ERR_BAD_CAP, b, graft_bind, GRAFT, p.thread, GRAFT_HOOK_PACKET_HANDLER);
    REFUSED(ERR_BAD_CAP, b, graft_bind, GRAFT, p.thread, GRAFT_HOOK_DISK_DONE);
    REFUSED(ERR_NO_RIGHT, b, graft_bind, GRAFT, 52, GRAFT_HOOK_WAKE_UP);
    REFUSED(ERR_BAD_STATE, b, graft_bind, GRAFT, SLOT_IRQ, GRAFT_HOOK_IRQ); /* another hook */
    REFUSED(ERR_NOT_BOUND, b, graft_bind, SLOT_NONE, p.thread, GRAFT_HOOK_WAKE_UP);
}

static void wait_for(uint64_t bits)
{
    world_run(p.t);
    assert_int_equal(
        world_call(p.t, SYS_notify_wait, (const word_t[SYS_MAX_ARGS]){IN_PARTY, bits, FOREVER}),
        BLOCKED);
}

static bool is_woken(uint64_t bits)
{
    const struct regs *r = thread_regs(p.t);

    return p.t->state != THREAD_IN_NOTIFY && r->rax == ERR_OK && r->rdx == bits;
}

static void a_graft_judges_what_is_waited_for(void **state)
{
    (void)state;
    make_picky(GRAFT);
    OK(BOSS(graft_bind, GRAFT, p.thread, GRAFT_HOOK_WAKE_UP));
    wait_for(7);
    OK(BOSS(notify, NOTE, 1));
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY);
    OK(BOSS(notify, NOTE, 2));
    assert_true(is_woken(3));
    OK(BOSS(notify, NOTE, 4)); /* what is there already is judged, too */
    wait_for(7);
    OK(BOSS(graft_bind, SLOT_NONE, p.thread, GRAFT_HOOK_WAKE_UP));
    assert_true(is_woken(4));
    wait_for(1);
    OK(BOSS(notify, NOTE, 1));
    assert_true(is_woken(1));
}

/* The graft's end is the binding's, and a map's end is the graft's. */
static void what_hangs_together_ends_together(void **state)
{
    uint32_t free = world_free();

    (void)state;
    make_counts(GRAFT);
    OK(BOSS(graft_bind, GRAFT, p.thread, GRAFT_HOOK_WAKE_UP));
    OK(BOSS(cap_delete, GRAFT));
    assert_int_equal(p.t->wake_node.parent, 0);
    assert_int_equal(world_free(), free);
    make_counts(GRAFT);
    OK(BOSS(graft_bind, GRAFT, p.thread, GRAFT_HOOK_WAKE_UP));
    wait_for(1);
    OK(BOSS(cap_delete, MAP));
    assert_int_equal(p.t->wake_node.parent, 0);
    assert_int_equal(cap_slot(world.root, GRAFT)->kind, CAP_NONE);
    OK(BOSS(notify, NOTE, 1));
    assert_true(is_woken(1));
    map_load(&def, FRAMES);
    OK(BOSS(graft_map_create, REGION, PFN_ANY, MAP, LOAD));
    make_counts(GRAFT);
    OK(BOSS(cap_delete, FRAMES)); /* the values */
    assert_int_equal(cap_slot(world.root, GRAFT)->kind, CAP_NONE);
    assert_int_equal(cap_slot(world.root, MAP)->kind, CAP_NONE);
}

static void a_run_without_end_is_undone(void **state)
{
    const uint64_t *values = frame_memory(cap_slot(world.root, FRAMES)->base);
    const struct notification *told = frame_memory(cap_slot(world.root, TOLD)->base);

    (void)state;
    make_counts(GRAFT);
    const struct graft *g = frame_memory(cap_slot(world.root, GRAFT)->base);
    assert_true(g->program.fuel > 0);
    OK(BOSS(graft_bind, GRAFT, p.thread, GRAFT_HOOK_WAKE_UP));
    wait_for(3);
    OK(BOSS(notify, NOTE, 2));
    assert_true(is_woken(2));
    assert_int_equal(values[0], 1);
    assert_int_equal(g->info->counts[COUNT_RUNS], 1);
    wait_for(3);
    OK(BOSS(notify, NOTE, 1));
    assert_true(is_woken(1)); /* as if there were no graft */
    assert_int_equal(values[0], 1);
    assert_true(g->info->state & OBJECT_ABORTED);
    assert_int_equal(told->raised, 8);
    wait_for(3);
    OK(BOSS(notify, NOTE, 2));
    assert_true(is_woken(2));
    assert_int_equal(values[0], 1);
    assert_int_equal(g->info->counts[COUNT_RUNS], 2);
    REFUSED(ERR_BAD_STATE, world.boss, graft_bind, GRAFT, p.thread, GRAFT_HOOK_WAKE_UP);
}

/* One's complement sum of words of two bytes, the last one filled up: as RFC 1071 has it. */
static uint32_t slow_sum(const uint8_t *at, uint64_t bytes, uint64_t seed)
{
    uint64_t sum = seed;

    for (uint64_t i = 0; i < bytes; i++)
        sum += (uint64_t)at[i] << (i & 1 ? 8 : 0);
    while (sum >> 16)
        sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint32_t)sum;
}

static uint32_t fold16(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint32_t)sum;
}

typedef uint64_t (*helper_fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static void what_is_copied_is_summed(void **state)
{
    const helper_fn copy = (helper_fn)graft_helper_address(NULL, 0x10000);
    uint8_t from[70], to[70], want[70];

    (void)state;
    for (uint32_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)(251 * i + 130);
    for (uint32_t bytes = 0; bytes <= 64; bytes++)
        for (uint32_t room = 0; room <= 64; room += bytes % 5 + 1) {
            const uint32_t count = bytes < room ? bytes : room;
            memset(to, 0xee, sizeof to);
            memset(want, 0xee, sizeof want);
            memcpy(want, from + 1, count);
            uint64_t sum = copy((uintptr_t)to, room, (uintptr_t)(from + 1), bytes, 0xfffe0003u);
            assert_memory_equal(to, want, sizeof to);
            assert_true(sum <= UINT32_MAX);
            assert_int_equal(fold16(sum), slow_sum(from + 1, count, 0xfffe0003u));
        }
}

static void a_difference_is_summed(void **state)
{
    const helper_fn difference = (helper_fn)graft_helper_address(NULL, 28);
    uint8_t a[16], b[16];

    (void)state;
    for (uint32_t i = 0; i < sizeof a; i++) {
        a[i] = (uint8_t)(199 * i + 3);
        b[i] = (uint8_t)(77 * i + 200);
    }
    for (uint32_t bytes = 0; bytes <= 16; bytes += 4) {
        const uint32_t whole = slow_sum(a, bytes, 0x1234);
        uint64_t sum = difference((uintptr_t)a, bytes, (uintptr_t)b, bytes, whole);
        assert_int_equal(fold16(sum), slow_sum(b, bytes, 0x1234));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_map_that_is_refused_changes_nothing),
        TEST(values_are_read_and_written),
        TEST(keys_are_deleted_and_walked),
        TEST(a_graft_that_is_refused_changes_nothing),
        TEST(places_refuse),
        TEST(a_graft_judges_what_is_waited_for),
        TEST(what_hangs_together_ends_together),
        TEST(a_run_without_end_is_undone),
        TEST(what_is_copied_is_summed),
        TEST(a_difference_is_summed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
