/* Host tests of the prover: what clang makes of C, large programs, flags, untying, and hostile
 * code. */
#include "tests/host/host.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grafts/interp.h"
#include "grafts/prover/untie.h"
#include "tests/host/graft_corpus.h"

#define LOAD_ENDS SET(0, 0), LDX(DW, 2, 1, 0), LDX(DW, 3, 1, 8)

static void *read_object(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    void *image = malloc(1u << 20);

    assert_non_null(f);
    assert_non_null(image);
    *bytes = fread(image, 1, 1u << 20, f);
    fclose(f);
    return image;
}

/* NULL when the object is linked and proved. */
static const char *prove_object(struct work *w, const void *image, size_t bytes, struct linked *p,
                                struct proved *out)
{
    const struct prove_wish wish = {.hook = GRAFT_HOOK_PACKET_FILTER, .always = true};

    if (work_left(w))
        return w->fault.text;
    link_object(w, image, bytes, NULL, NULL, p);
    return prove(w, p, &wish, out) ? NULL : graft_reason_text(out->report.reason);
}

static bool allow_all(void *self, uint64_t address, uint32_t bytes, bool write)
{
    (void)self, (void)address, (void)bytes, (void)write;
    return true;
}

/* Helpers give 0: what a lookup that finds nothing gives. */
static bool find_nothing(void *self, int32_t number, uint64_t *reg, bool *done)
{
    (void)self, (void)number, (void)done;
    reg[0] = 0;
    return true;
}

static uint64_t run(const struct linked *p, const struct graft_packet *packet)
{
    static const struct interp_guard guard = {allow_all, find_nothing, NULL};
    static _Alignas(16) uint8_t stack[GRAFT_STACK_BYTES];
    struct interp m = {
        .code = p->code, .count = p->count, .steps_left = 100000, .max_depth = 1, .guard = &guard};

    m.reg[1] = (uint64_t)(uintptr_t)packet;
    m.reg[INSN_FRAME] = (uint64_t)(uintptr_t)stack + sizeof stack;
    assert_int_equal(interp_run(&m), INTERP_EXIT);
    return m.reg[0];
}

/* Both programs give the same on packets of all lengths. */
static void compare(const struct linked *a, const struct linked *b)
{
    static uint8_t bytes[1600];
    uint64_t seed = 0x2545f4914f6cdd1d;

    for (uint32_t length = 0; length < sizeof bytes; length += length < 100 ? 1 : 97) {
        for (uint32_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)(asm_random(&seed) % 3 ? asm_random(&seed) % 8 : asm_random(&seed));
        struct graft_packet packet = {
            .data = (uintptr_t)bytes, .data_end = (uintptr_t)bytes + length, .length = length};
        assert_int_equal(run(a, &packet), run(b, &packet));
    }
}

static bool names_maps(const struct linked *p)
{
    return p->map_count > 0;
}

/* One object: proved, and rewriting it changed nothing that it does. */
static void judge_object(const char *path, unsigned *untied)
{
    struct work w = {.blocks = NULL};
    struct linked p, plain;
    struct proved out;
    size_t bytes;
    void *image = read_object(path, &bytes);
    const char *wrong = prove_object(&w, image, bytes, &p, &out);

    if (wrong)
        fail_msg("%s: %s%s", path, wrong, w.fault.name);
    assert_int_equal(out.report.reason, GRAFT_ACCEPTED);
    if (!work_left(&w))
        link_object(&w, image, bytes, NULL, NULL, &plain);
    if (!names_maps(&p))
        compare(&plain, &p);
    if (untie_registers(&w, &plain) && !names_maps(&p))
        compare(&plain, &p);
    *untied += out.untied;
    work_end(&w);
    free(image);
}

static void what_clang_makes_is_proved(void **state)
{
    static const char *const versions[] = {"v1", "v2", "v3"};
    unsigned objects = 0, untied = 0;
    char path[512];
    (void)state;

    for (unsigned v = 0; v < 3; v++) {
        snprintf(path, sizeof path, "build/grafts/prove/%s", versions[v]);
        DIR *folder = opendir(path);
        assert_non_null(folder);
        for (struct dirent *e = readdir(folder); e; e = readdir(folder)) {
            size_t length = strlen(e->d_name);
            if (length < 2 || strcmp(e->d_name + length - 2, ".o"))
                continue;
            snprintf(path, sizeof path, "build/grafts/prove/%s/%s", versions[v], e->d_name);
            judge_object(path, &untied);
            objects++;
        }
        closedir(folder);
    }
    assert_true(objects >= 45);
    assert_true(untied > 0); /* else the comparison above shows nothing */
}

#define BLOCKS 400u

/* A switch of many loops, each over bytes of the packet, with a map's counter in between. */
static uint32_t build_large(struct insn *code)
{
    static const struct insn head[] = {
        LOAD_ENDS, COPY(9, 2),     COPY(4, 2), ALU64_K(ADD, 4, 64), JUMP64_X(JLE, 4, 3, 1),
        EXIT,      LDX(H, 8, 2, 0)};
    uint32_t count = sizeof head / sizeof head[0];

    memcpy(code, head, sizeof head);
    for (uint32_t k = 0; k < BLOCKS; k++) {
        const struct insn block[] = {JUMP64_K(JNE, 8, k, 13),
                                     SET(5, 0),
                                     COPY(4, 9),
                                     ALU64_X(ADD, 4, 5),
                                     LDX(B, 4, 4, k % 48),
                                     JUMP64_K(JEQ, 4, k % 200, 5),
                                     ALU64_X(ADD, 0, 4),
                                     ALU64_K(ADD, 5, 1),
                                     JUMP64_K(JNE, 5, 1 + k % 16, -7),
                                     ALU64_K(LSH, 0, 1),
                                     GOTO(1),
                                     ALU64_K(RSH, 0, 1),
                                     ALU64_K(AND, 0, 0xffff),
                                     EXIT};
        memcpy(code + count, block, sizeof block);
        count += sizeof block / sizeof block[0];
    }
    code[count++] = (struct insn)SET(0, 1);
    code[count++] = (struct insn)EXIT;
    return count;
}

static void a_program_of_thousands_is_proved_with_little_work(void **state)
{
    static struct insn code[16 * BLOCKS];
    struct work w = {.blocks = NULL};
    struct proved out;
    uint32_t count = build_large(code);
    (void)state;

    assert_true(count > 4000);
    bool good = corpus_prove(&w, code, count, true, &out);
    if (!good)
        fail_msg("%s at %u", graft_reason_text(out.report.reason), out.report.instruction);
    assert_int_equal(out.loop_count, BLOCKS);
    assert_int_equal(out.program.point_count, 0);
    assert_true(out.walked < 100 * (uint64_t)count);
    assert_true(out.proof_bytes < 6 * count);
    work_end(&w);
}

/* if (known) p = packet else p = 0; ... if (known) use p: one state for each way keeps them apart.
 */
static void a_flag_that_stands_for_a_pointer_is_followed(void **state)
{
    static const struct insn code[] = {LOAD_ENDS,
                                       LDX(W, 5, 1, 20),
                                       SET(6, 0),
                                       SET(7, 0),
                                       COPY(4, 2),
                                       ALU64_K(ADD, 4, 14),
                                       JUMP64_X(JGT, 4, 3, 2),
                                       COPY(6, 2),
                                       SET(7, 1),
                                       JUMP64_K(JEQ, 5, 3, 1),
                                       ALU64_K(ADD, 5, 1),
                                       JUMP64_K(JEQ, 7, 0, 1),
                                       LDX(B, 0, 6, 13),
                                       EXIT};
    struct work w = {.blocks = NULL};
    struct proved out;
    (void)state;

    assert_true(corpus_prove(&w, code, sizeof code / sizeof code[0], true, &out));
    assert_true(out.attempts > 1); /* one state is not enough */
    work_end(&w);
}

static void a_refusal_says_how_it_was_come_to(void **state)
{
    static const struct insn code[] = {LOAD_ENDS,
                                       SET(5, 0),
                                       COPY(4, 2),
                                       ALU64_X(ADD, 4, 5),
                                       LDX(B, 4, 4, 0),
                                       ALU64_K(ADD, 5, 1),
                                       JUMP64_K(JNE, 5, 8, -5),
                                       EXIT};
    struct work w = {.blocks = NULL};
    struct proved out;
    (void)state;

    assert_false(corpus_prove(&w, code, sizeof code / sizeof code[0], false, &out));
    assert_int_equal(out.report.reason, GRAFT_PACKET_BOUNDS);
    assert_int_equal(out.report.instruction, 6);
    assert_non_null(out.refusal);
    assert_true(out.refusal->path_count > 0);
    assert_int_equal(out.refusal->path[out.refusal->path_count - 1], 6);
    assert_int_equal(out.refusal->state.reg[2].kind, VALUE_PACKET);
    work_end(&w);
}

static void a_loop_that_nobody_counts_gets_fuel(void **state)
{
    static const struct insn code[] = {SET(0, 0),
                                       LDX(W, 5, 1, 16),
                                       ALU64_K(ADD, 0, 1),
                                       ALU64_K(MUL, 5, 3),
                                       ALU64_K(AND, 5, 255),
                                       JUMP64_K(JNE, 5, 7, -4),
                                       EXIT};
    struct work w = {.blocks = NULL};
    struct proved out;
    (void)state;

    assert_true(corpus_prove(&w, code, sizeof code / sizeof code[0], false, &out));
    assert_int_equal(out.program.point_count, 1);
    assert_int_equal(out.program.points[0].at, 2);
    assert_true(out.program.fuel > 0);
    work_end(&w);
}

static void a_loop_with_two_entries_is_refused(void **state)
{
    static const struct insn code[] = {SET(0, 0),
                                       LDX(W, 5, 1, 16),
                                       JUMP64_K(JEQ, 5, 0, 1),
                                       ALU64_K(ADD, 0, 1),
                                       ALU64_K(ADD, 0, 2),
                                       JUMP64_K(JNE, 0, 30, -3),
                                       EXIT};
    struct work w = {.blocks = NULL};
    struct proved out;
    (void)state;

    assert_false(corpus_prove(&w, code, sizeof code / sizeof code[0], false, &out));
    assert_non_null(strstr(w.fault.text, "entered at two places"));
    work_end(&w);
}

/* Any instruction with operands that are mostly well-formed. */
static struct insn random_insn(uint64_t *seed, uint32_t at, uint32_t count)
{
    static const uint8_t opcodes[] = {0x07, 0x0f, 0x17, 0x1f, 0x27, 0x47, 0x57, 0x5f, 0x67, 0x77,
                                      0xb7, 0xbf, 0xbc, 0xb4, 0x04, 0x61, 0x71, 0x79, 0x63, 0x73,
                                      0x7b, 0x7a, 0x15, 0x1d, 0x25, 0x2d, 0x55, 0x5d, 0xa5, 0xad,
                                      0xb5, 0x16, 0x56, 0xa6, 0x05, 0x95, 0x85, 0xdb, 0x18, 0x65};
    uint8_t opcode = opcodes[asm_random(seed) % sizeof opcodes];
    uint8_t form = insn_shapes[opcode].form;
    struct insn i = {.opcode = opcode};
    bool by_reg = insn_shapes[opcode].by_reg || form == FORM_LOAD || form == FORM_STORE ||
                  form == FORM_ATOMIC;

    i.registers = (uint8_t)(asm_random(seed) % 11 | (by_reg ? asm_random(seed) % 11 << 4 : 0));
    if (form == FORM_JUMP || form == FORM_GOTO)
        i.offset = (int16_t)((int64_t)(asm_random(seed) % count) - at - 1);
    else if (form == FORM_LOAD || form == FORM_STORE || form == FORM_STORE_IMM ||
             form == FORM_ATOMIC)
        i.offset = (int16_t)((int64_t)(asm_random(seed) % 8) * 8 - 32);
    if (form == FORM_ALU || form == FORM_JUMP || form == FORM_STORE_IMM)
        i.imm = insn_shapes[opcode].by_reg ? 0 : (int32_t)(asm_random(seed) % 40) - 8;
    if (form == FORM_CALL)
        i.imm = asm_random(seed) % 2 ? 5 : 1;
    if (form == FORM_GOTO || form == FORM_EXIT || form == FORM_CALL)
        i.registers = 0;
    return i;
}

/* Hostile code: the prover ends with a verdict. What it accepts, the checker has accepted. */
static void random_code_gets_a_verdict(void **state)
{
    uint64_t seed = 0xda942042e4dd58b5;
    unsigned accepted = 0;
    (void)state;

    for (unsigned round = 0; round < 6000; round++) {
        struct insn code[48] = {LOAD_ENDS, SET(4, 1), SET(5, 2), SET(6, 3), ST(DW, 10, -8, 4)};
        uint32_t count = 10 + (uint32_t)(asm_random(&seed) % 30);
        struct work w = {.blocks = NULL};
        struct proved out;
        for (uint32_t at = 7; at < count; at++)
            code[at] = random_insn(&seed, at, count);
        code[count - 1] = (struct insn)EXIT;
        bool good = corpus_prove(&w, code, count, round & 1, &out);
        if (good)
            assert_int_equal(out.report.reason, GRAFT_ACCEPTED);
        accepted += good;
        work_end(&w);
    }
    assert_true(accepted > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clang_makes_is_proved),
        cmocka_unit_test(a_program_of_thousands_is_proved_with_little_work),
        cmocka_unit_test(a_flag_that_stands_for_a_pointer_is_followed),
        cmocka_unit_test(a_refusal_says_how_it_was_come_to),
        cmocka_unit_test(a_loop_that_nobody_counts_gets_fuel),
        cmocka_unit_test(a_loop_with_two_entries_is_refused),
        cmocka_unit_test(random_code_gets_a_verdict),
    };
    return cmocka_run_group_tests_name("grafts/prover", tests, NULL, NULL);
}
