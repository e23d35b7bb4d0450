/* Host tests of the linker: maps, global data, calls that are inlined, and what it refuses. */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "exo/abi/graft_map.h"
#include "exo/abi/graft_object.h"
#include "grafts/elf.h"
#include "grafts/interp.h"
#include "grafts/prover/linker.h"
#include "grafts/prover/writer.h"
#include "tests/host/graft_asm.h"
#include "tests/host/graft_object.h"

#define R_64_64  1u
#define R_64_32  10u
#define EXEC     (OBJECT_ALLOC | OBJECT_EXEC)
#define FUNCTION (OBJECT_GLOBAL << 4 | OBJECT_FUNCTION)
#define DATA     (OBJECT_GLOBAL << 4 | 1u)

struct fixture {
    struct work work;
    struct linked program;
    struct go object;
};

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    work_end(&((struct fixture *)*state)->work);
    free(*state);
    return 0;
}

/* NULL when it can be linked, else what is wrong. */
static const char *link(struct fixture *x, const char *section, const char *function)
{
    size_t bytes = go_end(&x->object);

    if (work_left(&x->work))
        return x->work.fault.text;
    link_object(&x->work, x->object.image, bytes, section, function, &x->program);
    return NULL;
}

static bool allow_all(void *self, uint64_t address, uint32_t bytes, bool write)
{
    (void)self, (void)address, (void)bytes, (void)write;
    return true; /* the programs here only touch their stack */
}

static uint64_t run(const struct insn *code, uint32_t count, uint64_t r1)
{
    static const struct interp_guard guard = {allow_all, NULL, NULL};
    static _Alignas(16) uint8_t stack[GRAFT_STACK_BYTES * INTERP_MAX_FRAMES];
    struct interp m = {.code = code,
                       .count = count,
                       .steps_left = 100000,
                       .max_depth = INTERP_MAX_FRAMES,
                       .guard = &guard};
    m.reg[1] = r1;
    m.reg[INSN_FRAME] = (uint64_t)(uintptr_t)stack + sizeof stack;
    assert_int_equal(interp_run(&m), INTERP_EXIT);
    return m.reg[0];
}

/* main(x) = add(x, 3) + x + x, once by the stack and once by r6, which lives over the call; add
 * uses r6 and its own stack. */
static const struct insn caller[] = {
    COPY(6, 1),         STX(DW, 10, 1, -8), SET(2, 3),          CALL(1, -1),
    LDX(DW, 3, 10, -8), ALU64_X(ADD, 0, 3), ALU64_X(ADD, 0, 6), EXIT};
static const struct insn callee[] = {COPY(6, 10),
                                     ALU64_K(ADD, 6, -16),
                                     STX(DW, 6, 1, 0),
                                     STX(DW, 10, 2, -8),
                                     JUMP64_K(JEQ, 1, 7, 4),
                                     LDX(DW, 0, 10, -16),
                                     LDX(DW, 1, 6, 8),
                                     ALU64_X(ADD, 0, 1),
                                     EXIT,
                                     SET(0, 100),
                                     EXIT};

static void put_call(struct fixture *x)
{
    struct go *g = &x->object;

    go_begin(g);
    uint32_t text = go_section(g, ".text", OBJECT_PROGBITS, EXEC, callee, sizeof callee);
    uint32_t main = go_section(g, "packet_filter", OBJECT_PROGBITS, EXEC, caller, sizeof caller);
    uint32_t add = go_symbol(g, "add", text, FUNCTION, 0, sizeof callee);
    go_symbol(g, "main", main, FUNCTION, 0, sizeof caller);
    go_relocate(g, main, &(struct object_relocation){24, R_64_32, add}, 1);
}

static void a_call_becomes_what_it_calls(void **state)
{
    struct fixture *x = *state;

    put_call(x);
    assert_null(link(x, NULL, NULL));
    assert_int_equal(x->program.inlined, 1);
    for (uint32_t i = 0; i < x->program.count; i++)
        assert_int_not_equal(x->program.code[i].opcode, 0x85);
    for (uint64_t r1 = 0; r1 < 20; r1++)
        assert_int_equal(run(x->program.code, x->program.count, r1),
                         r1 + r1 + (r1 == 7 ? 100 : r1 + 3));
    assert_string_equal(x->program.section, "packet_filter");
}

static void a_function_that_calls_itself_is_refused(void **state)
{
    static const struct insn code[] = { SET(0, 0), CALL(1, -2), EXIT };
    struct fixture *x = *state;

    go_begin(&x->object);
    uint32_t s = go_section(&x->object, "f", OBJECT_PROGBITS, EXEC, code, sizeof code);
    go_symbol(&x->object, "f", s, FUNCTION, 0, sizeof code);
    assert_non_null(strstr(link(x, NULL, NULL), "calls itself"));
    assert_string_equal(x->work.fault.name, "f");
}

static void stacks_that_add_up_to_too_much_are_refused(void **state)
{
    static const struct insn outer[] = {
        ST(DW, 10, -304, 1),
        CALL(1, 1),
        EXIT,
        ST(DW, 10, -216, 1),
        SET(0, 0),
        EXIT
    };
    struct fixture *x = *state;

    go_begin(&x->object);
    uint32_t s = go_section(&x->object, "f", OBJECT_PROGBITS, EXEC, outer, sizeof outer);
    go_symbol(&x->object, "f", s, FUNCTION, 0, 24);
    go_symbol(&x->object, "g", s, OBJECT_FUNCTION, 24, 24);
    assert_non_null(strstr(link(x, NULL, NULL), "more than 512"));
}

/* What only the newest CPU version has: a long goto, loads, moves and divisions with sign, swaps.
 */
static void instructions_of_version_4_stay_what_they_are(void **state)
{
    static const struct insn code[] = {STX(DW, 10, 1, -8),
                                       LDSX(B, 0, 10, -8),
                                       GOTOL(1),
                                       SET(0, 0),
                                       INSN(0x37, 0, 0, 1, 3),
                                       INSN(0xbf, 2, 0, 16, 0),
                                       INSN(0xd7, 2, 0, 0, 16),
                                       ALU64_X(ADD, 0, 2),
                                       EXIT};
    struct fixture *x = *state;

    go_begin(&x->object);
    uint32_t s = go_section(&x->object, "f", OBJECT_PROGBITS, EXEC, code, sizeof code);
    go_symbol(&x->object, "f", s, FUNCTION, 0, sizeof code);
    assert_null(link(x, NULL, NULL));
    assert_int_equal(x->program.count, 7); /* what the goto jumps over is gone, and so is it */
    for (uint64_t r1 = 0; r1 < 256; r1++)
        assert_int_equal(run(x->program.code, x->program.count, r1),
                         run(code, sizeof code / sizeof code[0], r1));
}

/* Jumps over more slots than 16 bits tell: forwards by a condition, and back by a goto. */
static void jumps_that_do_not_reach_become_longer(void **state)
{
    enum { MANY = 40000 };
    struct fixture *x = *state;
    struct function f = {.name = "f"};
    struct item item = {.target = LISTING_NONE, .callee = LISTING_NONE, .line = {0, ""}};

    if (work_left(&x->work))
        fail_msg("%s", x->work.fault.text);
    item.insn = (struct insn)SET(0, 0);
    listing_add(&x->work, &f, &item);
    item.insn = (struct insn)JUMP64_K(JEQ, 1, 7, 0);
    item.target = MANY + 2;
    listing_add(&x->work, &f, &item);
    item.target = LISTING_NONE;
    item.insn = (struct insn)ALU64_K(ADD, 0, 1);
    for (uint32_t i = 0; i < MANY; i++)
        listing_add(&x->work, &f, &item);
    item.insn = (struct insn)ALU64_K(ADD, 1, 1);
    listing_add(&x->work, &f, &item);
    item.insn = (struct insn)JUMP64_K(JLT, 1, 9, 0);
    item.target = 1;
    listing_add(&x->work, &f, &item);
    item.target = LISTING_NONE;
    item.insn = (struct insn)EXIT;
    listing_add(&x->work, &f, &item);
    linker_emit(&x->work, &f, &x->program);
    assert_int_equal(x->program.count, MANY + 5 + 2 * 2); /* two more slots for each long jump */
    assert_int_equal(run(x->program.code, x->program.count, 7), MANY);
    assert_int_equal(run(x->program.code, x->program.count, 9), MANY);
    work_end(&x->work);
}

/* Shifts that extend, as older versions write them, become moves. */
static void shifts_that_extend_become_moves(void **state)
{
    static const struct insn code[] = {COPY(2, 1),
                                       ALU64_K(LSH, 2, 32),
                                       ALU64_K(RSH, 2, 32),
                                       ALU64_K(LSH, 1, 32),
                                       ALU64_K(ARSH, 1, 32),
                                       COPY(0, 1),
                                       JUMP64_K(JEQ, 2, 5, 1),
                                       ALU64_K(LSH, 0, 32),
                                       ALU64_K(RSH, 0, 32),
                                       ALU64_X(ADD, 0, 2),
                                       EXIT};
    struct fixture *x = *state;

    go_begin(&x->object);
    uint32_t s = go_section(&x->object, "f", OBJECT_PROGBITS, EXEC, code, sizeof code);
    go_symbol(&x->object, "f", s, FUNCTION, 0, sizeof code);
    assert_null(link(x, NULL, NULL));
    assert_int_equal(x->program.count, 8); /* a jump goes between the last two shifts */
    for (uint64_t r1 = UINT64_C(0xfffffffffffffff0); r1 != 16; r1++)
        for (unsigned high = 0; high < 64; high += 31) {
            uint64_t x1 = r1 ^ (uint64_t)1 << high;
            assert_int_equal(run(x->program.code, x->program.count, x1),
                             run(code, sizeof code / sizeof code[0], x1));
        }
}

/* A map, data with and without contents, and a part of .rodata that clang names its own way. */
static void put_data(struct fixture *x)
{
    static const struct insn code[] = {LDDW(1, 0), LDDW(2, 8), LDDW(3, 0),
                                       LDDW(4, 4), SET(0, 0),  EXIT};
    static const struct graft_map_def maps[] = {{GRAFT_MAP_HASH, 4, 8, 100},
                                                {GRAFT_MAP_ARRAY, 4, 16, 7}};
    static const uint64_t numbers[] = {11, 22};
    struct go *g = &x->object;

    go_begin(g);
    uint32_t f = go_section(g, "f", OBJECT_PROGBITS, EXEC, code, sizeof code);
    uint32_t m =
        go_section(g, ".maps", OBJECT_PROGBITS, OBJECT_ALLOC | OBJECT_WRITE, maps, sizeof maps);
    uint32_t d = go_section(g, ".data", OBJECT_PROGBITS, OBJECT_ALLOC | OBJECT_WRITE, numbers,
                            sizeof numbers);
    uint32_t b = go_section(g, ".bss", OBJECT_NOBITS, OBJECT_ALLOC | OBJECT_WRITE, NULL, 24);
    uint32_t r = go_section(g, ".rodata.cst16", OBJECT_PROGBITS, OBJECT_ALLOC, numbers, 16);
    go_symbol(g, "f", f, FUNCTION, 0, sizeof code);
    go_symbol(g, "first", m, DATA, 0, 16);
    uint32_t map = go_symbol(g, "second", m, DATA, 16, 16);
    uint32_t data = go_symbol(g, "", d, OBJECT_SECTION_SYMBOL, 0, 0);
    uint32_t bss = go_symbol(g, "zeros", b, DATA, 16, 8);
    uint32_t table = go_symbol(g, "", r, OBJECT_SECTION_SYMBOL, 0, 0);
    struct object_relocation all[] = {
        {0, R_64_64, map}, {16, R_64_64, data}, {32, R_64_64, bss}, {48, R_64_64, table}};
    go_relocate(g, f, all, 4);
}

static void maps_and_data_get_numbers(void **state)
{
    struct fixture *x = *state;
    static const struct {
        unsigned source, map, offset;
    } want[] = {{5, 1, 0}, {6, 2, 8}, {6, 3, 16}, {6, 4, 4}};

    put_data(x);
    assert_null(link(x, NULL, NULL));
    assert_int_equal(x->program.map_count, 5);
    for (unsigned i = 0; i < 4; i++) {
        const struct insn *wide = &x->program.code[i * 2];
        assert_int_equal(insn_src(wide), want[i].source);
        assert_int_equal(wide[0].imm, want[i].map);
        assert_int_equal(wide[1].imm, want[i].offset);
    }
    assert_string_equal(x->program.maps[1].name, "second");
    assert_string_equal(x->program.maps[4].name, ".rodata");
    assert_int_equal(x->program.maps[3].value_bytes, 24);
    assert_null(x->program.maps[3].initial);
    assert_memory_equal(x->program.maps[2].initial, ((uint64_t[]){11, 22}), 16);
}

static void the_file_says_all_that_was_found(void **state)
{
    static const uint8_t proof[] = {1, 0, 0};
    struct fixture *x = *state;
    struct graft_code code;
    struct graft_parts parts;
    size_t bytes;

    put_data(x);
    assert_null(link(x, NULL, NULL));
    x->program.lines[0].line = 7;
    for (uint32_t i = 8; i < x->program.count; i++)
        x->program.lines[i] = (struct object_line){9, "a.c"};
    struct writer_object o = {&x->program, "PACKET_FILTER", proof, sizeof proof};
    const uint8_t *file = writer_make(&x->work, &o, &bytes);
    assert_int_equal(graft_elf_find(file, bytes, NULL, &code), GRAFT_ACCEPTED);
    assert_int_equal(code.count, x->program.count);
    assert_memory_equal(code.insns, x->program.code, code.count * 8);
    assert_int_equal(graft_elf_parts(file, bytes, &parts), GRAFT_ACCEPTED);
    assert_int_equal(parts.map_count, 5);
    assert_int_equal(parts.maps[1].entries, 7);
    assert_string_equal(parts.names, "first");
    assert_string_equal(parts.hook, "PACKET_FILTER");
    assert_int_equal(parts.proof_bytes, sizeof proof);
    assert_memory_equal(parts.proof, proof, sizeof proof);
    const struct graft_initial *first = (const void *)parts.initial;
    assert_int_equal(first->map, 2);
    assert_int_equal(first->bytes, 16);
    assert_int_equal(graft_elf_line(file, bytes, &code, 0), 7);
    assert_int_equal(graft_elf_line(file, bytes, &code, 9), 9);
    for (size_t cut = 0; cut < bytes; cut++) { /* no length is read past */
        uint8_t *copy = aligned_alloc(8, (cut + 8) / 8 * 8);
        memcpy(copy, file, cut);
        if (graft_elf_find(copy, cut, NULL, &code) == GRAFT_ACCEPTED)
            (void)graft_elf_parts(copy, cut, &parts);
        free(copy);
    }
}

/* One change of the object of put_call or put_data, and what the linker says of it. */
static void what_cannot_be_linked_is_named(void **state)
{
    struct fixture *x = *state;

    put_call(x);
    x->object.symbols[1].section = 0;
    assert_non_null(strstr(link(x, NULL, NULL), "stands nowhere"));
    put_call(x);
    assert_non_null(strstr(link(x, "nowhere", NULL), "no section"));
    put_call(x);
    assert_non_null(strstr(link(x, NULL, "nobody"), "no function"));
    put_call(x);
    x->object.symbols[1].value = 800;
    assert_non_null(strstr(link(x, NULL, NULL), "where no function is"));
    put_call(x);
    x->object.symbols[1].bytes = 4 * 8; /* ends before its exit */
    assert_non_null(strstr(link(x, NULL, NULL), "runs past its end"));
    put_data(x);
    x->object.symbols[3].value = 8;
    assert_non_null(strstr(link(x, NULL, NULL), "in its middle"));
    put_data(x);
    go_relocate(&x->object, 3, &(struct object_relocation){0, 2, 1}, 1);
    assert_non_null(strstr(link(x, NULL, NULL), "hold an address"));
    put_data(x);
    x->object.sections[2].bytes = 24;
    assert_non_null(strstr(link(x, NULL, NULL), "struct graft_map_def"));
}

static void try_all(struct fixture *x, size_t bytes)
{
    size_t written;

    if (!work_left(&x->work)) {
        link_object(&x->work, x->object.image, bytes, NULL, NULL, &x->program);
        writer_make(&x->work, &(struct writer_object){&x->program, "H", NULL, 0}, &written);
    }
    work_end(&x->work);
}

/* Random damage: the linker ends, with a program or a sentence. */
static void damaged_objects_are_refused_or_linked(void **state)
{
    struct fixture *x = *state;
    uint64_t seed = 0x9e3779b97f4a7c15;

    for (unsigned round = 0; round < 20000; round++) {
        round & 1 ? put_call(x) : put_data(x);
        struct go *g = &x->object;
        size_t bytes = go_end(g);
        for (unsigned k = 0; k < 1 + round % 4; k++)
            g->image[asm_random(&seed) % bytes] ^= (uint8_t)(1u << asm_random(&seed) % 8);
        try_all(x, bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_becomes_what_it_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_function_that_calls_itself_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stacks_that_add_up_to_too_much_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(instructions_of_version_4_stay_what_they_are, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(jumps_that_do_not_reach_become_longer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shifts_that_extend_become_moves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(maps_and_data_get_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_says_all_that_was_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_linked_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_objects_are_refused_or_linked, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("grafts/prover link", tests, NULL, NULL);
}
