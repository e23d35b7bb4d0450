/*
 * What one run of the linker or prover holds: memory that is given back at once, and the way out
 * when something is wrong, so that the code between does not carry errors from call to call.
 */
#pragma once

#include "exo/abi/graft.h"
#include "exo/abi/types.h"

#define WORK_NAME 96u

struct object_line;

/* Why a graft could not be linked or proved. */
struct work_fault {
    const char *text;     /* what is wrong */
    const char *hint;     /* what to do about it */
    char name[WORK_NAME]; /* of the section, symbol or function at fault; "" when there is none */
    uint32_t line;        /* in the source, 0 when unknown */
    const char *file;     /* the source, "" when unknown; lies in the object */
};

struct work_block;

struct work {
    struct work_block *blocks;
    struct work_fault fault;
    void *out[5]; /* set by whoever calls into the linker or prover: work_left() */
};

/* False at first; whatever then leaves through `out` comes back here, with true, while the function
 * that asked has not returned. It needs no C library. */
#define work_left(w) __builtin_setjmp((w)->out)

/* `count` objects of `bytes` each, zeroed, aligned for anything. Leaves through `out` when there
 * is no memory. */
void *work_take(struct work *w, size_t count, size_t bytes);

/* Leaves through `out`. `text` and `hint` must last; `name` is copied, and may be NULL, as `line`.
 */
_Noreturn void work_fail(struct work *w, const char *text, const char *name, const char *hint);
_Noreturn void work_fail_at(struct work *w, const char *text, const char *name, const char *hint,
                            const struct object_line *line);

/* Gives all memory back. */
void work_end(struct work *w);

/* A list that grows: `*at` has room for `*room` objects; makes sure of `want`, keeping `used`. */
void *work_grow(struct work *w, void *at, uint32_t *room, uint32_t used, uint32_t want,
                size_t bytes);
