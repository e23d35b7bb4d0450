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

    for (unsigned shift = 0; byte & 0x80; shift += 7) {
        if (p->next == p->end)
            return expect(p, false, 0);
        byte = *p->next++;
        x |= (byte & 0x7f) << shift;
        if (shift > 0 && (byte == 0 || (shift == 63 && byte != 1)))
            return expect(p, false, 0);
    }
    return x;
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

void proof_begin(struct proof *p, const uint8_t *bytes, uint32_t size, uint32_t *loops)
{
    *p = (struct proof){.next = bytes, .end = bytes + size};
    take(p, PROOF_VERSION, PROOF_VERSION);
    *loops = take_small(p, 0, PROOF_MAX_LOOPS);
}

/* A place that values can lie in, plus 1; or 0. */
static uint32_t take_rank(struct proof *p)
{
    uint32_t rank = take_small(p, 0, STATE_SLOT_PLACE + STATE_SLOTS);

    return (uint32_t)expect(p, rank < INSN_REGISTERS || rank > STATE_SLOT_PLACE, rank);
}

void proof_take_loop(struct proof *p, uint32_t number, uint32_t count, struct proof_loop *out)
{
    *out = (struct proof_loop){0};
    out->head = take_small(p, 0, count - 1);
    out->parent = take_small(p, 0, number);
    out->rank = take_rank(p);
    if (out->rank) {
        out->down = take_small(p, 0, 1);
        out->step = take(p, 1, INT64_MAX);
    }
    out->entry = take_small(p, 0, PROOF_MAX_STEPS);
    out->body = take_small(p, 0, PROOF_MAX_STEPS);
}

uint32_t proof_take_claims(struct proof *p, uint32_t count)
{
    return take_small(p, 0, count);
}

void proof_take_claim(struct proof *p, uint32_t previous, uint32_t count, uint32_t loops,
                      struct proof_claim *out)
{
    uint64_t at = previous + (uint32_t)1 + take(p, 0, count);

    out->at = (uint32_t)expect(p, at < count, at);
    out->loop = take_small(p, 0, loops);
    out->steps = take_small(p, 0, PROOF_MAX_STEPS);
    out->states = take_small(p, 0, PROOF_MAX_STATES);
}

static void take_scalar(struct proof *p, uint32_t flags, struct scalar *n)
{
    *n = scalar_anything();
    if (flags & PROOF_UNSIGNED) {
        n->umin = take_any(p);
        n->umax = n->umin + take_any(p);
        expect(p, n->umin <= n->umax, 0);
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
        n->smax32 =
            (int32_t)(n->smin32 + (int64_t)take(p, 0, (uint64_t)((int64_t)INT32_MAX - n->smin32)));
    }
}

/* A class that is shared by `fixed`, or by being one object. */
static void take_class(struct proof *p, struct value *v)
{
    v->base = take_small(p, v->kind == VALUE_PACKET ? 0 : 1, STATE_CLASSES - 2);
    v->fixed = take_signed(p, INT64_MIN, INT64_MAX);
    if (v->kind != VALUE_NUMBER && v->kind != VALUE_PACKET)
        expect(p, v->fixed == 0, 0);
}

static void take_value(struct proof *p, uint32_t alone, uint32_t loops, uint32_t maps,
                       struct value *v)
{
    uint64_t kind = take_any(p), flags = take_any(p);
    uint32_t may = kind < VALUE_KINDS ? says[kind] : 0;

    if (expect(p,
               may != 0 && (flags & ~(may & 127u)) == 0 &&
                   ((may & HAS_CLASS) == 0 || flags & PROOF_CLASS),
               1) == 0)
        return;
    value_set(v, (enum value_kind)kind);
    v->base = kind == VALUE_PACKET || (may & HAS_MAP) ? alone : 0;
    if (may & HAS_MAP)
        v->map = (uint8_t)expect(p, maps > 0, take_small(p, 0, maps > 0 ? maps - 1 : 0));
    if (flags & PROOF_CLASS)
        take_class(p, v);
    if (flags & PROOF_MARK) {
        v->mark = (uint16_t)take_small(p, 1, loops);
        v->moved = take_signed(p, -STATE_MOVED_MOST, STATE_MOVED_MOST);
    }
    if (kind == VALUE_PACKET)
        v->ahead = STATE_AHEAD_NONE;
    if (flags & PROOF_AHEAD)
        v->ahead = (int32_t)take_signed(p, STATE_AHEAD_NONE, STATE_POINTER_RANGE);
    if (may & NUMBER_FLAGS)
        take_scalar(p, (uint32_t)flags, &v->n);
    else
        v->n = scalar_constant(0);
}

static void take_slots(struct proof *p, uint32_t alone, uint32_t loops, uint32_t maps,
                       struct state *out)
{
    uint32_t slots = take_small(p, 0, STATE_SLOTS);

    for (out->used = 0; slots > 0 && !p->broken; slots--) {
        uint32_t skipped = take_small(p, 0, STATE_SLOTS - 1);
        if (expect(p, out->used + skipped < STATE_SLOTS, 1) == 0)
            return;
        for (; skipped > 0; skipped--, out->used++) {
            out->slot[out->used].kind = VALUE_NONE;
            out->init[out->used] = 0;
        }
        uint32_t i = out->used++;
        out->init[i] = (uint8_t)take_small(p, 1, 0xff);
        out->slot[i].kind = VALUE_NONE;
        if (out->init[i] == 0xff)
            take_value(p, alone + INSN_REGISTERS + i, loops, maps, &out->slot[i]);
    }
}

void proof_take_state(struct proof *p, uint32_t at, uint32_t loops, uint32_t maps,
                      struct state *out)
{
    uint32_t regs = take_small(p, 0, (1u << INSN_FRAME) - 1), alone = state_name(at, 0);

    for (uint32_t i = 0; i < INSN_FRAME; i++) {
        out->reg[i].kind = VALUE_NONE;
        if (regs & 1u << i)
            take_value(p, alone + i, loops, maps, &out->reg[i]);
    }
    value_set_pointer(&out->reg[INSN_FRAME], VALUE_STACK);
    take_slots(p, alone, loops, maps, out);
    out->packet_length = take_small(p, 0, (uint32_t)STATE_POINTER_RANGE);
    out->held_count = take_small(p, 0, STATE_HELD);
    for (uint32_t i = 0; i < out->held_count; i++)
        out->held[i] = take_small(p, 1, STATE_CLASSES - 2);
}
