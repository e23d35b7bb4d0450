/* IO fpages: mapped, granted, cut and taken back, by messages and by the exokernel's calls. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/port.h"
#include "l4core/port_map.h"

#include <string.h>

#define NEVER    TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define PORTS    50u /* p's slot of the first table: ports [FIRST, FIRST + 64) */
#define FIRST    0x200u
#define ALL      FPAGE_PORTS(0, 16)
#define COMPLETE FPAGE_COMPLETE
#define RW_GRANT (RW | RIGHT_GRANT)

static struct party p, q, r;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&r, 28);
    OK(BOSS(cap_copy, p.env, PORTS, ports_of(FIRST), RW_GRANT, FIRST, 64));
    OK(BOSS(env_kmem, p.env, REGION));
    OK(BOSS(env_kmem, q.env, REGION));
    OK(BOSS(env_kmem, r.env, REGION));
    return 0;
}

static bool send(const struct party *from, const struct party *to, unsigned kind, word_t fpage,
                 word_t window)
{
    bool good = port_item(from->t, to->t, kind, fpage, window) == 0;

    world_check();
    return good;
}

static bool map(const struct party *from, const struct party *to, uint32_t port, unsigned bits)
{
    return send(from, to, ITEM_MAP, FPAGE_PORTS(port, bits), COMPLETE);
}

/* The ports from FIRST on that the party has by message, one character each. */
static const char *has(const struct party *party)
{
    static char text[4][65];
    static unsigned next;
    char *at = text[next++ % 4];

    for (unsigned i = 0; i < 64; i++) {
        const struct cap *c = port_next(party->e, FIRST + i, 0);
        at[i] = c && c->base <= FIRST + i && port_is_mapped(c) ? '#' : '.';
    }
    at[64] = '\0';
    for (unsigned i = 64; i && at[i - 1] == '.'; i--)
        at[i - 1] = '\0';
    return at;
}

static uint32_t parts(const struct party *party)
{
    uint32_t n = 0;

    for (unsigned i = 0; party->e->ports && i < CAPS_PER_FRAME; i++)
        n += party->e->ports[i].kind != CAP_NONE;
    return n;
}

static void unmap(const struct party *party, uint32_t port, unsigned bits, bool flush)
{
    world_run(party->t);
    set_mr(party->t, 0, FPAGE_PORTS(port, bits) | FPAGE_READ);
    thread_regs(party->t)->rdx = (word_t)flush << 6;
    l4_enter(party->t, LINK_UNMAP);
    assert_int_equal(get_mr(party->t, 0), FPAGE_PORTS(port, bits));
}

static void what_the_sender_has_of_an_fpage_is_mapped(void **state)
{
    (void)state;
    assert_true(map(&p, &q, FIRST + 8, 3));
    assert_string_equal(has(&q), "........########");
    assert_true(port_held(q.e, FIRST + 8, 8, RW));
    assert_false(port_held(q.e, FIRST + 8, 9, RIGHT_READ));
    assert_false(port_held(q.e, FIRST + 7, 2, RIGHT_READ));
    assert_true(send(&p, &q, ITEM_MAP, ALL, COMPLETE));
    assert_int_equal(strlen(has(&q)), 64);
    assert_int_equal(parts(&q), 3); /* what was there stays */
    assert_true(map(&q, &r, FIRST + 4, 2));
    assert_string_equal(has(&r), "....####");
    assert_true(map(&r, &q, FIRST, 16)); /* back: it has them all */
    assert_int_equal(parts(&q), 3);
}

static void the_base_is_rounded_down_and_too_large_an_fpage_is_none(void **state)
{
    (void)state;
    assert_true(map(&p, &q, FIRST + 7, 2));
    assert_string_equal(has(&q), "....####");
    assert_true(map(&p, &q, 0, 17));
    assert_true(map(&p, &q, 0x8000, 4));
    assert_int_equal(parts(&q), 1);
    assert_false(r.e->ports);
}

static void a_window_of_ports_takes_what_is_in_it(void **state)
{
    (void)state;
    assert_true(send(&p, &q, ITEM_MAP, ALL, FPAGE_PORTS(FIRST + 4, 2)));
    assert_string_equal(has(&q), "....####");
    assert_true(send(&p, &q, ITEM_MAP, FPAGE_PORTS(FIRST, 2), FPAGE_PORTS(FIRST + 4, 2)));
    assert_int_equal(parts(&q), 1);
    assert_false(send(&p, &q, ITEM_MAP, ALL, 0));
    assert_false(send(&p, &q, ITEM_MAP, ALL, PARTY_MEMORY | PAGE_BITS << 4));
}

static void the_rights_are_those_of_the_capability(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, r.env, PORTS, ports_of(FIRST), RIGHT_READ, FIRST, 8));
    assert_true(map(&r, &q, FIRST, 2));
    assert_true(port_held(q.e, FIRST, 4, RIGHT_READ));
    assert_false(port_held(q.e, FIRST, 1, RIGHT_WRITE));
    assert_true(port_held(p.e, FIRST, 64, RW)); /* by its slot */
}

static void without_memory_for_a_table_or_place_in_it_it_overflows(void **state)
{
    (void)state;
    struct party poor;

    party_make(&poor, 32);
    assert_false(map(&p, &poor, FIRST, 3));
    for (uint32_t i = 0; i < 32; i++)
        assert_true(map(&p, &q, FIRST + 2 * i, 0));
    assert_int_equal(parts(&q), 32);
    OK(BOSS(cap_copy, r.env, PORTS, ports_of(0x100), RW_GRANT, 0x100, 0x100));
    for (uint32_t i = 0; i < 96; i++)
        assert_true(map(&r, &q, 0x100 + 2 * i, 0));
    assert_int_equal(parts(&q), CAPS_PER_FRAME);
    assert_false(map(&r, &q, 0x100 + 2 * 96, 0));
}

static void a_message_brings_them_and_who_takes_none_is_told(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, p.t->global_id, NEVER);
    *thread_mr(q.t, TCR_BR0) = FPAGE_PORTS(FIRST, 4);
    world_run(p.t);
    set_mr(p.t, 0, TAG_MAKE(0, 0, 2));
    set_mr(p.t, 1, ITEM_MAP);
    set_mr(p.t, 2, FPAGE_PORTS(FIRST, 5));
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
    assert_received(q.t, p.t->global_id);
    assert_string_equal(has(&q), "################");
    ipc(r.t, L4_NIL, p.t->global_id, NEVER);
    *thread_mr(r.t, TCR_BR0) = 0;
    world_run(p.t);
    set_mr(p.t, 0, TAG_MAKE(0, 0, 2));
    ipc(p.t, r.t->global_id, L4_NIL, NEVER);
    assert_failed(p.t, IPC_OVERFLOW, IPC_SEND_PHASE);
    assert_failed(r.t, IPC_OVERFLOW, IPC_RECEIVE_PHASE);
}

static void unmap_takes_from_the_derived_and_flush_from_oneself(void **state)
{
    (void)state;
    assert_true(map(&p, &q, FIRST, 3));
    assert_true(map(&q, &r, FIRST, 3));
    unmap(&q, FIRST, 3, false);
    assert_string_equal(has(&q), "########");
    assert_string_equal(has(&r), "");
    assert_true(map(&q, &r, FIRST, 3));
    unmap(&q, FIRST, 3, true);
    assert_string_equal(has(&q), "");
    assert_string_equal(has(&r), "");
    assert_true(map(&p, &q, FIRST, 3));
    unmap(&p, FIRST, 3, true); /* what is held by a slot stays */
    assert_string_equal(has(&q), "");
    assert_true(port_held(p.e, FIRST, 64, RW));
}

static void ports_beside_what_the_sender_has_are_none(void **state)
{
    (void)state;
    assert_true(map(&p, &q, FIRST - 0x20, 4));
    assert_true(map(&p, &q, FIRST + 64, 4));
    assert_int_equal(parts(&q), 0);
}

static void only_a_grant_takes_what_is_beside_the_window(void **state)
{
    (void)state;
    assert_true(map(&p, &q, FIRST, 5));
    assert_true(send(&q, &r, ITEM_MAP, FPAGE_PORTS(FIRST, 5), FPAGE_PORTS(FIRST, 3)));
    assert_string_equal(has(&r), "########");
    assert_int_equal(strlen(has(&q)), 32);
    assert_true(send(&q, &r, ITEM_GRANT, FPAGE_PORTS(FIRST, 3), FPAGE_PORTS(FIRST + 16, 3)));
    assert_int_equal(strlen(has(&q)), 32); /* a window that they do not meet takes none */
}

static void a_part_is_taken_out_of_what_was_mapped_whole(void **state)
{
    (void)state;
    assert_true(map(&p, &q, FIRST, 4));
    assert_true(map(&q, &r, FIRST, 3));
    assert_true(map(&q, &r, FIRST + 8, 3));
    unmap(&p, FIRST + 4, 1, false);
    assert_string_equal(has(&q), "####..##########");
    assert_string_equal(has(&r), "####..##########");
    unmap(&q, FIRST + 7, 0, false);
    assert_string_equal(has(&q), "####..##########");
    assert_string_equal(has(&r), "####..#.########");
    unmap(&q, FIRST + 2, 1, true);
    assert_string_equal(has(&q), "##....##########");
    assert_string_equal(has(&r), "##....#.########");
    unmap(&p, 0, 16, false);
    assert_string_equal(has(&q), "");
    assert_string_equal(has(&r), "");
}

static void where_a_half_has_no_place_it_goes_whole(void **state)
{
    (void)state;
    assert_true(map(&p, &q, FIRST, 2));
    OK(BOSS(cap_copy, r.env, PORTS, ports_of(0x100), RW_GRANT, 0x100, 0x100));
    for (uint32_t i = 0; i < CAPS_PER_FRAME - 1; i++)
        assert_true(map(&r, &q, 0x100 + 2 * i, 0));
    unmap(&p, FIRST, 0, false);
    assert_string_equal(has(&q), "");
    assert_int_equal(parts(&q), CAPS_PER_FRAME - 1);
}

static void a_capability_derived_by_a_call_goes_with_its_ports(void **state)
{
    (void)state;
    OK(CALL(p.t, cap_copy, SLOT_ENV, 51, PORTS, RW_GRANT, FIRST, 16));
    OK(CALL(p.t, cap_copy, SLOT_ENV, 52, PORTS, RW_GRANT, FIRST + 16, 4));
    assert_true(map(&p, &q, FIRST, 5));
    unmap(&p, FIRST + 8, 1, false); /* 51 lies on both sides: it goes; 52 does not */
    assert_int_equal(cap_slot(p.e, 51)->kind, CAP_NONE);
    assert_int_equal(cap_slot(p.e, 52)->kind, CAP_PORTS);
}

static void who_revokes_by_a_call_takes_what_was_mapped(void **state)
{
    (void)state;
    assert_true(map(&p, &q, FIRST, 3));
    assert_true(map(&q, &r, FIRST + 2, 1));
    OK(BOSS(cap_revoke, ports_of(FIRST)));
    world_check();
    assert_false(port_held(p.e, FIRST, 1, RIGHT_READ));
    assert_string_equal(has(&q), "");
    assert_string_equal(has(&r), "");
}

static void with_its_memory_a_port_table_goes(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, 60, REGION, RIGHT_ALL, 0, 0));
    struct party s;
    party_make(&s, 32);
    OK(BOSS(env_kmem, s.env, 60));
    assert_true(map(&p, &s, FIRST, 3));
    assert_true(map(&s, &q, FIRST, 2));
    OK(BOSS(cap_revoke, 60));
    world_check();
    assert_null(s.e->ports);
    assert_string_equal(has(&q), "");
    assert_true(map(&p, &q, FIRST, 2));
    assert_false(map(&p, &s, FIRST, 3)); /* it has no memory any more */
}

static void the_end_of_a_space_takes_them_along(void **state)
{
    (void)state;
    const uint32_t before = world_free();

    assert_true(map(&p, &q, FIRST, 3));
    assert_int_equal(world_free(), before - 1);
    assert_true(map(&q, &r, FIRST, 1));
    OK(BOSS(cap_delete, q.env));
    world_check();
    assert_string_equal(has(&r), "");
}

static void a_grant_moves_them_with_what_was_derived(void **state)
{
    (void)state;
    struct party s;

    party_make(&s, 32);
    OK(BOSS(env_kmem, s.env, REGION));
    assert_true(map(&p, &q, FIRST, 3));
    assert_true(map(&q, &s, FIRST, 1));
    assert_true(send(&q, &r, ITEM_GRANT, FPAGE_PORTS(FIRST, 2), COMPLETE));
    assert_string_equal(has(&q), "....####");
    assert_string_equal(has(&r), "####");
    assert_string_equal(has(&s), "##");
    unmap(&q, FIRST, 3, true); /* no longer its own */
    assert_string_equal(has(&s), "##");
    unmap(&r, FIRST, 3, false);
    assert_string_equal(has(&s), "");
    unmap(&p, FIRST, 3, false);
    assert_string_equal(has(&r), "");
}

static void of_a_grant_that_is_larger_than_the_window_the_rest_is_flushed(void **state)
{
    (void)state;
    assert_true(map(&p, &q, FIRST, 4));
    assert_true(send(&q, &r, ITEM_GRANT, FPAGE_PORTS(FIRST, 3), FPAGE_PORTS(FIRST + 2, 1)));
    assert_string_equal(has(&r), "..##");
    assert_string_equal(has(&q), "........########");
    assert_true(send(&p, &r, ITEM_GRANT, FPAGE_PORTS(FIRST, 1), COMPLETE)); /* it is by a slot */
    assert_string_equal(has(&r), "####");
    assert_true(port_held(p.e, FIRST, 64, RW));
}

static void a_grant_without_place_leaves_them(void **state)
{
    (void)state;
    struct party poor;

    party_make(&poor, 32);
    assert_true(map(&p, &q, FIRST, 3));
    assert_false(send(&q, &poor, ITEM_GRANT, FPAGE_PORTS(FIRST + 2, 1), COMPLETE));
    assert_string_equal(has(&q), "########");
    assert_true(send(&q, &q, ITEM_GRANT, FPAGE_PORTS(FIRST, 3), COMPLETE));
    assert_string_equal(has(&q), "########");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_sender_has_of_an_fpage_is_mapped),
        TEST(the_base_is_rounded_down_and_too_large_an_fpage_is_none),
        TEST(a_window_of_ports_takes_what_is_in_it),
        TEST(the_rights_are_those_of_the_capability),
        TEST(without_memory_for_a_table_or_place_in_it_it_overflows),
        TEST(a_message_brings_them_and_who_takes_none_is_told),
        TEST(unmap_takes_from_the_derived_and_flush_from_oneself),
        TEST(a_part_is_taken_out_of_what_was_mapped_whole),
        TEST(where_a_half_has_no_place_it_goes_whole),
        TEST(a_capability_derived_by_a_call_goes_with_its_ports),
        TEST(who_revokes_by_a_call_takes_what_was_mapped),
        TEST(with_its_memory_a_port_table_goes),
        TEST(the_end_of_a_space_takes_them_along),
        TEST(a_grant_moves_them_with_what_was_derived),
        TEST(of_a_grant_that_is_larger_than_the_window_the_rest_is_flushed),
        TEST(a_grant_without_place_leaves_them),
        TEST(ports_beside_what_the_sender_has_are_none),
        TEST(only_a_grant_takes_what_is_beside_the_window),
    };
    return cmocka_run_group_tests_name("bindings/port", tests, NULL, NULL);
}
