/* Host tests of proofs: each rule of decision 35 kept, and broken. */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "grafts/checker.h"
#include "grafts/hook.h"
#include "tests/host/graft_asm.h"
#include "tests/host/graft_proof.h"

#define OPEN   4u
#define POINTS 2u

#define LDMAP(dst, map)         INSN(0x18, dst, 5, 0, map), INSN(0, 0, 0, 0, 0)
#define LDVALUE(dst, map, from) INSN(0x18, dst, 6, 0, map), INSN(0, 0, 0, 0, from)
#define LIST(...)               __VA_ARGS__

struct row {
    const char *what;
    enum graft_reason reason;
    int64_t at;
    struct insn code[24];
    uint64_t proof[112];
};

/* Laid out by hand: rows of a table, and how much of their arrays they fill. */
/* clang-format off */
static const struct row rows[] = {
#define PROOF(what, reason, at, code, numbers) {what, GRAFT_##reason, at, {LIST code}, {LIST numbers}},
#include "tests/vectors/bpf/proof.def"
#undef PROOF
};
static const uint32_t code_counts[] = {
#define PROOF(what, reason, at, code, numbers) sizeof((struct insn[]){LIST code}) / sizeof(struct insn),
#include "tests/vectors/bpf/proof.def"
#undef PROOF
};
static const uint32_t proof_counts[] = {
#define PROOF(what, reason, at, code, numbers) sizeof((uint64_t[]){LIST numbers}) / sizeof(uint64_t),
#include "tests/vectors/bpf/proof.def"
#undef PROOF
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof rows[0])

static const struct graft_map_def maps[] = {
    {GRAFT_MAP_ARRAY, 4, 64, 16},
    {GRAFT_MAP_HASH, 8, 16, 100},
    {GRAFT_MAP_RINGBUF, 0, 0, 4096},
    {GRAFT_MAP_WINDOW, 4, 8192, 1},
};

struct checked {
    struct graft_program program;
    struct graft_report report;
    struct graft_fuel_point points[POINTS];
};

static void check_for(uint32_t hook, const struct insn *code, uint32_t count, const uint8_t *proof,
                      uint32_t size, struct checked *out)
{
    size_t bytes = GRAFT_WORK_BYTES(count, OPEN);
    void *work = aligned_alloc(16, (bytes + 15) / 16 * 16);
    struct graft_input in = {.code = code,
                             .count = count,
                             .hook = hook,
                             .proof = proof,
                             .proof_bytes = size,
                             .map_count =
                                 hook == GRAFT_HOOK_OWNERSHIP ? 0 : sizeof maps / sizeof maps[0],
                             .maps = maps,
                             .points = out->points,
                             .point_room = POINTS};

    assert_non_null(work);
    memset(work, 0xa5, bytes);
    memset(out, 0, sizeof *out);
    graft_check(&in, work, bytes, &out->program, &out->report);
    free(work);
}

static void check(const struct insn *code, uint32_t count, const uint8_t *proof, uint32_t size,
                  struct checked *out)
{
    check_for(GRAFT_HOOK_PACKET_FILTER, code, count, proof, size, out);
}

/* A copy that ends where its memory does, so that AddressSanitizer sees any byte read too many. */
static uint8_t *encode(size_t row, uint32_t *size)
{
    uint8_t *bytes = malloc(1024);

    assert_non_null(bytes);
    *size = proof_encode(rows[row].proof, proof_counts[row], bytes);
    bytes = realloc(bytes, *size);
    assert_non_null(bytes);
    return bytes;
}

static void every_row_gets_its_verdict(void **state)
{
    unsigned wrong = 0;
    (void)state;

    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        struct checked r;
        uint32_t size;
        uint8_t *proof = encode(i, &size);
        check(row->code, code_counts[i], proof, size, &r);
        free(proof);
        uint32_t seen = r.report.reason == GRAFT_ACCEPTED ? r.report.steps : r.report.instruction;
        if (r.report.reason == row->reason && seen == (uint32_t)row->at)
            continue;
        wrong++;
        print_error("%s: want reason %u at %lld; got %u (%s) at %d, register %u, %lld of %lld\n",
                    row->what, row->reason, (long long)row->at, r.report.reason,
                    graft_reason_text(r.report.reason), (int)seen, r.report.reg,
                    (long long)r.report.have, (long long)r.report.need);
    }
    assert_int_equal(wrong, 0);
}

/* Reasons that only proofs have: a row shows each. */
static void every_reason_is_shown(void **state)
{
    (void)state;

    for (uint32_t reason = GRAFT_CLAIM; reason < GRAFT_FUEL_ROOM; reason++) {
        bool shown = false;
        for (size_t i = 0; i < ROWS; i++)
            shown = shown || rows[i].reason == reason;
        if (!shown)
            fail_msg("no row shows reason %u: %s", reason, graft_reason_text(reason));
    }
}

static size_t row_named(const char *what)
{
    for (size_t i = 0; i < ROWS; i++)
        if (!strcmp(rows[i].what, what))
            return i;
    fail_msg("no row is called %s", what);
    return 0;
}

/* Every proof cut short is malformed, and so is every number that is written too long. */
static void damaged_proofs_are_refused(void **state)
{
    (void)state;

    for (size_t i = 0; i < ROWS; i++) {
        struct checked r;
        uint32_t size;
        uint8_t *proof = encode(i, &size);
        for (uint32_t cut = 0; cut < size && rows[i].reason == GRAFT_ACCEPTED; cut++) {
            uint8_t *part = malloc(cut + 1);
            assert_non_null(part);
            memcpy(part + 1, proof, cut);
            check(rows[i].code, code_counts[i], part + 1, cut, &r);
            free(part);
            assert_int_equal(r.report.reason, GRAFT_CLAIM_FORM);
        }
        free(proof);
    }
}

static void numbers_have_one_form(void **state)
{
    static const uint8_t too_long[] = {0x82, 0x00, 0, 0};
    static const uint8_t endless[] = {2,    0x80, 0x80, 0x80, 0x80, 0x80,
                                      0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    static const uint8_t too_large[] = {2,    0xff, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0x02, 0};
    static const struct insn code[] = {SET(0, 0), EXIT};
    struct checked r;
    (void)state;

    check(code, 2, too_long, sizeof too_long, &r);
    assert_int_equal(r.report.reason, GRAFT_CLAIM_FORM);
    check(code, 2, too_long + 3, 0, &r);
    assert_int_equal(r.report.reason, GRAFT_CLAIM_FORM);
    check(code, 2, endless, sizeof endless, &r);
    assert_int_equal(r.report.reason, GRAFT_CLAIM_FORM);
    check(code, 2, too_large, sizeof too_large, &r);
    assert_int_equal(r.report.reason, GRAFT_CLAIM_FORM);
}

static void fuel_is_what_the_budget_leaves(void **state)
{
    size_t row = row_named("a loop for fuel");
    uint32_t size, budget = hook_find(GRAFT_HOOK_PACKET_FILTER)->budget;
    uint8_t *proof = encode(row, &size);
    struct checked r;
    (void)state;

    check_for(GRAFT_HOOK_OWNERSHIP, rows[row].code, code_counts[row], proof, size, &r);
    assert_int_equal(r.report.reason,
                     GRAFT_FUEL_HOOK); /* who owns what is always said to the end */
    check(rows[row].code, code_counts[row], proof, size, &r);
    free(proof);
    assert_int_equal(r.program.fuel, budget - 6);
    assert_int_equal(r.program.point_count, 1);
    assert_int_equal(r.program.points[0].at, 2);
    assert_int_equal(r.program.points[0].charge, 4);
}

/* Three loops one after the other, none with a rank, and room for two. */
static void fuel_points_need_room(void **state)
{
    static const struct insn code[] = {SET(0, 0), JUMP64_K(JEQ, 0, 1, -1), JUMP64_K(JEQ, 0, 1, -1),
                                       JUMP64_K(JEQ, 0, 1, -1), EXIT};
#define LOOP(head, entry) head, 0, 0, entry, 9
#define THERE(gap, n)     gap, n, 0, 1, STATE(1, ANY)
    static const uint64_t numbers[] = {2, 3,           LOOP(1, 1),  LOOP(2, 99), LOOP(3, 99),
                                       3, THERE(1, 1), THERE(0, 2), THERE(0, 3)};
    uint8_t proof[256];
    uint32_t size = proof_encode(numbers, sizeof numbers / sizeof numbers[0], proof);
    struct checked r;
    (void)state;

    check(code, 5, proof, size, &r);
    assert_int_equal(r.report.reason, GRAFT_FUEL_ROOM);
    assert_int_equal(r.report.instruction, 3);
}

/* A thousand jumps to one claim, each compared with seven states that are large and do not fit
 * before the eighth does: what costs the kernel more than the program is long is refused. */
static void proofs_that_cost_too_much_are_refused(void **state)
{
    enum { JUMPS = 1000, STATES = 8 };
    static struct insn code[JUMPS + 2];
    static uint64_t numbers[16 + STATES * 300];
    static uint8_t proof[sizeof numbers];
    uint32_t count = 0;
    struct checked r;
    (void)state;

    code[0] = (struct insn)LDX(W, 0, 1, 16);
    for (uint32_t i = 1; i <= JUMPS; i++)
        code[i] = (struct insn)JUMP64_K(JEQ, 0, i, JUMPS - i);
    code[JUMPS + 1] = (struct insn)EXIT;

    const uint64_t head[] = {2, 0, 1, JUMPS + 1, 0, JUMPS + 1, STATES};
    memcpy(numbers, head, sizeof head);
    count = sizeof head / sizeof head[0];
    for (uint32_t n = 0; n < STATES; n++) {
        const uint64_t regs[] = {BEGIN, SHAPE(1, PROOF_SLOTS), ANY,
                                 n + 1 < STATES ? STATE_SLOTS : 0};
        memcpy(numbers + count, regs, sizeof regs);
        count += sizeof regs / sizeof regs[0];
        for (uint32_t i = 0; n + 1 < STATES && i < STATE_SLOTS; i++) {
            const uint64_t slot[] = {0, 255, ANY};
            memcpy(numbers + count, slot, sizeof slot);
            count += sizeof slot / sizeof slot[0];
        }
    }
    check(code, JUMPS + 2, proof, proof_encode(numbers, count, proof), &r);
    assert_int_equal(r.report.reason, GRAFT_EFFORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_gets_its_verdict),
        cmocka_unit_test(every_reason_is_shown),
        cmocka_unit_test(damaged_proofs_are_refused),
        cmocka_unit_test(numbers_have_one_form),
        cmocka_unit_test(fuel_is_what_the_budget_leaves),
        cmocka_unit_test(fuel_points_need_room),
        cmocka_unit_test(proofs_that_cost_too_much_are_refused),
    };
    return cmocka_run_group_tests_name("grafts/proof", tests, NULL, NULL);
}
