/* The kernel's side of packet rings: whose packet it is, what owners may not do, and that no frame
 * leaves while the card reads it. The card, the forest and the grafts live in this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bindings/graft.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/ring.h"
#include "exo/abi/graft.h"
#include "exo/io/nic.h"
#include "exo/mem/frame.h"
#include "grafts/interp.h"

#define FRAMES 64u
#define BITS   6u

static _Alignas(4096) uint8_t memory[FRAMES][PAGE_SIZE];

void *frame_memory(pfn_t n)
{
    assert_true(n < FRAMES);
    return memory[n];
}

/* Names of nodes are 1 + offsets into `caps` and `memory`, divided by 16. */
static struct cap caps[64];

struct node *node_at(node_t name)
{
    if (!name)
        return NULL;
    return name < 1000 ? (struct node *)(void *)caps + (name - 1)
                       : (struct node *)(void *)memory + (name - 1000);
}

node_t node_name(const struct node *n)
{
    const char *at = (const char *)n;

    if (at >= (const char *)caps && at < (const char *)(caps + 64))
        return (node_t)(1 + (at - (const char *)caps) / 16);
    return (node_t)(1000 + (at - (const char *)memory) / 16);
}

/* A child that is linked twice, or unlinked without being linked, is a bug of the caller. */
void node_link(struct node *parent, struct node *child)
{
    assert_int_equal(child->parent, 0);
    child->parent = node_name(parent);
    parent->child++;
}

void node_unlink(struct node *n)
{
    assert_int_not_equal(n->parent, 0);
    node_at(n->parent)->child--;
    *n = (struct node){0};
}

/* The card: remembers what it was given and finishes it when told to. */
static struct {
    struct nic_segment packets[256];
    uint32_t cookies[256];
    unsigned given, finished, room, flushes, restarts;
    bool eager; /* nic_poll finishes everything */
} card;

bool nic_send(const struct nic_segment *segments, unsigned count, uint32_t cookie)
{
    assert_int_equal(count, 1);
    if (card.given - card.finished >= card.room)
        return false;
    card.packets[card.given] = segments[0];
    card.cookies[card.given++] = cookie;
    return true;
}

void nic_flush(void)
{
    card.flushes++;
}

static void card_finishes(void)
{
    assert_true(card.finished < card.given);
    hook_nic_sent(card.cookies[card.finished++]);
}

void nic_poll(void)
{
    while (card.eager && card.finished < card.given)
        card_finishes();
}

void nic_restart(void)
{
    card.restarts++;
    while (card.finished < card.given)
        card_finishes();
}

static uint64_t raised;
static unsigned raises;

void notification_raise(struct notification *n, uint64_t bits)
{
    assert_ptr_equal(n, memory[9]);
    raised |= bits;
    raises++;
}

/* A "graft" takes packets whose first byte is its `steps`; 255 takes all. */
uint64_t graft_run(const struct graft_program *p, void *context)
{
    const struct graft_packet *packet = context;

    assert_int_equal(packet->data_end - packet->data, packet->length);
    return p->steps == 255 || *(const uint8_t *)(uintptr_t)packet->data == p->steps;
}

/* Ring i: object in frame i, memory in frames 10 + 4 i to 13 + 4 i, graft in frame 50 + i. */
enum { CAP_MEMORY_0 = 0, CAP_GRAFT_0 = 20, CAP_NOTIFY = 40 };

static struct ring *ring(unsigned i)
{
    return (struct ring *)(void *)memory[i];
}

static struct ring_header *header(unsigned i)
{
    return (struct ring_header *)(void *)memory[10 + 4 * i];
}

static void make(unsigned i, uint32_t takes)
{
    struct cap *frames = &caps[CAP_MEMORY_0 + i], *graft = &caps[CAP_GRAFT_0 + i];

    *frames = (struct cap){.kind = CAP_FRAMES, .base = 10 + 4 * i, .count = 4};
    *graft = (struct cap){.kind = CAP_GRAFT, .base = 50 + i, .count = 1};
    caps[CAP_NOTIFY].kind = CAP_NOTIFICATION;
    caps[CAP_NOTIFY].base = 9;
    ((struct graft *)(void *)memory[50 + i])->program.steps = takes;
    assert_true(ring_has_room());
    ring_begin(ring(i), frames, &caps[CAP_NOTIFY]);
    ring_set_filter(ring(i), graft);
    header(i)->notify_bits = BITS;
}

static int fresh(void **state)
{
    (void)state;
    memset(memory, 0, sizeof memory);
    memset(caps, 0, sizeof caps);
    memset(&card, 0, sizeof card);
    card.room = 256;
    raised = raises = 0;
    make(0, 1);
    return 0;
}

static void drop(unsigned i)
{
    ring_destroy(ring(i));
    assert_int_equal(caps[CAP_MEMORY_0 + i].node.child, 0);
    assert_int_equal(caps[CAP_GRAFT_0 + i].node.child, 0);
    memset(memory[i], 0, PAGE_SIZE);
}

static int end(void **state)
{
    (void)state;
    assert_null(ring_check(ring(0)));
    drop(0);
    return 0;
}

static void post_rx(unsigned i, uint64_t offset, uint32_t length)
{
    header(i)->rx[header(i)->rx_posted++ % RING_SLOTS] = (struct ring_slot){offset, length, 0};
}

static void post_tx(unsigned i, uint64_t offset, uint32_t length)
{
    header(i)->tx[header(i)->tx_posted++ % RING_SLOTS] = (struct ring_slot){offset, length, 0};
}

static void arrives(uint8_t kind, uint32_t length)
{
    uint8_t *packet = malloc(length);

    memset(packet, kind, length);
    hook_nic_received(packet, length);
    free(packet);
}

static void a_packet_lands_in_the_posted_buffer(void **state)
{
    (void)state;
    post_rx(0, PAGE_SIZE + 4000, 1514); /* crosses a page */
    arrives(1, 1514);
    assert_int_equal(header(0)->rx_done, 1);
    assert_int_equal(header(0)->rx[0].state, RING_DONE);
    assert_int_equal(header(0)->rx[0].length, 1514);
    const uint8_t *at = memory[10] + PAGE_SIZE + 4000;
    assert_int_equal(at[0], 1);
    assert_int_equal(at[1513], 1);
    assert_int_equal(at[1514], 0);
    assert_int_equal(raised, BITS);
}

static void packets_of_others_do_not_show(void **state)
{
    (void)state;
    post_rx(0, PAGE_SIZE, 1514);
    arrives(2, 60);
    assert_int_equal(header(0)->rx_done, 0);
    assert_int_equal(header(0)->rx_filtered, 1);
    assert_int_equal(memory[11][0], 0);
    assert_int_equal(raises, 0);
}

static void the_earlier_binding_wins(void **state)
{
    (void)state;
    make(1, 255);
    make(2, 7);
    for (unsigned i = 0; i < 3; i++)
        for (unsigned n = 0; n < 4; n++)
            post_rx(i, PAGE_SIZE, 1514);
    arrives(1, 60);
    arrives(7, 60);
    assert_int_equal(header(0)->rx_done, 1);
    assert_int_equal(header(1)->rx_done, 1);
    assert_int_equal(header(2)->rx_done, 0);
    assert_int_equal(header(2)->rx_filtered, 0);

    ring_set_filter(ring(1), &caps[CAP_GRAFT_0 + 1]); /* bound anew: it is the latest now */
    arrives(7, 60);
    assert_int_equal(header(2)->rx_done, 1);
    drop(1);
    drop(2);
}

static void without_a_buffer_packets_are_dropped_and_counted(void **state)
{
    (void)state;
    arrives(1, 60);
    assert_int_equal(header(0)->rx_dropped, 1);
    header(0)->rx_posted = RING_SLOTS + 1; /* ahead of its slots: no news */
    arrives(1, 60);
    header(0)->rx_posted = 0xfffffff0u;
    arrives(1, 60);
    assert_int_equal(header(0)->rx_dropped, 3);
    assert_int_equal(header(0)->rx_done, 0);
    assert_int_equal(raises, 0);
}

static void bad_receive_buffers_go_back_and_the_next_is_used(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset;
        uint32_t length;
    } bad[] = {
        {4 * PAGE_SIZE, 60},     {4 * PAGE_SIZE - 1513, 1514}, {UINT64_MAX, 60},
        {UINT64_MAX - 30, 1514}, {PAGE_SIZE, 0xffffffff},      {PAGE_SIZE, 59},
        {1ull << 63, 60},
    };
    const unsigned count = sizeof bad / sizeof bad[0];

    for (unsigned i = 0; i < count; i++)
        post_rx(0, bad[i].offset, bad[i].length);
    post_rx(0, 4 * PAGE_SIZE - 60, 60); /* the last bytes are good */
    arrives(1, 60);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(header(0)->rx[i].state, RING_BAD);
    assert_int_equal(header(0)->rx[count].state, RING_DONE);
    assert_int_equal(header(0)->rx_done, count + 1);
    assert_int_equal(memory[13][PAGE_SIZE - 1], 1);
    assert_int_equal(memory[14][0], 0);
    assert_int_equal(header(0)->rx_dropped, 0);
}

static void packets_are_sent_from_the_owners_frames(void **state)
{
    (void)state;
    post_tx(0, PAGE_SIZE + 10, 100);
    post_tx(0, 4 * PAGE_SIZE - 1514, 1514);
    assert_int_equal(ring_take(ring(0)), 2);
    assert_int_equal(card.packets[0].address, 11 * PAGE_SIZE + 10);
    assert_int_equal(card.packets[0].length, 100);
    assert_int_equal(card.packets[1].address, 14 * PAGE_SIZE - 1514);
    assert_int_equal(card.flushes, 1);
    assert_int_equal(header(0)->tx_done, 0);
    assert_int_equal(ring_take(ring(0)), 0);
    card_finishes();
    assert_int_equal(header(0)->tx_done, 1);
    assert_int_equal(header(0)->tx[0].state, RING_DONE);
    assert_int_equal(raised, BITS);
}

static void bad_packets_are_refused_in_their_turn(void **state)
{
    (void)state;
    post_tx(0, PAGE_SIZE, 60);
    post_tx(0, PAGE_SIZE, 13);
    post_tx(0, PAGE_SIZE, 1515);
    post_tx(0, 4 * PAGE_SIZE - 59, 60);
    post_tx(0, UINT64_MAX - 10, 60);
    assert_int_equal(ring_take(ring(0)), 5);
    assert_int_equal(card.given, 1);
    assert_int_equal(header(0)->tx_done, 0); /* the good one before them is not sent yet */
    card_finishes();
    assert_int_equal(header(0)->tx_done, 5);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(header(0)->tx[i].state, RING_BAD);
}

static void the_card_may_finish_in_any_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        post_tx(0, PAGE_SIZE, 60);
    ring_take(ring(0));
    hook_nic_sent(card.cookies[2]);
    hook_nic_sent(card.cookies[1]);
    assert_int_equal(header(0)->tx_done, 0);
    hook_nic_sent(card.cookies[0]);
    assert_int_equal(header(0)->tx_done, 3);
    card.finished = 3;
}

static void counters_that_lie_send_nothing(void **state)
{
    (void)state;
    static const uint32_t lies[] = {RING_SLOTS + 1, 1000, 0x80000000u, 0xffffffffu};

    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        header(0)->tx_posted = lies[i];
        assert_int_equal(ring_take(ring(0)), 0);
    }
    header(0)->tx_posted = 0;
    post_tx(0, PAGE_SIZE, 60);
    assert_int_equal(ring_take(ring(0)), 1);
    header(0)->tx_posted = 0; /* less than was taken */
    assert_int_equal(ring_take(ring(0)), 0);
    header(0)->tx_done = 99; /* the kernel's own copy counts */
    card_finishes();
    assert_int_equal(header(0)->tx_done, 1);
    assert_int_equal(card.given, 1);
}

static void slots_in_flight_are_not_taken_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RING_SLOTS; i++)
        post_tx(0, PAGE_SIZE, 60);
    assert_int_equal(ring_take(ring(0)), RING_SLOTS);
    post_tx(0, PAGE_SIZE, 60);
    assert_int_equal(ring_take(ring(0)), 0);
    card_finishes();
    assert_int_equal(ring_take(ring(0)), 1);
}

static void waiting_packets_follow_when_the_card_has_room(void **state)
{
    (void)state;
    make(1, 2);
    card.room = 3;
    for (unsigned i = 0; i < 5; i++) {
        post_tx(0, PAGE_SIZE, 60);
        post_tx(1, PAGE_SIZE, 60);
    }
    assert_int_equal(ring_take(ring(0)), 3);
    assert_int_equal(ring_take(ring(1)), 0);
    card.eager = true;
    for (unsigned i = 0; i < 10; i++)
        ring_serve_card();
    assert_int_equal(header(0)->tx_done, 5);
    assert_int_equal(header(1)->tx_done, 5);
    drop(1);
}

static void memory_goes_only_after_the_card_let_go(void **state)
{
    (void)state;
    struct ring *r = ring(0);

    post_tx(0, PAGE_SIZE, 60);
    post_tx(0, PAGE_SIZE, 60);
    ring_take(r);
    ring_drop(r, &r->memory); /* the card does not finish by itself: it is stopped */
    assert_int_equal(card.restarts, 1);
    assert_int_equal(r->in_flight, 0);
    assert_int_equal(r->memory.parent, 0);
    arrives(1, 60); /* dead: receives nothing */
    assert_int_equal(header(0)->rx_dropped + header(0)->rx_done, 0);
}

static void a_card_that_finishes_is_not_stopped(void **state)
{
    (void)state;
    post_tx(0, PAGE_SIZE, 60);
    ring_take(ring(0));
    card.eager = true;
    ring_drop(ring(0), &ring(0)->memory);
    assert_int_equal(card.restarts, 0);
    assert_int_equal(header(0)->tx_done, 1);
}

static void lost_bindings_silence_the_ring(void **state)
{
    (void)state;
    struct ring *r = ring(0);

    post_rx(0, PAGE_SIZE, 1514);
    post_rx(0, PAGE_SIZE, 1514);
    ring_drop(r, &r->notify);
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 1);
    assert_int_equal(raises, 0);
    ring_drop(r, &r->filter);
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 1);
    ring_set_filter(r, &caps[CAP_GRAFT_0]);
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 2);
}

static void the_table_of_rings_is_finite(void **state)
{
    (void)state;
    static struct ring many[RINGS_MAX];
    struct cap frames = {.kind = CAP_FRAMES, .base = 10, .count = 4};
    unsigned count = 0;

    memset(many, 0, sizeof many);
    caps[60] = frames;
    for (; ring_has_room(); count++)
        ring_begin(&many[count], &caps[60], NULL);
    assert_int_equal(count, RINGS_MAX - 1);
    while (count)
        ring_destroy(&many[--count]);
    assert_int_equal(caps[60].node.child, 0);
    assert_true(ring_has_room());
}

static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    struct ring good = *ring(0);

    ring(0)->tx_done = 1;
    assert_memory_equal(ring_check(ring(0)), "G1", 2);
    *ring(0) = good;
    ring(0)->tx_taken = 1;
    assert_memory_equal(ring_check(ring(0)), "G2", 2);
    *ring(0) = good;
    ring(0)->tx_taken = ring(0)->in_flight = 1;
    ring(0)->memory.parent = 0;
    assert_memory_equal(ring_check(ring(0)), "G3", 2);
    *ring(0) = good;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fresh, end)
    const struct CMUnitTest tests[] = {
        T(a_packet_lands_in_the_posted_buffer),
        T(packets_of_others_do_not_show),
        T(the_earlier_binding_wins),
        T(without_a_buffer_packets_are_dropped_and_counted),
        T(bad_receive_buffers_go_back_and_the_next_is_used),
        T(packets_are_sent_from_the_owners_frames),
        T(bad_packets_are_refused_in_their_turn),
        T(the_card_may_finish_in_any_order),
        T(counters_that_lie_send_nothing),
        T(slots_in_flight_are_not_taken_again),
        T(waiting_packets_follow_when_the_card_has_room),
        T(memory_goes_only_after_the_card_let_go),
        T(a_card_that_finishes_is_not_stopped),
        T(lost_bindings_silence_the_ring),
        T(the_table_of_rings_is_finite),
        T(check_names_the_broken_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
