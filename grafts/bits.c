/* Known bits: the arithmetic. Each result holds every result of members of its operands. */
#include "grafts/bits.h"

static uint64_t greatest(struct bits a)
{
    return a.value | a.unknown;
}

static struct bits make(uint64_t value, uint64_t unknown)
{
    return (struct bits){value & ~unknown, unknown};
}

/* The bits above the highest one in which the ends differ are common to all between them. */
struct bits bits_range(uint64_t low, uint64_t high)
{
    uint64_t differ = low ^ high;

    return make(low, differ ? UINT64_MAX >> __builtin_clzll(differ) : 0);
}

bool bits_include(struct bits a, struct bits b)
{
    return ((b.unknown | (b.value ^ a.value)) & ~a.unknown) == 0;
}

struct bits bits_join(struct bits a, struct bits b)
{
    return make(a.value, a.unknown | b.unknown | (a.value ^ b.value));
}

bool bits_meet(struct bits a, struct bits b, struct bits *out)
{
    if ((a.value ^ b.value) & ~a.unknown & ~b.unknown)
        return false;
    *out = make(a.value | b.value, a.unknown & b.unknown);
    return true;
}

/* A result bit is known when both operand bits are and the carry into it is the same in the
 * smallest and in the greatest sum. */
struct bits bits_add(struct bits a, struct bits b)
{
    uint64_t low = a.value + b.value, high = greatest(a) + greatest(b);
    return make(low, (low ^ high) | a.unknown | b.unknown);
}

struct bits bits_sub(struct bits a, struct bits b)
{
    uint64_t low = a.value - greatest(b), high = greatest(a) - b.value;
    return make(a.value - b.value, (low ^ high) | a.unknown | b.unknown);
}

/* Long multiplication: add a shifted `b` for each bit of `a`. A known 1 adds b's known part at
 * once (in `sum`) and its unknown part as uncertainty; an unknown bit may add all of b or 0. */
struct bits bits_mul(struct bits a, struct bits b)
{
    struct bits sum = make(a.value * b.value, 0), doubt = make(0, 0);

    for (unsigned i = 0; i < 64 && greatest(a) >> i != 0; i++) {
        uint64_t may = a.value >> i & 1 ? b.unknown : a.unknown >> i & 1 ? greatest(b) : 0;
        doubt = bits_add(doubt, make(0, may << i));
    }
    return bits_add(sum, doubt);
}

struct bits bits_and(struct bits a, struct bits b)
{
    uint64_t sure = a.value & b.value;
    return make(sure, greatest(a) & greatest(b) & ~sure);
}

struct bits bits_or(struct bits a, struct bits b)
{
    uint64_t sure = a.value | b.value;
    return make(sure, (a.unknown | b.unknown) & ~sure);
}

struct bits bits_xor(struct bits a, struct bits b)
{
    return make(a.value ^ b.value, a.unknown | b.unknown);
}
