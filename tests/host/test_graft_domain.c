/*
 * Host tests of grafts/bits.c, domain.c, refine.c: whatever an operation gives on members of
 * abstract numbers lies in the abstract result. Exhaustive on small shapes laid over the places
 * where arithmetic goes wrong (0, 2^31, 2^32, 2^63), random on large ones.
 */
#include "tests/host/host.h"

#include "grafts/domain.h"
#include "grafts/state.h"
#include "tests/host/graft_asm.h"
#include "tests/host/graft_scalar.h"

#define MAX_MEMBERS 16u

/* An abstract number and some or all of its members. */
struct sample {
    struct scalar abstract;
    uint64_t members[MAX_MEMBERS];
    unsigned count;
};

struct alu_case {
    enum alu_op op;
    int16_t offset;
};

static const struct alu_case alu_cases[] = {
    {ALU_ADD, 0},  {ALU_SUB, 0}, {ALU_MUL, 0}, {ALU_DIV, 0},  {ALU_DIV, 1},  {ALU_MOD, 0},
    {ALU_MOD, 1},  {ALU_OR, 0},  {ALU_AND, 0}, {ALU_XOR, 0},  {ALU_LSH, 0},  {ALU_RSH, 0},
    {ALU_ARSH, 0}, {ALU_MOV, 0}, {ALU_MOV, 8}, {ALU_MOV, 16}, {ALU_MOV, 32},
};
#define ALU_CASES (sizeof alu_cases / sizeof alu_cases[0])

static const uint64_t places[] = {
    0, 0x7ffffffc, 0xfffffffc, 0x1fffffffc, 0x7ffffffffffffffc, 0xfffffffffffffffc,
};
#define PLACES (sizeof places / sizeof places[0])

static void fail_at(const char *what, unsigned op, unsigned bytes, uint64_t x, uint64_t y)
{
    print_error("%s: operation %u, %u bytes, operands %#llx and %#llx\n", what, op, bytes,
                (unsigned long long)x, (unsigned long long)y);
    fail();
}

static void check_alu(const struct sample *a, const struct sample *b)
{
    for (unsigned k = 0; k < ALU_CASES; k++) {
        const struct alu_case *t = &alu_cases[k];
        for (unsigned bytes = 4; bytes <= 8; bytes += 4) {
            struct scalar r = scalar_alu(t->op, t->offset, bytes, &a->abstract, &b->abstract);
            for (unsigned n = 0; n < a->count * b->count; n++) {
                uint64_t x = a->members[n / b->count], y = b->members[n % b->count];
                if (!scalar_contains(&r, alu_compute(t->op, t->offset, bytes, x, y)))
                    fail_at("arithmetic leaves its result", t->op, bytes, x, y);
            }
        }
    }
}

static void check_jumps(const struct sample *a, const struct sample *b)
{
    for (unsigned n = 0; n <= JUMP_JSLE; n++)
        for (unsigned way = 0; way < 4; way++) {
            enum jump_op op = (enum jump_op)n;
            unsigned bytes = way & 1 ? 8 : 4;
            bool taken = way & 2;
            struct scalar ra = a->abstract, rb = b->abstract;
            bool possible = scalar_refine(op, bytes, taken, &ra, &rb);
            for (unsigned m = 0; m < a->count * b->count; m++) {
                uint64_t x = a->members[m / b->count], y = b->members[m % b->count];
                if (jump_holds(op, bytes, x, y) != taken)
                    continue;
                if (!possible)
                    fail_at("a possible way is called impossible", op, bytes, x, y);
                if (!scalar_contains(&ra, x) || !scalar_contains(&rb, y))
                    fail_at("refinement loses an operand", op, bytes, x, y);
            }
        }
}

static void check_unary(const struct sample *a)
{
    for (unsigned n = 0; n < a->count; n++) {
        uint64_t x = a->members[n];
        for (unsigned bytes = 4; bytes <= 8; bytes += 4) {
            struct scalar r = scalar_neg(bytes, &a->abstract);
            if (!scalar_contains(&r, alu_compute(ALU_SUB, 0, bytes, 0, x)))
                fail_at("negation leaves its result", 0, bytes, x, 0);
        }
        for (int32_t bits = 16; bits <= 64; bits *= 2)
            for (unsigned op = SWAP_LITTLE; op <= SWAP_ALWAYS; op++) {
                struct scalar r = scalar_swap((enum swap_op)op, bits, &a->abstract);
                if (!scalar_contains(&r, alu_swap((enum swap_op)op, bits, x)))
                    fail_at("byte swap leaves its result", op, (unsigned)bits, x, 0);
            }
    }
}

static void check_lattice(const struct sample *a, const struct sample *b)
{
    struct scalar joined = scalar_join(&a->abstract, &b->abstract);

    assert_true(scalar_includes(&joined, &a->abstract));
    assert_true(scalar_includes(&joined, &b->abstract));
    for (unsigned n = 0; n < a->count; n++)
        assert_true(scalar_contains(&joined, a->members[n]));
    if (scalar_includes(&a->abstract, &b->abstract))
        for (unsigned n = 0; n < b->count; n++)
            assert_true(scalar_contains(&a->abstract, b->members[n]));
}

/* Every interval of 0 to 5 over `place`; read as unsigned, or as signed where it wraps. */
static unsigned make_intervals(struct sample *out, uint64_t place)
{
    unsigned count = 0;

    for (unsigned low = 0; low < 6; low++)
        for (unsigned high = low; high < 6; high++) {
            struct sample *s = &out[count++];
            uint64_t from = place + low, to = place + high;
            s->abstract =
                from <= to ? scalar_unsigned(from, to) : scalar_signed((int64_t)from, (int64_t)to);
            s->count = high - low + 1;
            for (unsigned n = 0; n < s->count; n++) {
                s->members[n] = from + n;
                assert_true(scalar_contains(&s->abstract, from + n));
            }
        }
    return count;
}

/* Every set of known bits of width 3 at bit `shift`, over the constant `rest` elsewhere. */
static unsigned make_bit_sets(struct sample *out, unsigned shift, uint64_t rest)
{
    unsigned count = 0;

    for (unsigned unknown = 0; unknown < 8; unknown++)
        for (unsigned value = 0; value < 8; value++) {
            if (value & unknown)
                continue;
            struct sample *s = &out[count++];
            uint64_t field = (uint64_t)7 << shift;
            s->abstract = scalar_anything();
            s->abstract.bits.value = ((uint64_t)value << shift) | (rest & ~field);
            s->abstract.bits.unknown = (uint64_t)unknown << shift;
            assert_true(scalar_tighten(&s->abstract));
            s->count = 0;
            for (unsigned n = 0; n < 8; n++)
                if ((n & ~unknown) == value)
                    s->members[s->count++] = ((uint64_t)n << shift) | (rest & ~field);
        }
    return count;
}

static void check_pair(const struct sample *a, const struct sample *b)
{
    check_alu(a, b);
    check_jumps(a, b);
    check_lattice(a, b);
}

static void check_all_pairs(const struct sample *a, unsigned na, const struct sample *b,
                            unsigned nb)
{
    for (unsigned i = 0; i < na; i++) {
        check_unary(&a[i]);
        for (unsigned k = 0; k < nb; k++)
            check_pair(&a[i], &b[k]);
    }
}

static void all_small_intervals_are_sound(void **state)
{
    struct sample a[64], b[64];
    (void)state;

    for (unsigned p = 0; p < PLACES; p++)
        for (unsigned q = 0; q < PLACES; q++) {
            if (q != 0 && q != p && q != PLACES - 2)
                continue; /* with each place: 0, itself, and the greatest signed number */
            unsigned na = make_intervals(a, places[p]), nb = make_intervals(b, places[q]);
            check_all_pairs(a, na, b, nb);
        }
}

static void all_small_bit_sets_are_sound(void **state)
{
    static const unsigned shifts[] = {0, 30, 61};
    struct sample a[64], b[64];
    (void)state;

    for (unsigned p = 0; p < 3; p++)
        for (unsigned q = 0; q < 3; q++)
            for (unsigned rest = 0; rest < 4; rest += p == q ? 1 : 3) {
                unsigned na = make_bit_sets(a, shifts[p], rest & 1 ? UINT64_MAX : 0);
                unsigned nb = make_bit_sets(b, shifts[q], rest & 2 ? UINT64_MAX : 0);
                check_all_pairs(a, na, b, nb);
            }
}

/* r3 is r2 + apart. A jump compares r3 with y: what it tells of r3, and so of r2, must leave every
 * member of r2 for which it could have gone that way. */
static void check_linked(const struct sample *a, uint64_t apart, uint64_t y)
{
    static struct state s;
    struct scalar k = scalar_constant(apart);

    for (unsigned n = 0; n <= JUMP_JSLE; n++)
        for (unsigned way = 0; way < 4; way++) {
            unsigned bytes = way & 1 ? 8 : 4;
            struct scalar b = scalar_constant(y);
            state_begin(&s);
            *value_set(&s.reg[2], VALUE_NUMBER) = a->abstract;
            s.reg[2].base = 300;
            s.reg[3] = s.reg[2];
            s.reg[3].fixed = (int64_t)apart;
            s.reg[3].n = scalar_alu(ALU_ADD, 0, 8, &a->abstract, &k);
            bool possible = scalar_refine((enum jump_op)n, bytes, way & 2, &s.reg[3].n, &b) &&
                            state_tell_numbers(&s, &s.reg[3]);
            for (unsigned m = 0; m < a->count; m++) {
                uint64_t x = a->members[m];
                if (jump_holds((enum jump_op)n, bytes, x + apart, y) != (bool)(way & 2))
                    continue;
                if (!possible)
                    fail_at("a possible way of a linked number is lost", n, bytes, x, y);
                if (!scalar_contains(&s.reg[2].n, x) || !scalar_contains(&s.reg[3].n, x + apart))
                    fail_at("a linked number loses a member", n, bytes, x, y);
            }
        }
}

static void all_small_linked_numbers_are_sound(void **state)
{
    static const uint64_t offsets[] = {
        0,          1,          4,          (uint64_t)-1, (uint64_t)-4,
        0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,  0x8000000000000000};
    struct sample a[64];
    (void)state;

    for (unsigned p = 0; p < PLACES; p++)
        for (unsigned k = 0; k < sizeof offsets / sizeof offsets[0]; k++)
            for (unsigned shape = 0; shape < 2; shape++) {
                unsigned count = shape ? make_bit_sets(a, 30 * (k & 1), places[p])
                                       : make_intervals(a, places[p]);
                for (unsigned i = 0; i < count; i++)
                    for (uint64_t y = 0; y < 8; y++)
                        check_linked(&a[i], offsets[k], places[p] + offsets[k] + y - 1);
            }
}

/* Numbers near powers of two, and small ones, and any. */
static uint64_t interesting(uint64_t *seed)
{
    uint64_t r = asm_random(seed);
    unsigned bit = (unsigned)(r >> 8) % 64;

    switch (r % 4) {
    case 0:
        return asm_random(seed);
    case 1:
        return ((uint64_t)1 << bit) + (r >> 16) % 5 - 2;
    case 2:
        return 0 - (((uint64_t)1 << bit) + (r >> 16) % 5 - 2);
    default:
        return (r >> 16) % 70;
    }
}

/* The join of up to four numbers, perhaps with an upper half that is not known, and perhaps with
 * what some operation and some jump leave: states as the checker meets them. */
static void make_random(struct sample *s, uint64_t *seed)
{
    uint64_t r = asm_random(seed);

    s->count = 1 + (unsigned)(r & 3);
    for (unsigned n = 0; n < s->count; n++) {
        s->members[n] = interesting(seed);
        struct scalar one = scalar_constant(s->members[n]);
        s->abstract = n ? scalar_join(&s->abstract, &one) : one;
    }
    if (r & 16) { /* knowledge of the low half only */
        struct scalar low = scalar_alu(ALU_MOV, 0, 4, &s->abstract, &s->abstract);
        struct scalar any = scalar_anything();
        struct scalar shift = scalar_constant(32);
        struct scalar upper = scalar_alu(ALU_LSH, 0, 8, &any, &shift);
        s->abstract = scalar_alu(ALU_OR, 0, 8, &upper, &low);
        for (unsigned n = 0; n < s->count; n++)
            s->members[n] = (uint32_t)s->members[n] | asm_random(seed) << 32;
    }
    if (r & 32) {
        struct scalar other = scalar_constant(interesting(seed));
        enum jump_op op = (enum jump_op)((r >> 8) % (JUMP_JSLE + 1));
        bool taken = jump_holds(op, r & 64 ? 8 : 4, s->members[0], other.umin);
        s->count = 1;
        assert_true(scalar_refine(op, r & 64 ? 8 : 4, taken, &s->abstract, &other));
    }
    for (unsigned n = 0; n < s->count; n++)
        assert_true(scalar_contains(&s->abstract, s->members[n]));
}

static void random_numbers_are_sound(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15;
    struct sample a, b;
    (void)state;

    for (unsigned round = 0; round < 30000; round++) {
        make_random(&a, &seed);
        make_random(&b, &seed);
        check_pair(&a, &b);
        check_unary(&a);
    }
}

/* Soundness alone would allow to know nothing: these show what filters need to be accepted. */
static void useful_facts_are_kept(void **state)
{
    struct scalar any = scalar_anything(), c15 = scalar_constant(15), c2 = scalar_constant(2);
    struct scalar c64 = scalar_constant(64), eight = scalar_constant(8);
    (void)state;

    struct scalar header = scalar_alu(ALU_AND, 0, 4, &any, &c15);
    header = scalar_alu(ALU_LSH, 0, 4, &header, &c2);
    assert_int_equal(header.umax, 60);
    assert_int_equal(header.bits.unknown, 60);

    struct scalar below = any;
    assert_true(scalar_refine(JUMP_JLT, 8, true, &below, &c64));
    assert_int_equal(below.umax, 63);
    assert_int_equal(below.bits.unknown, 63);
    struct scalar difference = scalar_alu(ALU_SUB, 0, 8, &below, &eight);
    assert_int_equal(difference.smin, -8);
    assert_int_equal(difference.smax, 55);
    struct scalar rest = scalar_alu(ALU_MOD, 0, 8, &any, &c64);
    assert_int_equal(rest.umax, 63);

    struct scalar low = any;
    assert_true(scalar_refine(JUMP_JLE, 4, true, &low, &c15));
    assert_int_equal(low.umax32, 15);
    assert_int_equal(low.umax, UINT64_MAX - (UINT32_MAX - 15));
    low = scalar_alu(ALU_MOV, 0, 4, &low, &low);
    assert_int_equal(low.umax, 15);

    struct scalar product = scalar_alu(ALU_MUL, 0, 8, &below, &eight);
    assert_int_equal(product.umax, 63 * 8);
    assert_int_equal(product.bits.unknown & 7, 0);
    struct scalar byte = scalar_unsigned(0, 255), swapped = scalar_swap(SWAP_BIG, 16, &byte);
    assert_int_equal(swapped.umax, 0xff00);
}

static void contradictions_are_found(void **state)
{
    struct scalar two = scalar_constant(2), five = scalar_constant(5), three = two;
    (void)state;

    assert_false(scalar_refine(JUMP_JEQ, 8, true, &two, &five));
    two = scalar_constant(2);
    assert_false(scalar_refine(JUMP_JGT, 4, true, &two, &five));
    two = scalar_constant(2);
    assert_false(scalar_refine(JUMP_JSET, 8, true, &two, &five));
    two = scalar_constant(2);
    assert_false(scalar_refine(JUMP_JSET, 8, false, &two, &three));
    struct scalar minus = scalar_constant(UINT64_MAX);
    five = scalar_constant(5);
    assert_false(scalar_refine(JUMP_JSGE, 8, true, &minus, &five));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_small_intervals_are_sound),
        cmocka_unit_test(all_small_bit_sets_are_sound),
        cmocka_unit_test(all_small_linked_numbers_are_sound),
        cmocka_unit_test(random_numbers_are_sound),
        cmocka_unit_test(useful_facts_are_kept),
        cmocka_unit_test(contradictions_are_found),
    };
    return cmocka_run_group_tests_name("grafts/domain", tests, NULL, NULL);
}
