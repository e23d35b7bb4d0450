/* Proofs: decoding. */
#include "grafts/proof.h"

#define ALL_FLAGS 0x7fu
#define HAS_MAP   0x80  /* not a flag of the form: the kind has a map's number */
#define HAS_CLASS 0x100 /* the kind must have a class */
#define HAS_KIND  0x200 /* nothing else */

/* What may be said of each kind. */
/* clang-format off */
static const uint16_t says[PROOF_KINDS] = {
    [VALUE_NUMBER] = PROOF_NUMBER | PROOF_CLASS | PROOF_MARK,
    [VALUE_CONTEXT] = PROOF_NUMBER | PROOF_MARK, [VALUE_STACK] = PROOF_NUMBER | PROOF_MARK,
    [VALUE_PACKET] = PROOF_NUMBER | PROOF_CLASS | PROOF_MARK | PROOF_AHEAD,
    [VALUE_PACKET_END] = HAS_KIND, [VALUE_MAP] = HAS_MAP,
    [VALUE_MAP_VALUE] = HAS_MAP | PROOF_NUMBER | PROOF_CLASS | PROOF_MARK,
    [VALUE_MAP_VALUE_OR_NULL] = HAS_MAP | PROOF_CLASS,
    [VALUE_RECORD] = HAS_CLASS | PROOF_NUMBER | PROOF_CLASS | PROOF_MARK | PROOF_AHEAD,
    [VALUE_RECORD_OR_NULL] = HAS_CLASS | PROOF_CLASS | PROOF_AHEAD,
};
/* clang-format on */

/* `x` when all is good; else there is nothing more to read. */
static uint64_t expect(struct proof *p, bool good, uint64_t x)
{
    if (good)
        return x;
    p->broken = true;
    p->next = p->end;
    return 0;
}

/* One of any length. */
static uint64_t take_long(struct proof *p)
{
    uint64_t x = 0, byte = 0x80;
    unsigned shift = 0;

    for (; byte & 0x80; shift += 7) {
        if (p->next == p->end || shift > 63)
            return expect(p, false, 0);
        byte = *p->next++;
        x |= (byte & 0x7f) << shift;
    }
    return expect(p, (byte != 0 || shift == 7) && (byte == 1 || shift < 70), x);
}

/* The next number. Most take one byte. */
static inline uint64_t take_any(struct proof *p)
{
    return p->next < p->end && *p->next < 0x80 ? *p->next++ : take_long(p);
}

/* One that lies between `low` and `high`. */
static uint64_t take(struct proof *p, uint64_t low, uint64_t high)
{
    uint64_t x = take_any(p);

    return expect(p, low <= x && x <= high, x);
}

#define take_small(p, low, high) ((uint32_t)take(p, low, high))

static int64_t take_signed(struct proof *p, int64_t low, int64_t high)
{
    uint64_t zigzag = take_any(p);
    int64_t x = (int64_t)(zigzag >> 1 ^ (0 - (zigzag & 1)));

    return (int64_t)expect(p, low <= x && x <= high, (uint64_t)x);
}

bool proof_begin(struct proof *p, const uint8_t *bytes, uint32_t size, uint32_t count,
                 uint32_t maps)
{
    *p = (struct proof){
        .next = bytes, .end = bytes + size, .count = count, .maps = maps, .at = UINT32_MAX};
    if (take_any(p) != PROOF_VERSION && !p->broken)
        return false;
    p->loops = take_small(p, 0, PROOF_MAX_LOOPS);
    return true;
}

void proof_take_loop(struct proof *p, uint32_t number, struct proof_loop *out)
{
    *out = (struct proof_loop){0};
    out->head = take_small(p, 0, p->count - 1);
    out->parent = take_small(p, 0, number);
    out->rank = take_small(p, 0, STATE_SLOT_PLACE + STATE_SLOTS);
    expect(p, out->rank < INSN_REGISTERS || out->rank > STATE_SLOT_PLACE, 0); /* places, plus 1 */
    if (out->rank) {
        out->down = take_small(p, 0, 1);
        out->step = take(p, 1, INT64_MAX);
        out->low = take_signed(p, INT64_MIN, INT64_MAX);
        out->width = take(p, 0, INT64_MAX); /* so turns can be counted */
    }
    out->entry = take_small(p, 0, PROOF_MAX_STEPS);
    out->body = take_small(p, 0, PROOF_MAX_STEPS);
}

uint32_t proof_take_claims(struct proof *p)
{
    return take_small(p, 0, p->count);
}

void proof_take_claim(struct proof *p, struct proof_claim *out)
{
    p->at += 1 + take_small(p, 0, p->count);
    out->at = p->at = (uint32_t)expect(p, p->at < p->count, p->at);
    out->loop = take_small(p, 0, p->loops);
    out->steps = take_small(p, 0, PROOF_MAX_STEPS);
    out->states = take_small(p, 0, PROOF_MAX_STATES);
}

/* The least of an interval was read; what follows says how far its greatest is above. */
#define TAKE_RANGE(type, low, high, least, most)                                                   \
    (n->low = (type)(least),                                                                       \
     n->high = (type)((uint64_t)n->low + take(p, 0, (uint64_t)(most) - (uint64_t)n->low)))

/* What is told; the rest follows from it, or is not known. */
static void take_scalar(struct proof *p, unsigned parts, struct scalar *n)
{
    if (parts & PROOF_UNSIGNED)
        TAKE_RANGE(uint64_t, umin, umax, take_any(p), UINT64_MAX);
    if (parts & PROOF_SIGNED)
        TAKE_RANGE(int64_t, smin, smax, take_signed(p, INT64_MIN, INT64_MAX), INT64_MAX);
    if (parts & PROOF_BITS) {
        n->bits.value = take_any(p);
        n->bits.unknown = take_any(p);
        expect(p, (n->bits.value & n->bits.unknown) == 0, 0);
    }
    if (parts & PROOF_HALVES) {
        TAKE_RANGE(uint32_t, umin32, umax32, take(p, 0, UINT32_MAX), UINT32_MAX);
        TAKE_RANGE(int32_t, smin32, smax32, take_signed(p, INT32_MIN, INT32_MAX), INT32_MAX);
    }
    expect(p, scalar_tighten(n), 0);
}

/* A class that is shared by `fixed`, or by being one object. */
static void take_class(struct proof *p, struct value *v)
{
    bool fixes = v->kind == VALUE_NUMBER || v->kind == VALUE_PACKET;

    v->base = take_small(p, v->kind == VALUE_PACKET ? 0 : 1, STATE_CLASSES - 2);
    v->fixed = take_signed(p, fixes ? INT64_MIN : 0, fixes ? INT64_MAX : 0);
}

/* The value in `at[i]`. */
static void take_value(struct proof *p, struct state *s, uint32_t i)
{
    uint32_t what = take_small(p, 0, (ALL_FLAGS + 1) * PROOF_KINDS - 1);
    uint32_t kind = what % PROOF_KINDS, flags = what / PROOF_KINDS, may = says[kind];
    struct value *v = &s->at[i];

    expect(p, may && !(flags & ~may) && (!(may & HAS_CLASS) || flags & PROOF_CLASS), 0);
    *value_set(v, (enum value_kind)kind) =
        may & PROOF_NUMBER ? scalar_anything() : scalar_constant(0);
    if (kind == VALUE_PACKET || (may & HAS_MAP))
        v->base = state_name(p->at, i);
    v->ahead = kind == VALUE_PACKET ? STATE_AHEAD_NONE : 0;
    if (may & HAS_MAP) {
        v->map = (uint8_t)take_small(p, 0, GRAFT_MAX_MAPS - 1);
        expect(p, v->map < p->maps, 0);
    }
    if (flags & PROOF_CLASS)
        take_class(p, v);
    if (flags & PROOF_MARK) {
        v->mark = (uint16_t)take_small(p, 1, p->loops);
        v->moved = take_signed(p, -STATE_MOVED_MOST, STATE_MOVED_MOST);
        expect(p, v->mark != p->heads, 0);
    }
    if (flags & PROOF_AHEAD)
        v->ahead = (int32_t)take_signed(p, STATE_AHEAD_NONE, STATE_POINTER_RANGE);
    if (flags & PROOF_NUMBER)
        take_scalar(p, flags, &v->n);
    expect(p,
           (kind == VALUE_NUMBER || scalar_is_near(&v->n)) &&
               (!value_is_record(v) || state_is_held(s, v->base)),
           0);
}

/* Classes of records, each once. */
static void take_held(struct proof *p, struct state *s)
{
    for (uint32_t left = take_small(p, 0, STATE_HELD); left > 0; left--) {
        uint32_t class = take_small(p, 1, STATE_CLASSES - 2);
        expect(p, !state_is_held(s, class), 0);
        s->held[s->held_count++] = class;
    }
}

static void take_slots(struct proof *p, struct state *s)
{
    uint32_t i = 0;

    for (uint32_t left = take_small(p, 0, STATE_SLOTS); left > 0; left--, i++) {
        i += take_small(p, 0, STATE_SLOTS - 1);
        if (!expect(p, i < STATE_SLOTS, 1))
            return;
        state_reach_slot(s, i);
        s->init[i] = (uint8_t)take_small(p, 1, 0xff);
        if (s->init[i] == 0xff)
            take_value(p, s, INSN_REGISTERS + i);
    }
}

/* How many bytes the state has that follow: where it ends. */
static const uint8_t *take_end(struct proof *p)
{
    uint64_t bytes = take_any(p);

    return expect(p, bytes <= (uint64_t)(p->end - p->next), 1) ? p->next + bytes : p->end;
}

void proof_take_state(struct proof *p, struct state *out)
{
    const uint8_t *end = take_end(p);
    uint32_t shape = take_small(p, 0, (1u << INSN_FRAME) * PROOF_REGISTERS - 1);
    state_clear(out);
    if (shape & PROOF_LENGTH)
        out->packet_length = take_small(p, 0, (uint32_t)STATE_POINTER_RANGE);
    if (shape & PROOF_HELD)
        take_held(p, out);
    out->written = shape / PROOF_REGISTERS;
    for (uint32_t regs = out->written; regs; regs &= regs - 1)
        take_value(p, out, (uint32_t)__builtin_ctz(regs));
    if (shape & PROOF_SLOTS)
        take_slots(p, out);
    expect(p, p->next == end, 0);
}

void proof_skip_state(struct proof *p)
{
    p->next = take_end(p);
}
