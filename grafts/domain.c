/* Abstract numbers: making, comparing, tightening, arithmetic. Refinement is in refine.c. */
#include "grafts/domain.h"

#define LOW_HALF ((uint64_t)UINT32_MAX)

/* Sums and products of 64-bit numbers, whole. */
__extension__ typedef __int128 wide;

/* Makes the interval low..high of *a no larger than from..to. */
#define BOUND(a, low, high, from, to)                                                              \
    ((a)->low = LARGER((a)->low, (from)), (a)->high = SMALLER((a)->high, (to)))

/* No larger than from..to of *a, where those do not cross a change of sign as numbers of `type`. */
#define BOUND_AS(type, a, low, high, from, to)                                                     \
    if ((type)(a)->from <= (type)(a)->to)                                                          \
    BOUND(a, low, high, (type)(a)->from, (type)(a)->to)

struct scalar scalar_anything(void)
{
    struct bits any = {0, UINT64_MAX};
    return (struct scalar){any, 0,          UINT64_MAX, INT64_MIN, INT64_MAX,
                           0,   UINT32_MAX, INT32_MIN,  INT32_MAX};
}

struct scalar scalar_constant(uint64_t x)
{
    struct bits known = {x, 0};
    int64_t s = (int64_t)x;
    uint32_t low = (uint32_t)x;
    return (struct scalar){known, x, x, s, s, low, low, (int32_t)low, (int32_t)low};
}

/* Tight, or, should the parts contradict, no knowledge at all: the safe answer to an operand that
 * stood for no value. */
static struct scalar tight(struct scalar a)
{
    return scalar_tighten(&a) ? a : scalar_anything();
}

struct scalar scalar_unsigned(uint64_t low, uint64_t high)
{
    struct scalar a = scalar_anything();
    BOUND(&a, umin, umax, low, high);
    return tight(a);
}

struct scalar scalar_signed(int64_t low, int64_t high)
{
    struct scalar a = scalar_anything();
    BOUND(&a, smin, smax, low, high);
    return tight(a);
}

struct scalar scalar_of_width(unsigned bits, bool is_signed)
{
    unsigned cut = 64 - bits;

    return is_signed ? scalar_signed(INT64_MIN >> cut, INT64_MAX >> cut)
                     : scalar_unsigned(0, UINT64_MAX >> cut);
}

bool scalar_is_constant(const struct scalar *a)
{
    return a->umin == a->umax;
}

bool scalar_includes(const struct scalar *a, const struct scalar *b)
{
#define WITHIN(low, high) &&a->low <= b->low && b->high <= a->high
    return bits_include(a->bits, b->bits) SCALAR_INTERVALS(WITHIN);
}

struct scalar scalar_join(const struct scalar *a, const struct scalar *b)
{
    struct scalar r = {.bits = bits_join(a->bits, b->bits)};
#define JOIN(low, high) r.low = SMALLER(a->low, b->low), r.high = LARGER(a->high, b->high);
    SCALAR_INTERVALS(JOIN)
    return r;
}

bool scalar_meet(struct scalar *a, const struct scalar *b)
{
#define MEET(low, high) BOUND(a, low, high, b->low, b->high);
    SCALAR_INTERVALS(MEET)
    return bits_meet(a->bits, b->bits, &a->bits) && scalar_tighten(a);
}

/* As a signed number the least has its unknown sign bit set, the greatest has it clear. */
static void bound_by_bits(struct scalar *a)
{
    const uint64_t sign = (uint64_t)1 << 63, sign32 = (uint64_t)1 << 31;
    uint64_t low = a->bits.value, doubt = a->bits.unknown, high = low | doubt;

    BOUND(a, umin, umax, low, high);
    BOUND(a, smin, smax, (int64_t)(low | (doubt & sign)), (int64_t)(high & ~(doubt & sign)));
    BOUND(a, umin32, umax32, (uint32_t)low, (uint32_t)high);
    BOUND(a, smin32, smax32, (int32_t)(low | (doubt & sign32)),
          (int32_t)(high & ~(doubt & sign32)));
}

/* An interval that does not cross a change of sign reads the same both ways. */
static void bound_by_signs(struct scalar *a)
{
    BOUND_AS(int64_t, a, smin, smax, umin, umax);
    BOUND_AS(uint64_t, a, umin, umax, smin, smax);
    BOUND_AS(int32_t, a, smin32, smax32, umin32, umax32);
    BOUND_AS(uint32_t, a, umin32, umax32, smin32, smax32);
}

/* Where all values share their upper half, or are sign extensions, halves and wholes agree. */
static void bound_by_halves(struct scalar *a)
{
    if (a->umin >> 32 == a->umax >> 32) {
        uint64_t upper = a->umin & ~LOW_HALF;
        BOUND(a, umin32, umax32, (uint32_t)a->umin, (uint32_t)a->umax);
        BOUND(a, umin, umax, upper | a->umin32, upper | a->umax32);
    }
    if (a->smin >= INT32_MIN && a->smax <= INT32_MAX) {
        BOUND(a, smin32, smax32, (int32_t)a->smin, (int32_t)a->smax);
        BOUND(a, smin, smax, a->smin32, a->smax32);
    }
}

/* Low bits that are known leave out the numbers at an interval's ends that have others. */
static void bound_by_low_bits(struct scalar *a)
{
    uint64_t unknown = a->bits.unknown, mask = (unknown & (0 - unknown)) - 1;
    uint64_t low = a->bits.value & mask;

    if (mask == 0 || unknown == 0)
        return;
    uint64_t first = a->umin + ((low - a->umin) & mask), last = a->umax - ((a->umax - low) & mask);
    if (first >= a->umin && last <= a->umax)
        BOUND(a, umin, umax, first, last);
    first = (uint64_t)a->smin + ((low - (uint64_t)a->smin) & mask);
    last = (uint64_t)a->smax - (((uint64_t)a->smax - low) & mask);
    if ((int64_t)first >= a->smin && (int64_t)last <= a->smax)
        BOUND(a, smin, smax, (int64_t)first, (int64_t)last);
}

static bool bits_by_bounds(struct scalar *a)
{
#define IS_EMPTY(low, high) || a->low > a->high
    if (false SCALAR_INTERVALS(IS_EMPTY))
        return false;
    struct bits low = bits_range(a->umin32, a->umax32);
    low.unknown |= ~LOW_HALF; /* nothing is said of the upper half; bits_range left it 0 */
    return bits_meet(a->bits, bits_range(a->umin, a->umax), &a->bits) &&
           bits_meet(a->bits, low, &a->bits);
}

/* The usual case, in a quarter of the time: `a` is a number of 32 bits. */
static bool tighten_small(struct scalar *a)
{
    bool one_sign = a->smin32 >= 0 || a->smax32 < 0; /* of the low half */

    if (a->smax < 0)
        return false;
    BOUND(a, umin, umax, a->umin32, a->umax32);
    BOUND(a, umin, umax, a->bits.value, a->bits.value | a->bits.unknown);
    BOUND(a, umin, umax, (uint64_t)LARGER(a->smin, 0), (uint64_t)a->smax);
    if (one_sign || a->umin > INT32_MAX)
        a->umin = LARGER(a->umin, (uint32_t)a->smin32);
    if (one_sign || a->umax <= INT32_MAX)
        a->umax = SMALLER(a->umax, (uint32_t)a->smax32);
    bound_by_low_bits(a);
    if (a->umin > a->umax || !bits_meet(a->bits, bits_range(a->umin, a->umax), &a->bits))
        return false;
    BOUND(a, umin, umax, a->bits.value, a->bits.value | a->bits.unknown);
    a->smin = a->umin32 = (uint32_t)a->umin;
    a->smax = a->umax32 = (uint32_t)a->umax;
    BOUND_AS(int32_t, a, smin32, smax32, umin32, umax32);
    return a->umin <= a->umax && a->smin32 <= a->smax32;
}

bool scalar_tighten(struct scalar *a)
{
    for (unsigned round = 0; round < 2; round++) { /* more rounds gain almost nothing */
        struct bits before = a->bits;
        if (a->umax <= UINT32_MAX)
            return tighten_small(a);
        bound_by_bits(a);
        bound_by_low_bits(a);
        bound_by_signs(a);
        bound_by_halves(a);
        bound_by_signs(a);
        if (!bits_by_bounds(a))
            return false;
        if (a->bits.unknown == before.unknown)
            break;
    }
    return true;
}

struct scalar scalar_low_half(const struct scalar *a)
{
    struct bits low = {a->bits.value & LOW_HALF, a->bits.unknown | ~LOW_HALF};
    return (struct scalar){low,       0,         UINT64_MAX, INT64_MIN, INT64_MAX,
                           a->umin32, a->umax32, a->smin32,  a->smax32};
}

/* The low half, extended as a signed or unsigned number. 32-bit operations leave the latter. */
static struct scalar extend32(const struct scalar *a, bool is_signed)
{
    struct scalar r = scalar_low_half(a);

    if (a->umax <= (is_signed ? INT32_MAX : UINT32_MAX))
        return *a;
    if (is_signed)
        BOUND(&r, smin, smax, a->smin32, a->smax32);
    else
        BOUND(&r, umin, umax, a->umin32, a->umax32);
    return tight(r);
}

/* a + b or a - b. When both ends wrap, or neither does, all between them lie between the ends. */
static struct scalar add(bool is_sub, const struct scalar *a, const struct scalar *b)
{
    struct scalar r = scalar_anything();
    wide low = (wide)a->umin + (is_sub ? -(wide)b->umax : b->umin);
    wide high = (wide)a->umax + (is_sub ? -(wide)b->umin : b->umax);
    wide slow = (wide)a->smin + (is_sub ? -(wide)b->smax : b->smin);
    wide shigh = (wide)a->smax + (is_sub ? -(wide)b->smin : b->smax);
    bool fits = slow >= INT64_MIN && shigh <= INT64_MAX;

    r.bits = is_sub ? bits_sub(a->bits, b->bits) : bits_add(a->bits, b->bits);
    if (low >> 64 == high >> 64)
        BOUND(&r, umin, umax, (uint64_t)low, (uint64_t)high);
    else if (!fits && r.bits.unknown == UINT64_MAX)
        return r; /* the usual sum: nothing to make tight */
    if (fits)
        BOUND(&r, smin, smax, (int64_t)slow, (int64_t)shigh);
    return tight(r);
}

/* A signed product is least and greatest where both factors are. */
static struct scalar multiply(const struct scalar *a, const struct scalar *b)
{
    struct scalar r = scalar_anything();
    wide low = (wide)a->smin * b->smin, high = low;
    uint64_t most;

    r.bits = bits_mul(a->bits, b->bits);
    if (!__builtin_mul_overflow(a->umax, b->umax, &most))
        BOUND(&r, umin, umax, a->umin * b->umin, most);
    for (unsigned i = 1; i < 4; i++) {
        wide corner = (wide)(i & 1 ? a->smax : a->smin) * (i & 2 ? b->smax : b->smin);
        low = SMALLER(low, corner);
        high = LARGER(high, corner);
    }
    if (low >= INT64_MIN && high <= INT64_MAX)
        BOUND(&r, smin, smax, (int64_t)low, (int64_t)high);
    return tight(r);
}

/* Signed, by what is above 0: quotients go towards 0, so they keep order; a remainder has the
 * dividend's sign and is nearer to 0 than the divisor. */
static struct scalar divide_signed(enum alu_op op, const struct scalar *a, const struct scalar *b)
{
    int64_t most = b->smax - 1;

    if (op == ALU_DIV)
        return scalar_signed(a->smin / (a->smin < 0 ? b->smin : b->smax),
                             a->smax / (a->smax < 0 ? b->smax : b->smin));
    return scalar_signed(a->smin < 0 ? LARGER(a->smin, -most) : 0,
                         a->smax > 0 ? SMALLER(a->smax, most) : 0);
}

/* Division by 0 gives 0, and its remainder the dividend, so bounds of `b` count where it is not. */
static struct scalar divide(enum alu_op op, bool is_signed, const struct scalar *a,
                            const struct scalar *b)
{
    if (b->umax == 0)
        return op == ALU_DIV ? scalar_constant(0) : *a;
    if (is_signed && b->smin > 0)
        return divide_signed(op, a, b);
    if (is_signed && (a->smin < 0 || b->smin < 0))
        return scalar_anything();
    if (b->umin == 0)
        return scalar_unsigned(0, a->umax);
    if (op == ALU_DIV)
        return scalar_unsigned(a->umin / b->umax, a->umax / b->umin);
    return a->umax < b->umin ? *a : scalar_unsigned(0, SMALLER(a->umax, b->umax - 1));
}

/* Moves bits and computes nothing, so value and doubt travel alike. */
static struct bits shift_bits(enum alu_op op, struct bits a, unsigned by)
{
    return (struct bits){alu_compute(op, 0, 8, a.value, by), alu_compute(op, 0, 8, a.unknown, by)};
}

/* By at least `low` and at most `high`, which differ where the distance is not known. */
static struct scalar shift(enum alu_op op, unsigned mask, const struct scalar *a,
                           const struct scalar *b)
{
    bool exact = b->umax <= mask, constant = scalar_is_constant(b);
    unsigned low = exact || constant ? (unsigned)b->umin & mask : 0;
    unsigned high = exact || constant ? (unsigned)b->umax & mask : mask;
    struct scalar r = scalar_anything();

    r.bits = shift_bits(op, a->bits, low);
    for (unsigned by = low + 1; by <= high; by++)
        r.bits = bits_join(r.bits, shift_bits(op, a->bits, by));
    if (op == ALU_RSH)
        BOUND(&r, umin, umax, a->umin >> high, a->umax >> low);
    else if (op == ALU_ARSH)
        BOUND(&r, smin, smax, a->smin >> (a->smin < 0 ? low : high),
              a->smax >> (a->smax < 0 ? high : low));
    else if (a->umax <= UINT64_MAX >> high)
        BOUND(&r, umin, umax, a->umin << low, a->umax << high);
    if (op == ALU_LSH && a->smin >= INT64_MIN >> high && a->smax <= INT64_MAX >> high)
        BOUND(&r, smin, smax, (int64_t)((uint64_t)a->smin << (a->smin < 0 ? high : low)),
              (int64_t)((uint64_t)a->smax << (a->smax < 0 ? low : high)));
    return tight(r);
}

static struct scalar sign_extend(const struct scalar *a, unsigned bits)
{
    struct scalar by = scalar_constant(64 - bits);

    if (bits == 32)
        return extend32(a, true);
    if (a->smin >= INT64_MIN >> by.umin && a->smax <= INT64_MAX >> by.umin)
        return *a;
    struct scalar up = shift(ALU_LSH, 63, a, &by);
    return shift(ALU_ARSH, 63, &up, &by);
}

static struct scalar logic(enum alu_op op, const struct scalar *a, const struct scalar *b)
{
    struct scalar r = scalar_anything();

    r.bits = op == ALU_AND  ? bits_and(a->bits, b->bits)
             : op == ALU_OR ? bits_or(a->bits, b->bits)
                            : bits_xor(a->bits, b->bits);
    r.umax = op == ALU_AND ? SMALLER(a->umax, b->umax) : UINT64_MAX;
    r.umin = op == ALU_OR ? LARGER(a->umin, b->umin) : 0;
    return tight(r);
}

static struct scalar alu_wide(enum alu_op op, int16_t offset, unsigned shift_mask,
                              const struct scalar *a, const struct scalar *b)
{
    if (op == ALU_ADD || op == ALU_SUB)
        return add(op == ALU_SUB, a, b);
    if (op == ALU_MUL)
        return multiply(a, b);
    if (op == ALU_DIV || op == ALU_MOD)
        return divide(op, offset == 1, a, b);
    if (op == ALU_AND || op == ALU_OR || op == ALU_XOR)
        return logic(op, a, b);
    if (op == ALU_MOV)
        return offset ? sign_extend(b, (unsigned)offset) : *b;
    return shift(op, shift_mask, a, b);
}

/* 32-bit operations are those of 64 bits between an extension and a cut, as in alu_compute; so
 * there is one set of rules to get right. */
struct scalar scalar_alu(enum alu_op op, int16_t offset, unsigned bytes, const struct scalar *a,
                         const struct scalar *b)
{
    bool is_signed = op == ALU_ARSH || ((op == ALU_DIV || op == ALU_MOD) && offset == 1);

    if (scalar_is_constant(a) && scalar_is_constant(b))
        return scalar_constant(alu_compute(op, offset, bytes, a->umin, b->umin));
    if (bytes == 8)
        return alu_wide(op, offset, 63, a, b);
    struct scalar x = extend32(a, is_signed), y = extend32(b, is_signed);
    struct scalar r = alu_wide(op, offset, 31, &x, &y);
    return extend32(&r, false);
}

struct scalar scalar_neg(unsigned bytes, const struct scalar *a)
{
    struct scalar zero = scalar_constant(0);
    return scalar_alu(ALU_SUB, 0, bytes, &zero, a);
}

struct scalar scalar_swap(enum swap_op op, int32_t bits, const struct scalar *a)
{
    struct scalar r = scalar_anything();

    if (op == SWAP_LITTLE && bits >= 32)
        return bits == 64 ? *a : extend32(a, false);
    /* As in shift_bits. */
    r.bits = (struct bits){alu_swap(op, bits, a->bits.value), alu_swap(op, bits, a->bits.unknown)};
    return tight(r);
}
