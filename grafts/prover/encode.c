/* Proofs, written: see encode.h. */
#include "grafts/prover/encode.h"

#include "exo/base/string.h"

static void put(struct encoder *e, uint8_t byte)
{
    e->at = work_grow(e->work, e->at, &e->room, e->count, e->count + 1, 1);
    e->at[e->count++] = byte;
}

void encode_number(struct encoder *e, uint64_t x)
{
    for (; x > 0x7f; x >>= 7)
        put(e, (uint8_t)(0x80 | (x & 0x7f)));
    put(e, (uint8_t)x);
}

static void encode_signed(struct encoder *e, int64_t x)
{
    encode_number(e, (uint64_t)x << 1 ^ (uint64_t)(x >> 63));
}

void encode_loop(struct encoder *e, const struct proof_loop *l)
{
    encode_number(e, l->head);
    encode_number(e, l->parent);
    encode_number(e, l->rank);
    if (l->rank) {
        encode_number(e, l->down);
        encode_number(e, l->step);
        encode_signed(e, l->low);
        encode_number(e, l->width);
    }
    encode_number(e, l->entry);
    encode_number(e, l->body);
}

void encode_claim(struct encoder *e, uint32_t previous, const struct proof_claim *c)
{
    encode_number(e, c->at - previous - 1);
    encode_number(e, c->loop);
    encode_number(e, c->steps);
    encode_number(e, c->states);
}

static unsigned bytes_of(uint64_t x)
{
    unsigned n = 1;
    for (; x > 0x7f; x >>= 7)
        n++;
    return n;
}

static unsigned signed_bytes(int64_t x)
{
    return bytes_of((uint64_t)x << 1 ^ (uint64_t)(x >> 63));
}

/* The number as decoding finds it when only the parts of `flags` are told. */
static struct scalar told(const struct scalar *n, unsigned flags)
{
    struct scalar t = scalar_anything();

    if (flags & PROOF_UNSIGNED) {
        t.umin = n->umin;
        t.umax = n->umax;
    }
    if (flags & PROOF_SIGNED) {
        t.smin = n->smin;
        t.smax = n->smax;
    }
    if (flags & PROOF_BITS)
        t.bits = n->bits;
    if (flags & PROOF_HALVES) {
        t.umin32 = n->umin32;
        t.umax32 = n->umax32;
        t.smin32 = n->smin32;
        t.smax32 = n->smax32;
    }
    return t;
}

static unsigned cost(const struct scalar *n, unsigned flags)
{
    unsigned sum = 0;

    if (flags & PROOF_UNSIGNED)
        sum += bytes_of(n->umin) + bytes_of(n->umax - n->umin);
    if (flags & PROOF_SIGNED)
        sum += signed_bytes(n->smin) + bytes_of((uint64_t)n->smax - (uint64_t)n->smin);
    if (flags & PROOF_BITS)
        sum += bytes_of(n->bits.value) + bytes_of(n->bits.unknown);
    if (flags & PROOF_HALVES)
        sum += bytes_of(n->umin32) + bytes_of(n->umax32 - n->umin32) + signed_bytes(n->smin32) +
               bytes_of((uint64_t)((int64_t)n->smax32 - n->smin32));
    return sum;
}

/* The cheapest parts from which tightening makes all the others again. */
static unsigned choose_parts(const struct scalar *n)
{
    const unsigned all = PROOF_UNSIGNED | PROOF_SIGNED | PROOF_BITS | PROOF_HALVES;
    unsigned best = all, best_cost = cost(n, all);

    for (unsigned flags = 0; flags < all; flags++) {
        if (cost(n, flags) >= best_cost)
            continue;
        struct scalar t = told(n, flags);
        if (scalar_tighten(&t) && scalar_includes(n, SCALAR_PARTS, &t)) {
            best = flags;
            best_cost = cost(n, flags);
        }
    }
    return best;
}

static void encode_scalar(struct encoder *e, const struct scalar *n, unsigned flags)
{
    if (flags & PROOF_UNSIGNED) {
        encode_number(e, n->umin);
        encode_number(e, n->umax - n->umin);
    }
    if (flags & PROOF_SIGNED) {
        encode_signed(e, n->smin);
        encode_number(e, (uint64_t)n->smax - (uint64_t)n->smin);
    }
    if (flags & PROOF_BITS) {
        encode_number(e, n->bits.value);
        encode_number(e, n->bits.unknown);
    }
    if (flags & PROOF_HALVES) {
        encode_number(e, n->umin32);
        encode_number(e, n->umax32 - n->umin32);
        encode_signed(e, n->smin32);
        encode_number(e, (uint64_t)((int64_t)n->smax32 - n->smin32));
    }
}

static bool has_number(uint8_t kind)
{
    return kind == VALUE_NUMBER || kind == VALUE_CONTEXT || kind == VALUE_PACKET ||
           kind == VALUE_STACK || kind == VALUE_MAP_VALUE || kind == VALUE_RECORD;
}

static bool has_class(const struct value *v)
{
    if (v->base >= STATE_CLASSES)
        return false;
    return v->kind == VALUE_PACKET || (v->base != 0 && v->kind != VALUE_CONTEXT &&
                                       v->kind != VALUE_STACK && v->kind != VALUE_MAP);
}

static void encode_value(struct encoder *e, const struct value *v)
{
    bool is_map =
        v->kind == VALUE_MAP || v->kind == VALUE_MAP_VALUE || v->kind == VALUE_MAP_VALUE_OR_NULL;
    bool is_record = v->kind == VALUE_RECORD || v->kind == VALUE_RECORD_OR_NULL;
    unsigned parts = has_number(v->kind) ? choose_parts(&v->n) : 0, flags = parts;

    if (has_class(v))
        flags |= PROOF_CLASS;
    if (v->mark && has_number(v->kind))
        flags |= PROOF_MARK;
    if (is_record || (v->kind == VALUE_PACKET && v->ahead > STATE_AHEAD_NONE))
        flags |= PROOF_AHEAD;
    encode_number(e, v->kind + PROOF_KINDS * flags);
    if (is_map)
        encode_number(e, v->map);
    if (flags & PROOF_CLASS) {
        encode_number(e, v->base);
        encode_signed(e, v->fixed);
    }
    if (flags & PROOF_MARK) {
        encode_number(e, v->mark);
        encode_signed(e, v->moved);
    }
    if (flags & PROOF_AHEAD)
        encode_signed(e, v->ahead);
    encode_scalar(e, &v->n, parts);
}

static void encode_slots(struct encoder *e, const struct state *s, uint32_t slots)
{
    uint32_t before = UINT32_MAX;

    encode_number(e, slots);
    for (uint32_t i = 0; i < s->used; i++) {
        if (s->init[i] == 0)
            continue;
        encode_number(e, i - before - 1);
        encode_number(e, s->init[i]);
        if (s->init[i] == 0xff)
            encode_value(e, &s->slot[i]);
        before = i;
    }
}

static void encode_parts(struct encoder *e, const struct state *s)
{
    uint32_t shape = (s->packet_length ? PROOF_LENGTH : 0) | (s->held_count ? PROOF_HELD : 0);
    uint32_t slots = 0;

    for (uint32_t i = 0; i < s->used; i++)
        slots += s->init[i] != 0;
    shape |= slots ? PROOF_SLOTS : 0;
    for (uint32_t r = 0; r < INSN_FRAME; r++)
        shape |= s->reg[r].kind > VALUE_MIXED ? (uint32_t)PROOF_REGISTERS << r : 0;
    encode_number(e, shape);
    if (shape & PROOF_LENGTH)
        encode_number(e, s->packet_length);
    if (shape & PROOF_HELD)
        encode_number(e, s->held_count);
    for (uint32_t i = 0; i < s->held_count; i++)
        encode_number(e, s->held[i]);
    for (uint32_t r = 0; r < INSN_FRAME; r++)
        if (shape & (uint32_t)PROOF_REGISTERS << r)
            encode_value(e, &s->reg[r]);
    if (shape & PROOF_SLOTS)
        encode_slots(e, s, slots);
}

/* The length goes before what it is the length of. */
void encode_state(struct encoder *e, const struct state *s)
{
    uint32_t begin = e->count, length, bytes;

    encode_parts(e, s);
    length = e->count - begin;
    bytes = bytes_of(length);
    for (uint32_t i = 0; i < bytes; i++)
        put(e, 0);
    memmove(e->at + begin + bytes, e->at + begin, length);
    e->count = begin;
    encode_number(e, length);
    e->count += length;
}
