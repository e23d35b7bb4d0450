/* Abstract numbers: what a conditional jump tells about its operands. */
#include "grafts/domain.h"

/* What holds after a jump; next to each other what holds when it is taken and when it is not, of
 * orders with the operands SWAPPED. */
enum relation { EQUAL, DIFFERENT, COMMON_BIT, NO_COMMON_BIT, BELOW, BELOW_EQUAL, LESS, LESS_EQUAL };
#define SWAPPED 8

/* clang-format off */
static const uint8_t taken_tells[] = {
    [JUMP_JEQ] = EQUAL, [JUMP_JNE] = DIFFERENT, [JUMP_JSET] = COMMON_BIT,
    [JUMP_JLT] = BELOW, [JUMP_JLE] = BELOW_EQUAL, [JUMP_JSLT] = LESS, [JUMP_JSLE] = LESS_EQUAL,
    [JUMP_JGT] = BELOW | SWAPPED, [JUMP_JGE] = BELOW_EQUAL | SWAPPED,
    [JUMP_JSGT] = LESS | SWAPPED, [JUMP_JSGE] = LESS_EQUAL | SWAPPED,
};
/* clang-format on */

/* Only a number at an end of an interval can be taken out of it. */
static bool exclude(struct scalar *a, uint64_t x)
{
    if (scalar_is_constant(a))
        return a->umin != x;
    if (a->umin != x && a->umax != x && a->smin != (int64_t)x && a->smax != (int64_t)x)
        return true;
    a->umin += a->umin == x;
    a->umax -= a->umax == x;
    a->smin += a->smin == (int64_t)x;
    a->smax -= a->smax == (int64_t)x;
    return scalar_tighten(a);
}

static bool make_different(struct scalar *a, struct scalar *b)
{
    return scalar_is_constant(b) ? exclude(a, b->umin)
                                 : !scalar_is_constant(a) || exclude(b, a->umin);
}

/* a < b, or a <= b where `gap` is 0. */
static bool make_ordered(bool by_sign, struct scalar *a, struct scalar *b, unsigned gap)
{
    bool below = b->umax < gap || a->umin > UINT64_MAX - gap;
    bool less = b->smax < INT64_MIN + (int)gap || a->smin > INT64_MAX - (int)gap;

    if (by_sign ? less : below)
        return false;
    if (by_sign) {
        a->smax = SMALLER(a->smax, b->smax - (int)gap);
        b->smin = LARGER(b->smin, a->smin + (int)gap);
    } else {
        a->umax = SMALLER(a->umax, b->umax - gap);
        b->umin = LARGER(b->umin, a->umin + gap);
    }
    return scalar_tighten(a) && scalar_tighten(b);
}

static bool know_bits(struct scalar *a, uint64_t mask, uint64_t value)
{
    return bits_meet(a->bits, (struct bits){value & mask, ~mask}, &a->bits) && scalar_tighten(a);
}

/* Some bit is 1 in both. Which one is known only if a single one can be. */
static bool make_common_bit(struct scalar *a, struct scalar *b)
{
    uint64_t possible = (a->bits.value | a->bits.unknown) & (b->bits.value | b->bits.unknown);

    if (possible == 0)
        return false;
    if (possible & (possible - 1))
        return true;
    return know_bits(a, possible, possible) && know_bits(b, possible, possible);
}

/* A bit that is surely 1 in one operand is 0 in the other. */
static bool make_no_common_bit(struct scalar *a, struct scalar *b)
{
    uint64_t in_a = a->bits.value, in_b = b->bits.value;
    return know_bits(a, in_b, 0) && know_bits(b, in_a, 0);
}

static bool apply(enum relation relation, struct scalar *a, struct scalar *b)
{
    if (relation >= BELOW)
        return make_ordered(relation >= LESS, a, b, relation == BELOW || relation == LESS);
    if (relation != EQUAL)
        return relation == DIFFERENT    ? make_different(a, b)
               : relation == COMMON_BIT ? make_common_bit(a, b)
                                        : make_no_common_bit(a, b);
    if (scalar_is_constant(b) ? !scalar_includes(a, b) : !scalar_meet(b, a))
        return false;
    *a = *b;
    return true;
}

static struct scalar low_half(enum relation relation, const struct scalar *a)
{
    return relation >= LESS ? scalar_alu(ALU_MOV, 32, 8, a, a) : scalar_alu(ALU_MOV, 0, 4, a, a);
}

bool scalar_refine(enum jump_op op, unsigned bytes, bool taken, struct scalar *a, struct scalar *b)
{
    uint8_t tells = taken_tells[op], opposite = tells >= BELOW ? SWAPPED | 1 : 1;
    bool swapped = (tells ^= taken ? 0 : opposite) & SWAPPED;
    enum relation relation = tells % SWAPPED;
    struct scalar *left = swapped ? b : a, *right = swapped ? a : b;

    if (bytes == 8 ||
        (a->umax <= INT32_MAX && b->umax <= INT32_MAX)) /* these are their low halves */
        return apply(relation, left, right);

    struct scalar low_left = low_half(relation, left), low_right = low_half(relation, right);
    if (!apply(relation, &low_left, &low_right))
        return false;
    low_left = scalar_low_half(&low_left); /* of the upper halves nothing was learned */
    low_right = scalar_low_half(&low_right);
    return scalar_meet(left, &low_left) && scalar_meet(right, &low_right);
}
