/*
 * A world for tests of packet rings: the card, the forest and the grafts are fakes that live here.
 * Included once by a test.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bindings/graft.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/object.h"
#include "bindings/ring.h"
#include "exo/abi/graft.h"
#include "exo/io/nic.h"
#include "exo/mem/frame.h"

#define FRAMES 64u
#define BITS   6u

static _Alignas(4096) uint8_t memory[FRAMES][PAGE_SIZE];

void *frame_memory(pfn_t n)
{
    assert_true(n < FRAMES);
    return memory[n];
}

pfn_t frame_number(const void *at)
{
    return (pfn_t)((size_t)((const uint8_t *)at - memory[0]) / PAGE_SIZE);
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
    struct nic_segment heads[256], packets[256];        /* the copied front, and what follows */
    uint32_t cookies[256], work[256], heads_bytes[256]; /* what is asked for each */
    uint32_t offloads;
    unsigned given, finished, room, flushes, restarts;
    bool eager; /* nic_poll finishes everything */
} card;

bool nic_send_offload(const struct nic_segment *segments, unsigned count, uint32_t work,
                      uint32_t heads, uint32_t cookie)
{
    assert_in_range(count, 1, 2);
    assert_int_equal(segments[0].length, count == 2 ? FLOW_HEADERS : segments[0].length);
    if (card.given - card.finished >= card.room)
        return false;
    card.heads[card.given] = segments[0];
    card.packets[card.given] = segments[count - 1];
    card.work[card.given] = work;
    card.heads_bytes[card.given] = heads;
    card.cookies[card.given++] = cookie;
    return true;
}

bool nic_send(const struct nic_segment *segments, unsigned count, uint32_t cookie)
{
    return nic_send_offload(segments, count, 0, 0, cookie);
}

uint32_t nic_offloads(void)
{
    return card.offloads;
}

uint16_t nic_mtu(void)
{
    return 1500;
}

void nic_mac(uint8_t mac[6])
{
    memset(mac, 0, 6);
}

void nic_flush(void)
{
    card.flushes++;
}

static inline void card_finishes(void)
{
    assert_true(card.finished < card.given);
    hook_nic_sent(card.cookies[card.finished++]);
    ring_settle();
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

struct graft *graft_bound(const struct node *binding)
{
    return frame_memory(((const struct cap *)(const void *)node_at(binding->parent))->base);
}

/* Answers: where they are made, and how long those were that were sent. */
static uint8_t answer_room[GRAFT_ANSWER_BYTES];
static unsigned answers, answer_bytes, answers_sent;
static bool answers_full;
#define STORED 0xd5

/* A "graft" takes packets whose first byte is its `steps`; 255 takes all. As a handler it returns
 * its `fuel`, and is counted in `handled`; before that it stores [stores_from, stores_to) of an
 * answer, if there is any. */
static unsigned handled;
static uint32_t stores_from, stores_to;

uint64_t graft_run_fully(struct graft *g, void *context, uint64_t otherwise)
{
    const struct graft_packet *packet = context;

    assert_int_equal(packet->data_end - packet->data, packet->length);
    if (g->program.hook == GRAFT_HOOK_PACKET_HANDLER) {
        handled++;
        assert_int_equal(otherwise, GRAFT_PASS);
        assert_int_equal(g->stored_to, 0);
        if (stores_to) {
            g->stored_from = stores_from;
            g->stored_to = stores_to;
            memset(answer_room + stores_from, STORED, stores_to - stores_from);
        }
        return (uint64_t)g->program.fuel;
    }
    assert_int_equal(otherwise, 0);
    g->info->counts[COUNT_RUNS]++;
    return g->program.steps == 255 || *(const uint8_t *)(uintptr_t)packet->data == g->program.steps;
}

uint8_t *graft_answer_room(const struct graft *g)
{
    (void)g;
    return answers_full ? NULL : answer_room;
}

bool graft_answer(struct graft *g, const uint8_t *room, uint32_t bytes)
{
    (void)g;
    assert_ptr_equal(room, answer_room);
    answers++;
    answer_bytes = bytes;
    return true;
}

void graft_answer_sent(uint32_t cookie)
{
    assert_true(cookie & GRAFT_ANSWER_COOKIE);
    answers_sent++;
}

/* All packets that are nobody else's. */
static const struct ring_key wild = {.flags = RING_KEY_YIELD};

static struct object_info records[OBJECT_MAX];

/* Ring i: object in frame i, memory in frames 10 + 4 i to 13 + 4 i, graft in frame 50 + i. */
enum { CAP_MEMORY_0 = 0, CAP_GRAFT_0 = 20, CAP_NOTIFY = 40 };

static inline struct ring *ring(unsigned i)
{
    return (struct ring *)(void *)memory[i];
}

/* Its public record. */
static inline const struct object_info *record(unsigned i)
{
    return &records[OBJECT_RINGS + ring(i)->index];
}

static inline struct ring_header *header(unsigned i)
{
    return (struct ring_header *)(void *)memory[10 + 4 * i];
}

static inline void make(unsigned i, uint32_t takes)
{
    struct cap *frames = &caps[CAP_MEMORY_0 + i], *graft = &caps[CAP_GRAFT_0 + i];

    *frames = (struct cap){.kind = CAP_FRAMES, .base = 10 + 4 * i, .count = 4};
    *graft = (struct cap){.kind = CAP_GRAFT, .base = 50 + i, .count = 1};
    caps[CAP_NOTIFY].kind = CAP_NOTIFICATION;
    caps[CAP_NOTIFY].base = 9;
    struct graft *g = (struct graft *)(void *)memory[50 + i];
    g->program.steps = takes;
    g->info = &records[OBJECT_GRAFTS + i];
    assert_true(ring_has_room());
    ring_begin(ring(i), frames, &caps[CAP_NOTIFY]);
    ring_set_filter(ring(i), graft);
    ring_set_keys(ring(i), &wild, 1);
    header(i)->notify_bits = BITS;
}

static inline int fresh(void **state)
{
    (void)state;
    memset(memory, 0, sizeof memory);
    memset(records, 0, sizeof records);
    object_table = records;
    memset(caps, 0, sizeof caps);
    memset(&card, 0, sizeof card);
    card.room = 256;
    raised = raises = 0;
    handled = answers = answers_sent = 0;
    answers_full = false;
    stores_to = 0;
    make(0, 1);
    return 0;
}

static inline void drop(unsigned i)
{
    ring_destroy(ring(i));
    assert_int_equal(caps[CAP_MEMORY_0 + i].node.child, 0);
    assert_int_equal(caps[CAP_GRAFT_0 + i].node.child, 0);
    memset(memory[i], 0, PAGE_SIZE);
}

static inline int end(void **state)
{
    (void)state;
    assert_null(ring_check(ring(0)));
    drop(0);
    return 0;
}

static inline void post_rx(unsigned i, uint64_t offset, uint32_t length)
{
    header(i)->rx[header(i)->rx_posted++ % RING_SLOTS] = (struct ring_slot){offset, length, 0};
}

static inline void post_tx(unsigned i, uint64_t offset, uint32_t length)
{
    header(i)->tx[header(i)->tx_posted++ % RING_SLOTS] = (struct ring_slot){offset, length, 0};
}

static inline void arrives(uint8_t kind, uint32_t length)
{
    uint8_t *packet = malloc(length);

    memset(packet, kind, length);
    hook_nic_received(packet, length, NULL);
    ring_settle();
    free(packet);
}
