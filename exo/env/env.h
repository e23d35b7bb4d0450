/*
 * An environment: the unit of protection. Its first frame holds this structure, the next its first
 * capability table, the next three its root page table with nodes.
 *
 * Invariant: E1 `leaf` is what a walk of the page tables finds for the addresses of `leaf_number`,
 * which are all the user's; or the number is LEAF_NONE.
 *
 * Locking: the forest lock; `threads` is also read by nobody else.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"
#include "exo/abi/revoke.h"
#include "exo/arch/mmu.h"
#include "exo/base/list.h"

/* What an environment is asked to give up (bindings/bind_revoke.c). */
struct revoke_ask {
    node_t from;        /* the asker's capability; 0: no ask is open                       */
    uint32_t kind;      /* enum revoke_kind                                                */
    uint64_t deadline;  /* time-stamp counter                                              */
    uint32_t cpu;       /* whose timer keeps it                                            */
    uint32_t target;    /* what it may still hold                                          */
    uint32_t left;      /* how much may still be taken by force                            */
    slot_t dst;         /* the asker's slot for the next piece of frames, or SLOT_NONE     */
    uint32_t victim;    /* 1 + the position that is being taken; 0: none                   */
    uint32_t rest;      /* while there is one: how much is too much                        */
    node_t scan_from;   /* for whom the count below is being made; 0: none is              */
    uint32_t scan_kind; /* and of what                                                     */
    uint32_t scan_at;   /* positions below this one are still to be looked at              */
    uint32_t scan_held;
    uint32_t scan_highest; /* 1 + the highest position that counts                            */
};
_Static_assert(sizeof(struct revoke_ask) == 64, "the ask has its place in struct env");

/* What of one kind is never taken from it (bindings/guarantee.c). */
struct guarantee {
    node_t from;    /* the capability that promised; 0: nobody did                     */
    uint32_t least; /* units                                                           */
    uint32_t held;  /* units in capabilities from there, which have CAP_COUNTED        */
    uint32_t at;    /* positions below this one are still to be counted, or uncounted  */
};

#define ENV_LOCALS 32u

/* Places of grafts that an environment has. */
enum env_place {
    ENV_PLACE_IPC,
    ENV_PLACE_SLICE,
    ENV_PLACE_RECLAIM,
    ENV_PLACE_FAULT,
    ENV_PLACE_CALL,
    ENV_PLACES
};

/* The graft at a place, for entries that ask it while the user's registers are in the CPU, and for
 * the slices' timer. */
struct env_quick {
    uint64_t (*code)(uint64_t context); /* for arch_code_call, but at slices: a function      */
    uint64_t *runs;                     /* which are counted there                           */
    enum env_quick_kind {
        QUICK_NOT,   /* there is none, or the general way alone asks it                      */
        QUICK_BLIND, /* it reads nothing of its context                                      */
        QUICK_SEEING
    } kind;
};

/* The highest bit: such a graft judges the messages of some environment. */
extern word_t env_ipc_quick;

struct env {
    struct node watch;      /* child of the notification capability to raise at its end     */
    struct node kmem;       /* child of the region that page tables for maps come from      */
    struct node memory;     /* made by ThreadControl: child of the region that it lies in    */
    struct node ports_node; /* its port table: child of the region that it came from     */
    uint16_t number;        /* index into env_table                                         */
    bool ended;             /* no thread of it runs again                                   */
    pfn_t frame;            /* of this structure                                            */
    pfn_t root;             /* frame of the top page table                                  */
    uint32_t captable_count;
    struct cap *captables[CAPTABLE_FRAMES]; /* NULL: none                                   */
    struct list threads;       /* of struct thread, by env_link                                */
    uint64_t watch_bits;       /* raised at its end                                            */
    struct env_info *info;     /* its public record                                        */
    struct env_counts *counts; /* [cpu_count] public, too                                  */
    struct revoke_ask ask;
    struct guarantee guarantee[REVOKE_KIND_COUNT];
    uint64_t leaf_number; /* of the level-1 table found last: its addresses / LEAF_BYTES  */
    pte_t *leaf;          /* that table                                                   */
    uint32_t lends;   /* entries of any space that lead to tables of this one as shares        */
    uint32_t borrows; /* entries of this space that lead to tables as shares                   */
    vaddr_t kip_area; /* where the interface page was put; 0: nowhere                          */
    struct {
        vaddr_t base;
        uint64_t bytes;  /* 0: none yet                                                        */
    } utcb_area;         /* where its L4 threads have their UTCBs                              */
    uint64_t redirector; /* a thread ID, or nil                                               */
    struct cap *ports;   /* [CAPS_PER_FRAME] I/O ports that were mapped to it; NULL: none     */
    paddr_t tables;      /* where `root` lies, as a switch of spaces wants it                 */
    bool privileged;     /* may make L4's privileged calls                                    */
    uint8_t pad[47];
    uint16_t locals[ENV_LOCALS]; /* numbers of threads found last by local ID; claims          */
    struct node captable_nodes[CAPTABLE_FRAMES]; /* [0] not used: the first goes with the env */
    struct node places[ENV_PLACES]; /* children of grafts' capabilities; no parent: none is bound */
    struct env_quick quick[ENV_PLACES]; /* the same grafts; on one CPU, where none needs the lock */
};
_Static_assert(offsetof(struct env, places) == NODE_AT_PLACES, "node offsets are ABI");
_Static_assert(offsetof(struct env, captable_nodes) == NODE_AT_TABLES, "node offsets are ABI");
_Static_assert(sizeof(struct env) <= PAGE_SIZE, "an env is one frame");

/* Where the number of the thread of `e` with local ID `id` may be found: whoever looks there asks
 * that thread for its space and UTCB. */
static inline uint16_t *env_local(struct env *e, word_t id)
{
    return &e->locals[id / PAGE_SIZE % ENV_LOCALS];
}

/* Every environment by number; number 0 is nobody. */
extern struct env_info *env_table;
extern struct env *env_by_number[ENV_MAX];

/* Takes a free number for an env whose structure lies in `frame` (zeroed) and fills it. Pre: a
 * number is free (env_number_free). */
struct env *env_init(pfn_t frame, uint16_t number, uint16_t parent);

#define LEAF_BYTES ((vaddr_t)1 << 21) /* what a table of level 1 serves */
#define LEAF_NONE  (~(uint64_t)0)     /* no table has this number       */

/* Is the level-1 table of `va` the one found last? Then this is the entry in it. */
static inline bool env_leaf_is(const struct env *e, vaddr_t va)
{
    return va / LEAF_BYTES == e->leaf_number;
}

static inline pte_t *env_leaf_entry(const struct env *e, vaddr_t va)
{
    return e->leaf + arch_mmu_index(va, 1);
}

/* The entry of level 1 for `va`, or NULL when it has no table. */
pte_t *env_leaf(const struct env *e, vaddr_t va);

/* What env_leaf found for `va`; it is remembered. */
void env_leaf_found(struct env *e, vaddr_t va, pte_t *at);

/* A table of `e` goes, of any level. */
static inline void env_leaf_forget(struct env *e)
{
    e->leaf_number = LEAF_NONE;
}

/* A free number, or 0. */
uint16_t env_number_free(void);

/* Ends `e`: no thread of it runs again. It stays an object. `death` is 1 + the vector of the fault
 * that ended it, or 0; it and the place are for its public record. */
void env_end(struct env *e, uint32_t death, uint64_t ip, uint64_t address);

/* Does more than their receiver decide on what its threads send? */
static inline bool env_is_redirected(const struct env *e)
{
    return e->redirector || e->places[ENV_PLACE_IPC].parent;
}

/* Do grafts decide on what its threads trap for? */
static inline bool env_is_judged(const struct env *e)
{
    return e->places[ENV_PLACE_FAULT].parent || e->places[ENV_PLACE_CALL].parent;
}

/* Takes `e` out of the tables. Pre: ended, no thread left. */
void env_forget(struct env *e);
