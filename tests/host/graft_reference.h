/*
 * A second opinion on what eBPF means: deliberately plain, and written from RFC 9669's text without
 * a look at grafts/. It shares no code with what it judges but the layout of an instruction.
 */
#pragma once

#include "grafts/insn.h"

enum reference_end {
    REFERENCE_DONE,
    REFERENCE_FUEL,
    REFERENCE_STACK,
    REFERENCE_STUCK, /* malformed code, or too many steps: the test is wrong */
};

struct reference {
    const struct insn *code;
    uint32_t count;
    uint64_t steps;
    uint64_t r[11];
    uint64_t (*helper)(uint32_t number, const uint64_t *r); /* may be NULL */
    /* Fuel: what is taken at each slot; NULL: nothing. */
    const uint32_t *charges;
    int64_t fuel;
};

/* The caller sets all but the result, r[0]; r[10] is the top of a stack with room for 8 frames. */
enum reference_end reference_run(struct reference *m);
