/*
 * The interpreter: runs eBPF as RFC 9669 defines it.
 *
 * graft_run is for programs that the checker accepted: it tests no address. interp_run can be
 * given a guard that every access asks first; so tools and tests run code that nobody checked.
 */
#pragma once

#include "grafts/program.h"

#define INTERP_MAX_FRAMES 8u

/* Why interp_run came back. */
enum interp_end {
    INTERP_EXIT,       /* exit from the outermost function: reg[0] is the result */
    INTERP_BAD_CODE,   /* malformed instruction, or the program counter left the code */
    INTERP_BAD_ACCESS, /* the guard refused an address, or an atomic one is unaligned */
    INTERP_BAD_CALL,   /* no such helper */
    INTERP_STACK,      /* calls nested too deeply */
    INTERP_STEPS,      /* more instructions than allowed */
    INTERP_FUEL,       /* the fuel is used up */
};

/* Asked before each access and helper call when a program was not checked. */
struct interp_guard {
    /* May `bytes` at `address` be read, or written? */
    bool (*allows)(void *self, uint64_t address, uint32_t bytes, bool write);
    /* Runs helper `number` on reg[1..5], result to reg[0]. False: there is none. May set *done to
     * end the program. NULL: helpers are found as in checked programs. */
    bool (*helper)(void *self, int32_t number, uint64_t *reg, bool *done);
    void *self;
};

/* What a local call saves. */
struct interp_frame {
    uint64_t kept[4]; /* r6 to r9 */
    uint32_t back;    /* slot to return to */
};

/* One run. The caller fills everything above `at`, and reg; reg[10] is the top of the stack. */
struct interp {
    const struct insn *code;
    uint32_t count;                        /* slots */
    uint64_t steps_left;                   /* instructions that may still run */
    uint32_t max_depth;                    /* local calls that the stack has room for, at most
                                              INTERP_MAX_FRAMES; each takes GRAFT_STACK_BYTES */
    const struct interp_guard *guard;      /* NULL: the code was checked */
    const struct graft_outside *outside;   /* NULL: no helpers, no maps */
    const struct graft_fuel_point *points; /* [point_count] ascending */
    uint32_t point_count;
    int64_t fuel; /* what is left for them */
    uint64_t reg[INSN_REGISTERS];
    uint32_t at; /* slot of the next instruction; afterwards of the one that ended the run */
    uint32_t depth;
    struct interp_frame frames[INTERP_MAX_FRAMES];
};

enum interp_end interp_run(struct interp *m);

/* Runs a checked program on its hook's context. False: its fuel is used up, and *result is void.
 * Uses GRAFT_STACK_BYTES and about as much again of the caller's stack. */
bool graft_run_outside(const struct graft_program *p, const struct graft_outside *outside,
                       void *context, uint64_t *result);

/* The same for one that needs no fuel and nothing from outside; returns r0. Takes at most p->steps
 * instructions. */
uint64_t graft_run(const struct graft_program *p, void *context);
