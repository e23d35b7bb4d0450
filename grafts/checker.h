/*
 * The checker: decides whether a program may run in the kernel. Each instruction's values are
 * looked at once, in an order in which all that can come before an instruction really does; a
 * program has such an order just when it has no loop. (Not the order in the object: compilers place
 * shared exits anywhere, so a jump backwards is not yet a loop.)
 *
 * It proves: every memory access lies in what the hook gave, nothing is read before it is written,
 * no kernel address gets out, every path ends with exit within the hook's budget.
 *
 * The states where paths meet are either joined here (code without loops needs no more), or claimed
 * by a certificate and then only compared: each arriving state must be included in the claim.
 *
 * Time of check, time of use: code and claims must be a COPY that no user can change, made before
 * graft_check is called and kept, unchanged, while the program may run. graft_check reads some
 * instructions more than once and the interpreter reads them again.
 *
 * Memory: no allocation, no recursion. The caller lends `work`, GRAFT_WORK_BYTES large. `open` is
 * how many forward jump targets may be pending at once; a program that has more is refused
 * (WORK_MEMORY) and harms nobody else. Code from a compiler rarely has more than 16.
 * Time: at most count * (2 transfers + 2 joins), each a bounded loop over one state.
 */
#pragma once

#include "grafts/program.h"
#include "grafts/state.h"

/* What somebody asks to have run: nothing in it has been checked. */
struct graft_input {
    const struct insn *code; /* a copy, see above */
    uint32_t count;          /* slots */
    uint32_t hook;           /* enum graft_hook */
    const uint8_t *proof;    /* a copy likewise; NULL when there is none */
    uint32_t proof_bytes;
    uint32_t map_count;
    const struct graft_map_def *maps;     /* whose numbers the code names */
    struct graft_fuel_point *fuel_points; /* room that the program keeps; may be NULL */
    uint32_t fuel_room;
};

/* Bytes of work memory for a program of `count` slots with `open` jump targets pending. */
#define GRAFT_WORK_BYTES(count, open)                                                              \
    (sizeof(struct checker) + (size_t)(count) * sizeof(struct checker_place) +                     \
     (size_t)(open) * sizeof(struct checker_open))

/* Checks `in`. On GRAFT_ACCEPTED fills *out; otherwise *out is unchanged. *report is always
 * filled. `work` is aligned to 16 bytes, is the caller's again on return, and may hold anything
 * before. Returns report->reason. */
enum graft_reason graft_check(const struct graft_input *in, void *work, size_t work_bytes,
                              struct graft_program *out, struct graft_report *report);

/* The row's sentences; never NULL. */
const char *graft_reason_text(uint32_t reason);
const char *graft_reason_hint(uint32_t reason);

/* What follows is the checker's own and stands here for GRAFT_WORK_BYTES. */

/* What is known of one slot of the program while the check goes on. */
struct checker_place {
    uint32_t steps;   /* instructions on the longest path up to and with this one */
    uint16_t open;    /* 0: no state is pending here; else its number in `open`, from 1 */
    uint16_t order;   /* of the k-th place: the slot to check k-th */
    uint16_t stack;   /* of the k-th place: the k-th slot on the way of the search for an order */
    uint8_t progress; /* enum checker_progress */
    uint8_t edges;    /* how many of its edges the search has followed */
};

enum checker_progress {
    PROGRESS_NEW,    /* the search has not come here */
    PROGRESS_ON_WAY, /* it is on the way from the start to where the search is now */
    PROGRESS_DONE,   /* all that can follow is in order */
    PROGRESS_HALF,   /* not an instruction but the second half of a 64-bit load */
};

struct checker_open {
    struct state state;
    uint64_t used;
};

struct checker {
    const struct graft_input *in;
    const struct hook *hook;
    struct graft_report *report;
    struct checker_place *places;
    struct checker_open *open;
    uint32_t open_count;
    uint32_t order_count; /* instructions; places[0 .. order_count - 1].order is their order */
    uint32_t at;          /* the slot being checked */
    uint32_t longest;     /* steps */
    bool alive;           /* `now` is a state that can be */
    struct state now;     /* before, then after, the instruction */
    struct state taken;   /* after a jump that was taken */
};
