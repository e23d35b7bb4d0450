/* String items: every way to cut them, and hostile descriptions. */
#include "tests/host/string_world.h"

#include "l4core/ipc.h"
#include "l4core/suspend.h"

#include <string.h>

static void a_simple_string_of_any_length_and_place_arrives(void **state)
{
    (void)state;
    static const word_t lengths[] = {0, 1, 7, 8, 9, 4095, 4096, 4097, 20000, 65536};
    static const word_t places[] = {0, 1, 8, 4090};

    for (unsigned n = 0; n < sizeof lengths / sizeof lengths[0]; n++)
        for (unsigned i = 0; i < 16; i++) {
            word_t from = places[i / 4], to = places[i % 4] + PAGE_SIZE;
            fill();
            accept_simple(q.t, TARGET + to, lengths[n]);
            wait_for_p();
            send_simple(SOURCE + from, lengths[n]);
            assert_done();
            assert_int_equal(get_mr(q.t, 0), cross(q.t, p.t) | TAG_MAKE(5, 1, 2));
            assert_int_equal(get_mr(q.t, 1), 0x77);
            assert_int_equal(get_mr(q.t, 2), header(lengths[n], 1, false));
            assert_int_equal(get_mr(q.t, 3), SOURCE + from);
            assert_memory_equal(target + to, source + from, lengths[n]);
            assert_untouched(to - 16, to);
            assert_untouched(to + lengths[n], to + lengths[n] + 16);
        }
}

static void a_sender_that_waits_sends_its_string_too(void **state)
{
    (void)state;
    send_simple(SOURCE, 5000);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    accept_simple(q.t, TARGET, 8000);
    wait_for_p();
    assert_done();
    assert_memory_equal(target, source, 5000);
    assert_untouched(5000, 8000);
}

static void who_accepts_no_strings_gets_none(void **state)
{
    (void)state;
    accept_simple(q.t, TARGET, 100);
    *br(q.t, 0) = 0;
    wait_for_p();
    send_simple(SOURCE, 10);
    assert_cut(IPC_OVERFLOW, IPC_OVERFLOW, 0);
    assert_untouched(0, 100);
}

static void a_buffer_that_is_too_short_cuts_the_string_exactly(void **state)
{
    (void)state;
    static const word_t rooms[] = {0, 1, 99, 4096, 5000};

    for (unsigned n = 0; n < 5; n++) {
        fill();
        accept_simple(q.t, TARGET, rooms[n]);
        wait_for_p();
        send_simple(SOURCE + 3, rooms[n] + 1);
        assert_cut(IPC_OVERFLOW, IPC_OVERFLOW, rooms[n]);
        assert_memory_equal(target, source + 3, rooms[n]);
        assert_untouched(rooms[n], rooms[n] + 16);
    }
}

/* Ways to describe 3 * 4 * 500 bytes. */
struct group {
    unsigned substrings;
    word_t length;
};
static const struct group ways[][6] = {
    {{1, 6000}},
    {{2, 3000}},
    {{12, 500}},
    {{1, 1}, {1, 5999}},
    {{3, 1000}, {2, 1500}},
    {{1, 0}, {4, 1}, {2, 0}, {2, 2998}},
    {{1, 4096}, {1, 0}, {1, 1904}},
    {{2, 700}, {1, 1600}, {3, 1000}},
    {{24, 250}},
};
#define WAYS (sizeof ways / sizeof ways[0])

/* The words of way `way`, its substrings laid out from `va` on with gaps; each byte's place in the
 * string goes to `place`, which begins at `va`. Returns how many words. */
static unsigned describe(unsigned way, vaddr_t va, word_t *words, size_t order[6000])
{
    unsigned n = 0;
    size_t at = 5, bytes = 0;

    for (unsigned g = 0; g < 6 && ways[way][g].substrings; g++) {
        unsigned count = ways[way][g].substrings;
        bool more = g < 5 && ways[way][g + 1].substrings;
        words[n++] = header(ways[way][g].length, count, more);
        for (unsigned i = 0; i < count; i++) {
            words[n++] = va + at;
            for (word_t b = 0; b < ways[way][g].length; b++)
                order[bytes++] = at++;
            at += 19 + 700 * (way % 3);
        }
    }
    assert_int_equal(bytes, 6000);
    return n;
}

static void gather_and_scatter(unsigned in, unsigned out)
{
    static size_t from[6000], to[6000];
    word_t items[64], buffer[32];
    unsigned items_count = describe(in, SOURCE, items, from);
    unsigned buffer_count = describe(out, TARGET, buffer, to);

    fill();
    accept_string(q.t, buffer, buffer_count);
    wait_for_p();
    send_to_q(items, items_count);
    assert_done();
    for (unsigned i = 0; i < items_count; i++)
        assert_int_equal(get_mr(q.t, i + 2), items[i]);
    for (unsigned i = 0; i < 6000; i++) {
        assert_int_equal(target[to[i]], source[from[i]]);
        target[to[i]] = UNTOUCHED;
    }
    assert_untouched(0, BYTES);
}

static void every_way_to_gather_meets_every_way_to_scatter(void **state)
{
    (void)state;
    for (unsigned in = 0; in < WAYS; in++)
        for (unsigned out = 0; out < WAYS; out++)
            gather_and_scatter(in, out);
}

static void each_string_has_its_own_buffer(void **state)
{
    (void)state;
    word_t more = STRING_MORE_FOLLOWS;

    accept_string(q.t,
                  (const word_t[]){header(100, 1, true) | more, TARGET, header(50, 2, false),
                                   TARGET + 1000, TARGET + 2000, header(300, 1, false),
                                   TARGET + 3000},
                  7);
    wait_for_p();
    send_to_q((const word_t[]){header(150, 1, false), SOURCE, header(300, 1, false), SOURCE + 500},
              4);
    assert_done();
    assert_memory_equal(target, source, 100);
    assert_memory_equal(target + 1000, source + 100, 50);
    assert_untouched(2000, 2050);
    assert_memory_equal(target + 3000, source + 500, 300);
    wait_for_p();
    send_to_q((const word_t[]){header(150, 1, false), SOURCE, header(0, 1, false), SOURCE,
                               header(3, 1, false), SOURCE},
              6);
    assert_cut(IPC_OVERFLOW, IPC_OVERFLOW, 150); /* there are two buffers */
}

static void strings_and_maps_go_in_one_message(void **state)
{
    (void)state;
    accept_simple(q.t, TARGET, 100);
    *br(q.t, 0) = Q_HOLE | 12 << 4 | ACCEPT_STRINGS;
    wait_for_p();
    send_to_q(
        (const word_t[]){header(10, 1, false), SOURCE, ITEM_MAP, SOURCE | 12 << 4 | FPAGE_READ}, 4);
    assert_done();
    assert_memory_equal(target, source, 10);
    assert_ptr_equal(space_user(q.e->root, Q_HOLE, RIGHT_READ), source);
}

static void malformed_items_overflow(void **state)
{
    (void)state;
    static const word_t bad[][4] = {
        {0x3ff << 1, SOURCE},                          /* an unknown kind                    */
        {(word_t)10 << 10 | 1 << 4, SOURCE},           /* a substring is missing             */
        {(word_t)10 << 10 | 31 << 4, SOURCE},          /* many are                           */
        {(word_t)10 << 10 | 1 << 9, SOURCE},           /* the other group is missing         */
        {(word_t)10 << 10 | 1 << 9, SOURCE, 8, 0},     /* or is no string                    */
        {(word_t)10 << 10 | 1 << 9, SOURCE, 0x3f0, 0}, /* or is cut off                      */
    };
    static const struct {
        unsigned words;
        word_t copied;
    } shape[] = {{2, 0}, {2, 0}, {2, 0}, {2, 10}, {4, 10}, {4, 10}};

    for (unsigned n = 0; n < 6; n++) {
        accept_simple(q.t, TARGET, 100);
        wait_for_p();
        send_to_q(bad[n], shape[n].words);
        assert_cut(IPC_OVERFLOW, IPC_OVERFLOW, shape[n].copied);
    }
    accept_simple(q.t, TARGET, 100);
    wait_for_p();
    send_to_q(bad[1], 1);
    assert_cut(IPC_OVERFLOW, IPC_OVERFLOW, 0);
    accept_simple(q.t, TARGET, 100);
    wait_for_p();
    set_mr(p.t, 3, SOURCE); /* where the address would be, behind the last item */
    send_to_q((const word_t[]){header(10, 1, false)}, 1);
    assert_cut(IPC_OVERFLOW, IPC_OVERFLOW, 0);
}

/* The header of the second buffer is the last buffer register; what lies behind is none. */
static void a_buffer_that_is_cut_off_takes_nothing(void **state)
{
    word_t items[4] = {header(8, 1, false), SOURCE, header(8, 1, false), SOURCE};

    (void)state;
    fill();
    *br(q.t, 0) = ACCEPT_STRINGS;
    *br(q.t, 1) = header(8, 30, false) | STRING_MORE_FOLLOWS;
    for (unsigned i = 0; i < 30; i++)
        *br(q.t, 2 + i) = TARGET + 8 * i;
    *br(q.t, 32) = header(8, 1, false);
    *br(q.t, 33) = TARGET + 512;
    wait_for_p();
    send_to_q(items, 4);
    assert_cut(IPC_OVERFLOW, IPC_OVERFLOW, 8);
    assert_untouched(8, BYTES);
}

static void hostile_buffer_lists_do_no_harm(void **state)
{
    (void)state;
    static const word_t pattern[] = {~(word_t)0,      0,     0x3f1,       0x201, 0x8,
                                     (word_t)1 << 63, 0x3ff, ~(word_t)15, 0x3f0, 0x211};

    for (unsigned n = 0; n < 10; n++)
        for (unsigned first = 1; first < BUFFER_REGISTERS; first++) {
            for (unsigned i = 1; i < BUFFER_REGISTERS; i++)
                *br(q.t, i) = pattern[n];
            *br(q.t, 0) = ACCEPT_STRINGS;
            *br(q.t, first) = header(8, 1, true) | STRING_MORE_FOLLOWS;
            wait_for_p();
            send_to_q((const word_t[]){header(8, 1, false), SOURCE, header(8, 1, false), SOURCE},
                      4);
            if (p.t->transfer_with) /* a page fault; s does not answer */
                abort_transfer(p.t);
            world_check();
            assert_null(q.t->transfer_with);
        }
}

static void strings_do_not_reach_the_kernel(void **state)
{
    (void)state;
    static const vaddr_t where[] = {USER_TOP,   USER_TOP + 1,     ~(vaddr_t)0,
                                    WINDOW_KIP, (vaddr_t)1 << 63, (vaddr_t)1 << 47};
    word_t longest = ((word_t)1 << 54) - 1;

    for (unsigned n = 0; n < 6; n++) {
        accept_simple(q.t, where[n], longest);
        wait_for_p();
        send_simple(SOURCE, longest);
        assert_cut(IPC_OVERFLOW, IPC_OVERFLOW, 0);
        accept_simple(q.t, TARGET, longest);
        wait_for_p();
        send_simple(where[n], longest);
        assert_cut(IPC_OVERFLOW, IPC_OVERFLOW, 0);
    }
}

static void the_longest_string_is_copied_as_far_as_its_pages_go(void **state)
{
    (void)state;
    word_t longest = ((word_t)1 << 54) - 1;

    *thread_mr(q.t, TCR_PAGER) = L4_NIL;
    accept_simple(q.t, TARGET + BYTES / 2, longest);
    wait_for_p();
    send_simple(SOURCE, longest);
    for (unsigned i = 0; i < 4 && p.t->transfer_with; i++)
        go_on(p.t);
    assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, BYTES / 2);
    assert_memory_equal(target + BYTES / 2, source, BYTES / 2);
}

/* Both sides show the same frames: what arrives is what a copy by rising addresses, or one of what
 * was there before, makes; but the kernel goes on. */
static void buffers_may_overlap(void **state)
{
    (void)state;
    struct thread *mate = party_thread(&p, 60, 1);

    accept_simple(mate, SOURCE + 100, 3000);
    ipc(mate, L4_NIL, L4_ANY, NEVER);
    uint8_t before[3000];
    memcpy(before, source, sizeof before);
    load(p.t, (const word_t[]){header(3000, 1, false), SOURCE}, 2);
    ipc(p.t, mate->global_id, L4_NIL, NEVER);
    assert_received(mate, local_id(p.t));
    assert_memory_equal(source + 100, before, sizeof before);
    ipc(mate, L4_NIL, L4_ANY, NEVER);
    memcpy(before, source + 150, sizeof before);
    load(p.t, (const word_t[]){header(3000, 1, false), SOURCE + 150}, 2);
    ipc(p.t, mate->global_id, L4_NIL, NEVER);
    assert_memory_equal(source + 100, before, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRING_TEST(a_simple_string_of_any_length_and_place_arrives),
        STRING_TEST(a_sender_that_waits_sends_its_string_too),
        STRING_TEST(who_accepts_no_strings_gets_none),
        STRING_TEST(a_buffer_that_is_too_short_cuts_the_string_exactly),
        STRING_TEST(every_way_to_gather_meets_every_way_to_scatter),
        STRING_TEST(each_string_has_its_own_buffer),
        STRING_TEST(strings_and_maps_go_in_one_message),
        STRING_TEST(malformed_items_overflow),
        STRING_TEST(a_buffer_that_is_cut_off_takes_nothing),
        STRING_TEST(hostile_buffer_lists_do_no_harm),
        STRING_TEST(strings_do_not_reach_the_kernel),
        STRING_TEST(the_longest_string_is_copied_as_far_as_its_pages_go),
        STRING_TEST(buffers_may_overlap),
    };
    return cmocka_run_group_tests_name("l4core/string", tests, NULL, NULL);
}
