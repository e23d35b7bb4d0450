/* Abstract states: joining, including, packet bounds, linked values, stack bytes. */
#include "grafts/state.h"

#define NO_BASE UINT32_MAX /* what a number without a base is bound to: equal to nothing */
_Static_assert(STATE_PLACES < STATE_COMPUTED, "each place has its own name");

uint32_t state_name(uint32_t at, uint32_t place)
{
    return (1 + at) * STATE_CLASSES + place;
}

struct scalar *value_set(struct value *v, enum value_kind kind)
{
    v->fixed = v->moved = v->ahead = 0;
    v->base = v->mark = v->map = 0;
    v->kind = (uint8_t)kind;
    return &v->n;
}

void state_clear(struct state *s)
{
    for (unsigned i = 0; i < INSN_FRAME; i++)
        s->reg[i].kind = VALUE_NONE;
    *value_set(&s->reg[INSN_FRAME], VALUE_STACK) = scalar_constant(0);
    s->packet_length = s->used = s->written = s->held_count = 0;
}

void state_begin(struct state *s)
{
    state_clear(s);
    s->written = 1u << 1;
    *value_set(&s->reg[1], VALUE_CONTEXT) = scalar_constant(0);
}

void state_copy(struct state *to, const struct state *from)
{
    to->packet_length = from->packet_length;
    to->used = from->used;
    to->written = from->written;
    to->held_count = from->held_count;
    for (uint32_t i = 0; i < from->held_count; i++)
        to->held[i] = from->held[i];
#pragma GCC unroll 10
    for (unsigned i = 0; i < INSN_FRAME; i++)
        to->reg[i].kind = VALUE_NONE;
    for (uint32_t left = from->written | 1u << INSN_FRAME; left; left &= left - 1)
        to->reg[__builtin_ctz(left)] = from->reg[__builtin_ctz(left)];
    for (uint32_t i = 0; i < from->used; i++) {
        to->init[i] = from->init[i];
        to->slot[i] = from->slot[i];
    }
}

struct value *state_place(struct state *s, uint32_t place)
{
    uint32_t i = place < STATE_SLOT_PLACE ? place : place - STATE_SLOT_PLACE + INSN_REGISTERS;

    if (place < STATE_SLOT_PLACE ? place >= INSN_FRAME : i >= state_values(s))
        return NULL;
    return s->at[i].kind > VALUE_MIXED ? &s->at[i] : NULL;
}

/* A value that came over different ways gets a base of its own, or none: nothing that is learned
 * of it later may be told to values of only one of the ways. */
static void join_value(struct value *a, const struct value *b, uint32_t name)
{
    const bool none = a->kind == VALUE_NONE || b->kind == VALUE_NONE;
    const bool same = a->base == b->base && a->fixed == b->fixed;

    if (none || a->kind != b->kind || a->map != b->map || (value_is_record(a) && !same)) {
        a->kind = none ? VALUE_NONE : VALUE_MIXED;
        return;
    }
    a->n = scalar_join(&a->n, &b->n);
    a->ahead = SMALLER(a->ahead, b->ahead);
    a->mark = 0;
    if (!same) {
        a->base = a->kind == VALUE_NUMBER ? 0 : name;
        a->fixed = 0;
    }
}

uint8_t state_readable(const struct state *s, unsigned i)
{
    return i >= s->used || value_is_pointer(&s->slot[i]) ? 0 : s->init[i];
}

/* A slot whose bytes are all written holds some number, if nothing better is known. */
static void set_bytes(struct state *s, unsigned i, uint8_t init)
{
    s->init[i] = init;
    s->slot[i].kind = VALUE_NONE;
    if (init == 0xff)
        *value_set(&s->slot[i], VALUE_NUMBER) = scalar_anything();
}

bool state_is_held(const struct state *s, uint32_t base)
{
    for (uint32_t i = 0; i < s->held_count; i++)
        if (s->held[i] == base)
            return true;
    return false;
}

bool state_join(struct state *into, const struct state *from, uint32_t at)
{
    into->used = SMALLER(into->used, from->used);
    for (uint32_t i = 0; i < into->used; i++) {
        uint8_t bytes = state_readable(into, i) & state_readable(from, i);
        join_value(&into->slot[i], &from->slot[i], state_name(at, INSN_REGISTERS + i));
        if (into->slot[i].kind <= VALUE_MIXED) /* whole or bytes; a pointer's cannot be read */
            set_bytes(into, i, bytes);
    }
    for (uint32_t i = 0; i < INSN_REGISTERS; i++)
        join_value(&into->reg[i], &from->reg[i], state_name(at, i));
    into->packet_length = SMALLER(into->packet_length, from->packet_length);
    for (uint32_t i = 0; i < from->held_count; i++)
        if (!state_is_held(into, from->held[i]))
            return false;
    return into->held_count == from->held_count;
}

/* While a state is compared with a claim: which base of its own each class of the claim stands for,
 * and how far members in the claim are from their like in the state. */
struct match {
    uint64_t bound[STATE_CLASSES / 64];
    uint32_t base[STATE_CLASSES];
    uint64_t delta[STATE_CLASSES];
};

static bool is_bound(const struct match *m, uint32_t class)
{
    return m->bound[class / 64] >> class % 64 & 1;
}

static bool includes_base(struct match *m, const struct value *a, const struct value *b)
{
    uint64_t delta = (uint64_t)b->fixed - (uint64_t)a->fixed;
    uint32_t class = a->base, base = b->base || a->kind == VALUE_PACKET ? b->base : NO_BASE;

    if (class >= STATE_CLASSES) /* a name for this value alone */
        return true;
    if (class == 0)
        return a->kind != VALUE_PACKET || (base == 0 && delta == 0);
    if (is_bound(m, class))
        return base != NO_BASE && m->base[class] == base && m->delta[class] == delta;
    m->bound[class / 64] |= (uint64_t)1 << class % 64;
    m->base[class] = base;
    m->delta[class] = delta;
    return true;
}

static bool includes_place(struct match *m, const struct state *s, const struct state *t,
                           uint32_t i)
{
    const struct value *a = &s->at[i], *b = &t->at[i];

    if (a->kind == VALUE_NONE)
        return true;
    return a->kind == b->kind && a->map == b->map && scalar_includes(&a->n, &b->n) &&
           a->ahead <= b->ahead && (a->mark == 0 || (a->mark == b->mark && a->moved <= b->moved)) &&
           includes_base(m, a, b);
}

/* Are the records that `a` holds, by classes that have been bound, those of `b`, each one? */
static bool includes_held(const struct match *m, const struct state *a, const struct state *b)
{
    for (uint32_t i = 0; i < a->held_count; i++) {
        if (!is_bound(m, a->held[i]) || !state_is_held(b, m->base[a->held[i]]))
            return false;
        for (uint32_t k = 0; k < i; k++)
            if (m->base[a->held[k]] == m->base[a->held[i]])
                return false;
    }
    return a->held_count == b->held_count;
}

bool state_includes(const struct state *a, const struct state *b)
{
    struct match m;

    m.bound[0] = m.bound[1] = 0;
    for (uint32_t i = 0; i < a->used; i++)
        if (a->slot[i].kind == VALUE_NONE ? a->init[i] & ~state_readable(b, i) : i >= b->used)
            return false;
    for (uint32_t left = a->written; left; left &= left - 1)
        if (!includes_place(&m, a, b, (uint32_t)__builtin_ctz(left)))
            return false;
    for (uint32_t i = INSN_REGISTERS; i < state_values(a); i++)
        if (!includes_place(&m, a, b, i))
            return false;
    return a->packet_length <= b->packet_length && includes_held(&m, a, b);
}

bool scalar_is_near(const struct scalar *n)
{
    return n->smin >= -STATE_POINTER_RANGE && n->smax <= STATE_POINTER_RANGE;
}

bool state_move_pointer(struct value *p, const struct scalar *by, uint32_t at)
{
    p->n = scalar_alu(ALU_ADD, 0, 8, &p->n, by);
    if (!scalar_is_near(by) || !scalar_is_near(&p->n))
        return false;
    if (p->kind != VALUE_PACKET)
        return true;

    int64_t ahead = p->ahead - by->smax; /* after the longest move */
    p->ahead = (int32_t)LARGER(SMALLER(ahead, STATE_POINTER_RANGE), STATE_AHEAD_NONE);
    p->fixed = (int64_t)((uint64_t)p->fixed + by->umin);
    if (!scalar_is_constant(by)) {
        p->base = state_name(at, STATE_COMPUTED);
        p->fixed = 0;
    }
    return true;
}

/* Distances within a base are those of pointers, unless a claim lies; then any answer will do. */
static void prove_value(struct value *v, const struct value *p, int32_t extra)
{
    int64_t ahead = (int64_t)((uint64_t)p->fixed - (uint64_t)v->fixed + (uint64_t)(int64_t)extra);

    if (v->kind != VALUE_PACKET || v->base != p->base || ahead <= v->ahead ||
        ahead > STATE_POINTER_RANGE)
        return;
    v->ahead = (int32_t)ahead;
    if (v->n.smax + ahead > STATE_PACKET_MOST) { /* no packet is so long */
        struct scalar within = scalar_signed(INT64_MIN, STATE_PACKET_MOST - ahead);
        struct scalar n = v->n;
        if (scalar_meet(&n, &within))
            v->n = n;
    }
}

void state_prove_packet(struct state *s, const struct value *p, int32_t extra)
{
    const struct value proven = *p;
    const int64_t length = p->n.smin + extra;

    s->packet_length = (uint32_t)LARGER(length, (int64_t)s->packet_length);
    for (uint32_t i = 0; i < state_values(s); i++)
        prove_value(&s->at[i], &proven, extra);
}

bool state_tell_numbers(struct state *s, const struct value *told)
{
    const bool linked = told->kind == VALUE_NUMBER && told->base != 0;

    for (uint32_t i = 0; linked && i < state_values(s); i++) {
        struct value *v = &s->at[i];
        if (v->kind != VALUE_NUMBER || v->base != told->base || v == told)
            continue;
        struct scalar apart = scalar_constant((uint64_t)v->fixed - (uint64_t)told->fixed);
        struct scalar n = scalar_alu(ALU_ADD, 0, 8, &told->n, &apart);
        if (!scalar_meet(&v->n, v->fixed == told->fixed ? &told->n : &n))
            return false;
    }
    return true;
}

void state_resolve_null(struct state *s, uint32_t base, bool is_null)
{
    for (uint32_t i = 0; i < state_values(s); i++) {
        struct value *v = &s->at[i];
        if (!value_may_be_null(v) || v->base != base)
            continue;
        if (is_null)
            *value_set(v, VALUE_NUMBER) = scalar_constant(0);
        else
            v->kind = v->kind == VALUE_RECORD_OR_NULL ? VALUE_RECORD : VALUE_MAP_VALUE;
    }
    if (is_null)
        state_release(s, base); /* of a record: there is none; of a map's value: was none */
}

bool state_release(struct state *s, uint32_t base)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->held_count; i++)
        if (s->held[i] != base)
            s->held[kept++] = s->held[i];
    if (kept == s->held_count)
        return false;
    s->held_count = kept;
    for (uint32_t i = 0; i < state_values(s); i++) {
        if (!value_is_record(&s->at[i]) || s->at[i].base != base)
            continue;
        s->at[i].kind = VALUE_NONE;
        if (i >= INSN_REGISTERS)
            s->init[i - INSN_REGISTERS] = 0;
    }
    return true;
}

/* The slot in which the byte `distance` from the stack's low end lies. */
static unsigned slot_of(uint32_t distance)
{
    return STATE_SLOTS - 1 - distance / 8;
}

/* The bytes of slot i that lie in [low, high). */
static uint8_t bytes_within(unsigned i, uint32_t low, uint32_t high)
{
    uint32_t first = (STATE_SLOTS - 1 - i) * 8;
    uint32_t from = low > first ? low - first : 0, to = high < first + 8 ? high - first : 8;

    return (uint8_t)((0xffu << from) & (0xffu >> (8 - to)));
}

void state_reach_slot(struct state *s, uint32_t i)
{
    for (; s->used <= i; s->used++) {
        s->slot[s->used].kind = VALUE_NONE;
        s->init[s->used] = 0;
    }
}

struct value *state_stack_slot(struct state *s, uint32_t low)
{
    unsigned i = slot_of(low);
    return i < s->used && s->slot[i].kind != VALUE_NONE ? &s->slot[i] : NULL;
}

struct value *state_stack_new(struct state *s, uint32_t low)
{
    unsigned i = slot_of(low);

    state_reach_slot(s, i);
    s->init[i] = 0xff;
    return &s->slot[i];
}

enum graft_reason state_stack_read(const struct state *s, uint32_t low, uint32_t high)
{
    for (unsigned i = slot_of(high - 1); i <= slot_of(low); i++)
        if (bytes_within(i, low, high) & ~state_readable(s, i))
            return i < s->used && value_is_pointer(&s->slot[i]) ? GRAFT_POINTER_PART
                                                                : GRAFT_STACK_UNINITIALISED;
    return GRAFT_ACCEPTED;
}

bool state_stack_write(struct state *s, uint32_t low, uint32_t high, bool all)
{
    state_reach_slot(s, slot_of(low));
    for (unsigned i = slot_of(high - 1); i <= slot_of(low); i++) {
        if (!all && value_is_pointer(&s->slot[i]))
            return false;
        set_bytes(s, i, state_readable(s, i) | (all ? bytes_within(i, low, high) : 0));
    }
    return true;
}
