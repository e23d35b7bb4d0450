/*
 * Flow: which instruction can follow which, loops and how they nest, and what is read later. All
 * from the code alone; values do not matter here.
 */
#pragma once

#include "grafts/prover/link.h"

#define FLOW_NONE UINT32_MAX

struct flow_loop {
    uint32_t head;
    uint32_t parent; /* a loop's number, or FLOW_NONE */
    uint32_t depth;  /* 1: in no other loop */
};

struct flow_place {
    uint32_t next[2]; /* by falling through, by jumping; FLOW_NONE where it does not */
    uint32_t order;   /* place in reverse postorder */
    uint32_t dominator;
    uint32_t loop;       /* innermost, or FLOW_NONE */
    uint8_t edges;       /* that lead here, the start being one; 2 stands for more */
    bool half;           /* not an instruction: the second half of a 64-bit load */
    bool leaves;         /* some edge that leads here leaves a loop */
    uint16_t live;       /* registers that may be read from here on, before they are written */
    uint64_t live_slots; /* bit i: the 8 bytes from r10 - 8 (i + 1) on, likewise */
};

struct flow {
    struct work *work;
    const struct linked *program;
    struct flow_place *at; /* [count] */
    uint32_t *order;       /* [order_count] instructions in reverse postorder */
    uint32_t order_count;
    struct flow_loop *loops; /* parents before children */
    uint32_t loop_count;
};

/* Fills *f. Leaves through the work's `out` when the code is malformed, some instruction cannot be
 * reached, or a loop has more than one entry. */
void flow_find(struct flow *f, struct work *w, const struct linked *program);

/* Is instruction `at` inside `loop` or a loop inside that? FLOW_NONE holds everything. */
bool flow_is_in(const struct flow *f, uint32_t at, uint32_t loop);

/* The part of flow_find that fills live and live_slots. */
void flow_find_live(struct flow *f);
