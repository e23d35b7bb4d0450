/* Host tests of prover and checker together: programs that must be accepted, and refused. */
#include "tests/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grafts/interp.h"
#include "tests/host/graft_corpus.h"

#define NONE GRAFT_NO_REGISTER

/* r0 = 0, r2 = data, r3 = data_end */
#define LOAD_ENDS  SET(0, 0), LDX(DW, 2, 1, 0), LDX(DW, 3, 1, 8)
#define UNKNOWN(r) COPY(r, 3), ALU64_X(SUB, r, 2)

struct row {
    const char *what;
    enum graft_reason reason;
    uint32_t at, reg;
    struct insn code[CORPUS_CODE];
};

struct range_row {
    const char *what;
    int64_t least, most;
    struct insn code[CORPUS_CODE / 2];
};

/* Laid out by hand: rows of tables. */
/* clang-format off */
static const struct row rows[] = {
#define ROW(what, reason, at, reg, ...) {what, GRAFT_##reason, at, reg, {__VA_ARGS__}},
#include "tests/vectors/bpf/checker.def"
#include "tests/vectors/bpf/classes.def"
#undef ROW
};
static const uint32_t row_counts[] = {
#define ROW(what, reason, at, reg, ...) sizeof((struct insn[]){__VA_ARGS__}) / sizeof(struct insn),
#include "tests/vectors/bpf/checker.def"
#include "tests/vectors/bpf/classes.def"
#undef ROW
};

static const struct range_row bounds[] = {
#define BOUND(what, least, most, ...) {what, least, most, {__VA_ARGS__}},
#include "tests/vectors/bpf/bounds.def"
#undef BOUND
};
static const uint32_t bound_counts[] = {
#define BOUND(what, least, most, ...) sizeof((struct insn[]){__VA_ARGS__}) / sizeof(struct insn),
#include "tests/vectors/bpf/bounds.def"
#undef BOUND
};

static const struct range_row loops[] = {
#define LOOP(what, least, most, ...) {what, least, most, {__VA_ARGS__}},
#include "tests/vectors/bpf/loops.def"
#undef LOOP
};
static const uint32_t loop_counts[] = {
#define LOOP(what, least, most, ...) sizeof((struct insn[]){__VA_ARGS__}) / sizeof(struct insn),
#include "tests/vectors/bpf/loops.def"
#undef LOOP
};

struct region {
    const char *what;
    enum graft_reason below, behind;
    int64_t low, high;
    bool writable, held;
    struct insn code[24];
};
static const struct region regions[] = {
#define REGION(what, below, behind, low, high, writable, held, ...) {what, GRAFT_##below, GRAFT_##behind, low, high, writable, held, {__VA_ARGS__}},
#include "tests/vectors/bpf/regions.def"
#undef REGION
};
static const uint32_t region_counts[] = {
#define REGION(what, below, behind, low, high, writable, held, ...) sizeof((struct insn[]){__VA_ARGS__}) / sizeof(struct insn),
#include "tests/vectors/bpf/regions.def"
#undef REGION
};
/* clang-format on */

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Different programs of each verdict, over all tables. */
static unsigned accepted, refused, wrong;

static void expect(const char *what, bool good, const struct graft_report *r)
{
    if (good)
        return;
    wrong++;
    print_error("%s: got reason %u (%s) at %u, register %u\n", what, r->reason,
                graft_reason_text(r->reason), r->instruction, r->reg);
}

static bool is_said(const struct row *row, const struct graft_report *r)
{
    return r->reason == row->reason && r->instruction == row->at && r->reg == row->reg;
}

static void judge_row(const struct row *row, uint32_t count)
{
    struct work w = {.blocks = NULL};
    struct proved p;
    bool loops_back = row->reason == GRAFT_BACK_EDGE;

    if (row->reason == GRAFT_ACCEPTED || loops_back) {
        bool good = corpus_prove(&w, row->code, count, true, &p);
        expect(row->what, good, &p.report);
        accepted++;
    } else {
        bool good = !corpus_prove(&w, row->code, count, false, &p);
        bool same = is_said(row, &p.report) || is_said(row, &p.without);
        expect(row->what, good && same, &p.report);
        refused++;
    }
    work_end(&w);
}

/* Rows whose loops the checker alone refuses are proved, or run on fuel. */
static void every_row_gets_its_verdict(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(rows); i++)
        judge_row(&rows[i], row_counts[i]);
    assert_int_equal(wrong, 0);
}

struct build {
    struct insn code[CORPUS_CODE];
    uint32_t count;
};

static void put(struct build *b, const struct insn *code, uint32_t count)
{
    memcpy(b->code + b->count, code, count * sizeof *code);
    b->count += count;
}

#define PUT(b, ...)                                                                                \
    put(b, (const struct insn[]){__VA_ARGS__},                                                     \
        sizeof((const struct insn[]){__VA_ARGS__}) / sizeof(struct insn))

/* r6 and r7 from the array's first entry, where r8 points. */
static void put_unknowns(struct build *b)
{
    PUT(b, LOAD_ENDS, INSN(0x18, 8, 6, 0, 0), INSN(0, 0, 0, 0, 0), LDX(DW, 6, 8, 0),
        LDX(DW, 7, 8, 8));
}

/* The row's number from `first` on is an index into a packet of `bytes`. */
static struct build with_packet(const struct range_row *row, uint32_t count, int64_t first,
                                int64_t bytes)
{
    struct build b = {.count = 0};

    put_unknowns(&b);
    put(&b, row->code, count);
    PUT(&b, COPY(4, 2), ALU64_K(ADD, 4, bytes), JUMP64_X(JGT, 4, 3, 3), ALU64_K(ADD, 2, first),
        ALU64_X(ADD, 2, 5), LDX(B, 0, 2, 0), EXIT);
    return b;
}

static void judge_range(const char *what, const struct build *b, enum graft_reason want, bool fuel)
{
    struct work w = {.blocks = NULL};
    struct proved p;
    bool good = corpus_prove(&w, b->code, b->count, true, &p);

    if (want == GRAFT_ACCEPTED)
        expect(what, good && (fuel || p.program.point_count == 0), &p.report);
    else
        expect(what, !good && p.report.reason == want, &p.report);
    want == GRAFT_ACCEPTED ? accepted++ : refused++;
    work_end(&w);
}

static void every_bound_is_known_to_the_byte(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        const struct range_row *row = &bounds[i];
        int64_t bytes = row->most - row->least + 1;
        struct build fits = with_packet(row, bound_counts[i], -row->least, bytes);
        struct build behind = with_packet(row, bound_counts[i], -row->least, bytes - 1);
        struct build before = with_packet(row, bound_counts[i], -row->least - 1, bytes);
        judge_range(row->what, &fits, GRAFT_ACCEPTED, false);
        judge_range(row->what, &behind, GRAFT_PACKET_BOUNDS, false);
        judge_range(row->what, &before, GRAFT_PACKET_LOW, false);
    }
    assert_int_equal(wrong, 0);
}

static uint64_t special(uint64_t *seed)
{
    uint64_t x = asm_random(seed);

    switch (asm_random(seed) % 7) {
    case 0:
        return x % 70;
    case 1:
        return (uint64_t)(int64_t) - (int64_t)(x % 70);
    case 2:
        return (x % 70) << 32 | (asm_random(seed) & UINT32_MAX);
    case 3:
        return x & UINT32_MAX;
    case 4:
        return (uint64_t)1 << x % 64;
    case 5:
        return ((uint64_t)1 << x % 64) - 1;
    default:
        return x;
    }
}

static bool allow_all(void *self, uint64_t address, uint32_t bytes, bool write)
{
    (void)self, (void)address, (void)bytes, (void)write;
    return true; /* the rows touch their stack and the map's value that r8 points to */
}

/* Runs the row's own instructions. False: it left early. */
static bool run_bound(const struct range_row *row, uint32_t count, uint64_t *seed, int64_t *r5)
{
    static const struct interp_guard guard = {allow_all, NULL, NULL};
    static _Alignas(16) uint8_t stack[GRAFT_STACK_BYTES];
    uint64_t value[2] = {special(seed), special(seed)};
    struct build b = {.count = 0};
    put(&b, row->code, count);
    PUT(&b, SET(0, 1), EXIT);
    struct interp m = {
        .code = b.code, .count = b.count, .steps_left = 1000, .max_depth = 1, .guard = &guard};

    m.reg[6] = value[0];
    m.reg[7] = value[1];
    m.reg[8] = (uint64_t)(uintptr_t)value;
    m.reg[INSN_FRAME] = (uint64_t)(uintptr_t)stack + sizeof stack;
    assert_int_equal(interp_run(&m), INTERP_EXIT);
    *r5 = (int64_t)m.reg[5];
    return m.reg[0] == 1;
}

/* A refused row would be no bug where its number cannot occur: both ends do. */
static void every_bound_really_occurs(void **state)
{
    uint64_t seed = 0x853c49e6748fea9b;
    (void)state;

    wrong = 0;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        int64_t low = INT64_MAX, high = INT64_MIN, r5;
        for (unsigned n = 0; n < 400000; n++) {
            if (!run_bound(&bounds[i], bound_counts[i], &seed, &r5))
                continue;
            low = r5 < low ? r5 : low;
            high = r5 > high ? r5 : high;
            if (low == bounds[i].least && high == bounds[i].most && n > 2000)
                break;
        }
        if (low == bounds[i].least && high == bounds[i].most)
            continue;
        wrong++;
        print_error("%s: from %lld to %lld\n", bounds[i].what, (long long)low, (long long)high);
    }
    assert_int_equal(wrong, 0);
}

static struct build with_loop(const struct range_row *row, uint32_t count, int64_t first,
                              int64_t bytes)
{
    struct build b = {.count = 0};

    put_unknowns(&b);
    PUT(&b, COPY(4, 2), ALU64_K(ADD, 4, bytes), JUMP64_X(JLE, 4, 3, 1), EXIT,
        ALU64_K(ADD, 2, first));
    put(&b, row->code, count);
    PUT(&b, EXIT);
    return b;
}

static void every_loop_is_proved_to_the_byte(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(loops); i++) {
        const struct range_row *row = &loops[i];
        struct build fits = with_loop(row, loop_counts[i], -row->least, row->most - row->least + 1);
        struct build behind = with_loop(row, loop_counts[i], -row->least, row->most - row->least);
        struct build before = with_loop(row, loop_counts[i], -row->least - 1, row->most + 8);
        judge_range(row->what, &fits, GRAFT_ACCEPTED, false);
        judge_range(row->what, &behind, GRAFT_PACKET_BOUNDS, false);
        judge_range(row->what, &before, GRAFT_PACKET_LOW, false);
    }
    assert_int_equal(wrong, 0);
}

enum access { ACCESS_LOAD, ACCESS_SIGNED, ACCESS_SET, ACCESS_STORE, ACCESS_ATOMIC, ACCESSES };

/* One access of `bytes` at r2 + offset, directly or, `indexed`, by an index of 0 to 7 that ends
 * there at most (or, downwards, begins there at least). */
static struct build with_access(const struct region *g, uint32_t count, enum access kind,
                                unsigned bytes, int64_t offset, int indexed)
{
    static const uint8_t sizes[] = {[1] = B, [2] = H, [4] = W, [8] = DW};
    unsigned size = sizes[bytes];
    struct build b = {.count = 0};

    PUT(&b, COPY(7, 1));
    put(&b, g->code, count);
    if (indexed) {
        int64_t first = indexed > 0 ? offset - 8 : offset;
        PUT(&b, LDX(B, 5, 7, 16), ALU64_K(AND, 5, 1), ALU64_K(LSH, 5, 3), ALU64_X(ADD, 2, 5));
        offset = first;
    }
    PUT(&b, SET(4, 1));
    if (kind == ACCESS_LOAD)
        PUT(&b, LDX(size, 4, 2, offset));
    else if (kind == ACCESS_SIGNED)
        PUT(&b, LDSX(size, 4, 2, offset));
    else if (kind == ACCESS_SET)
        PUT(&b, ST(size, 2, offset, 1));
    else if (kind == ACCESS_STORE)
        PUT(&b, STX(size, 2, 4, offset));
    else
        PUT(&b, LOCK(size, 2, 4, offset, ATOMIC_ADD));
    if (g->held)
        PUT(&b, COPY(1, 9), SET(2, 0), CALL(0, 133));
    PUT(&b, SET(0, 0), EXIT);
    return b;
}

static void judge_access(const struct region *g, uint32_t count, enum access kind, unsigned bytes)
{
    bool is_stack = g->below == GRAFT_STACK_BOUNDS, loads = kind <= ACCESS_SIGNED;
    char what[100];

    for (int indexed = -1; indexed <= 1; indexed++) {
        if (indexed && (kind == ACCESS_ATOMIC || (is_stack && loads)))
            continue; /* an atomic needs its place; of the stack only the ends are written */
        struct build first = with_access(g, count, kind, bytes, g->low, indexed < 0 ? -1 : 0);
        struct build last =
            with_access(g, count, kind, bytes, g->high - bytes, indexed > 0 ? 1 : 0);
        struct build before = with_access(g, count, kind, bytes, g->low - 1, indexed < 0 ? -1 : 0);
        struct build behind =
            with_access(g, count, kind, bytes, g->high - bytes + 1, indexed > 0 ? 1 : 0);
        snprintf(what, sizeof what, "%s, access %d of %u bytes, indexed %d", g->what, kind, bytes,
                 indexed);
        if (indexed <= 0)
            judge_range(what, &first, GRAFT_ACCEPTED, false);
        if (indexed >= 0)
            judge_range(what, &last, GRAFT_ACCEPTED, false);
        if (indexed <= 0)
            judge_range(what, &before, g->below, false);
        if (indexed >= 0)
            judge_range(what, &behind, g->behind, false);
    }
}

static void every_region_ends_where_it_ends(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(regions); i++)
        for (unsigned kind = 0; kind < ACCESSES; kind++)
            for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
                bool exists = (kind != ACCESS_SIGNED || bytes < 8) &&
                              (kind != ACCESS_ATOMIC || bytes >= 4) &&
                              (kind <= ACCESS_SIGNED || regions[i].writable);
                if (exists)
                    judge_access(&regions[i], region_counts[i], kind, bytes);
            }
    assert_int_equal(wrong, 0);
}

static void the_corpora_are_large(void **state)
{
    (void)state;
    print_message("# %u programs accepted, %u refused\n", accepted, refused);
    assert_true(accepted >= 300);
    assert_true(refused >= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_gets_its_verdict),
        cmocka_unit_test(every_bound_is_known_to_the_byte),
        cmocka_unit_test(every_bound_really_occurs),
        cmocka_unit_test(every_loop_is_proved_to_the_byte),
        cmocka_unit_test(every_region_ends_where_it_ends),
        cmocka_unit_test(the_corpora_are_large),
    };
    return cmocka_run_group_tests_name("grafts corpora", tests, NULL, NULL);
}
