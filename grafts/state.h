/*
 * Abstract states: what the checker knows before one instruction, on every path that leads there.
 *
 * Bases. Values that differ from each other by known constants share a `base`: a name for one
 * number, or address, that is unknown but fixed; `fixed` is the distance from it. So what a
 * comparison tells about one value it tells about all of its base. A base is named by a claim that
 * the walk begins with, or by the one instruction that makes it, which runs once between claims: a
 * name never means two things. Of memory (map values, records) the base names the object, n is the
 * offset in it, and `fixed` is 0.
 *
 * Invariants, which the checker keeps:
 *   S1  the five parts of an abstract number do not contradict each other
 *   S2  |n| of a pointer is at most STATE_POINTER_RANGE; so address arithmetic cannot wrap,
 *       provided that no object lies nearer than twice that to an end of the address space
 *   S3  slot[i] holds a value of 8 bytes when init[i] is 0xff, else VALUE_NONE, and then init[i]
 *       tells which of its bytes hold some number; bytes of a torn pointer are never marked
 *   S4  the base of every RECORD and RECORD_OR_NULL stands in `held`, each of those once
 *   S5  registers whose bit in `written` is clear, but r10, are VALUE_NONE; slots from `used` on
 * are too, and neither they nor their init are ever read
 */
#pragma once

#include "grafts/domain.h"

#define STATE_SLOTS         (GRAFT_STACK_BYTES / 8)
#define STATE_PLACES        (INSN_REGISTERS + STATE_SLOTS)
#define STATE_SLOT_PLACE    16u /* place of slot 0; those of registers are their numbers */
#define STATE_HELD          8u  /* records that may be held at once */
#define STATE_POINTER_RANGE ((int64_t)1 << 28) /* bytes; no object is longer */
#define STATE_PACKET_MOST   ((int64_t)GRAFT_MAX_PACKET)
#define STATE_AHEAD_NONE    (-(1 << 30))       /* holds of every pointer, by S2 */
#define STATE_MOVED_MOST    ((int64_t)1 << 61) /* |moved| is at most this */

/* Bases: 0 is `data` for packet pointers, for other values none; then those that claims name;
 * then STATE_CLASSES for each instruction. */
#define STATE_CLASSES  128u
#define STATE_COMPUTED (STATE_CLASSES - 1)

enum value_kind {                  /* the numbers are those of a proof */
                  VALUE_NONE = 0,  /* nothing was written */
                  VALUE_MIXED = 1, /* different kinds on different paths */
                  VALUE_NUMBER = 2,
                  VALUE_CONTEXT = 3,    /* n: bytes from the context's start */
                  VALUE_PACKET = 4,     /* n: bytes from data */
                  VALUE_PACKET_END = 5, /* data_end itself */
                  VALUE_STACK = 6,      /* n: bytes from r10, so what may be used is negative */
                  VALUE_MAP = 7,        /* a map, as helpers want it */
                  VALUE_MAP_VALUE = 8,  /* n: bytes from the value's start */
                  VALUE_MAP_VALUE_OR_NULL = 9,
                  VALUE_RECORD = 10, /* of a ring buffer; n: bytes from its start */
                  VALUE_RECORD_OR_NULL = 11,
                  VALUE_KINDS
};

struct value {
    struct scalar n;
    int64_t fixed;
    int64_t moved; /* where mark is not 0: so far at least it came, in the rank's direction */
    uint32_t base;
    int32_t ahead; /* PACKET: so many bytes from here on surely lie before data_end;
                      RECORD, RECORD_OR_NULL: bytes in all; else 0 */
    uint16_t mark; /* 1 + the loop whose rank this was when its head was last passed; 0: none */
    uint8_t kind;  /* enum value_kind */
    uint8_t map;   /* MAP, MAP_VALUE, MAP_VALUE_OR_NULL: which; else 0 */
};

struct state {
    uint32_t packet_length; /* data_end - data is at least this */
    uint32_t used;          /* slots */
    uint32_t written;       /* bit r: register r may be other than VALUE_NONE; r10 aside */
    uint32_t held_count;
    uint32_t held[STATE_HELD]; /* bases of records that must be given back */
    uint8_t init[STATE_SLOTS]; /* bit b: byte b of the slot is written */
    union {
        struct {
            struct value reg[INSN_REGISTERS];
            struct value slot[STATE_SLOTS]; /* slot i: the 8 bytes from r10 - 8 (i + 1) on */
        };
        struct value at[STATE_PLACES]; /* both, one after the other */
    };
};

/* How many of `at` are in use. */
static inline uint32_t state_values(const struct state *s)
{
    return INSN_REGISTERS + s->used;
}

static inline bool value_is_pointer(const struct value *v)
{
    return v->kind >= VALUE_CONTEXT;
}

static inline bool value_is_record(const struct value *v)
{
    return v->kind == VALUE_RECORD || v->kind == VALUE_RECORD_OR_NULL;
}

static inline bool value_may_be_null(const struct value *v)
{
    return v->kind == VALUE_MAP_VALUE_OR_NULL || v->kind == VALUE_RECORD_OR_NULL;
}

/* Forgets what *v was: it becomes one of that kind, whose n is to be set. */
struct scalar *value_set(struct value *v, enum value_kind kind);

/* The name of what instruction `at` makes (STATE_COMPUTED), or of the value in register or slot
 * `place` (slots after registers) where paths meet there. */
uint32_t state_name(uint32_t at, uint32_t place);

/* Nothing is known but r10, the stack's top. */
void state_clear(struct state *s);

/* What a graft starts with: r1 the context, r10 the stack's top, nothing else. */
void state_begin(struct state *s);

void state_copy(struct state *to, const struct state *from);

/* The value in place 0 to 9 (a register) or 16 on (a slot), or NULL when nothing was written. */
struct value *state_place(struct state *s, uint32_t place);

/* Makes `into` include `from`. `at`: the instruction where the paths meet, to name new bases.
 * False: they do not hold the same records. */
bool state_join(struct state *into, const struct state *from, uint32_t at);

/* Is `b` a part of `a`, a state of a claim, whose bases are classes or names of single values? May
 * say no when it is. */
bool state_includes(const struct state *a, const struct state *b);

bool state_is_held(const struct state *s, uint32_t base);

/* S2. */
bool scalar_is_near(const struct scalar *n);

/* The pointer p is moved by the number `by` (p + by). `at` names a new base. False: it could leave
 * STATE_POINTER_RANGE; *p is then not to be used. */
bool state_move_pointer(struct value *p, const struct scalar *by, uint32_t at);

/* A comparison showed that p + extra <= data_end: tells it to every pointer of p's base. */
void state_prove_packet(struct state *s, const struct value *p, int32_t extra);

/* A comparison told more about `told`: if it is a number, tells it to every one of its base. False:
 * nothing is left that some of them could be. */
bool state_tell_numbers(struct state *s, const struct value *told);

/* Whatever is of base `base` and may be null is now known to be null, or not to be. */
void state_resolve_null(struct state *s, uint32_t base, bool is_null);

/* The record of that base is given back: it is no longer held, and no value points to it. False:
 * it was not held. */
bool state_release(struct state *s, uint32_t base);

/*
 * The stack. `low` and `high` are distances from its low end: bytes [low, high) may be touched.
 * Pre for all: 0 <= low < high <= GRAFT_STACK_BYTES.
 */

/* Makes slots up to i used. Pre: i < STATE_SLOTS. */
void state_reach_slot(struct state *s, uint32_t i);

/* The slot that begins at `low`, a multiple of 8; NULL when it holds no whole value. */
struct value *state_stack_slot(struct state *s, uint32_t low);

/* Where a whole value is to be written there. */
struct value *state_stack_new(struct state *s, uint32_t low);

/* Which bytes of slot i, which need not be used, can be read one by one. */
uint8_t state_readable(const struct state *s, unsigned i);

/* May the range be read as numbers? No (POINTER_PART) where a pointer lies, nor
 * (STACK_UNINITIALISED) where a byte may not have been written. */
enum graft_reason state_stack_read(const struct state *s, uint32_t low, uint32_t high);

/* Numbers are written: to all bytes of the range, and a pointer hit is torn; or to some that are
 * not known, and then false: a pointer lies there, and *s is not to be used. */
bool state_stack_write(struct state *s, uint32_t low, uint32_t high, bool all);
