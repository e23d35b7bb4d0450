/* String items: every way to cut them, hostile descriptions, page faults on either side, timeouts
 * of the transfer, and what ends one that is suspended. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/env/sched.h"
#include "l4core/ipc.h"
#include "l4core/string.h"

#include <string.h>

#define NEVER     TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define P_FRAMES  40u
#define Q_FRAMES  41u
#define PAGES     48u
#define SOURCE    ((vaddr_t)0x10040000) /* p's pages                            */
#define TARGET    ((vaddr_t)0x10080000) /* q's                                  */
#define P_HOLE    ((vaddr_t)0x10020000) /* pages that are not there, in a table */
#define Q_HOLE    ((vaddr_t)0x10028000)
#define BYTES     (PAGES * PAGE_SIZE)
#define UNTOUCHED 0xee

static struct party p, q, s;
static uint8_t *source, *target; /* their frames are in a row */

static uint8_t *bound_pages(slot_t env, slot_t slot, vaddr_t va)
{
    pfn_t pfn = make_frames(slot, PAGES);

    for (uint32_t i = 0; i < PAGES; i++)
        bind_page(env, slot, pfn + i, va + i * PAGE_SIZE, RW);
    return frame_memory(pfn);
}

static void unbind_page(slot_t env, vaddr_t va)
{
    put_entries(world.boss, SCRATCH, &(struct page_entry){.va = va}, 1);
    OK(BOSS(page_unbind, env, SCRATCH, 1));
}

static void fill(void)
{
    for (size_t i = 0; i < BYTES; i++)
        source[i] = (uint8_t)(i * 7 + i / 251);
    memset(target, UNTOUCHED, BYTES);
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    source = bound_pages(p.env, P_FRAMES, SOURCE);
    target = bound_pages(q.env, Q_FRAMES, TARGET);
    fill();
    *thread_mr(p.t, TCR_PAGER) = *thread_mr(q.t, TCR_PAGER) = s.t->global_id;
    *thread_mr(p.t, TCR_XFER_TIMEOUTS) = *thread_mr(q.t, TCR_XFER_TIMEOUTS) = 0;
    return 0;
}

static word_t header(word_t length, unsigned substrings, bool compound)
{
    return length << 10 | (word_t)compound << 9 | (word_t)(substrings - 1) << 4;
}

static volatile uint64_t *br(struct thread *t, unsigned i)
{
    return thread_mr(t, TCR_BR0 - (int)i);
}

/* `t` accepts strings, into the one buffer of `words` words. */
static void accept(struct thread *t, const word_t *buffer, unsigned words)
{
    *br(t, 0) = ACCEPT_STRINGS;
    for (unsigned i = 0; i < words; i++)
        *br(t, i + 1) = buffer[i];
}

static void accept_simple(struct thread *t, vaddr_t va, word_t bytes)
{
    accept(t, (const word_t[]){header(bytes, 1, false), va}, 2);
}

/* One untyped word, 0x77, then `words` words of items. */
static void load(struct thread *t, const word_t *items, unsigned words)
{
    set_mr(t, 1, 0x77);
    for (unsigned i = 0; i < words; i++)
        set_mr(t, i + 2, items[i]);
    set_mr(t, 0, TAG_MAKE(5, 1, words));
}

static void wait_for_p(void)
{
    ipc(q.t, L4_NIL, p.t->global_id, NEVER);
}

static void send_to_q(const word_t *items, unsigned words)
{
    load(p.t, items, words);
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
}

static void send_simple(vaddr_t va, word_t bytes)
{
    send_to_q((const word_t[]){header(bytes, 1, false), va}, 2);
}

/* Lets `t`, which is ready, run: it goes on with its transfer. */
static void go_on(struct thread *t)
{
    assert_true(t->state == THREAD_READY || t->state == THREAD_RUNNING);
    sched_yield();
    sched_handoff(t);
    sched_leave();
    world_check();
}

static void assert_cut(unsigned send_code, unsigned receive_code, word_t bytes)
{
    assert_failed(p.t, (unsigned)IPC_WITH_OFFSET(send_code, bytes), IPC_SEND_PHASE);
    assert_failed(q.t, (unsigned)IPC_WITH_OFFSET(receive_code, bytes), IPC_RECEIVE_PHASE);
    assert_null(p.t->transfer_with);
    assert_null(q.t->transfer_with);
}

static void assert_done(void)
{
    assert_received(q.t, p.t->global_id);
    assert_true(p.t->state == THREAD_READY || p.t->state == THREAD_RUNNING);
    assert_false(get_mr(p.t, 0) & TAG_ERROR);
    assert_null(p.t->transfer_with);
}

static void assert_untouched(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        assert_int_equal(target[i], UNTOUCHED);
}

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
            assert_int_equal(get_mr(q.t, 0), TAG_MAKE(5, 1, 2));
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
    accept(q.t, buffer, buffer_count);
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

    accept(q.t,
           (const word_t[]){header(100, 1, true) | more, TARGET, header(50, 2, false),
                            TARGET + 1000, TARGET + 2000, header(300, 1, false), TARGET + 3000},
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
                assert_true(string_abort(p.t));
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

/* s hears of a fault of `t` at `va`. */
static void assert_fault(struct thread *t, vaddr_t va, word_t rwx)
{
    *br(s.t, 0) = 0;
    ipc(s.t, L4_NIL, L4_ANY, NEVER);
    assert_received(s.t, t->global_id);
    assert_int_equal(get_mr(s.t, 0), TAG_MAKE(LABEL_PAGE_FAULT | rwx, 2, 0));
    assert_int_equal(get_mr(s.t, 1), va);
    assert_int_equal(get_mr(s.t, 2), ~(word_t)0);
}

/* s maps its page `page` for `t` at `va`, whom that makes ready. */
static void serve(struct thread *t, vaddr_t va, unsigned page)
{
    set_mr(s.t, 0, TAG_MAKE(0, 0, 2));
    set_mr(s.t, 1, (va & ~(word_t)0xfff) | ITEM_MAP);
    set_mr(s.t, 2, (PARTY_MEMORY + page * PAGE_SIZE) | 12 << 4 | FPAGE_READ | FPAGE_WRITE);
    ipc(s.t, t->global_id, L4_NIL, NEVER);
    if (t->transfer_with && t->state == THREAD_READY)
        go_on(t);
}

static uint8_t *pagers(unsigned page)
{
    return memory_of(s.t, PARTY_MEMORY + page * PAGE_SIZE);
}

static void faults_on_both_sides(bool receiver_first)
{
    vaddr_t from = P_HOLE + 100, to = Q_HOLE + 300;

    for (unsigned i = 0; i < 2 * PAGE_SIZE; i++)
        pagers(i / PAGE_SIZE)[i % PAGE_SIZE] = (uint8_t)(i * 3);
    accept_simple(q.t, to, 5000);
    if (receiver_first)
        wait_for_p();
    send_simple(from, 5000);
    if (!receiver_first)
        wait_for_p();
    assert_fault(p.t, from, FPAGE_READ);
    assert_int_equal(q.t->state, THREAD_IPC_TRANSFER);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    serve(p.t, from, 0);
    assert_fault(q.t, to, FPAGE_WRITE);
    assert_int_equal(p.t->state, THREAD_IPC_TRANSFER);
    serve(q.t, to, 2);
    assert_fault(q.t, Q_HOLE + PAGE_SIZE, FPAGE_WRITE);
    serve(q.t, Q_HOLE + PAGE_SIZE, 3);
    assert_fault(p.t, P_HOLE + PAGE_SIZE, FPAGE_READ);
    serve(p.t, P_HOLE + PAGE_SIZE, 1);
    assert_done();
    assert_int_equal(get_mr(q.t, 1), 0x77);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(pagers(2 + (i + 300) / PAGE_SIZE)[(i + 300) % PAGE_SIZE],
                         (uint8_t)((i + 100) * 3));
}

static void page_faults_of_either_side_go_to_its_pager(void **state)
{
    (void)state;
    faults_on_both_sides(true);
}

static void the_same_when_the_receiver_came_last(void **state)
{
    (void)state;
    faults_on_both_sides(false);
}

static void a_page_that_may_not_be_written_is_missing_to_the_receiver(void **state)
{
    (void)state;
    unbind_page(q.env, TARGET);
    bind_page(q.env, Q_FRAMES, frame_number(target), TARGET, RIGHT_READ);
    accept_simple(q.t, TARGET + 8, 16);
    wait_for_p();
    send_simple(SOURCE, 16);
    assert_fault(q.t, TARGET + 8, FPAGE_WRITE);
    serve(q.t, TARGET, 0);
    assert_done();
    assert_memory_equal(pagers(0) + 8, source, 16);
    assert_untouched(0, 64);
}

static void a_pager_that_answers_with_nothing_is_asked_again(void **state)
{
    (void)state;
    accept_simple(q.t, Q_HOLE, 16);
    wait_for_p();
    send_simple(SOURCE, 16);
    for (unsigned i = 0; i < 3; i++) {
        assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
        ipc_words(s.t, q.t->global_id, L4_NIL, NEVER, 0, 2, 0);
        go_on(q.t);
        assert_ptr_equal(q.t->transfer_with, p.t);
    }
    assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
    serve(q.t, Q_HOLE, 0);
    assert_done();
}

static void the_senders_receive_phase_follows_a_suspended_transfer(void **state)
{
    (void)state;
    accept_simple(q.t, Q_HOLE, 16);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    load(p.t, (const word_t[]){header(16, 1, false), SOURCE}, 2);
    ipc(p.t, q.t->global_id, q.t->global_id, TIMEOUTS(TIME_NEVER, TIME_1MS));
    assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
    pass_time(5 * TICKS_1MS); /* its receive timeout has not begun */
    serve(q.t, Q_HOLE, 0);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    assert_true(p.t->timed);
    ipc_words(q.t, p.t->global_id, L4_NIL, NEVER, 9, 1, 4);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, 1), 4);
}

static void others_wait_until_a_transfer_is_over(void **state)
{
    (void)state;
    accept_simple(q.t, Q_HOLE, 16);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    send_simple(SOURCE, 16);
    ipc_words(s.t, q.t->global_id, L4_NIL, TIMEOUTS(TIME_ZERO, 0), 1, 1, 1);
    assert_failed(s.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    struct thread *mate = party_thread(&p, 60, 1);
    ipc_words(mate, q.t->global_id, L4_NIL, NEVER, 3, 0, 0);
    assert_int_equal(mate->state, THREAD_IPC_SEND);
    assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
    serve(q.t, Q_HOLE, 0);
    assert_done();
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, mate->global_id);
}

static void transfer_timeouts(word_t sender, word_t receiver)
{
    *thread_mr(p.t, TCR_XFER_TIMEOUTS) = sender;
    *thread_mr(q.t, TCR_XFER_TIMEOUTS) = receiver;
}

static void a_transfer_timeout_of_zero_fails_at_the_first_fault(void **state)
{
    (void)state;
    static const word_t timeouts[][2] = {{TIMEOUTS(TIME_ZERO, 0), 0}, {0, TIMEOUTS(0, TIME_ZERO)}};

    for (unsigned n = 0; n < 2; n++) {
        transfer_timeouts(timeouts[n][0], timeouts[n][1]);
        accept_simple(q.t, TARGET + BYTES - 700, 5000);
        wait_for_p();
        send_simple(SOURCE, 5000);
        assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, 700);
        accept_simple(q.t, TARGET, 5000);
        wait_for_p();
        send_simple(SOURCE + BYTES - 900, 5000);
        assert_cut(IPC_XFER_TIMEOUT, IPC_PARTNER_XFER, 900);
        assert_memory_equal(target, source + BYTES - 900, 900);
    }
    transfer_timeouts(TIMEOUTS(0, TIME_ZERO), TIMEOUTS(TIME_ZERO, 0)); /* the other parts */
    accept_simple(q.t, Q_HOLE, 10);
    wait_for_p();
    send_simple(SOURCE, 10);
    assert_non_null(q.t->transfer_with);
    assert_true(string_abort(q.t));
}

static void a_transfer_timeout_ends_a_fault_that_takes_too_long(void **state)
{
    (void)state;
    transfer_timeouts(TIMEOUTS(TIME_1MS, 0), TIMEOUTS(0, 1u << 10 | TIME_1MS));
    for (unsigned n = 0; n < 2; n++) {
        accept_simple(q.t, n ? TARGET : TARGET + BYTES - 8, 20);
        wait_for_p();
        send_simple(n ? SOURCE + BYTES - 8 : SOURCE, 20);
        pass_time(TICKS_1MS - 1);
        assert_non_null(p.t->transfer_with);
        pass_time(1);
        assert_cut(n ? IPC_XFER_TIMEOUT : IPC_PARTNER_XFER, n ? IPC_PARTNER_XFER : IPC_XFER_TIMEOUT,
                   8);
        assert_true(list_is_empty(&s.t->senders));
    }
}

static void the_time_begins_with_the_first_fault(void **state)
{
    (void)state;
    transfer_timeouts(TIMEOUTS(TIME_1MS, 0), 0);
    accept_simple(q.t, Q_HOLE, 5000);
    wait_for_p();
    send_simple(SOURCE, 5000);
    assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
    pass_time(TICKS_1MS / 2);
    serve(q.t, Q_HOLE, 0);
    assert_fault(q.t, Q_HOLE + PAGE_SIZE, FPAGE_WRITE);
    pass_time(TICKS_1MS / 2);
    assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, PAGE_SIZE);
    ipc_words(s.t, q.t->global_id, L4_NIL, TIMEOUTS(TIME_ZERO, 0), 0, 0, 0);
    assert_failed(s.t, IPC_TIMEOUT, IPC_SEND_PHASE); /* the call to the pager has ended, too */
}

static void a_fault_that_nobody_serves_ends_the_transfer(void **state)
{
    (void)state;
    static const word_t nobody[] = {L4_NIL, (word_t)4000 << 32 | 1, WINDOW_KIP};

    for (unsigned n = 0; n < 4; n++) {
        *thread_mr(q.t, TCR_PAGER) = n < 3 ? nobody[n] : q.t->global_id;
        accept_simple(q.t, TARGET + BYTES - 1, 5);
        wait_for_p();
        send_simple(SOURCE, 5);
        assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, 1);
    }
}

static void a_pager_that_goes_leaves_the_fault_unserved(void **state)
{
    (void)state;
    accept_simple(q.t, TARGET + BYTES - 1, 5);
    wait_for_p();
    send_simple(SOURCE, 5);
    OK(BOSS(cap_delete, s.thread));
    go_on(q.t);
    assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, 1);
}

/* Suspended with 8 bytes copied, the page fault being q's or p's. */
static void suspended(bool of_q)
{
    accept_simple(q.t, of_q ? TARGET + BYTES - 8 : TARGET, 20);
    wait_for_p();
    send_simple(of_q ? SOURCE : SOURCE + BYTES - 8, 20);
    assert_ptr_equal(p.t->transfer_with, q.t);
}

static void an_abort_tells_both_sides(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        suspended(n & 1);
        assert_true(string_abort(n & 2 ? p.t : q.t));
        world_check();
        assert_cut(IPC_ABORTED, IPC_ABORTED, 8);
        assert_true(list_is_empty(&s.t->senders));
        assert_false(string_abort(p.t));
    }
    suspended(true); /* the pager has the message already */
    assert_fault(q.t, TARGET + BYTES, FPAGE_WRITE);
    assert_true(string_abort(p.t));
    assert_cut(IPC_ABORTED, IPC_ABORTED, 8);
}

static void a_side_that_stops_aborts(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        const struct party *who = n & 2 ? &p : &q, *other = n & 2 ? &q : &p;
        suspended(n & 1);
        OK(BOSS(thread_stop, who->thread));
        assert_int_equal(who->t->state, THREAD_STOPPED);
        assert_failed(other->t, (unsigned)IPC_WITH_OFFSET(IPC_ABORTED, 8),
                      n & 2 ? IPC_RECEIVE_PHASE : IPC_SEND_PHASE);
        OK(BOSS(thread_start, who->thread));
        assert_null(who->t->transfer_with);
    }
}

static void a_receiver_that_dies_aborts(void **state)
{
    (void)state;
    suspended(true);
    OK(BOSS(cap_delete, q.thread));
    assert_failed(p.t, (unsigned)IPC_WITH_OFFSET(IPC_ABORTED, 8), IPC_SEND_PHASE);
    assert_null(p.t->transfer_with);
}

static void a_sender_that_dies_aborts(void **state)
{
    (void)state;
    suspended(true);
    OK(BOSS(cap_delete, p.thread));
    assert_failed(q.t, (unsigned)IPC_WITH_OFFSET(IPC_ABORTED, 8), IPC_RECEIVE_PHASE);
    assert_null(q.t->transfer_with);
}

static unsigned interruptions;

static void interrupt(void)
{
    interruptions++;
    if (!p.t->transfer_with)
        return;
    assert_ptr_equal(cpu_this()->current, p.t);
    assert_int_equal(q.t->state, THREAD_IPC_TRANSFER);
    assert_int_equal(p.t->transfer.copied, (interruptions + 1) * TRANSFER_STEP);
    host.interrupt = interrupt;
}

static void interrupt_and_stop(void)
{
    thread_stop(q.t);
}

static void a_long_string_is_interrupted(void **state)
{
    (void)state;
    interruptions = 0;
    accept_simple(q.t, TARGET, BYTES);
    wait_for_p();
    host.interrupt = interrupt;
    send_simple(SOURCE, BYTES);
    assert_int_equal(p.t->transfer.copied, TRANSFER_STEP);
    while (p.t->transfer_with) /* the boss, who is more urgent, has come between */
        go_on(p.t);
    assert_done();
    assert_memory_equal(target, source, BYTES);
    assert_int_equal(interruptions, BYTES / TRANSFER_STEP - 1);
}

static void an_interrupt_may_end_it(void **state)
{
    (void)state;
    accept_simple(q.t, TARGET, BYTES);
    wait_for_p();
    host.interrupt = interrupt_and_stop;
    send_simple(SOURCE, BYTES);
    if (p.t->transfer_with)
        go_on(p.t);
    assert_failed(p.t, (unsigned)IPC_WITH_OFFSET(IPC_ABORTED, p.t->transfer.copied),
                  IPC_SEND_PHASE);
    assert_int_equal(q.t->state, THREAD_STOPPED);
    assert_true(p.t->transfer.copied >= TRANSFER_STEP && p.t->transfer.copied < BYTES);
}

/* Each time that the transfer waits, the users write something else over its description. */
static void a_description_that_changes_meanwhile_is_checked_again(void **state)
{
    (void)state;
    static const word_t other[] = {~(word_t)0, 0, 8, 0x3ff, 0x3f0, (word_t)1 << 63, 0x410};
    word_t items[20] = {header(3000, 16, true)};

    for (unsigned i = 0; i < 16; i++)
        items[i + 1] = SOURCE;
    items[17] = header(3000, 1, false);
    items[18] = SOURCE;
    for (unsigned n = 0; n < 7; n++)
        for (unsigned side = 0; side < 2; side++) {
            accept_simple(q.t, Q_HOLE, 100000);
            wait_for_p();
            send_to_q(items, 19);
            assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
            for (unsigned i = 8; side && i < 30; i++)
                set_mr(p.t, i, other[n]);
            for (unsigned i = 0; !side && i < BUFFER_REGISTERS; i++)
                *br(q.t, i) = other[n];
            serve(q.t, Q_HOLE, 0);
            world_check();
            string_abort(p.t);
            world_check();
            if (space_user(q.e->root, Q_HOLE, RIGHT_READ))
                unbind_page(q.env, Q_HOLE);
        }
}

static void the_check_names_a_broken_pair(void **state)
{
    (void)state;
    suspended(true);
    p.t->transfer_with = s.t;
    assert_non_null(strstr(ipc_check(q.t), "I3"));
    p.t->transfer_with = q.t;
    assert_null(ipc_check(q.t));
    p.t->transfer_sends = false;
    assert_non_null(strstr(ipc_check(q.t), "I3"));
    p.t->transfer_sends = true;
    string_abort(p.t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_simple_string_of_any_length_and_place_arrives),
        TEST(a_sender_that_waits_sends_its_string_too),
        TEST(who_accepts_no_strings_gets_none),
        TEST(a_buffer_that_is_too_short_cuts_the_string_exactly),
        TEST(every_way_to_gather_meets_every_way_to_scatter),
        TEST(each_string_has_its_own_buffer),
        TEST(strings_and_maps_go_in_one_message),
        TEST(malformed_items_overflow),
        TEST(hostile_buffer_lists_do_no_harm),
        TEST(strings_do_not_reach_the_kernel),
        TEST(the_longest_string_is_copied_as_far_as_its_pages_go),
        TEST(buffers_may_overlap),
        TEST(page_faults_of_either_side_go_to_its_pager),
        TEST(the_same_when_the_receiver_came_last),
        TEST(a_page_that_may_not_be_written_is_missing_to_the_receiver),
        TEST(a_pager_that_answers_with_nothing_is_asked_again),
        TEST(the_senders_receive_phase_follows_a_suspended_transfer),
        TEST(others_wait_until_a_transfer_is_over),
        TEST(a_transfer_timeout_of_zero_fails_at_the_first_fault),
        TEST(a_transfer_timeout_ends_a_fault_that_takes_too_long),
        TEST(the_time_begins_with_the_first_fault),
        TEST(a_fault_that_nobody_serves_ends_the_transfer),
        TEST(a_pager_that_goes_leaves_the_fault_unserved),
        TEST(an_abort_tells_both_sides),
        TEST(a_side_that_stops_aborts),
        TEST(a_receiver_that_dies_aborts),
        TEST(a_sender_that_dies_aborts),
        TEST(a_long_string_is_interrupted),
        TEST(an_interrupt_may_end_it),
        TEST(a_description_that_changes_meanwhile_is_checked_again),
        TEST(the_check_names_a_broken_pair),
    };
    return cmocka_run_group_tests_name("l4core/string", tests, NULL, NULL);
}
