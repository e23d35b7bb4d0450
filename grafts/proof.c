/* Proofs: decoding. */
#include "grafts/proof.h"

#define ALL_FLAGS 0x7fu
#define HAS_MAP   0x80  /* not a flag of the form: the kind has a map's number */
#define HAS_CLASS 0x100 /* the kind must have a class */
#define HAS_KIND  0x200 /* nothing else */

/* What may be said of each kind. */
static const uint16_t says[PROOF_KINDS] = {
    [VALUE_NUMBER] = SCALAR_PARTS | PROOF_CLASS | PROOF_MARK,
    [VALUE_CONTEXT] = SCALAR_PARTS | PROOF_MARK,
    [VALUE_PACKET] = SCALAR_PARTS | PROOF_CLASS | PROOF_MARK | PROOF_AHEAD,
    [VALUE_STACK] = SCALAR_PARTS | PROOF_MARK,
    [VALUE_PACKET_END] = HAS_KIND,
    [VALUE_MAP] = HAS_MAP,
    [VALUE_MAP_VALUE] = HAS_MAP | SCALAR_PARTS | PROOF_CLASS | PROOF_MARK,
    [VALUE_MAP_VALUE_OR_NULL] = HAS_MAP | PROOF_CLASS,
    [VALUE_RECORD] = HAS_CLASS | SCALAR_PARTS | PROOF_CLASS | PROOF_MARK | PROOF_AHEAD,
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

static void take_scalar(struct proof *p, unsigned parts, struct scalar *n)
{
    if (parts & SCALAR_UNSIGNED) {
        n->umin = take_any(p);
        n->umax = n->umin + take(p, 0, UINT64_MAX - n->umin);
    }
    if (parts & SCALAR_SIGNED) {
        n->smin = take_signed(p, INT64_MIN, INT64_MAX);
        n->smax =
            (int64_t)((uint64_t)n->smin + take(p, 0, (uint64_t)INT64_MAX - (uint64_t)n->smin));
    }
    if (parts & SCALAR_BITS) {
        n->bits.value = take_any(p);
        n->bits.unknown = take_any(p);
        expect(p, (n->bits.value & n->bits.unknown) == 0, 0);
    }
    if (parts & SCALAR_HALVES) {
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

/* The value in `at[i]`. Returns which parts of its number are told; the others are not written. */
static unsigned take_value(struct proof *p, uint32_t i, struct value *v)
{
    uint32_t what = take_small(p, 0, (ALL_FLAGS + 1) * PROOF_KINDS - 1);
    uint32_t kind = what % PROOF_KINDS, flags = what / PROOF_KINDS, may = says[kind];

    expect(p, may && !(flags & ~may) && (!(may & HAS_CLASS) || flags & PROOF_CLASS), 0);
    value_set(v, (enum value_kind)kind);
    if (kind == VALUE_PACKET || (may & HAS_MAP))
        v->base = state_name(p->at, i);
    if (kind == VALUE_PACKET)
        v->ahead = STATE_AHEAD_NONE;
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
    take_scalar(p, flags & SCALAR_PARTS, &v->n);
    return flags & SCALAR_PARTS;
}

/* How many bytes the state has that follow: where it ends. */
static const uint8_t *take_end(struct proof *p)
{
    uint64_t bytes = take_any(p);

    return expect(p, bytes <= (uint64_t)(p->end - p->next), 1) ? p->next + bytes : p->end;
}

/* Classes of records, each once. */
static uint32_t take_held(struct proof *p, uint32_t *held)
{
    uint32_t count = take_small(p, 0, STATE_HELD);

    for (uint32_t i = 0; i < count; i++) {
        held[i] = take_small(p, 1, STATE_CLASSES - 2);
        for (uint32_t k = 0; k < i; k++)
            expect(p, held[i] != held[k], 0);
    }
    return count;
}

/* The value in `at[i]`: all of it becomes that of `out`; or, where that is NULL, does it include
 * the one of `s`? */
static bool take_place(struct proof *p, uint32_t i, struct state *out, struct state_match *m,
                       const struct state *s)
{
    struct value told, *v = &told;

    if (out) {
        v = &out->at[i];
        v->n = scalar_anything();
    }
    unsigned parts = take_value(p, i, v);
    if (!out)
        return value_includes(m, v, parts, &s->at[i]);
    bool number = says[v->kind] & SCALAR_PARTS;
    if (!number)
        v->n = scalar_constant(0);
    bool good = (parts == 0 || scalar_tighten(&v->n)) &&
                (!number || v->kind == VALUE_NUMBER || scalar_is_near(&v->n)) &&
                (!value_is_record(v) || state_is_held(out, v->base));
    expect(p, good, 0);
    return good;
}

/* The slots of a state, likewise. */
static bool take_slots(struct proof *p, struct state *out, struct state_match *m,
                       const struct state *s)
{
    uint32_t i = 0;

    for (uint32_t slots = take_small(p, 0, STATE_SLOTS); slots > 0; slots--, i++) {
        i += take_small(p, 0, STATE_SLOTS - 1);
        uint8_t init = (uint8_t)take_small(p, 1, 0xff);
        if (!expect(p, i < STATE_SLOTS, 1))
            return false;
        if (out) {
            state_reach_slot(out, i);
            out->init[i] = init;
        } else if (init == 0xff ? i >= s->used : init & ~state_readable(s, i)) {
            return false;
        }
        if (init == 0xff && !take_place(p, INSN_REGISTERS + i, out, m, s))
            return false;
    }
    return true;
}

/* A state, likewise. */
static bool take_parts(struct proof *p, struct state *out, const struct state *s)
{
    uint32_t shape = take_small(p, 0, (1u << INSN_FRAME) * PROOF_REGISTERS - 1), held[STATE_HELD];
    uint32_t length = shape & PROOF_LENGTH ? take_small(p, 0, (uint32_t)STATE_POINTER_RANGE) : 0;
    uint32_t count = shape & PROOF_HELD ? take_held(p, out ? out->held : held) : 0;
    struct state_match m;

    m.bound[0] = m.bound[1] = 0;
    if (out) {
        state_clear(out);
        out->packet_length = length;
        out->held_count = count;
    }
    for (uint32_t regs = shape / PROOF_REGISTERS; regs; regs &= regs - 1)
        if (!take_place(p, (uint32_t)__builtin_ctz(regs), out, &m, s))
            return false;
    if (shape & PROOF_SLOTS && !take_slots(p, out, &m, s))
        return false;
    return out || (length <= s->packet_length && state_match_held(&m, held, count, s));
}

void proof_take_state(struct proof *p, struct state *out)
{
    const uint8_t *end = take_end(p);

    take_parts(p, out, NULL);
    expect(p, p->next == end, 0);
}

void proof_skip_state(struct proof *p)
{
    p->next = take_end(p);
}

bool proof_includes(struct proof *p, const struct state *s)
{
    const uint8_t *end = take_end(p);
    bool included = take_parts(p, NULL, s);

    p->next = end;
    return included && !p->broken;
}
