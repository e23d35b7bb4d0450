/*
 * Listings: functions as lists of instructions whose jumps name items and not distances, so that
 * items can be added and taken away. The linker works on these.
 */
#pragma once

#include "grafts/prover/object.h"

#define LISTING_NONE UINT32_MAX

struct item {
    struct insn insn;
    int32_t high;    /* of a 64-bit load: the second half's imm */
    uint32_t target; /* of a jump: the item it goes to; else LISTING_NONE */
    uint32_t callee; /* of a call between functions: which one; else LISTING_NONE */
    struct object_line line;
};

struct function {
    const char *name;
    uint32_t section, first, slots; /* where it stands in the object */
    struct item *items;
    uint32_t count, room;
    uint32_t depth; /* bytes of stack below r10, those of what it calls included when inlined */
    uint8_t state;  /* enum function_state */
};

enum function_state { FUNCTION_READ, FUNCTION_ON_WAY, FUNCTION_INLINED };

/* Registers as bits. A call reads r1 to r5 at most and leaves r0 to r5 changed. */
uint32_t item_reads(const struct insn *i);
uint32_t item_writes(const struct insn *i);

/* May the next item follow? */
bool item_falls_through(const struct insn *i);

struct item *listing_add(struct work *w, struct function *f, const struct item *item);

/* live[k]: registers read after item k before they are written. Pre: targets lie in the list. */
void listing_live_after(struct work *w, const struct function *f, uint16_t *live);

/* How many bytes below r10 the function's own variables take, a multiple of 8. */
uint32_t listing_frame_bytes(struct work *w, const struct function *f);
