/* States as the prover handles them: names, joining, distance. */
#include "grafts/prover/states.h"

#define PLACES (INSN_FRAME + STATE_SLOTS) /* r0 to r9, then slots */

/* The value in a place, or NULL when there is none. */
static struct value *value_at(struct state *s, unsigned place)
{
    struct value *v;

    if (place < INSN_FRAME)
        v = &s->reg[place];
    else if (place - INSN_FRAME < s->used)
        v = &s->slot[place - INSN_FRAME];
    else
        return NULL;
    return v->kind > VALUE_MIXED ? v : NULL;
}

/* The name that decoding gives to what has no class. */
static uint32_t name_alone(uint32_t at, unsigned place)
{
    return state_name(at, place < INSN_FRAME ? place : place + 1); /* r10 has a name too */
}

static bool has_base(const struct value *v)
{
    switch (v->kind) {
    case VALUE_NUMBER:
    case VALUE_PACKET:
    case VALUE_MAP_VALUE:
    case VALUE_MAP_VALUE_OR_NULL:
    case VALUE_RECORD:
    case VALUE_RECORD_OR_NULL:
        return true;
    default:
        return false;
    }
}

/* A base as the state has it, and the class that it becomes. */
struct naming {
    uint32_t base[PLACES];
    int64_t fixed[PLACES]; /* of the first member: what the others are measured from */
    uint8_t uses[PLACES], class[PLACES];
    unsigned count;
};

static unsigned find_base(struct naming *n, uint32_t base, int64_t fixed)
{
    unsigned i;

    for (i = 0; i < n->count; i++)
        if (n->base[i] == base)
            return i;
    n->base[i] = base;
    n->fixed[i] = fixed;
    n->uses[i] = 0;
    n->count++;
    return i;
}

/* `data`, or no base. */
static bool is_unnamed(const struct value *v)
{
    return !has_base(v) || v->base == 0;
}

static void name_value(struct value *v, struct naming *n, uint32_t at, unsigned place)
{
    bool is_number = v->kind == VALUE_NUMBER;

    if (!has_base(v)) {
        v->base = 0;
        v->fixed = 0;
        return;
    }
    if (v->base == 0) {
        v->fixed = is_number ? 0 : v->fixed;
        return;
    }
    unsigned i = find_base(n, v->base, v->fixed);
    if (n->class[i]) {
        v->base = n->class[i];
        v->fixed = is_number || v->kind == VALUE_PACKET
                       ? (int64_t)((uint64_t)v->fixed - (uint64_t)n->fixed[i])
                       : 0;
        return;
    }
    v->base = is_number ? 0 : name_alone(at, place);
    v->fixed = 0;
}

/* Classes are given where two values share a base, and to records, in the order of places. */
static void rename_bases(struct state *s, uint32_t at)
{
    struct naming n = {.count = 0};
    uint8_t next = 1;

    for (unsigned place = 0; place < PLACES; place++) {
        struct value *v = value_at(s, place);
        if (v && !is_unnamed(v)) {
            unsigned i = find_base(&n, v->base, v->fixed);
            n.uses[i] = (uint8_t)(n.uses[i] + (value_is_record(v) ? 2 : 1));
        }
    }
    for (unsigned i = 0; i < n.count; i++)
        n.class[i] = n.uses[i] > 1 ? next++ : 0;
    for (unsigned place = 0; place < PLACES; place++) {
        struct value *v = value_at(s, place);
        if (v)
            name_value(v, &n, at, place);
    }
    for (uint32_t i = 0; i < s->held_count; i++) {
        unsigned k = find_base(&n, s->held[i], 0);
        s->held[i] =
            k < n.count && n.class[k] ? n.class[k] : next++; /* lost: nothing points there */
    }
}

static void trim(struct state *s)
{
    while (s->used > 0 && s->slot[s->used - 1].kind == VALUE_NONE && s->init[s->used - 1] == 0)
        s->used--;
}

void states_normalise(struct state *s, const struct flow *f, uint32_t at)
{
    for (unsigned r = 0; r < INSN_FRAME; r++) {
        if (!(f->at[at].live >> r & 1) || s->reg[r].kind == VALUE_MIXED)
            s->reg[r].kind = VALUE_NONE;
        s->reg[r].mark = 0;
    }
    for (unsigned i = 0; i < s->used; i++) {
        if (!(f->at[at].live_slots >> i & 1)) {
            s->slot[i].kind = VALUE_NONE;
            s->init[i] = 0;
        }
        s->slot[i].mark = 0;
    }
    trim(s);
    rename_bases(s, at);
}

/* What a value is joined with: one name for each pair of bases at one distance. */
struct pairing {
    uint32_t a[PLACES], b[PLACES];
    int64_t apart[PLACES];
    unsigned count;
};

#define PAIR_FIRST 0x40000000u /* names that no instruction and no claim has */

static uint32_t pair_name(struct pairing *p, const struct value *a, const struct value *b)
{
    int64_t apart = (int64_t)((uint64_t)a->fixed - (uint64_t)b->fixed);
    unsigned i;

    for (i = 0; i < p->count; i++)
        if (p->a[i] == a->base && p->b[i] == b->base && p->apart[i] == apart)
            return PAIR_FIRST + i;
    p->a[i] = a->base;
    p->b[i] = b->base;
    p->apart[i] = apart;
    p->count++;
    return PAIR_FIRST + i;
}

static bool fits(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind || a->map != b->map)
        return false;
    return !value_is_record(a) || a->ahead == b->ahead;
}

static struct value join_values(struct pairing *p, const struct value *a, const struct value *b)
{
    struct value v = *a;
    bool is_number = v.kind == VALUE_NUMBER;

    v.mark = 0;
    v.n = scalar_join(&a->n, &b->n);
    if (v.kind == VALUE_PACKET && b->ahead < v.ahead)
        v.ahead = b->ahead;
    if (!has_base(&v))
        return v;
    if (is_number && (a->base == 0 || b->base == 0)) {
        v.base = 0;
        v.fixed = 0;
        return v;
    }
    if (v.kind == VALUE_PACKET && a->base == 0 && b->base == 0 && a->fixed == b->fixed)
        return v;
    v.base = pair_name(p, a, b);
    return v;
}

static void join_place(struct pairing *p, struct state *into, const struct state *from,
                       unsigned slot)
{
    struct value *a = &into->slot[slot];
    const struct value *b = &from->slot[slot];
    uint8_t a_bytes = value_is_pointer(a) ? 0 : into->init[slot];
    uint8_t b_bytes = value_is_pointer(b) ? 0 : from->init[slot];

    if (a->kind > VALUE_MIXED && fits(a, b)) {
        *a = join_values(p, a, b);
        return;
    }
    a->kind = VALUE_NONE;
    into->init[slot] = a_bytes & b_bytes;
    if (into->init[slot] == 0xff)
        *value_set(a, VALUE_NUMBER) = scalar_anything();
}

/* Records that are held in both, as pairs; false when some has no like. */
static bool join_held(struct pairing *p, struct state *into, const struct state *from)
{
    if (into->held_count != from->held_count)
        return false;
    for (uint32_t i = 0; i < into->held_count; i++) {
        unsigned k, partner = 0;
        for (k = 0; k < p->count; k++)
            if (p->a[k] == into->held[i])
                break;
        if (k == p->count)
            return false;
        for (uint32_t j = 0; j < from->held_count; j++)
            partner += from->held[j] == p->b[k];
        if (!partner)
            return false;
        into->held[i] = PAIR_FIRST + k;
    }
    return true;
}

bool states_join(struct state *into, const struct state *from, const struct flow *f, uint32_t at)
{
    struct state joined;
    struct pairing p = {.count = 0};

    state_copy(&joined, into);
    for (unsigned r = 0; r < INSN_FRAME; r++) {
        struct value *a = &joined.reg[r];
        const struct value *b = &from->reg[r];
        if (a->kind > VALUE_MIXED && fits(a, b))
            *a = join_values(&p, a, b);
        else
            a->kind = VALUE_NONE;
    }
    if (joined.used > from->used)
        joined.used = from->used;
    for (unsigned i = 0; i < joined.used; i++)
        join_place(&p, &joined, from, i);
    if (joined.packet_length > from->packet_length)
        joined.packet_length = from->packet_length;
    if (!join_held(&p, &joined, from))
        return false;
    states_normalise(&joined, f, at);
    state_copy(into, &joined);
    return true;
}

static uint32_t number_distance(const struct scalar *a, const struct scalar *b)
{
    uint32_t far = 0;

    if (a->umin == b->umin && a->umax == b->umax && a->bits.value == b->bits.value &&
        a->bits.unknown == b->bits.unknown)
        return 0;
    if (scalar_is_constant(a) && scalar_is_constant(b))
        far = 4; /* flags are constants, and they stand for something */
    struct scalar both = scalar_join(a, b);
    uint64_t width = both.umax - both.umin;
    return 1 + far + (width ? 64u - (uint32_t)__builtin_clzll(width) : 0) / 4u;
}

static uint32_t value_distance(const struct value *a, const struct value *b)
{
    if (a->kind == VALUE_NONE && b->kind == VALUE_NONE)
        return 0;
    if (a->kind == VALUE_NONE || b->kind == VALUE_NONE)
        return 40;
    if (!fits(a, b))
        return 200;
    return number_distance(&a->n, &b->n) + (a->ahead == b->ahead ? 0 : 20);
}

uint32_t states_distance(const struct state *a, const struct state *b)
{
    uint32_t sum = a->packet_length == b->packet_length ? 0 : 30;

    if (a->held_count != b->held_count)
        return UINT32_MAX;
    for (unsigned r = 0; r < INSN_FRAME; r++)
        sum += value_distance(&a->reg[r], &b->reg[r]);
    for (unsigned i = 0; i < a->used || i < b->used; i++) {
        if (i < a->used && i < b->used)
            sum += value_distance(&a->slot[i], &b->slot[i]);
        else
            sum += 10;
    }
    return sum;
}
