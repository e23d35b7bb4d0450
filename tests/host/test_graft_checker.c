/* Host tests of the checker: what it accepts, what it refuses, and that it says why. */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "grafts/checker.h"
#include "grafts/hook.h"
#include "tests/host/graft_asm.h"

#define NONE GRAFT_NO_REGISTER
#define OPEN 16u

/* r0 = 0, r2 = data, r3 = data_end */
/* r2 is a packet of 14 bytes or more. */
#define LOAD_14       LOAD_ENDS, COPY(4, 2), ALU64_K(ADD, 4, 14), JUMP64_X(JLE, 4, 3, 1), EXIT
#define COPY_CHECKSUM 0x10000
#define LOAD_ENDS     SET(0, 0), LDX(DW, 2, 1, 0), LDX(DW, 3, 1, 8)
#define UNKNOWN(r)    COPY(r, 3), ALU64_X(SUB, r, 2)

struct row {
    const char *what;
    enum graft_reason reason;
    uint32_t at, reg;
    struct insn code[48];
};

/* Laid out by hand: rows of a table. */
/* clang-format off */
static const struct row rows[] = {
#define ROW(what, reason, at, reg, ...) {what, GRAFT_##reason, at, reg, {__VA_ARGS__}},
#include "tests/vectors/bpf/checker.def"
#undef ROW
};

/* How many slots each row has: the array is longer. */
static const uint32_t counts[] = {
#define ROW(what, reason, at, reg, ...) sizeof((struct insn[]){__VA_ARGS__}) / sizeof(struct insn),
#include "tests/vectors/bpf/checker.def"
#undef ROW
};
/* clang-format on */

struct checked {
    struct graft_program program;
    struct graft_report report;
};

static struct checked check_with(const struct graft_input *in, uint32_t open)
{
    size_t bytes = GRAFT_WORK_BYTES(in->count, open);
    void *work = aligned_alloc(16, (bytes + 15) / 16 * 16);
    struct checked r = {0};

    assert_non_null(work);
    memset(work, 0xa5, bytes); /* the checker may not count on clean memory */
    enum graft_reason reason = graft_check(in, work, bytes, &r.program, &r.report);
    assert_int_equal(reason, r.report.reason);
    free(work);
    return r;
}

/* What the rows may name. */
static const struct graft_map_def maps[] = {
    {GRAFT_MAP_ARRAY, 4, 64, 16},
    {GRAFT_MAP_HASH, 8, 16, 100},
    {GRAFT_MAP_RINGBUF, 0, 0, 4096},
    {GRAFT_MAP_WINDOW, 4, 8192, 1},
};

static struct checked check(const struct insn *code, uint32_t count)
{
    struct graft_input in = {.code = code,
                             .count = count,
                             .hook = GRAFT_HOOK_PACKET_FILTER,
                             .map_count = sizeof maps / sizeof maps[0],
                             .maps = maps};
    return check_with(&in, OPEN);
}

static void every_row_gets_its_verdict(void **state)
{
    unsigned wrong = 0;
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct graft_report r = check(row->code, counts[i]).report;
        bool right = r.reason == row->reason && (r.reason == GRAFT_ACCEPTED ||
                                                 (r.instruction == row->at && r.reg == row->reg));
        if (right)
            continue;
        wrong++;
        print_error("%s: want reason %u, slot %u, register %u; got %u (%s), %u, %u\n", row->what,
                    row->reason, row->at, row->reg, r.reason, graft_reason_text(r.reason),
                    r.instruction, r.reg);
    }
    assert_int_equal(wrong, 0);
}

/* A reason that no row shows would be a promise that no test keeps. */
static void every_reason_of_the_checker_is_shown(void **state)
{
    static const enum graft_reason elsewhere[] = {
        GRAFT_BAD_HOOK,    GRAFT_EMPTY,   GRAFT_TOO_LONG,  GRAFT_BUDGET,
        GRAFT_WORK_MEMORY, GRAFT_BAD_MAP, GRAFT_MAP_GIVEN, GRAFT_HOOK_MAP,
    };
    (void)state;

    for (uint32_t reason = GRAFT_BAD_HOOK; reason < GRAFT_CLAIM; reason++) {
        bool shown = !strcmp(graft_reason_text(reason), "unknown reason"); /* a free number */
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            shown = shown || rows[i].reason == reason;
        for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
            shown = shown || elsewhere[i] == reason;
        if (!shown)
            fail_msg("no test shows reason %u: %s", reason, graft_reason_text(reason));
    }
}

static void the_input_is_checked_first(void **state)
{
    static struct insn code[GRAFT_MAX_INSTRUCTIONS + 1];
    struct graft_input in = {.code = code, .count = 0, .hook = GRAFT_HOOK_PACKET_FILTER};
    (void)state;

    assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_EMPTY);
    in.count = GRAFT_MAX_INSTRUCTIONS + 1;
    assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_TOO_LONG);
    in.hook = 0;
    assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_BAD_HOOK);
    in.hook = 77;
    assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_BAD_HOOK);
}

static void maps_are_checked_first(void **state)
{
    static const struct insn code[] = {SET(0, 0), EXIT};
    static const struct graft_map_def bad[] = {
        {0, 4, 4, 1},
        {8, 4, 4, 1},
        {GRAFT_MAP_HASH, 0, 4, 1},
        {GRAFT_MAP_HASH, GRAFT_MAX_KEY + 1, 4, 1},
        {GRAFT_MAP_ARRAY, 4, 0, 1},
        {GRAFT_MAP_ARRAY, 4, GRAFT_MAX_MAP_VALUE + 1, 1},
        {GRAFT_MAP_RINGBUF, 4, 0, 4096},
    };
    struct graft_input in = {
        .code = code, .count = 2, .hook = GRAFT_HOOK_PACKET_FILTER, .maps = bad, .map_count = 1};
    (void)state;

    for (in.maps = bad; in.maps < bad + sizeof bad / sizeof bad[0]; in.maps++)
        assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_BAD_MAP);
    in.maps = maps;
    assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_ACCEPTED);
    in.map_count = GRAFT_MAX_MAPS + 1;
    assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_BAD_MAP);
}

/* No maps, no helper but owns(), which is no other hook's: by its number, and by a register. */
static void who_owns_what_follows_from_the_block_alone(void **state)
{
    static const uint32_t helpers[] = {1, 2, 3, 5, 8, 28, 130, 131, 0x10000, 0x10002, 4};
#define OWNS 0x10001
    struct insn code[] = {
        SET(1, 1),
        SET(2, 1),
        SET(3, 0),
        SET(4, 0),
        SET(5, 0),
        SET(0, 0),
        CALL(0, OWNS),
        EXIT
    };
    struct graft_input in = {.code = code, .count = 8, .hook = GRAFT_HOOK_OWNERSHIP, .maps = maps};
    (void)state;

    assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_ACCEPTED);
    for (unsigned by_register = 0; by_register < 2; by_register++) {
        if (by_register)
            code[6] = (struct insn)INSN(0x8d, 0, 0, 0, 0);
        for (unsigned i = 0; i < sizeof helpers / sizeof helpers[0]; i++) {
            code[5].imm = code[6].imm = (int32_t)helpers[i];
            code[6].imm *= !by_register;
            assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_CALL_HELPER);
        }
        code[5].imm = OWNS;
        code[6].imm = by_register ? 0 : OWNS;
        assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_ACCEPTED);
        in.hook = GRAFT_HOOK_PACKET_FILTER;
        assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_CALL_HELPER);
        in.hook = GRAFT_HOOK_OWNERSHIP;
    }
    in.map_count = 1;
    assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_HOOK_MAP);
}

static void too_little_work_memory_is_refused(void **state)
{
    static const struct insn code[] = {LDX(W, 0, 1, 16), JUMP64_K(JEQ, 0, 1, 2),
                                       JUMP64_K(JEQ, 0, 2, 0), JUMP64_K(JEQ, 0, 3, 0), EXIT};
    struct graft_input in = {.code = code, .count = 5, .hook = GRAFT_HOOK_PACKET_FILTER};
    _Alignas(16) static uint8_t work[sizeof(struct checker) + 16];
    struct graft_program p;
    struct graft_report r;
    (void)state;

    assert_int_equal(check_with(&in, 0).report.reason, GRAFT_WORK_MEMORY);
    assert_int_equal(check_with(&in, 1).report.reason, GRAFT_ACCEPTED);
    assert_int_equal(graft_check(&in, work, 16, &p, &r), GRAFT_WORK_MEMORY);
    assert_int_equal(graft_check(&in, work, sizeof work, &p, &r), GRAFT_WORK_MEMORY);
}

static void the_longest_path_is_counted(void **state)
{
    static const struct insn code[] = {LDX(W, 2, 1, 16), SET(0, 0),  JUMP64_K(JEQ, 2, 0, 3),
                                       SET(0, 1),        LDDW(3, 1), EXIT};
    struct checked r = check(code, sizeof code / sizeof code[0]);
    (void)state;

    assert_int_equal(r.report.reason, GRAFT_ACCEPTED);
    assert_int_equal(r.report.steps, 6);
    assert_int_equal(r.program.steps, 6);
    assert_ptr_equal(r.program.code, code);
}

static void a_path_over_budget_is_refused(void **state)
{
    static struct insn code[GRAFT_MAX_INSTRUCTIONS];
    uint32_t budget = hook_find(GRAFT_HOOK_PACKET_FILTER)->budget;
    (void)state;

    for (uint32_t i = 0; i < budget; i++)
        code[i] = (struct insn)SET(0, 1);
    code[budget - 1] = (struct insn)EXIT;
    assert_int_equal(check(code, budget).report.reason, GRAFT_ACCEPTED);
    code[budget - 1] = (struct insn)SET(0, 1);
    code[budget] = (struct insn)EXIT;
    struct graft_report r = check(code, budget + 1).report;
    assert_int_equal(r.reason, GRAFT_BUDGET);
    assert_int_equal(r.need, budget + 1);
    assert_int_equal(r.have, budget);
}

static void a_refusal_tells_what_was_needed_and_known(void **state)
{
    static const struct insn code[] = {
        LOAD_ENDS, COPY(4, 2), ALU64_K(ADD, 4, 14), JUMP64_X(JGT, 4, 3, 1), LDX(W, 0, 2, 12), EXIT};
    struct graft_report r = check(code, sizeof code / sizeof code[0]).report;
    (void)state;

    assert_int_equal(r.reason, GRAFT_PACKET_BOUNDS);
    assert_int_equal(r.need, 16);
    assert_int_equal(r.have, 14);
}

/* The same program at both places that see packets; the instruction that changes one. */
static void is_for_handlers(const struct insn *code, uint32_t count, uint32_t at, uint8_t reg)
{
    struct graft_input in = {.code = code, .count = count, .hook = GRAFT_HOOK_PACKET_HANDLER};

    assert_int_equal(check_with(&in, OPEN).report.reason, GRAFT_ACCEPTED);
    in.hook = GRAFT_HOOK_PACKET_FILTER;
    const struct graft_report r = check_with(&in, OPEN).report;
    assert_int_equal(r.reason, GRAFT_PACKET_WRITE);
    assert_int_equal(r.instruction, at);
    assert_int_equal(r.reg, reg);
}

static void packets_are_changed_by_handlers_alone(void **state)
{
    static const struct insn number[] = {LOAD_14, ST(H, 2, 12, 8), SET(0, 1), EXIT},
                             value[] = {LOAD_14, SET(3, 5), STX(DW, 2, 3, 0), SET(0, 1), EXIT},
                             helper[] = {
                                 LOAD_14,
                                 COPY(1, 2),
                                 SET(2, 8),
                                 COPY(3, 10),
                                 ALU64_K(ADD, 3, -8),
                                 SET(4, 8),
                                 ST(DW, 10, -8, 0),
                                 SET(5, 0),
                                 CALL(0, COPY_CHECKSUM),
                                 SET(0, 1),
                                 EXIT
                             };
    (void)state;

    is_for_handlers(number, sizeof number / sizeof number[0], 7, 2);
    is_for_handlers(value, sizeof value / sizeof value[0], 8, 2);
    is_for_handlers(helper, sizeof helper / sizeof helper[0], 14, 1);
}

/* Where it may be written it is still no place for them: its bytes are not aligned. */
static void no_atomic_reaches_a_packet(void **state)
{
    static const struct insn code[] = {LOAD_14, SET(3, 5), LOCK(W, 2, 3, 0, ATOMIC_ADD), SET(0, 1),
                                       EXIT};
    struct graft_input in = {
        .code = code, .count = sizeof code / sizeof code[0], .hook = GRAFT_HOOK_PACKET_HANDLER};
    const struct graft_report r = check_with(&in, OPEN).report;
    (void)state;

    assert_int_equal(r.reason, GRAFT_ATOMIC_TARGET);
    assert_int_equal(r.instruction, 8);
    assert_int_equal(r.reg, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_gets_its_verdict),
        cmocka_unit_test(every_reason_of_the_checker_is_shown),
        cmocka_unit_test(the_input_is_checked_first),
        cmocka_unit_test(maps_are_checked_first),
        cmocka_unit_test(who_owns_what_follows_from_the_block_alone),
        cmocka_unit_test(too_little_work_memory_is_refused),
        cmocka_unit_test(the_longest_path_is_counted),
        cmocka_unit_test(a_path_over_budget_is_refused),
        cmocka_unit_test(a_refusal_tells_what_was_needed_and_known),
        cmocka_unit_test(packets_are_changed_by_handlers_alone),
        cmocka_unit_test(no_atomic_reaches_a_packet),
    };
    return cmocka_run_group_tests_name("grafts/checker", tests, NULL, NULL);
}
