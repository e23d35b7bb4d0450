/*
 * Abstract states: what the checker knows before one instruction, on every path that leads there.
 *
 * Packet pointers. A pointer is data + n, n being the value's abstract number. Pointers that differ
 * from each other by known constants share a `base`: a name for one address that is unknown but
 * fixed. `fixed` is the distance from that base, `ahead` counts the bytes from the pointer on that
 * are proven to lie before data_end. So a comparison of one pointer with data_end speaks for all
 * pointers of its base. Base 0 is `data` itself. A new base is named by the instruction that
 * makes it; code without loops runs each instruction once, so a name never means two addresses.
 *
 * Invariants, which the checker keeps:
 *   S1  the five parts of an abstract number do not contradict each other
 *   S2  |n| of a pointer is at most STATE_POINTER_RANGE; so address arithmetic cannot wrap,
 * provided that packets lie at least twice that far from both ends of the address space S3  slot[i]
 * holds a value of 8 bytes (then init[i] is 0xff) or VALUE_NONE (then init[i] tells which of its
 * bytes hold some number); bytes of a torn pointer are never marked
 */
#pragma once

#include "grafts/domain.h"

#define STATE_SLOTS         (GRAFT_STACK_BYTES / 8)
#define STATE_POINTER_RANGE ((int64_t)1 << 28) /* bytes; no packet is longer */

enum value_kind {
    VALUE_NONE,  /* nothing was written */
    VALUE_MIXED, /* different kinds on different paths */
    VALUE_NUMBER,
    VALUE_CONTEXT,    /* n: bytes from the context's start */
    VALUE_PACKET,     /* n: bytes from data */
    VALUE_PACKET_END, /* data_end itself */
    VALUE_STACK,      /* n: bytes from r10, so what may be used is negative */
};

struct value {
    struct scalar n;
    uint32_t base; /* base, fixed, ahead: VALUE_PACKET only, else 0 */
    int64_t fixed;
    int64_t ahead;
    uint8_t kind; /* enum value_kind */
};

struct state {
    struct value reg[INSN_REGISTERS];
    struct value slot[STATE_SLOTS]; /* slot i: bytes 8 i to 8 i + 7 from the stack's low end */
    uint8_t init[STATE_SLOTS];
    uint32_t packet_length; /* data_end - data is at least this */
};

static inline bool value_is_pointer(const struct value *v)
{
    return v->kind >= VALUE_CONTEXT;
}

struct value value_number(struct scalar n);
struct value value_pointer(enum value_kind kind); /* at offset 0 */

/* What a graft starts with: r1 the context, r10 the stack's top, nothing else. */
void state_begin(struct state *s);

/* Makes `into` include `from`. `at`: the instruction where the paths meet, to name new bases. */
void state_join(struct state *into, const struct state *from, uint32_t at);

/* Is `b` a part of `a`, where both describe the paths to `at`? May say no when it is. */
bool state_includes(const struct state *a, const struct state *b, uint32_t at);

/* NULL when `s` keeps S1 to S3 and can be trusted as a claim, else what is wrong with it. */
const char *state_check(const struct state *s);

/* The packet pointer p is moved by the number `by` (p + by). `at` names a new base. False: the
 * result could leave STATE_POINTER_RANGE; *p is then not to be used. */
bool state_move_packet(struct value *p, const struct scalar *by, uint32_t at);

/* A comparison showed that p + extra <= data_end: tells it to every pointer of p's base. */
void state_prove_packet(struct state *s, const struct value *p, int32_t extra);

/*
 * The stack. `low` and `high` are distances from its low end: bytes [low, high) may be touched.
 * Pre for all: 0 <= low < high <= GRAFT_STACK_BYTES.
 */

/* Does a stored pointer lie in the range? */
bool state_stack_has_pointer(const struct state *s, uint32_t low, uint32_t high);

/* Has every byte of the range been written on every path? */
bool state_stack_is_init(const struct state *s, uint32_t low, uint32_t high);

/* Exactly these bytes are written with parts of some number; a pointer hit is torn. */
void state_stack_write(struct state *s, uint32_t low, uint32_t high);

/* Some of these bytes may be written with parts of a number. Pre: no pointer in the range. */
void state_stack_blur(struct state *s, uint32_t low, uint32_t high);
