/*
 * Rings: the network card bound to an environment's memory (exo/abi/ring.h). One frame each.
 *
 * A received packet goes to the ring of the most specific key that matches it, of equals to that
 * bound first, if the ring's filter takes it, too (exo/abi/ring.h). A packet to send is the ring's
 * if its answer would be: what that is judged by is copied first, because its owner could change it
 * afterwards. The rest goes to the card from where it lies, so its frames must not change hands
 * before it has left: whoever takes them away waits for that, or stops the card.
 *
 * Invariants. ring_check() tests those of one ring and names the broken one.
 *   G1  rx_done, tx_taken and tx_done never run ahead of each other: tx_done <= tx_taken <=
 *       tx_done + RING_SLOTS, counted modulo 2^32
 *   G2  the slots between tx_done and tx_taken that have not finished are those in flight
 *   G3  a ring without memory has nothing in flight; one without memory or card has no keys
 *   G4  keys are in the group of their mask, groups in the order of the rule: none is behind a less
 *       specific one
 *
 * Locking: the forest lock.
 */
#pragma once

#include "bindings/flow.h"
#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"
#include "exo/base/list.h"

#define RINGS_MAX 64u
_Static_assert(RINGS_MAX == OBJECT_DISK_RINGS - OBJECT_RINGS, "each ring has its public record");

/* A key that is bound to the card: one of a ring's own, or a filter's of a table. */
struct ring_bound {
    struct list link;        /* of those with its mask                                   */
    struct list same;        /* of those whose values have one hash, the earlier bound first */
    struct key_group *group; /* of those with its mask                                   */
    struct ring *ring;
    struct ring_key key;
    uint64_t serial; /* ascending in the order of binding                                 */
    uint32_t tag;    /* told with the packets that it takes                               */
    uint8_t bits;    /* key_bits()                                                        */
    bool in_table;   /* it lies in a struct filter                                        */
};

struct ring {
    struct node memory;   /* child of the frames' capability; no parent: it was taken back    */
    struct node filter;   /* child of the graft's capability; no parent: there is none        */
    struct node notify;   /* child of a notification's capability; no parent: nobody is told  */
    struct node handler;  /* child of a graft's capability; no parent: there is none          */
    struct node card;     /* child of the CAP_NIC or CAP_FLOWS that it was made by; no parent: that
                             was taken back                                                  */
    uint32_t index;       /* in the card's table                                              */
    uint32_t base, count; /* frames; meaningful while `memory` has a parent                  */
    uint32_t rx_done;     /* free-running, the kernel's own copies of the header's counters   */
    uint32_t rx_dropped;
    uint32_t rx_filtered;
    uint32_t rx_handled; /* consumed or answered by the handler                             */
    uint32_t tx_taken;   /* free-running: slots looked at                                    */
    uint32_t tx_done;
    uint32_t in_flight; /* packets in the card's hands                                      */
    uint64_t finished;  /* bit per slot: done, but an earlier one is not                    */
    uint32_t tx_wake;   /* the header's, and whether it is quiet of what is sent, as of the */
    bool is_quiet;      /* last kick                                                        */
    bool waits;         /* more is posted than the card had room for                        */
    bool filter_lost;   /* the filter's graft was taken back: receives nothing              */
    uint32_t key_count;
    uint32_t filter_count; /* bound ones, of its tables                                    */
    struct list tables;    /* struct filters, through `link`                               */
    struct ring_bound keys[RING_KEYS];
    uint8_t headers[RING_SLOTS][FLOW_HEADERS]; /* what packets to send begin with           */
};
_Static_assert(offsetof(struct ring, memory) == NODE_AT_MEMORY, "node offsets are ABI");
_Static_assert(offsetof(struct ring, filter) == NODE_AT_FILTER, "node offsets are ABI");
_Static_assert(offsetof(struct ring, notify) == NODE_AT_NOTIFY, "node offsets are ABI");
_Static_assert(offsetof(struct ring, handler) == NODE_AT_HANDLER, "node offsets are ABI");
_Static_assert(offsetof(struct ring, card) == NODE_AT_CARD, "node offsets are ABI");
_Static_assert(sizeof(struct ring) <= PAGE_SIZE, "a ring is one frame");

/* Is there room in the card's table? */
bool ring_has_room(void);

/* The ring at a place of the card's table below RINGS_MAX, or NULL. */
const struct ring *ring_at(uint32_t index);

/* Enters a zeroed ring into the table, made by `nic`. `notification` may be NULL. Pre:
 * ring_has_room(). */
void ring_begin(struct ring *r, struct cap *nic, struct cap *frames, struct cap *notification);

/* Has it both its memory and its card? Else it gets no keys any more. */
static inline bool ring_is_whole(const struct ring *r)
{
    return r->memory.parent && r->card.parent;
}

/* Do these bytes lie in its frames? */
static inline bool ring_has_bytes(const struct ring *r, uint64_t offset, uint32_t length)
{
    const uint64_t bytes = (uint64_t)r->count * PAGE_SIZE;

    return offset <= bytes && length <= bytes - offset;
}

/* Makes `graft` the ring's filter, in place of the one it had; NULL: none. */
void ring_set_filter(struct ring *r, struct cap *graft);

/* Would one of the keys take packets from another ring whose key does not allow it? */
bool ring_keys_steal(const struct ring *r, const struct ring_key *keys, uint32_t count);

/* Is there room for that many more keys, whatever they take the place of? */
bool ring_keys_fit(const struct ring_key *keys, uint32_t count);

/* Binds a key, filling `b`, and takes it away. Pre: it fits; the ring has its memory. */
void ring_bind_key(struct ring_bound *b, struct ring *r, const struct ring_key *key);
void ring_unbind_key(struct ring_bound *b);

/* Binds the keys in place of those that the ring had. Pre: good ones; the ring has its memory. */
void ring_set_keys(struct ring *r, const struct ring_key *keys, uint32_t count);

/* The bound keys that match a packet, in the order of the rule: the one after `last`, or the first.
 * NULL: none.
 */
struct ring_bound *ring_bound_next(const struct ring_bound *last, const struct flow *f);
struct ring_bound *ring_bound_first(const struct flow *f);

/* May the ring send a packet that says `f`? */
bool ring_may_send(const struct ring *r, const struct flow *f);

/* Gives posted packets to the card as far as it has room; the rest follows by itself. Returns how
 * many slots were taken. Pre: the ring has its memory. */
uint32_t ring_take(struct ring *r);

/* Publishes what the card's packets have changed, and tells their owners. Whoever has called
 * nic_poll or nic_restart does that next. */
void ring_settle(void);

/* What the card has for the kernel: takes it, and gives waiting packets. */
void ring_serve_card(void);

/* Ends a ring: nothing is received into its memory or sent from it any more on return. */
void ring_destroy(struct ring *r);

/* A binding that the ring holds (NODE_AT_MEMORY, _FILTER, _NOTIFY, _HANDLER or _CARD) is taken
 * back; unlinks `n`. Without its memory a ring is dead; without its card it has no keys; having
 * lost its filter it receives nothing. */
void ring_drop(struct ring *r, struct node *n);

/* Brings the ring's public record up to date. */
void ring_publish(const struct ring *r);

/* NULL when G1 to G4 hold, else a sentence that begins with the broken invariant's name. */
const char *ring_check(const struct ring *r);

/* NULL when G4 holds for the keys of one ring, else the sentence; and for one of them. */
const char *ring_keys_check(const struct ring *r);
const char *ring_bound_check(const struct ring_bound *b);
