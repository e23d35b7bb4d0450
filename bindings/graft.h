/*
 * Grafts as objects, and their maps. A graft's first frame holds struct graft, the next ones a copy
 * of the object that its program lies in; the rest was the checker's, and holds the page table of
 * its native code, that code, and the journal. A map's first frame holds struct map_object, the
 * others what of the map nobody else may write.
 *
 * A graft is bound to a place by a node of the place's target, a child of the graft's capability.
 * All grafts run under the forest lock, which maps are under, too.
 *
 * A program that may run out of fuel notes what it changes in the journal first: values of maps as
 * they were, by key; what it writes to ring buffers is seen when it has ended well. When it is
 * aborted all that is undone, it never runs again, and its owner is told.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/graft.h"
#include "exo/abi/kinfo.h"
#include "grafts/jit.h"
#include "grafts/map.h"

#define GRAFT_FUEL_POINTS 64u

/* As graft_jit_entry, of code that may neither end early nor call, and reads its context alone. */
typedef uint64_t (*graft_quick_entry)(uint64_t context);

struct graft {
    struct node maps[GRAFT_MAX_MAPS]; /* children of the maps' capabilities                */
    struct node tell;                 /* child of a notification's; no parent: nobody is told */
    graft_quick_entry quick; /* its code, when it needs nothing but its context; or NULL    */
    graft_jit_entry code;    /* its code; NULL: it is interpreted                             */
    struct graft_program program; /* checked; its code lies in the copy                     */
    struct graft_outside outside;
    struct object_info *info; /* its public record; NULL: it was refused                    */
    uint64_t tell_bits;
    uint64_t direct; /* bit per map: the code names its value, and may change it            */
    uint8_t *journal;
    uint32_t journal_bytes;
    uint32_t slot;    /* of the window for code; meaningful when there is code                 */
    uint8_t *answers; /* PACKET_HANDLER: [GRAFT_ANSWERS] packets on their way out      */
    uint32_t answers_busy; /* bit for each                                                  */
    uint32_t stored_from, stored_to; /* of an answer that is being made; to 0: nothing        */
    bool is_ended;          /* it was aborted                                               */
    bool is_masked;         /* its code is                                                  */
    bool keeps;             /* likewise: registers, and it is quick (exo/env/env.h: env_quick)   */
    bool is_blind;          /* it reads nothing of its context                              */
    struct graft *next_due; /* of those whose owners are to be told that                    */
    uint64_t map_addresses[GRAFT_MAX_MAPS];
    uint64_t values[GRAFT_MAX_MAPS];
};
_Static_assert(offsetof(struct graft, tell) == NODE_AT_ABORT, "node offsets are ABI");
_Static_assert(sizeof(struct graft) <= PAGE_SIZE, "a graft begins with one frame");

struct map_object {
    struct node values; /* child of the frames' capability; no parent: it has none             */
    struct node wakes;  /* child of a notification's; no parent: nobody is told                */
    struct graft_map map;
    uint64_t bits;
    struct map_object *due; /* the next one whose notification is to be raised              */
    bool is_due;
    uint64_t scratch[GRAFT_MAX_KEPT / 8]; /* a value on its way in                          */
};
_Static_assert(offsetof(struct map_object, values) == NODE_AT_VALUES, "node offsets are ABI");
_Static_assert(offsetof(struct map_object, wakes) == NODE_AT_WAKES, "node offsets are ABI");
_Static_assert(sizeof(struct map_object) <= PAGE_SIZE, "a map begins with one frame");

/* The graft that a node binds. Pre: the node has a parent. */
struct graft *graft_bound(const struct node *binding);

/* Runs a graft on its place's context: what it returns, or `otherwise` if it is or was aborted. */
uint64_t graft_run_fully(struct graft *g, void *context, uint64_t otherwise);

/* The same where records tell nobody: what runs would be run by that again. */
uint64_t graft_run_quietly(struct graft *g, void *context, uint64_t otherwise);

/* In line for those that are quick, which change nothing but values that their code names. */
static inline uint64_t graft_run_quick(const struct graft *g, void *context)
{
    g->info->counts[COUNT_RUNS]++;
    return g->quick((uintptr_t)context);
}

static inline uint64_t graft_call_it(struct graft *g, void *context, uint64_t otherwise)
{
    return g->quick ? graft_run_quick(g, context) : graft_run_fully(g, context, otherwise);
}

/* The graft that is bound there. */
static inline uint64_t graft_call(const struct node *binding, void *context, uint64_t otherwise)
{
    return graft_call_it(graft_bound(binding), context, otherwise);
}

/* Packets that a handler answers: room for one, or NULL when too many are on their way; and sending
 * what lies there now, of which the card is to be told. */
#define GRAFT_ANSWERS       8u
#define GRAFT_ANSWER_BYTES  2048u
#define GRAFT_ANSWER_COOKIE (1u << 31) /* the packet is an answer, and not a ring's */
uint8_t *graft_answer_room(const struct graft *g);

/* Room for bytes [at, at + bytes) of the answer that is being made, behind what the graft has
 * stored of it; NULL: there is none, or they do not follow. It lies in what graft_answer_room says.
 */
uint8_t *graft_answer_store(struct graft *g, uint64_t at, uint64_t bytes);

bool graft_answer(struct graft *g, const uint8_t *room, uint32_t bytes);
void graft_answer_sent(uint32_t cookie);

/* Tells whom grafts concern that ran quietly. */
extern bool graft_untold;
void graft_tell_slow(void);
static inline void graft_tell(void)
{
    if (graft_untold)
        graft_tell_slow();
}

/* Address of the helper with that number, as struct graft_outside wants it; 0: there is none. */
uint64_t graft_helper_address(void *self, int32_t number);

/* How the grafts' code is run: from the boot options. */
struct graft_options {
    bool jit, mask;
};
extern struct graft_options graft_options;

/* What graft_build works with. */
struct graft_source {
    uint8_t *copy; /* [bytes], at the graft's second frame */
    uint32_t bytes;
    uint32_t hook;
    uint8_t *work; /* [room], up to the graft's end */
    size_t room;
    struct map_object *const *maps; /* [map_count] */
    uint32_t map_count;
};

/* Checks the object in the copy and makes it a graft. Fills *report; returns its reason. */
enum graft_reason graft_build(struct graft *g, const struct graft_source *s,
                              struct graft_report *report);

/* What graft_build made of the CPU's state goes. */
void graft_end(struct graft *g);

/* Does what holds the node go without what that binds it to: a graft without a map, or a map
 * without its values? */
bool graft_stands_on(const struct node *n);

/* A map goes; no graft has it any more. */
void map_end(struct map_object *m);
