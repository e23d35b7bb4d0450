/*
 * An environment: the unit of protection. Its first frame holds this structure, the next its first
 * capability table, the next three its root page table with nodes.
 *
 * Locking: the forest lock; `threads` is also read by nobody else.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"
#include "exo/abi/revoke.h"
#include "exo/base/list.h"

/* What an environment is asked to give up (bindings/bind_revoke.c), and what never. */
struct revoke_ask {
    node_t from;       /* the asker's capability; 0: no ask is open                       */
    uint32_t kind;     /* enum revoke_kind                                                */
    uint64_t deadline; /* time-stamp counter                                              */
    uint32_t target;   /* what it may still hold                                          */
    node_t scan_from;  /* for whom the count below is being made; 0: none is              */
    uint32_t scan_kind;
    uint32_t scan_at; /* positions below this one are still to be looked at              */
    uint32_t scan_held;
    uint32_t scan_highest; /* 1 + the highest position that counts                            */
    uint32_t victim;       /* 1 + the position that is being taken; 0: none                   */
    uint32_t rest;         /* while there is one: how much is too much                        */
    uint32_t guarantee[REVOKE_KIND_COUNT];
};
_Static_assert(sizeof(struct revoke_ask) == 80, "the ask has its place in struct env");

struct env {
    struct node watch; /* child of the notification capability to raise at its end     */
    struct node kmem;  /* child of the region that page tables for maps come from      */
    struct node spare[2];
    uint16_t number; /* index into env_table                                         */
    bool ended;      /* no thread of it runs again                                   */
    pfn_t frame;     /* of this structure                                            */
    pfn_t root;      /* frame of the top page table                                  */
    uint32_t captable_count;
    pfn_t captables[CAPTABLE_FRAMES];
    struct list threads;   /* of struct thread, by env_link                                */
    uint64_t watch_bits;   /* raised at its end                                            */
    struct env_info *info; /* its public record                                            */
    struct revoke_ask ask;
    uint32_t lends;   /* entries of any space that lead to tables of this one as shares        */
    uint32_t borrows; /* entries of this space that lead to tables as shares                   */
    uint8_t pad[568];
    struct node captable_nodes[CAPTABLE_FRAMES]; /* [0] not used: the first goes with the env */
};
_Static_assert(offsetof(struct env, captable_nodes) == NODE_AT_TABLES, "node offsets are ABI");
_Static_assert(sizeof(struct env) <= PAGE_SIZE, "an env is one frame");

/* Every environment by number; number 0 is nobody. */
extern struct env_info *env_table;
extern struct env *env_by_number[ENV_MAX];

/* Takes a free number for an env whose structure lies in `frame` (zeroed) and fills it. Pre: a
 * number is free (env_number_free). */
struct env *env_init(pfn_t frame, uint16_t number, uint16_t parent);

/* A free number, or 0. */
uint16_t env_number_free(void);

/* Ends `e`: no thread of it runs again. It stays an object. `death` is 1 + the vector of the fault
 * that ended it, or 0; it and the place are for its public record. */
void env_end(struct env *e, uint32_t death, uint64_t ip, uint64_t address);

/* Takes `e` out of the tables. Pre: ended, no thread left. */
void env_forget(struct env *e);
