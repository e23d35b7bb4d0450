/*
 * The vectors of tests/vectors/bpf on the slow reference, the interpreter, and as machine code for
 * CPUs with and without what the compiler likes: every instruction of RFC 9669.
 */
#include "tests/host/host.h"

#include <string.h>

#include "grafts/interp.h"
#include "grafts/tool/native.h"
#include "tests/host/graft_asm.h"
#include "tests/host/graft_reference.h"

#define STEPS      1000u
#define CODE_BYTES 65536u
#define MAX_SLOTS  64u

static struct {
    _Alignas(16) uint8_t memory[64];
    _Alignas(16) uint8_t stack[INTERP_MAX_FRAMES * GRAFT_STACK_BYTES];
} at;
static struct native native;

/* Opcodes that some vector has, and for those with several meanings, which: see meaning_of. */
static bool is_shown[256][16];

static uint64_t add_one(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    (void)b, (void)c, (void)d, (void)e;
    return a + 1;
}

static uint64_t weigh(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e;
}

static uint64_t find_helper(void *self, int32_t number)
{
    (void)self;
    return number == 1 ? (uintptr_t)add_one : number == 2 ? (uintptr_t)weigh : 0;
}

static uint64_t reference_helper(uint32_t number, const uint64_t *r)
{
    return (number == 1 ? add_one : weigh)(r[1], r[2], r[3], r[4], r[5]);
}

static const struct graft_outside outside = {.helper = find_helper};

enum engine { REFERENCE, INTERPRETER, MACHINE, MACHINE_PLAIN, MACHINE_MASKED, ENGINES };
static const char *const engine_names[] = {"reference", "interpreter", "machine code",
                                           "plain machine code", "masked machine code"};

static uint64_t by_reference(const struct insn *code, uint32_t count)
{
    struct reference m = {.code = code, .count = count, .steps = STEPS, .helper = reference_helper};

    m.r[1] = (uintptr_t)at.memory;
    m.r[2] = sizeof at.memory;
    m.r[10] = (uintptr_t)at.stack + sizeof at.stack;
    assert_int_equal(reference_run(&m), REFERENCE_DONE);
    return m.r[0];
}

static uint64_t by_interpreter(const struct insn *code, uint32_t count)
{
    struct interp m = {.code = code,
                       .count = count,
                       .steps_left = STEPS,
                       .max_depth = INTERP_MAX_FRAMES,
                       .outside = &outside};

    m.reg[1] = (uintptr_t)at.memory;
    m.reg[2] = sizeof at.memory;
    m.reg[INSN_FRAME] = (uintptr_t)at.stack + sizeof at.stack;
    assert_int_equal(interp_run(&m), INTERP_EXIT);
    return m.reg[0];
}

static uint64_t by_machine(const struct insn *code, uint32_t count, enum engine e)
{
    struct graft_program p = {.code = code, .count = count};
    struct graft_jit_input in = {.program = &p,
                                 .features = e == MACHINE_PLAIN ? 0 : native_features(),
                                 .options = e == MACHINE_MASKED ? GRAFT_JIT_MASK | GRAFT_JIT_ZERO
                                                                : GRAFT_JIT_ZERO,
                                 .outside = &outside};
    struct graft_jit_output out;
    graft_jit_entry entry;

    assert_int_equal(native_compile(&native, &in, e == MACHINE, &entry, &out), GRAFT_JIT_DONE);
    struct graft_jit_result r = entry((uintptr_t)at.memory, sizeof at.memory, 0);
    assert_true(!out.may_abort || r.rest >= 0);
    return r.r0;
}

/* What tells instructions of one opcode apart: signed division, widths of extension and swap, and
 * which atomic. */
static unsigned meaning_of(const struct insn *i)
{
    switch (insn_shapes[i->opcode].form) {
    case FORM_ALU:
        return (unsigned)i->offset / 4 & 15;
    case FORM_SWAP:
        return (unsigned)i->imm / 16 & 15;
    case FORM_ATOMIC:
        return ((unsigned)i->imm >> 4 & 14) | (i->imm & 1);
    case FORM_CALL:
        return insn_src(i);
    default:
        return 0;
    }
}

static void show(const struct insn *code, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        unsigned offset = code[i].offset == 1 && insn_shapes[code[i].opcode].form == FORM_ALU;
        is_shown[code[i].opcode][offset ? 1 : meaning_of(&code[i])] = true;
        if (code[i].opcode == 0x18)
            i++;
    }
}

static uint64_t run(const struct insn *code, uint32_t count, enum engine e)
{
    for (uint8_t k = 0; k < sizeof at.memory; k++)
        at.memory[k] = 0x80 + k;
    show(code, count);
    return e == REFERENCE     ? by_reference(code, count)
           : e == INTERPRETER ? by_interpreter(code, count)
                              : by_machine(code, count, e);
}

static void expect(const char *what, const struct insn *code, uint32_t count, uint64_t want)
{
    for (enum engine e = 0; e < ENGINES; e++) {
        uint64_t got = run(code, count, e);
        if (got != want)
            fail_msg("%s: %s gives %#llx, wanted %#llx", what, engine_names[e],
                     (unsigned long long)got, (unsigned long long)want);
    }
}

#define CODE(...)                                                                                  \
    (const struct insn[]){__VA_ARGS__}, sizeof((struct insn[]){__VA_ARGS__}) / sizeof(struct insn)

/* Each with a register, and as an immediate where the source is one; with the source in the frame
 * of known and of unknown values, since compilers fold the former. */
static void arithmetic(void **state)
{
    static const struct {
        const char *what;
        uint8_t opcode;
        int16_t offset;
        uint64_t a, b, want;
    } rows[] = {
#define ALU(what, opcode, offset, a, b, want) {what, opcode, offset, a, b, want},
#include "tests/vectors/bpf/alu.def"
#undef ALU
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t op = rows[i].opcode;
        uint64_t a = rows[i].a, b = rows[i].b;
        expect(rows[i].what, CODE(LDDW(0, a), LDDW(3, b), INSN(op, 0, 3, rows[i].offset, 0), EXIT),
               rows[i].want);
        expect(rows[i].what,
               CODE(LDDW(4, a), LDDW(3, b), COPY(0, 4), INSN(op, 0, 3, rows[i].offset, 0), EXIT),
               rows[i].want);
        expect(rows[i].what,
               CODE(LDDW(4, a), STX(DW, 10, 4, -8), LDDW(3, b), STX(DW, 10, 3, -16),
                    LDX(DW, 5, 10, -8), LDX(DW, 4, 10, -16), INSN(op, 5, 4, rows[i].offset, 0),
                    COPY(0, 5), EXIT),
               rows[i].want);
        if ((uint64_t)(int32_t)b != b || (op >> 4 == 0xb && rows[i].offset != 0))
            continue;
        expect(rows[i].what, CODE(LDDW(0, a), INSN(op & ~8u, 0, 0, rows[i].offset, b), EXIT),
               rows[i].want);
        expect(rows[i].what,
               CODE(LDDW(4, a), STX(DW, 10, 4, -8), LDX(DW, 3, 10, -8), COPY(0, 3),
                    INSN(op & ~8u, 0, 0, rows[i].offset, b), EXIT),
               rows[i].want);
    }
}

static void jumps(void **state)
{
    static const struct {
        uint8_t opcode;
        uint64_t a, b;
        bool taken[2]; /* in 64 bits, in 32 */
    } rows[] = {
#define JUMP(opcode, a, b, wide, narrow) {opcode, a, b, {wide, narrow}},
#include "tests/vectors/bpf/jump.def"
#undef JUMP
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned narrow = 0; narrow < 2; narrow++) {
            unsigned op = rows[i].opcode + narrow; /* class JMP32 is one above JMP */
            uint64_t a = rows[i].a, b = rows[i].b, want = rows[i].taken[narrow];
            expect("jump by register",
                   CODE(LDDW(2, a), LDDW(3, b), SET(0, 1), INSN(op, 2, 3, 1, 0), SET(0, 0), EXIT),
                   want);
            expect("jump back by register",
                   CODE(LDDW(2, a), LDDW(3, b), GOTO(2), SET(0, 1), EXIT, INSN(op, 2, 3, -3, 0),
                        SET(0, 0), EXIT),
                   want);
            if ((uint64_t)(int32_t)b != b)
                continue;
            expect("jump by imm",
                   CODE(LDDW(2, a), SET(0, 1), INSN(op & ~8u, 2, 0, 1, b), SET(0, 0), EXIT), want);
            expect("jump by imm on what was loaded",
                   CODE(LDDW(2, a), STX(DW, 10, 2, -8), SET(0, 1), LDX(DW, 4, 10, -8),
                        INSN(op & ~8u, 4, 0, 1, b), SET(0, 0), EXIT),
                   want);
            expect("jump by imm after arithmetic",
                   CODE(LDDW(2, a), SET(3, 0), SET(0, 1), ALU64_X(ADD, 2, 3),
                        INSN(op & ~8u, 2, 0, 1, b), SET(0, 0), EXIT),
                   want);
            expect("jump over a jump",
                   CODE(LDDW(2, a), SET(0, 1), INSN(op & ~8u, 2, 0, 1, b), GOTO(1), EXIT, SET(0, 0),
                        EXIT),
                   want);
        }
}

static void programs(void **state)
{
    (void)state;
#define PROGRAM(what, want, ...) expect(what, CODE(__VA_ARGS__), want);
#include "tests/vectors/bpf/memory.def"
#undef PROGRAM
}

struct atomic_row {
    const char *what;
    int32_t op;
    unsigned bytes;
    uint64_t memory, source, r0, memory_after, source_after, r0_after;
};

/* Three runs look at memory, at the source and at r0. */
static void atomic_with(const struct atomic_row *r, unsigned base, unsigned src)
{
    unsigned size = r->bytes == 8 ? DW : W;
    uint64_t memory = r->memory_after | (r->bytes == 8 ? 0 : 0xeeeeeeee00000000);
    uint64_t before = r->memory | (r->bytes == 8 ? 0 : 0xeeeeeeee00000000);
    unsigned keeper = base != 6 && src != 6 ? 6 : base != 7 && src != 7 ? 7 : 8;

#define TRIED                                                                                      \
    COPY(keeper, 1), LDDW(0, before), STX(DW, 1, 0, 8), LDDW(0, r->r0), LDDW(src, r->source),      \
        COPY(base, keeper), LOCK(size, base, src, 8, r->op)
    expect(r->what, CODE(TRIED, LDX(DW, 0, keeper, 8), EXIT), memory);
    if (src != base)
        expect(r->what, CODE(TRIED, COPY(0, src), EXIT), r->source_after);
    if (src != 0 && base != 0)
        expect(r->what, CODE(TRIED, EXIT), r->r0_after);
#undef TRIED
}

static void atomics(void **state)
{
    static const struct atomic_row rows[] = {
#define ATOMIC(what, op, bytes, memory, source, r0, after, source_after, r0_after)                 \
    {what, op, bytes, memory, source, r0, after, source_after, r0_after},
#include "tests/vectors/bpf/atomic.def"
#undef ATOMIC
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned base = 0; base < 10; base++)
            for (unsigned src = 0; src < 10; src++) {
                bool uses_r0 = rows[i].op == ATOMIC_CMPXCHG;
                if (base != src && !(uses_r0 && (base == 0 || src == 0)))
                    atomic_with(&rows[i], base, src);
            }
}

/* Registers that an atomic instruction uses twice. */
static void atomics_share_registers(void **state)
{
    (void)state;

    expect("base as source",
           CODE(ST(DW, 1, 8, 40), COPY(3, 1), LOCK(DW, 3, 3, 8, ATOMIC_XCHG), COPY(0, 3), EXIT),
           40);
    expect("base as source of a loop",
           CODE(ST(DW, 1, 8, 40), COPY(0, 1), LOCK(DW, 0, 0, 8, ATOMIC_FETCH_XOR), EXIT), 40);
    expect("r0 as source of a compare",
           CODE(ST(DW, 1, 8, 40), SET(0, 40), LOCK(DW, 1, 0, 8, ATOMIC_CMPXCHG), EXIT), 40);
    expect("r0 as base of a compare",
           CODE(STX(DW, 1, 1, 8), SET(3, 5), COPY(0, 1), LOCK(DW, 0, 3, 8, ATOMIC_CMPXCHG),
                LDX(DW, 0, 1, 8), EXIT),
           5);
    expect("r0 as base of a compare, with division",
           CODE(STX(DW, 1, 1, 8), SET(3, 5), SET(4, 5), ALU64_X(DIV, 3, 4), COPY(0, 1),
                LOCK(DW, 0, 3, 8, ATOMIC_CMPXCHG), LDX(DW, 0, 1, 8), EXIT),
           1);
    expect("r10 as base",
           CODE(ST(DW, 10, -8, 7), SET(3, 2), LOCK(DW, 10, 3, -8, ATOMIC_FETCH_OR),
                LDX(DW, 0, 10, -8), ALU64_X(ADD, 0, 3), EXIT),
           14);
}

/* The opcodes of RFC 9669, section 5.1 and the tables before it, by their parts. */
static bool is_in_rfc_9669(unsigned op)
{
    const unsigned group = op & 7, by_register = op & 8, code = op >> 4, mode = op >> 5;
    const bool is_word = (op & 0x18) == 0x00, is_double = (op & 0x18) == 0x18;

    switch (group) {
    case 0: /* LD: the 64-bit load alone; packet access is historical */
        return op == 0x18;
    case 1: /* LDX: MEM of all sizes; MEMSX of all but the widest */
        return mode == 3 || (mode == 4 && !is_double);
    case 2: /* ST */
        return mode == 3;
    case 3: /* STX: MEM, ATOMIC of words and double words */
        return mode == 3 || (mode == 6 && (is_word || is_double));
    case 4: /* ALU: NEG has no source, END one of two orders */
        return code <= 0xd && !(code == 8 && by_register);
    case 5: /* JMP: JA, CALL (of a register, too), EXIT */
        return code == 0 || code == 9 ? !by_register : code == 8 || code <= 0xd;
    case 6: /* JMP32: JA, no CALL, no EXIT */
        return code == 0 ? !by_register : code != 8 && code != 9 && code <= 0xd;
    default: /* ALU64: NEG, and the swap, have no source */
        return code <= 0xd && !((code == 8 || code == 0xd) && by_register);
    }
}

static void the_instructions_are_those_of_rfc_9669(void **state)
{
    (void)state;
    for (unsigned op = 0; op < 256; op++)
        if (is_in_rfc_9669(op) != (insn_shapes[op].form != FORM_UNKNOWN))
            fail_msg("opcode %#x is %s RFC 9669", op, is_in_rfc_9669(op) ? "in" : "not in");
}

/* Every opcode of insn.def in every meaning stood in some vector above. */
static void no_instruction_is_left_out(void **state)
{
    static const int32_t swaps[] = {16, 32, 64};
    (void)state;

    for (unsigned op = 0; op < 256; op++)
        if (insn_shapes[op].form != FORM_UNKNOWN && insn_shapes[op].form != FORM_SWAP &&
            insn_shapes[op].form != FORM_ATOMIC && !is_shown[op][0])
            fail_msg("opcode %#x is in no vector", op);
    for (unsigned k = 0; k < 3; k++) {
        struct insn i = {.imm = swaps[k]};
        static const uint8_t ops[] = {0xd4, 0xdc, 0xd7};
        for (unsigned n = 0; n < 3; n++) {
            i.opcode = ops[n];
            assert_true(is_shown[i.opcode][meaning_of(&i)]);
        }
    }
#define ATOMIC(number, name, sign)                                                                 \
    assert_true(is_shown[0xc3][meaning_of(&(struct insn){.opcode = 0xc3, .imm = (number)})]);      \
    assert_true(is_shown[0xdb][meaning_of(&(struct insn){.opcode = 0xdb, .imm = (number)})]);
#include "grafts/insn.def"
    static const uint8_t divisions[] = {0x34, 0x3c, 0x37, 0x3f, 0x94, 0x9c, 0x97, 0x9f};
    for (unsigned k = 0; k < sizeof divisions; k++)
        assert_true(is_shown[divisions[k]][1]); /* signed */
    assert_true(is_shown[0xbf][2] && is_shown[0xbf][4] && is_shown[0xbf][8]);
    assert_true(is_shown[0xbc][2] && is_shown[0xbc][4]);
    assert_true(is_shown[0x85][0] && is_shown[0x85][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(jumps),
        cmocka_unit_test(programs),
        cmocka_unit_test(atomics),
        cmocka_unit_test(atomics_share_registers),
        cmocka_unit_test(the_instructions_are_those_of_rfc_9669),
        cmocka_unit_test(no_instruction_is_left_out),
    };

    if (!native_open(&native, CODE_BYTES, MAX_SLOTS)) {
        print_error("no memory that can be executed\n");
        return 1;
    }
    return cmocka_run_group_tests_name("grafts/vectors", tests, NULL, NULL);
}
