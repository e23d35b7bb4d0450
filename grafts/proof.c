/* Proofs: decoding. */
#include "grafts/proof.h"

#define NUMBER_FLAGS (PROOF_UNSIGNED | PROOF_SIGNED | PROOF_BITS | PROOF_HALVES)
#define HAS_MAP      0x100 /* not a flag of the form: the kind has a map's number */
#define HAS_CLASS    0x200 /* the kind must have a class */
#define HAS_KIND     0x400 /* nothing else */

/* What may be said of each kind. */
static const uint16_t says[VALUE_KINDS] = {
    [VALUE_NUMBER] = NUMBER_FLAGS | PROOF_CLASS | PROOF_MARK,
    [VALUE_CONTEXT] = NUMBER_FLAGS | PROOF_MARK,
    [VALUE_PACKET] = NUMBER_FLAGS | PROOF_CLASS | PROOF_MARK | PROOF_AHEAD,
    [VALUE_STACK] = NUMBER_FLAGS | PROOF_MARK,
    [VALUE_PACKET_END] = HAS_KIND,
    [VALUE_MAP] = HAS_MAP,
    [VALUE_MAP_VALUE] = HAS_MAP | NUMBER_FLAGS | PROOF_CLASS | PROOF_MARK,
    [VALUE_MAP_VALUE_OR_NULL] = HAS_MAP | PROOF_CLASS,
    [VALUE_RECORD] = HAS_CLASS | NUMBER_FLAGS | PROOF_CLASS | PROOF_MARK | PROOF_AHEAD,
    [VALUE_RECORD_OR_NULL] = HAS_CLASS | PROOF_CLASS | PROOF_AHEAD,
};

/* `x` when all is good; else there is nothing more to read. */
static uint64_t expect(struct proof *p, bool good, uint64_t x)
{
    if (good)
        return x;
    p->broken = true;
    p->next = p->end;
    return 0;
}

/* One of several bytes. */
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

static uint32_t take_small(struct proof *p, uint32_t low, uint32_t high)
{
    return (uint32_t)take(p, low, high);
}

static int64_t take_signed(struct proof *p, int64_t low, int64_t high)
{
    uint64_t zigzag = take_any(p);
    int64_t x = (int64_t)(zigzag >> 1 ^ (0 - (zigzag & 1)));

    return (int64_t)expect(p, low <= x && x <= high, (uint64_t)x);
}

void proof_begin(struct proof *p, const uint8_t *bytes, uint32_t size, uint32_t count,
                 uint32_t maps)
{
    *p = (struct proof){
        .next = bytes, .end = bytes + size, .count = count, .maps = maps, .at = UINT32_MAX};
    take(p, PROOF_VERSION, PROOF_VERSION);
    p->loops = take_small(p, 0, PROOF_MAX_LOOPS);
}

/* A place that values can lie in, plus 1; or 0. */
static uint32_t take_rank(struct proof *p)
{
    uint32_t rank = take_small(p, 0, STATE_SLOT_PLACE + STATE_SLOTS);

    return (uint32_t)expect(p, rank < INSN_REGISTERS || rank > STATE_SLOT_PLACE, rank);
}

void proof_take_loop(struct proof *p, uint32_t number, struct proof_loop *out)
{
    *out = (struct proof_loop){0};
    out->head = take_small(p, 0, p->count - 1);
    out->parent = take_small(p, 0, number);
    out->rank = take_rank(p);
    if (out->rank) {
        out->down = take_small(p, 0, 1);
        out->step = take(p, 1, INT64_MAX);
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

static void take_scalar(struct proof *p, uint64_t flags, struct scalar *n)
{
    *n = scalar_anything();
    if (flags & PROOF_UNSIGNED) {
        n->umin = take_any(p);
        n->umax = n->umin + take(p, 0, UINT64_MAX - n->umin);
    }
    if (flags & PROOF_SIGNED) {
        n->smin = take_signed(p, INT64_MIN, INT64_MAX);
        n->smax =
            (int64_t)((uint64_t)n->smin + take(p, 0, (uint64_t)INT64_MAX - (uint64_t)n->smin));
    }
    if (flags & PROOF_BITS) {
        n->bits.value = take_any(p);
        n->bits.unknown = take_any(p);
        expect(p, (n->bits.value & n->bits.unknown) == 0, 0);
    }
    if (flags & PROOF_HALVES) {
        n->umin32 = take_small(p, 0, UINT32_MAX);
        n->umax32 = n->umin32 + take_small(p, 0, UINT32_MAX - n->umin32);
        n->smin32 = (int32_t)take_signed(p, INT32_MIN, INT32_MAX);
        n->smax32 = (int32_t)((uint32_t)n->smin32 +
                              take_small(p, 0, (uint32_t)INT32_MAX - (uint32_t)n->smin32));
    }
}

/* A class that is shared by `fixed`, or by being one object. */
static void take_class(struct proof *p, struct value *v)
{
    bool fixes = v->kind == VALUE_NUMBER || v->kind == VALUE_PACKET;

    v->base = take_small(p, v->kind == VALUE_PACKET ? 0 : 1, STATE_CLASSES - 2);
    v->fixed = take_signed(p, fixes ? INT64_MIN : 0, fixes ? INT64_MAX : 0);
}

/* The value in `at[i]`. */
static void take_value(struct proof *p, uint32_t i, struct value *v)
{
    uint64_t kind = take(p, VALUE_NUMBER, VALUE_KINDS - 1), flags = take_any(p);
    uint32_t may = says[kind], must = may & HAS_CLASS ? PROOF_CLASS : 0;

    expect(p, (flags & ~(may & 127u)) == 0 && (flags & must) == must, 0);
    value_set(v, (enum value_kind)kind);
    if (kind == VALUE_PACKET || (may & HAS_MAP))
        v->base = state_name(p->at, i);
    if (may & HAS_MAP)
        v->map = (uint8_t)take_small(p, 0, GRAFT_MAX_MAPS - 1);
    expect(p, !(may & HAS_MAP) || v->map < p->maps, 0);
    if (flags & PROOF_CLASS)
        take_class(p, v);
    if (flags & PROOF_MARK) {
        v->mark = (uint16_t)take_small(p, 1, p->loops);
        v->moved = take_signed(p, -STATE_MOVED_MOST, STATE_MOVED_MOST);
    }
    if (kind == VALUE_PACKET)
        v->ahead = STATE_AHEAD_NONE;
    if (flags & PROOF_AHEAD)
        v->ahead = (int32_t)take_signed(p, STATE_AHEAD_NONE, STATE_POINTER_RANGE);
    if (may & NUMBER_FLAGS)
        take_scalar(p, flags, &v->n);
    else
        v->n = scalar_constant(0);
}

static void take_slots(struct proof *p, struct state *out)
{
    for (uint32_t slots = take_small(p, 0, STATE_SLOTS); slots > 0; slots--) {
        uint32_t i = out->used + take_small(p, 0, STATE_SLOTS - 1);
        if (expect(p, i < STATE_SLOTS, 1) == 0)
            return;
        state_reach_slot(out, i);
        out->init[i] = (uint8_t)take_small(p, 1, 0xff);
        if (out->init[i] == 0xff)
            take_value(p, INSN_REGISTERS + i, &out->slot[i]);
    }
}

void proof_take_state(struct proof *p, struct state *out)
{
    uint32_t regs = take_small(p, 0, (1u << INSN_FRAME) - 1);

    state_clear(out);
    for (uint32_t i = 0; i < INSN_FRAME; i++)
        if (regs & 1u << i)
            take_value(p, i, &out->reg[i]);
    take_slots(p, out);
    out->packet_length = take_small(p, 0, (uint32_t)STATE_POINTER_RANGE);
    out->held_count = take_small(p, 0, STATE_HELD);
    for (uint32_t i = 0; i < out->held_count; i++)
        out->held[i] = take_small(p, 1, STATE_CLASSES - 2);
}
