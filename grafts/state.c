/* Abstract states: joining, including, packet bounds, stack bytes. */
#include "grafts/state.h"

#define LARGER(a, b)  ((a) > (b) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))

/* Names of bases: `places` for each instruction, one per register and slot that a join may fill,
 * and one for a pointer that the instruction itself computes. 0 stays for `data`. */
#define PLACES         128u
#define PLACE_COMPUTED 127u
_Static_assert(INSN_REGISTERS + STATE_SLOTS < PLACE_COMPUTED, "each place has its own name");

/* No sum of as many moves as a program has instructions comes near to this, or near to wrapping. */
#define VALUE_FAR ((int64_t)1 << 60)

static uint32_t base_name(uint32_t at, uint32_t place)
{
    return 1 + at * PLACES + place;
}

struct value value_number(struct scalar n)
{
    return (struct value){.n = n, .kind = VALUE_NUMBER};
}

struct value value_pointer(enum value_kind kind)
{
    return (struct value){.n = scalar_constant(0), .kind = (uint8_t)kind};
}

static struct value value_without(enum value_kind kind)
{
    return (struct value){.n = scalar_anything(), .kind = (uint8_t)kind};
}

void state_begin(struct state *s)
{
    for (unsigned i = 0; i < INSN_REGISTERS; i++)
        s->reg[i] = value_without(VALUE_NONE);
    for (unsigned i = 0; i < STATE_SLOTS; i++) {
        s->slot[i] = value_without(VALUE_NONE);
        s->init[i] = 0;
    }
    s->reg[1] = value_pointer(VALUE_CONTEXT);
    s->reg[INSN_FRAME] = value_pointer(VALUE_STACK);
    s->packet_length = 0;
}

/* A pointer that came over different ways gets a base of its own: nothing that is learned of it
 * later may be told to pointers of only one of the ways. */
static struct value join_packet(const struct value *a, const struct value *b, uint32_t name)
{
    struct value r = *a;

    r.n = scalar_join(&a->n, &b->n);
    r.ahead = SMALLER(a->ahead, b->ahead);
    if (a->base != b->base || a->fixed != b->fixed) {
        r.base = name;
        r.fixed = 0;
    }
    return r;
}

static struct value join_value(const struct value *a, const struct value *b, uint32_t name)
{
    if (a->kind == VALUE_NONE || b->kind == VALUE_NONE)
        return value_without(VALUE_NONE);
    if (a->kind != b->kind || a->kind == VALUE_MIXED)
        return value_without(VALUE_MIXED);
    if (a->kind == VALUE_PACKET)
        return join_packet(a, b, name);

    struct value r = *a;
    r.n = scalar_join(&a->n, &b->n);
    return r;
}

/* Which bytes of slot i can be read one by one. */
static uint8_t readable_bytes(const struct state *s, unsigned i)
{
    return value_is_pointer(&s->slot[i]) ? 0 : s->init[i];
}

static void join_slot(struct state *into, const struct state *from, unsigned i, uint32_t name)
{
    uint8_t bytes = readable_bytes(into, i) & readable_bytes(from, i);
    struct value joined = join_value(&into->slot[i], &from->slot[i], name);

    if (joined.kind == VALUE_MIXED) /* a slot is whole or bytes; these bytes are part pointer */
        joined = value_without(VALUE_NONE);
    into->slot[i] = joined;
    into->init[i] = joined.kind == VALUE_NONE ? bytes : 0xff;
}

void state_join(struct state *into, const struct state *from, uint32_t at)
{
    for (uint32_t i = 0; i < INSN_REGISTERS; i++)
        into->reg[i] = join_value(&into->reg[i], &from->reg[i], base_name(at, i));
    for (uint32_t i = 0; i < STATE_SLOTS; i++)
        join_slot(into, from, i, base_name(at, INSN_REGISTERS + i));
    into->packet_length = SMALLER(into->packet_length, from->packet_length);
}

/* A claim may give a pointer the base that a join here would give it. Any other base must be the
 * same; and it must be older than this instruction, or another pointer may have got it just now. */
static bool includes_base(const struct value *a, const struct value *b, uint32_t at, uint32_t name)
{
    if (a->base == name && a->fixed == 0)
        return true;
    bool is_older = a->base == 0 || (a->base - 1) / PLACES != at;
    return is_older && a->base == b->base && a->fixed == b->fixed;
}

static bool includes_value(const struct value *a, const struct value *b, uint32_t at, uint32_t name)
{
    if (a->kind == VALUE_NONE)
        return true;
    if (a->kind == VALUE_MIXED)
        return b->kind != VALUE_NONE;
    if (a->kind != b->kind || !scalar_includes(&a->n, &b->n))
        return false;
    return a->kind != VALUE_PACKET || (a->ahead <= b->ahead && includes_base(a, b, at, name));
}

static bool includes_slot(const struct state *a, const struct state *b, uint32_t at, uint32_t i)
{
    if (a->slot[i].kind == VALUE_NONE)
        return (a->init[i] & ~readable_bytes(b, i)) == 0;
    return includes_value(&a->slot[i], &b->slot[i], at, base_name(at, INSN_REGISTERS + i));
}

bool state_includes(const struct state *a, const struct state *b, uint32_t at)
{
    for (uint32_t i = 0; i < INSN_REGISTERS; i++)
        if (!includes_value(&a->reg[i], &b->reg[i], at, base_name(at, i)))
            return false;
    for (uint32_t i = 0; i < STATE_SLOTS; i++)
        if (!includes_slot(a, b, at, i))
            return false;
    return a->packet_length <= b->packet_length;
}

static const char *check_value(const struct value *v)
{
    struct scalar n = v->n;

    if (v->kind > VALUE_STACK)
        return "a value is of an unknown kind";
    if ((n.bits.value & n.bits.unknown) || !scalar_tighten(&n))
        return "S1: a number's parts contradict";
    if (value_is_pointer(v) && (n.smin < -STATE_POINTER_RANGE || n.smax > STATE_POINTER_RANGE))
        return "S2: a pointer is too far out";
    if (v->fixed < -VALUE_FAR || v->fixed > VALUE_FAR || v->ahead < -VALUE_FAR ||
        v->ahead > VALUE_FAR)
        return "S2: a packet pointer is too far from its base";
    return NULL;
}

const char *state_check(const struct state *s)
{
    const char *broken = NULL;

    for (unsigned i = 0; i < INSN_REGISTERS && !broken; i++)
        broken = check_value(&s->reg[i]);
    for (unsigned i = 0; i < STATE_SLOTS && !broken; i++) {
        broken = check_value(&s->slot[i]);
        if (s->slot[i].kind == VALUE_MIXED || (s->slot[i].kind != VALUE_NONE && s->init[i] != 0xff))
            broken = "S3: a slot is neither whole nor bytes";
    }
    return broken;
}

bool state_move_packet(struct value *p, const struct scalar *by, uint32_t at)
{
    if (by->smin < -STATE_POINTER_RANGE || by->smax > STATE_POINTER_RANGE)
        return false;
    p->n = scalar_alu(ALU_ADD, 0, 8, &p->n, by);
    if (p->n.smin < -STATE_POINTER_RANGE || p->n.smax > STATE_POINTER_RANGE)
        return false;

    p->ahead -= by->smax; /* what is left ahead after the longest move */
    p->fixed += by->smax;
    if (!scalar_is_constant(by)) {
        p->base = base_name(at, PLACE_COMPUTED);
        p->fixed = 0;
    }
    return true;
}

static void prove_value(struct value *v, uint32_t base, int64_t proven)
{
    if (v->kind == VALUE_PACKET && v->base == base)
        v->ahead = LARGER(v->ahead, proven - v->fixed);
}

void state_prove_packet(struct state *s, const struct value *p, int32_t extra)
{
    const uint32_t base = p->base;
    const int64_t proven = p->fixed + extra; /* base + proven <= data_end */
    const int64_t length = p->n.smin + extra;

    if (length > (int64_t)s->packet_length)
        s->packet_length = (uint32_t)length;
    for (unsigned i = 0; i < INSN_REGISTERS; i++)
        prove_value(&s->reg[i], base, proven);
    for (unsigned i = 0; i < STATE_SLOTS; i++)
        prove_value(&s->slot[i], base, proven);
}

/* The bytes of slot i that lie in [low, high). */
static uint8_t bytes_within(unsigned i, uint32_t low, uint32_t high)
{
    uint32_t first = i * 8, mask = 0;

    for (uint32_t byte = 0; byte < 8; byte++)
        if (first + byte >= low && first + byte < high)
            mask |= 1u << byte;
    return (uint8_t)mask;
}

bool state_stack_has_pointer(const struct state *s, uint32_t low, uint32_t high)
{
    for (unsigned i = low / 8; i <= (high - 1) / 8; i++)
        if (value_is_pointer(&s->slot[i]))
            return true;
    return false;
}

bool state_stack_is_init(const struct state *s, uint32_t low, uint32_t high)
{
    for (unsigned i = low / 8; i <= (high - 1) / 8; i++)
        if (bytes_within(i, low, high) & ~s->init[i])
            return false;
    return true;
}

void state_stack_write(struct state *s, uint32_t low, uint32_t high)
{
    for (unsigned i = low / 8; i <= (high - 1) / 8; i++) {
        s->init[i] = readable_bytes(s, i) | bytes_within(i, low, high);
        s->slot[i] = value_without(VALUE_NONE);
    }
}

void state_stack_blur(struct state *s, uint32_t low, uint32_t high)
{
    for (unsigned i = low / 8; i <= (high - 1) / 8; i++)
        s->slot[i] = value_without(VALUE_NONE);
}
