/* Abstract numbers: making, comparing, tightening, arithmetic. Refinement is in refine.c. */
#include "grafts/domain.h"

#define LOW_HALF      ((uint64_t)UINT32_MAX)
#define SIGN          ((uint64_t)1 << 63)
#define LARGER(a, b)  ((a) > (b) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))

struct scalar scalar_anything(void)
{
    return (struct scalar){
        .bits = bits_anything(),
        .umax = UINT64_MAX,
        .smin = INT64_MIN,
        .smax = INT64_MAX,
        .umax32 = UINT32_MAX,
        .smin32 = INT32_MIN,
        .smax32 = INT32_MAX,
    };
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
    a.umin = low;
    a.umax = high;
    return tight(a);
}

struct scalar scalar_signed(int64_t low, int64_t high)
{
    struct scalar a = scalar_anything();
    a.smin = low;
    a.smax = high;
    return tight(a);
}

struct scalar scalar_constant(uint64_t x)
{
    return scalar_unsigned(x, x);
}

static struct scalar of_bits(struct bits bits)
{
    struct scalar a = scalar_anything();
    a.bits = bits;
    return tight(a);
}

bool scalar_is_constant(const struct scalar *a)
{
    return a->umin == a->umax;
}

bool scalar_contains(const struct scalar *a, uint64_t x)
{
    int64_t s = (int64_t)x;
    uint32_t u32 = (uint32_t)x;
    int32_t s32 = (int32_t)u32;

    return bits_contain(a->bits, x) && a->umin <= x && x <= a->umax && a->smin <= s &&
           s <= a->smax && a->umin32 <= u32 && u32 <= a->umax32 && a->smin32 <= s32 &&
           s32 <= a->smax32;
}

bool scalar_includes(const struct scalar *a, const struct scalar *b)
{
    return bits_include(a->bits, b->bits) && a->umin <= b->umin && b->umax <= a->umax &&
           a->smin <= b->smin && b->smax <= a->smax && a->umin32 <= b->umin32 &&
           b->umax32 <= a->umax32 && a->smin32 <= b->smin32 && b->smax32 <= a->smax32;
}

struct scalar scalar_join(const struct scalar *a, const struct scalar *b)
{
    return (struct scalar){
        .bits = bits_join(a->bits, b->bits),
        .umin = SMALLER(a->umin, b->umin),
        .umax = LARGER(a->umax, b->umax),
        .smin = SMALLER(a->smin, b->smin),
        .smax = LARGER(a->smax, b->smax),
        .umin32 = SMALLER(a->umin32, b->umin32),
        .umax32 = LARGER(a->umax32, b->umax32),
        .smin32 = SMALLER(a->smin32, b->smin32),
        .smax32 = LARGER(a->smax32, b->smax32),
    };
}

static void bound_u64(struct scalar *a, uint64_t low, uint64_t high)
{
    a->umin = LARGER(a->umin, low);
    a->umax = SMALLER(a->umax, high);
}

static void bound_s64(struct scalar *a, int64_t low, int64_t high)
{
    a->smin = LARGER(a->smin, low);
    a->smax = SMALLER(a->smax, high);
}

static void bound_u32(struct scalar *a, uint32_t low, uint32_t high)
{
    a->umin32 = LARGER(a->umin32, low);
    a->umax32 = SMALLER(a->umax32, high);
}

static void bound_s32(struct scalar *a, int32_t low, int32_t high)
{
    a->smin32 = LARGER(a->smin32, low);
    a->smax32 = SMALLER(a->smax32, high);
}

/* As a signed number the least has its unknown sign bit set, the greatest has it clear. */
static void bound_by_bits(struct scalar *a)
{
    const uint32_t sign32 = (uint32_t)1 << 31;
    uint64_t low = a->bits.value, high = low | a->bits.unknown, doubt = a->bits.unknown;
    uint32_t doubt32 = (uint32_t)doubt & sign32;

    bound_u64(a, low, high);
    bound_s64(a, (int64_t)(low | (doubt & SIGN)), (int64_t)(high & ~(doubt & SIGN)));
    bound_u32(a, (uint32_t)low, (uint32_t)high);
    bound_s32(a, (int32_t)((uint32_t)low | doubt32), (int32_t)((uint32_t)high & ~doubt32));
}

/* An interval that does not cross a change of sign reads the same both ways. */
static void bound_by_signs(struct scalar *a)
{
    if ((int64_t)a->umin <= (int64_t)a->umax)
        bound_s64(a, (int64_t)a->umin, (int64_t)a->umax);
    if ((uint64_t)a->smin <= (uint64_t)a->smax)
        bound_u64(a, (uint64_t)a->smin, (uint64_t)a->smax);
    if ((int32_t)a->umin32 <= (int32_t)a->umax32)
        bound_s32(a, (int32_t)a->umin32, (int32_t)a->umax32);
    if ((uint32_t)a->smin32 <= (uint32_t)a->smax32)
        bound_u32(a, (uint32_t)a->smin32, (uint32_t)a->smax32);
}

/* Where all values share their upper half, or are sign extensions, halves and wholes agree. */
static void bound_by_halves(struct scalar *a)
{
    if (a->umin >> 32 == a->umax >> 32) {
        uint64_t upper = a->umin & ~LOW_HALF;
        bound_u32(a, (uint32_t)a->umin, (uint32_t)a->umax);
        bound_u64(a, upper | a->umin32, upper | a->umax32);
    }
    if (a->smin >= INT32_MIN && a->smax <= INT32_MAX) {
        bound_s32(a, (int32_t)a->smin, (int32_t)a->smax);
        bound_s64(a, a->smin32, a->smax32);
    }
}

/* Low bits that are known leave out the numbers at an interval's ends that have others. */
static void bound_by_low_bits(struct scalar *a)
{
    uint64_t unknown = a->bits.unknown, mask = unknown ? (unknown & (0 - unknown)) - 1 : UINT64_MAX;
    uint64_t low = a->bits.value & mask;

    if (mask == 0 || mask == UINT64_MAX || a->umin > a->umax)
        return;
    uint64_t first = a->umin + ((low - a->umin) & mask), last = a->umax - ((a->umax - low) & mask);
    if (first >= a->umin && last <= a->umax)
        bound_u64(a, first, last);
    first = (uint64_t)a->smin + ((low - (uint64_t)a->smin) & mask);
    last = (uint64_t)a->smax - (((uint64_t)a->smax - low) & mask);
    if ((int64_t)first >= a->smin && (int64_t)last <= a->smax)
        bound_s64(a, (int64_t)first, (int64_t)last);
}

static bool bits_by_bounds(struct scalar *a)
{
    if (a->umin > a->umax || a->smin > a->smax || a->umin32 > a->umax32 || a->smin32 > a->smax32)
        return false;

    struct bits low = bits_range(a->umin32, a->umax32);
    low.unknown |= ~LOW_HALF; /* nothing is said of the upper half; bits_range left it 0 */
    return bits_meet(a->bits, bits_range(a->umin, a->umax), &a->bits) &&
           bits_meet(a->bits, low, &a->bits);
}

bool scalar_tighten(struct scalar *a)
{
    for (unsigned round = 0; round < 2; round++) { /* more rounds gain almost nothing */
        bound_by_bits(a);
        bound_by_low_bits(a);
        bound_by_signs(a);
        bound_by_halves(a);
        bound_by_signs(a);
        if (!bits_by_bounds(a))
            return false;
    }
    return true;
}

/* The low half, zero-extended: what every 32-bit operation leaves in its register. */
static struct scalar zero_extend32(const struct scalar *a)
{
    struct scalar r = scalar_unsigned(a->umin32, a->umax32);
    r.bits = (struct bits){a->bits.value & LOW_HALF, a->bits.unknown & LOW_HALF};
    bound_s32(&r, a->smin32, a->smax32);
    return tight(r);
}

static struct scalar sign_extend32(const struct scalar *a)
{
    struct scalar r = scalar_signed(a->smin32, a->smax32);
    struct bits low = {a->bits.value & LOW_HALF, a->bits.unknown | ~LOW_HALF};

    bound_u32(&r, a->umin32, a->umax32);
    return bits_meet(r.bits, low, &r.bits) ? tight(r) : scalar_anything();
}

static struct scalar add(const struct scalar *a, const struct scalar *b)
{
    struct scalar r = scalar_anything();
    uint64_t low, high;
    int64_t slow, shigh;

    r.bits = bits_add(a->bits, b->bits);
    /* When both ends wrap, or neither does, all sums between them lie between the ends. */
    if (__builtin_add_overflow(a->umin, b->umin, &low) ==
        __builtin_add_overflow(a->umax, b->umax, &high))
        bound_u64(&r, low, high);
    bool low_wraps = __builtin_add_overflow(a->smin, b->smin, &slow);
    bool high_wraps = __builtin_add_overflow(a->smax, b->smax, &shigh);
    if (!low_wraps && !high_wraps)
        bound_s64(&r, slow, shigh);
    return tight(r);
}

static struct scalar subtract(const struct scalar *a, const struct scalar *b)
{
    struct scalar r = scalar_anything();
    uint64_t low, high;
    int64_t slow, shigh;

    r.bits = bits_sub(a->bits, b->bits);
    if (__builtin_sub_overflow(a->umin, b->umax, &low) ==
        __builtin_sub_overflow(a->umax, b->umin, &high))
        bound_u64(&r, low, high);
    bool low_wraps = __builtin_sub_overflow(a->smin, b->smax, &slow);
    bool high_wraps = __builtin_sub_overflow(a->smax, b->smin, &shigh);
    if (!low_wraps && !high_wraps)
        bound_s64(&r, slow, shigh);
    return tight(r);
}

static void bound_signed_product(struct scalar *r, const struct scalar *a, const struct scalar *b)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    const int64_t x[2] = {a->smin, a->smax}, y[2] = {b->smin, b->smax};

    for (unsigned i = 0; i < 4; i++) { /* a product is greatest and least at corners */
        int64_t corner;
        if (__builtin_mul_overflow(x[i & 1], y[i >> 1], &corner))
            return;
        low = SMALLER(low, corner);
        high = LARGER(high, corner);
    }
    bound_s64(r, low, high);
}

static struct scalar multiply(const struct scalar *a, const struct scalar *b)
{
    struct scalar r = scalar_anything();
    uint64_t high;

    r.bits = bits_mul(a->bits, b->bits);
    if (!__builtin_mul_overflow(a->umax, b->umax, &high))
        bound_u64(&r, a->umin * b->umin, high);
    bound_signed_product(&r, a, b);
    return tight(r);
}

static bool is_not_negative(const struct scalar *a)
{
    return a->smin >= 0;
}

/* Signed operands that are not negative divide as unsigned ones do; for others only what holds
 * for all is said. Division by 0 gives 0, which is below every bound here. */
static struct scalar divide(bool is_signed, const struct scalar *a, const struct scalar *b)
{
    if (b->umax == 0)
        return scalar_constant(0);
    if (is_signed && b->smin > 0) /* towards 0, so it keeps order */
        return scalar_signed(a->smin / (a->smin < 0 ? b->smin : b->smax),
                             a->smax / (a->smax < 0 ? b->smax : b->smin));
    if (is_signed && !(is_not_negative(a) && is_not_negative(b)))
        return scalar_anything();
    if (b->umin == 0)
        return scalar_unsigned(0, a->umax);
    return scalar_unsigned(a->umin / b->umax, a->umax / b->umin);
}

/* It has the dividend's sign, and is nearer to 0 than dividend and divisor. */
static struct scalar remain_signed(const struct scalar *a, int64_t most)
{
    return scalar_signed(a->smin < 0 ? LARGER(a->smin, -most) : 0,
                         a->smax > 0 ? SMALLER(a->smax, most) : 0);
}

/* The remainder of a division by 0 is the dividend, so b's bound counts only when b is not 0. */
static struct scalar remain(bool is_signed, const struct scalar *a, const struct scalar *b)
{
    if (b->umax == 0)
        return *a;
    if (is_signed && b->smin > 0)
        return remain_signed(a, b->smax - 1);
    if (is_signed && b->smax < 0)
        return remain_signed(a, -(b->smin + 1));
    if (is_signed && !(is_not_negative(a) && is_not_negative(b)))
        return scalar_anything();
    if (b->umin == 0)
        return scalar_unsigned(0, a->umax);
    if (a->umax < b->umin)
        return *a;
    return scalar_unsigned(0, SMALLER(a->umax, b->umax - 1));
}

static struct scalar shift_by(enum alu_op op, const struct scalar *a, unsigned by)
{
    struct scalar r = scalar_anything();

    if (op == ALU_LSH) {
        r.bits = bits_shift_left(a->bits, by);
        if (a->umax <= UINT64_MAX >> by)
            bound_u64(&r, a->umin << by, a->umax << by);
        if (a->smin >= INT64_MIN >> by && a->smax <= INT64_MAX >> by)
            bound_s64(&r, (int64_t)((uint64_t)a->smin << by), (int64_t)((uint64_t)a->smax << by));
    } else if (op == ALU_RSH) {
        r.bits = bits_shift_right(a->bits, by);
        bound_u64(&r, a->umin >> by, a->umax >> by);
    } else {
        r.bits = bits_shift_signed(a->bits, by);
        bound_s64(&r, a->smin >> by, a->smax >> by);
    }
    return tight(r);
}

/* An unknown distance is one of at most 64: the join over all that `b` allows. */
static struct scalar shift(enum alu_op op, unsigned mask, const struct scalar *a,
                           const struct scalar *b)
{
    if (scalar_is_constant(b))
        return shift_by(op, a, (unsigned)(b->umin & mask));

    bool exact = b->umax <= mask, any = false;
    struct scalar r = scalar_anything();
    for (unsigned by = 0; by <= mask; by++) {
        if (exact && !scalar_contains(b, by))
            continue;
        struct scalar one = shift_by(op, a, by);
        r = any ? scalar_join(&r, &one) : one;
        any = true;
    }
    return r;
}

static struct scalar sign_extend(const struct scalar *a, unsigned bits)
{
    if (bits == 32)
        return sign_extend32(a);
    int64_t limit = (int64_t)1 << (bits - 1);
    if (a->smin >= -limit && a->smax < limit)
        return *a;
    struct scalar up = shift_by(ALU_LSH, a, 64 - bits);
    return shift_by(ALU_ARSH, &up, 64 - bits);
}

static struct scalar logic(enum alu_op op, const struct scalar *a, const struct scalar *b)
{
    struct scalar r = scalar_anything();

    if (op == ALU_AND) {
        r.bits = bits_and(a->bits, b->bits);
        bound_u64(&r, 0, SMALLER(a->umax, b->umax));
    } else if (op == ALU_OR) {
        r.bits = bits_or(a->bits, b->bits);
        bound_u64(&r, LARGER(a->umin, b->umin), UINT64_MAX);
    } else {
        r.bits = bits_xor(a->bits, b->bits);
    }
    return tight(r);
}

static struct scalar alu_wide(enum alu_op op, int16_t offset, unsigned shift_mask,
                              const struct scalar *a, const struct scalar *b)
{
    switch (op) {
    case ALU_ADD:
        return add(a, b);
    case ALU_SUB:
        return subtract(a, b);
    case ALU_MUL:
        return multiply(a, b);
    case ALU_DIV:
        return divide(offset == 1, a, b);
    case ALU_MOD:
        return remain(offset == 1, a, b);
    case ALU_AND:
    case ALU_OR:
    case ALU_XOR:
        return logic(op, a, b);
    case ALU_LSH:
    case ALU_RSH:
    case ALU_ARSH:
        return shift(op, shift_mask, a, b);
    case ALU_MOV:
        return offset ? sign_extend(b, (unsigned)offset) : *b;
    }
    return scalar_anything();
}

/* 32-bit operations are those of 64 bits between an extension and a cut, as in alu_compute; so
 * there is one set of rules to get right. */
struct scalar scalar_alu(enum alu_op op, int16_t offset, unsigned bytes, const struct scalar *a,
                         const struct scalar *b)
{
    if (scalar_is_constant(a) && scalar_is_constant(b))
        return scalar_constant(alu_compute(op, offset, bytes, a->umin, b->umin));
    if (bytes == 8)
        return alu_wide(op, offset, 63, a, b);

    bool is_signed = op == ALU_ARSH || ((op == ALU_DIV || op == ALU_MOD) && offset == 1);
    struct scalar x = is_signed ? sign_extend32(a) : zero_extend32(a);
    struct scalar y = is_signed ? sign_extend32(b) : zero_extend32(b);
    struct scalar r = alu_wide(op, offset, 31, &x, &y);
    return zero_extend32(&r);
}

struct scalar scalar_neg(unsigned bytes, const struct scalar *a)
{
    struct scalar zero = scalar_constant(0);
    return scalar_alu(ALU_SUB, 0, bytes, &zero, a);
}

struct scalar scalar_swap(enum swap_op op, int32_t bits, const struct scalar *a)
{
    if (op == SWAP_LITTLE && bits == 64)
        return *a;
    if (op == SWAP_LITTLE && bits == 32)
        return zero_extend32(a);
    /* Moves bits and computes nothing, so value and doubt travel alike. */
    return of_bits(
        (struct bits){alu_swap(op, bits, a->bits.value), alu_swap(op, bits, a->bits.unknown)});
}
