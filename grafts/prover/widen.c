/* States as the prover handles them: where bounds that grow come to rest. */
#include "grafts/prover/states.h"

static void add(struct thresholds *t, uint64_t x)
{
    uint32_t i = t->count;

    for (uint32_t k = 0; k < t->count; k++)
        if (t->at[k] == x)
            return;
    for (; i > 0 && t->at[i - 1] > x; i--)
        t->at[i] = t->at[i - 1];
    t->at[i] = x;
    t->count++;
}

#define MOST 2048u

static void add_near(struct thresholds *t, uint64_t x)
{
    if (t->count + 3 > MOST)
        return;
    add(t, x - 1);
    add(t, x);
    add(t, x + 1);
}

/* A constant that is compared, or put where it may be. */
static void add_instruction(struct thresholds *t, const struct insn *i)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    uint64_t x = (uint64_t)(int64_t)i->imm;

    if ((s->form == FORM_JUMP && !s->by_reg) ||
        (s->form == FORM_ALU && !s->by_reg && (s->op == ALU_MOV || s->op == ALU_AND))) {
        add_near(t, x);
        if (s->bytes == 4)
            add_near(t, (uint32_t)x);
    }
    if (s->form == FORM_WIDE && insn_src(i) == 0)
        add_near(t, (uint32_t)i[0].imm | (uint64_t)(uint32_t)i[1].imm << 32);
}

struct thresholds thresholds_find(struct work *w, const struct linked *p)
{
    struct thresholds t = {work_take(w, MOST, sizeof *t.at), 0};

    for (unsigned k = 0; k < 64; k++)
        add_near(&t, (uint64_t)1 << k);
    for (unsigned k = 8; k < 64; k++)
        add(&t, UINT64_MAX << k); /* negative numbers of few bits */
    for (uint32_t i = 0; i < p->map_count; i++) {
        add_near(&t, p->maps[i].entries);
        add_near(&t, p->maps[i].value_bytes);
    }
    for (uint32_t at = 0; at < p->count; at++) {
        add_instruction(&t, &p->code[at]);
        at += insn_shapes[p->code[at].opcode].form == FORM_WIDE;
    }
    return t;
}

/* The least threshold that is not less than x. */
static uint64_t above(const struct thresholds *t, uint64_t x, uint64_t most)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (t->at[i] >= x)
            return t->at[i] < most ? t->at[i] : most;
    return most;
}

static uint64_t below(const struct thresholds *t, uint64_t x)
{
    for (uint32_t i = t->count; i-- > 0;)
        if (t->at[i] <= x)
            return t->at[i];
    return 0;
}

static int64_t signed_above(const struct thresholds *t, int64_t x, int64_t most)
{
    int64_t best = most;

    for (uint32_t i = 0; i < t->count; i++)
        if ((int64_t)t->at[i] >= x && (int64_t)t->at[i] < best)
            best = (int64_t)t->at[i];
    return best;
}

static int64_t signed_below(const struct thresholds *t, int64_t x, int64_t least)
{
    int64_t best = least;

    for (uint32_t i = 0; i < t->count; i++)
        if ((int64_t)t->at[i] <= x && (int64_t)t->at[i] > best)
            best = (int64_t)t->at[i];
    return best;
}

/* Bits from the lowest one that is unknown on are given up; bounds give the high ones back. */
static void widen_bits(struct scalar *n, const struct scalar *before)
{
    if (n->bits.unknown == before->bits.unknown && n->bits.value == before->bits.value)
        return;
    uint64_t lowest = n->bits.unknown & (0 - n->bits.unknown);
    n->bits.unknown = lowest ? ~(lowest - 1) : 0;
    n->bits.value &= ~n->bits.unknown;
}

static void widen_halves(struct scalar *n, const struct scalar *b, const struct thresholds *t)
{
    if (n->umax32 != b->umax32)
        n->umax32 = (uint32_t)above(t, n->umax32, UINT32_MAX);
    if (n->umin32 != b->umin32)
        n->umin32 = (uint32_t)below(t, n->umin32);
    if (n->smax32 != b->smax32)
        n->smax32 = (int32_t)signed_above(t, n->smax32, INT32_MAX);
    if (n->smin32 != b->smin32)
        n->smin32 = (int32_t)signed_below(t, n->smin32, INT32_MIN);
}

static void widen_number(struct value *v, const struct scalar *b, const struct thresholds *t)
{
    struct scalar *n = &v->n, joined = v->n;
    bool points = value_is_pointer(v);

    widen_bits(n, b);
    if (n->umax != b->umax)
        n->umax = above(t, n->umax, UINT64_MAX);
    if (n->umin != b->umin)
        n->umin = below(t, n->umin);
    if (n->smax != b->smax)
        n->smax = signed_above(t, n->smax, points ? STATE_POINTER_RANGE : INT64_MAX);
    if (n->smin != b->smin)
        n->smin = signed_below(t, n->smin, points ? -STATE_POINTER_RANGE : INT64_MIN);
    widen_halves(n, b, t);
    if (!scalar_tighten(n) || !scalar_includes(n, &joined))
        *n = joined;
}

static void widen_value(struct value *now, const struct value *before, const struct thresholds *t)
{
    if (now->kind <= VALUE_MIXED || before->kind != now->kind)
        return;
    if (now->kind != VALUE_MAP && now->kind != VALUE_MAP_VALUE_OR_NULL &&
        now->kind != VALUE_RECORD_OR_NULL)
        widen_number(now, &before->n, t);
    if (now->kind == VALUE_PACKET && now->ahead < before->ahead)
        now->ahead = now->ahead >= 0 ? 0 : STATE_AHEAD_NONE;
}

void states_widen(struct state *now, const struct state *before, const struct thresholds *t)
{
    for (unsigned r = 0; r < INSN_FRAME; r++)
        widen_value(&now->reg[r], &before->reg[r], t);
    for (unsigned i = 0; i < now->used && i < before->used; i++)
        widen_value(&now->slot[i], &before->slot[i], t);
}
