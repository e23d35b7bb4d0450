/* Host tests of grafts/interp.c: every group of RFC 9669 by hand-written vectors, and its limits.
 */
#include "tests/host/host.h"

#include <string.h>

#include "grafts/checker.h"
#include "grafts/interp.h"
#include "tests/host/graft_asm.h"

#define STEPS 1000u

struct machine {
    _Alignas(16) uint8_t memory[64];
    _Alignas(16) uint8_t stack[4 * GRAFT_STACK_BYTES];
};

static bool allows(void *self, uint64_t address, uint32_t bytes, bool write)
{
    uint64_t offset = address - (uintptr_t)self;
    (void)write;
    return offset < sizeof(struct machine) && bytes <= sizeof(struct machine) - offset;
}

static bool helper(void *self, int32_t number, uint64_t *reg, bool *done)
{
    (void)self;
    reg[0] = reg[1] + 1;
    *done = number == 2;
    return number == 1 || number == 2;
}

struct outcome {
    enum interp_end end;
    uint64_t r0;
};

/* Runs `code` with r1 = memory, r2 = its length. */
static struct outcome run(struct machine *at, const struct insn *code, uint32_t count)
{
    struct interp_guard guard = {allows, helper, at};
    struct interp m = {
        .code = code, .count = count, .steps_left = STEPS, .max_depth = 4, .guard = &guard};

    m.reg[1] = (uintptr_t)at->memory;
    m.reg[2] = sizeof at->memory;
    m.reg[INSN_FRAME] = (uintptr_t)at->stack + sizeof at->stack;
    enum interp_end end = interp_run(&m);
    return (struct outcome){end, m.reg[0]};
}

#define RUN(at, ...)                                                                               \
    run(at, (const struct insn[]){__VA_ARGS__},                                                    \
        sizeof((struct insn[]){__VA_ARGS__}) / sizeof(struct insn))

static void expect(const char *what, struct outcome got, uint64_t want)
{
    if (got.end == INTERP_EXIT && got.r0 == want)
        return;
    print_error("%s: end %u, got %#llx, want %#llx\n", what, got.end, (unsigned long long)got.r0,
                (unsigned long long)want);
    fail();
}

struct alu_row {
    const char *what;
    uint8_t opcode;
    int16_t offset;
    uint64_t a, b, want;
};

static const struct alu_row alu_rows[] = {
#define ALU(what, opcode, offset, a, b, want) {what, opcode, offset, a, b, want},
#include "tests/vectors/bpf/alu.def"
#undef ALU
};

static void arithmetic_follows_the_rfc(void **state)
{
    struct machine at = {0};
    (void)state;

    for (size_t i = 0; i < sizeof alu_rows / sizeof alu_rows[0]; i++) {
        const struct alu_row *r = &alu_rows[i];
        struct outcome got =
            RUN(&at, LDDW(0, r->a), LDDW(3, r->b), INSN(r->opcode, 0, 3, r->offset, 0), EXIT);
        expect(r->what, got, r->want);
        bool sign_extends = r->opcode >> 4 == 0xb && r->offset != 0;
        if ((uint64_t)(int32_t)r->b != r->b || sign_extends)
            continue;
        got = RUN(&at, LDDW(0, r->a), INSN(r->opcode & ~8u, 0, 0, r->offset, r->b), EXIT);
        expect(r->what, got, r->want);
    }
}

struct jump_row {
    uint8_t opcode;
    uint64_t a, b;
    bool wide, narrow;
};

static const struct jump_row jump_rows[] = {
#define JUMP(opcode, a, b, wide, narrow) {opcode, a, b, wide, narrow},
#include "tests/vectors/bpf/jump.def"
#undef JUMP
};

static void jumps_follow_the_rfc(void **state)
{
    struct machine at = {0};
    (void)state;

    for (size_t i = 0; i < sizeof jump_rows / sizeof jump_rows[0]; i++) {
        const struct jump_row *r = &jump_rows[i];
        for (unsigned narrow = 0; narrow < 2; narrow++) {
            uint64_t want = narrow ? r->narrow : r->wide;
            unsigned opcode = r->opcode + narrow; /* class JMP32 is one above JMP */
            struct outcome got = RUN(&at, LDDW(2, r->a), LDDW(3, r->b), SET(0, 1),
                                     INSN(opcode, 2, 3, 1, 0), SET(0, 0), EXIT);
            expect("jump by register", got, want);
            if ((uint64_t)(int32_t)r->b != r->b)
                continue;
            got = RUN(&at, LDDW(2, r->a), SET(0, 1), INSN(opcode & ~8u, 2, 0, 1, r->b), SET(0, 0),
                      EXIT);
            expect("jump by imm", got, want);
        }
    }
}

static void gotos_and_wide_loads(void **state)
{
    struct machine at = {0};
    (void)state;

    expect("goto", RUN(&at, SET(0, 1), GOTO(1), SET(0, 2), EXIT), 1);
    expect("goto back", RUN(&at, GOTO(2), SET(0, 7), EXIT, GOTO(-3)), 7);
    expect("gotol", RUN(&at, SET(0, 1), GOTOL(1), SET(0, 2), EXIT), 1);
    expect("lddw", RUN(&at, LDDW(0, 0x8000000180000002), EXIT), 0x8000000180000002);
    expect("loop", RUN(&at, SET(0, 0), ALU64_K(ADD, 0, 3), JUMP64_K(JNE, 0, 30, -2), EXIT), 30);
}

static void swaps_follow_the_rfc(void **state)
{
    struct machine at = {0};
    (void)state;
#define SWAP(op, bits) RUN(&at, LDDW(0, 0x0102030405060708), INSN(op, 0, 0, 0, bits), EXIT)
    expect("le16", SWAP(0xd4, 16), 0x0708);
    expect("le32", SWAP(0xd4, 32), 0x05060708);
    expect("le64", SWAP(0xd4, 64), 0x0102030405060708);
    expect("be16", SWAP(0xdc, 16), 0x0807);
    expect("be32", SWAP(0xdc, 32), 0x08070605);
    expect("be64", SWAP(0xdc, 64), 0x0807060504030201);
    expect("bswap16", SWAP(0xd7, 16), 0x0807);
    expect("bswap32", SWAP(0xd7, 32), 0x08070605);
    expect("bswap64", SWAP(0xd7, 64), 0x0807060504030201);
    expect("neg", RUN(&at, SET(0, 2), INSN(0x87, 0, 0, 0, 0), EXIT), 0xfffffffffffffffe);
    expect("neg32", RUN(&at, SET(0, 2), INSN(0x84, 0, 0, 0, 0), EXIT), 0xfffffffe);
}

static void memory_is_read_and_written_in_all_sizes(void **state)
{
    struct machine at = {0};
    (void)state;
#define FILLED(...)                                                                                \
    (memset(at.memory, 0xff, 16),                                                                  \
     RUN(&at, LDDW(3, 0x8182838485868788), __VA_ARGS__, LDX(DW, 0, 1, 1), EXIT))
    expect("stxb", FILLED(STX(B, 1, 3, 1)), 0xffffffffffffff88);
    expect("stxh", FILLED(STX(H, 1, 3, 1)), 0xffffffffffff8788);
    expect("stxw", FILLED(STX(W, 1, 3, 1)), 0xffffffff85868788);
    expect("stxdw", FILLED(STX(DW, 1, 3, 1)), 0x8182838485868788);
    expect("stb", FILLED(ST(B, 1, 1, -2)), 0xfffffffffffffffe);
    expect("sth", FILLED(ST(H, 1, 2, 1)), 0xffffffffff0001ff);
    expect("stw", FILLED(ST(W, 1, 1, 5)), 0xffffffff00000005);
    expect("stdw extends", FILLED(ST(DW, 1, 1, -2)), 0xfffffffffffffffe);

    memcpy(at.memory, "\x88\x87\x86\x85\x84\x83\x82\x81", 8);
    expect("ldxb", RUN(&at, LDX(B, 0, 1, 0), EXIT), 0x88);
    expect("ldxh", RUN(&at, LDX(H, 0, 1, 1), EXIT), 0x8687);
    expect("ldxw", RUN(&at, LDX(W, 0, 1, 2), EXIT), 0x83848586);
    expect("ldxdw", RUN(&at, LDX(DW, 0, 1, 0), EXIT), 0x8182838485868788);
    expect("ldxsb", RUN(&at, LDSX(B, 0, 1, 0), EXIT), 0xffffffffffffff88);
    expect("ldxsh", RUN(&at, LDSX(H, 0, 1, 0), EXIT), 0xffffffffffff8788);
    expect("ldxsw", RUN(&at, LDSX(W, 0, 1, 0), EXIT), 0xffffffff85868788);
    at.memory[0] = 0x7f;
    expect("ldxsb of a positive", RUN(&at, LDSX(B, 0, 1, 0), EXIT), 0x7f);
    expect("negative offset", RUN(&at, ALU64_K(ADD, 1, 8), LDX(B, 0, 1, -8), EXIT), 0x7f);
}

struct atomic_row {
    int32_t op;
    uint64_t before, operand, r0;
    uint64_t memory, source, result; /* wanted in memory, in the source register, in r0 */
};

static void run_atomic(const struct atomic_row *r, bool wide)
{
    struct machine at = {0};
    uint64_t memory;
    unsigned size = wide ? DW : W;

    for (unsigned show = 0; show < 2; show++) {
        memset(at.memory, 0xee, sizeof at.memory);
        memcpy(at.memory + 8, &r->before, wide ? 8 : 4);
        struct outcome got =
            RUN(&at, LDDW(0, r->r0), LDDW(3, r->operand), LOCK(size, 1, 3, 8, r->op), COPY(4, 0),
                COPY(0, show ? 3 : 4), EXIT);
        expect("register after atomic", got, show ? r->source : r->result);
        memcpy(&memory, at.memory + 8, 8);
        assert_int_equal(wide ? memory : (uint32_t)memory, r->memory);
        assert_true(wide || memory >> 32 == 0xeeeeeeee); /* the neighbour is not touched */
    }
}

static void atomics_follow_the_rfc(void **state)
{
    static const struct atomic_row wide[] = {
        {ATOMIC_ADD, 0xffffffff, 1, 9, 0x100000000, 1, 9},
        {ATOMIC_OR, 0xf0, 0x0f, 9, 0xff, 0x0f, 9},
        {ATOMIC_AND, 0xff, 0x3c, 9, 0x3c, 0x3c, 9},
        {ATOMIC_XOR, 0xff, 0x0f, 9, 0xf0, 0x0f, 9},
        {ATOMIC_FETCH_ADD, 0xffffffff, 1, 9, 0x100000000, 0xffffffff, 9},
        {ATOMIC_FETCH_OR, 0xf0, 0x0f, 9, 0xff, 0xf0, 9},
        {ATOMIC_FETCH_AND, 0xff, 0x3c, 9, 0x3c, 0xff, 9},
        {ATOMIC_FETCH_XOR, 0xff, 0x0f, 9, 0xf0, 0xff, 9},
        {ATOMIC_XCHG, 0x1111111111111111, 2, 9, 2, 0x1111111111111111, 9},
        {ATOMIC_CMPXCHG, 5, 6, 5, 6, 6, 5},
        {ATOMIC_CMPXCHG, 7, 6, 5, 7, 6, 7},
    };
    static const struct atomic_row narrow[] = {
        {ATOMIC_ADD, 0xffffffff, 1, 9, 0, 1, 9},
        {ATOMIC_FETCH_ADD, 0xffffffff, 0x500000001, 9, 0, 0xffffffff, 9},
        {ATOMIC_FETCH_OR, 0xf0, 0xffffffff0000000f, 9, 0xff, 0xf0, 9},
        {ATOMIC_FETCH_AND, 0xff, 0x3c, 9, 0x3c, 0xff, 9},
        {ATOMIC_FETCH_XOR, 0xff, 0x0f, 9, 0xf0, 0xff, 9},
        {ATOMIC_XCHG, 0x11111111, 0x900000002, 9, 2, 0x11111111, 9},
        {ATOMIC_CMPXCHG, 5, 6, 0x700000005, 6, 6, 5},
        {ATOMIC_CMPXCHG, 0x80000007, 6, 5, 0x80000007, 6, 0x80000007},
    };
    (void)state;

    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        run_atomic(&wide[i], true);
    for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++)
        run_atomic(&narrow[i], false);
}

/* Registers that an atomic uses twice. */
static void atomics_may_share_registers(void **state)
{
    struct machine at = {0};
    (void)state;

    expect("r0 as base of a fetch",
           RUN(&at, ST(DW, 1, 8, 40), COPY(0, 1), SET(3, 2), LOCK(DW, 0, 3, 8, ATOMIC_FETCH_ADD),
               LDX(DW, 0, 0, 8), ALU64_X(ADD, 0, 3), EXIT),
           82);
    expect("base as source",
           RUN(&at, ST(DW, 1, 8, 40), COPY(3, 1), LOCK(DW, 3, 3, 8, ATOMIC_XCHG), COPY(0, 3), EXIT),
           40);
    expect("r0 as source of a compare",
           RUN(&at, ST(DW, 1, 8, 40), SET(0, 40), LOCK(DW, 1, 0, 8, ATOMIC_CMPXCHG), EXIT), 40);
}

static void calls_keep_registers_and_frames(void **state)
{
    struct machine at = {0};
    (void)state;

    expect("helper", RUN(&at, SET(1, 6), CALL(0, 1), EXIT), 7);
    expect("helper that ends the run", RUN(&at, SET(1, 6), CALL(0, 2), SET(0, 1), EXIT), 7);
    expect("local call",
           RUN(&at, SET(6, 5), ST(DW, 10, -8, 1), CALL(1, 4), LDX(DW, 2, 10, -8),
               ALU64_X(ADD, 0, 6), ALU64_X(ADD, 0, 2), EXIT, SET(6, 100), ST(DW, 10, -8, 50),
               SET(0, 10), EXIT),
           16);
}

static void unchecked_code_is_stopped(void **state)
{
    struct machine at = {0};
    (void)state;

    assert_int_equal(RUN(&at, SET(1, 0), LDX(B, 0, 1, 0), EXIT).end, INTERP_BAD_ACCESS);
    assert_int_equal(RUN(&at, ST(B, 1, -1, 0), EXIT).end, INTERP_BAD_ACCESS);
    assert_int_equal(RUN(&at, STX(DW, 10, 1, -4), EXIT).end, INTERP_BAD_ACCESS);
    assert_int_equal(RUN(&at, LOCK(DW, 1, 2, 4, ATOMIC_ADD), EXIT).end, INTERP_BAD_ACCESS);
    assert_int_equal(RUN(&at, GOTO(-1)).end, INTERP_STEPS);
    assert_int_equal(RUN(&at, GOTO(5)).end, INTERP_BAD_CODE);
    assert_int_equal(RUN(&at, SET(0, 0)).end, INTERP_BAD_CODE);
    assert_int_equal(RUN(&at, INSN(0xff, 0, 0, 0, 0)).end, INTERP_BAD_CODE);
    assert_int_equal(RUN(&at, INSN(0x18, 0, 0, 0, 1)).end, INTERP_BAD_CODE);
    assert_int_equal(RUN(&at, SET(15, 1), EXIT).end, INTERP_BAD_CODE);
    assert_int_equal(RUN(&at, CALL(0, 9), EXIT).end, INTERP_BAD_CALL);
    assert_int_equal(RUN(&at, CALL(1, -1), EXIT).end, INTERP_STACK);
}

static void a_checked_program_runs_on_its_context(void **state)
{
    static const struct insn code[] = {
        LDX(DW, 2, 1, 0),   LDX(DW, 3, 1, 8),       SET(0, 0),       COPY(4, 2),
        ALU64_K(ADD, 4, 2), JUMP64_X(JGT, 4, 3, 1), LDX(H, 0, 2, 0), EXIT,
    };
    _Alignas(16) static uint8_t work[GRAFT_WORK_BYTES(8, 2)];
    const uint8_t bytes[2] = {0x34, 0x12};
    struct graft_input in = {.code = code, .count = 8, .hook = GRAFT_HOOK_PACKET_FILTER};
    struct graft_packet packet = {.data = (uintptr_t)bytes, .data_end = (uintptr_t)bytes + 2};
    struct graft_program p;
    struct graft_report r;
    (void)state;

    assert_int_equal(graft_check(&in, work, sizeof work, &p, &r), GRAFT_ACCEPTED);
    assert_int_equal(graft_run(&p, &packet), 0x1234);
    packet.data_end--;
    assert_int_equal(graft_run(&p, &packet), 0);
    p.steps = 3; /* a lie about the longest path is the kernel's own fault */
    expect_assert_failure(graft_run(&p, &packet));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_follows_the_rfc),
        cmocka_unit_test(jumps_follow_the_rfc),
        cmocka_unit_test(gotos_and_wide_loads),
        cmocka_unit_test(swaps_follow_the_rfc),
        cmocka_unit_test(memory_is_read_and_written_in_all_sizes),
        cmocka_unit_test(atomics_follow_the_rfc),
        cmocka_unit_test(atomics_may_share_registers),
        cmocka_unit_test(calls_keep_registers_and_frames),
        cmocka_unit_test(unchecked_code_is_stopped),
        cmocka_unit_test(a_checked_program_runs_on_its_context),
    };
    return cmocka_run_group_tests_name("grafts/interp", tests, NULL, NULL);
}
