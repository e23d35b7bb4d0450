/* Host tests of the compiler itself: sizes and errors, jumps of every length, fuel, frames. What
 * its code computes is the business of test_graft_vectors and test_graft_differ. */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "grafts/tool/native.h"
#include "tests/host/graft_asm.h"

#define MAX_SLOTS  66000u
#define CODE_BYTES (4u << 20)

static struct native native;
static struct insn code[MAX_SLOTS];
static uint32_t count;

static void emit(struct insn i)
{
    assert_true(count < MAX_SLOTS);
    code[count++] = i;
}
#define EMIT(...)  emit((struct insn)__VA_ARGS__)
#define START(...) (count = 0, emit((struct insn)__VA_ARGS__))

static enum graft_jit_end compile(struct graft_jit_output *out, graft_jit_entry *entry)
{
    struct graft_program p = {.code = code, .count = count};
    struct graft_jit_input in = {.program = &p, .features = native_features()};

    return native_compile(&native, &in, false, entry, out);
}

static uint64_t run(uint64_t r1)
{
    struct graft_jit_output out;
    graft_jit_entry entry;

    assert_int_equal(compile(&out, &entry), GRAFT_JIT_DONE);
    return entry(r1, 0, 0).r0;
}

static uint32_t size(void)
{
    struct graft_jit_output out;
    graft_jit_entry entry;

    assert_int_equal(compile(&out, &entry), GRAFT_JIT_DONE);
    return out.bytes;
}

/* Nothing is paid for what is not used. */
static void small_programs_are_small(void **state)
{
    (void)state;

    START(SET(0, 0));
    EMIT(EXIT);
    assert_int_equal(size(), 3); /* xor eax, eax; ret */
    START(COPY(0, 1));
    EMIT(ALU64_K(ADD, 0, 8));
    EMIT(EXIT);
    assert_int_equal(size(), 5); /* lea rax, [rdi + 8]; ret */
    START(SET(6, 1));            /* a kept register: none is pushed when nothing is called */
    EMIT(LDX(DW, 7, 1, 0));
    EMIT(ALU64_X(ADD, 6, 7));
    EMIT(COPY(0, 6));
    EMIT(EXIT);
    assert_int_equal(size(), 5 + 3 + 3 + 1);
}

static void the_size_is_exact(void **state)
{
    struct graft_program p = {.code = code};
    struct graft_jit_input in = {.program = &p};
    struct graft_jit_output out;
    uint8_t buffer[512], work[GRAFT_JIT_WORK_BYTES(16)];
    (void)state;

    START(SET(0, 0));
    for (unsigned k = 0; k < 6; k++)
        EMIT(JUMP64_K(JEQ, 1, 1000 + k, 1));
    EMIT(ALU64_K(XOR, 0, 3));
    EMIT(INSN(0x18, 3, 0, 0, -5));
    EMIT(INSN(0, 0, 0, 0, 77));
    EMIT(ALU64_X(ADD, 0, 3));
    EMIT(STX(DW, 10, 0, -8));
    EMIT(EXIT);
    p.count = count;
    assert_int_equal(graft_jit(&in, work, sizeof work, NULL, 0, &out), GRAFT_JIT_ROOM);
    uint32_t bytes = out.bytes;
    assert_in_range(bytes, 40, 200);
    for (uint32_t room = 0; room < bytes; room++) {
        memset(buffer, 0xcc, sizeof buffer);
        assert_int_equal(graft_jit(&in, work, sizeof work, buffer, room, &out), GRAFT_JIT_ROOM);
        assert_int_equal(out.bytes, bytes);
        for (uint32_t k = room; k < sizeof buffer; k++)
            assert_int_equal(buffer[k], 0xcc);
    }
    assert_int_equal(graft_jit(&in, work, sizeof work, buffer, bytes, &out), GRAFT_JIT_DONE);
    assert_int_equal(buffer[bytes], 0xcc);
    assert_int_equal(buffer[bytes - 1], 0xc3);
    assert_int_equal(graft_jit(&in, work, sizeof(struct jit_slot), buffer, bytes, &out),
                     GRAFT_JIT_WORK);
}

/* A jump over n bytes, forwards and back, for n about where 8 bits end: CVE-2021-29154's shape. */
static void jumps_have_the_right_length(void **state)
{
    (void)state;

    for (uint32_t n = 0; n < 60; n++) {
        START(SET(0, 1));
        EMIT(JUMP64_K(JEQ, 1, 5, (int32_t)n));
        for (uint32_t k = 0; k < n; k++)
            EMIT(ALU32_K(ADD, 0, k % 2 ? 1 : 1000)); /* 2 and 5 bytes */
        EMIT(EXIT);
        assert_int_equal(run(5), 1);
        assert_int_equal(run(6), 1 + n / 2 + (n + 1) / 2 * 1000);

        START(SET(0, 0));
        for (uint32_t k = 0; k < n; k++)
            EMIT(ALU32_K(ADD, 0, k % 2 ? 1 : 1000));
        EMIT(ALU64_K(SUB, 1, 1));
        EMIT(JUMP64_K(JNE, 1, 0, -(int32_t)n - 2));
        EMIT(EXIT);
        assert_int_equal(run(3), 3 * (n / 2 + (n + 1) / 2 * 1000));
    }
}

/* Jumps whose lengths hang on each other: each spans the next, near 8 bits. */
static void jumps_over_jumps_settle(void **state)
{
    (void)state;

    for (uint32_t span = 1; span < 60; span++) {
        START(SET(0, 0));
        for (uint32_t k = 0; k < 300; k++) {
            EMIT(JUMP64_K(JEQ, 1, (int32_t)k, k + span < 300 ? (int32_t)(2 * span) : 0));
            EMIT(ALU64_K(ADD, 0, 1));
        }
        EMIT(EXIT);
        assert_int_equal(run(1000), 300);
        /* taken at k: the addition at k and those of span - 1 more are passed over, as is one more
         * jump */
        assert_int_equal(run(10), 300 - span);
    }
}

static void long_programs_work(void **state)
{
    (void)state;

    START(SET(0, 0));
    EMIT(GOTOL(60000));
    for (uint32_t k = 0; k < 60000; k++)
        EMIT(ALU64_K(ADD, 0, 1000));
    EMIT(JUMP64_K(JNE, 1, 0, 1));
    EMIT(EXIT);
    EMIT(SET(1, 0));
    EMIT(GOTOL(-(int32_t)count + 1));
    assert_int_equal(run(0), 0);
    assert_int_equal(run(1), 60000000);
    assert_in_range(size(), 60000 * 6, 60000 * 7 + 64);
}

static void fuel_is_paid(void **state)
{
    const struct graft_fuel_point point = {1, 7};
    struct graft_program p = {.code = code, .points = &point, .point_count = 1};
    struct graft_jit_input in = {.program = &p};
    struct graft_jit_output out;
    graft_jit_entry entry;
    (void)state;

    START(SET(0, 0));
    EMIT(ALU64_K(ADD, 0, 1));
    EMIT(JUMP64_X(JNE, 0, 1, -2));
    EMIT(EXIT);
    p.count = count;
    assert_int_equal(native_compile(&native, &in, true, &entry, &out), GRAFT_JIT_DONE);
    assert_true(out.may_abort);
    struct graft_jit_result r = entry(3, 0, 21);
    assert_int_equal(r.r0, 3);
    assert_int_equal(r.rest, 0);
    assert_true(entry(3, 0, 20).rest < 0);
    assert_true(entry(0, 0, (int64_t)7 << 20).rest < 0); /* an endless loop, nearly */
    assert_int_equal(entry(1, 0, 1000).rest, 993);
}

static void expect_end(enum graft_jit_end want, uint32_t at)
{
    struct graft_jit_output out;
    graft_jit_entry entry;

    assert_int_equal(compile(&out, &entry), want);
    assert_int_equal(out.at, at);
}

static void bad_code_is_an_error(void **state)
{
    (void)state;

    count = 0;
    expect_end(GRAFT_JIT_BAD_CODE, 0);
    START(SET(0, 0));
    expect_end(GRAFT_JIT_BAD_CODE, 0); /* falls off */
    START(GOTO(1));
    EMIT(EXIT);
    expect_end(GRAFT_JIT_BAD_CODE, 0);
    START(GOTO(-2));
    expect_end(GRAFT_JIT_BAD_CODE, 0);
    START(GOTOL(INT32_MIN));
    expect_end(GRAFT_JIT_BAD_CODE, 0);
    START(INSN(0x18, 0, 0, 0, 1));
    expect_end(GRAFT_JIT_BAD_CODE, 0);
    START(INSN(0x18, 0, 0, 0, 1));
    EMIT(INSN(0, 0, 0, 0, 1));
    EMIT(GOTO(-2)); /* into its second half */
    expect_end(GRAFT_JIT_BAD_CODE, 2);
    START(SET(0, 0));
    EMIT(INSN(0xff, 0, 0, 0, 0));
    EMIT(EXIT);
    expect_end(GRAFT_JIT_BAD_CODE, 1);
    START(SET(10, 0));
    EMIT(EXIT);
    expect_end(GRAFT_JIT_BAD_CODE, 0);
    START(CALL(0, 1));
    EMIT(EXIT);
    expect_end(GRAFT_JIT_BAD_CALL, 0);
    START(INSN(0x8d, 1, 0, 0, 0));
    EMIT(EXIT);
    expect_end(GRAFT_JIT_BAD_CALL, 0);
    START(INSN(0x18, 1, 5, 0, 0));
    EMIT(INSN(0, 0, 0, 0, 0));
    EMIT(EXIT);
    expect_end(GRAFT_JIT_BAD_MAP, 0);
}

/* No branch of a masked program goes without its conditional move, and no computed address without
 * `and`: told by the code's size, which grows by as much. */
static void masking_is_there(void **state)
{
    struct graft_program p = {.code = code};
    struct graft_jit_input in = {.program = &p};
    struct graft_jit_output out;
    graft_jit_entry entry;
    (void)state;

    START(LDX(DW, 2, 1, 0));
    EMIT(LDX(B, 0, 2, 0));
    EMIT(JUMP64_K(JEQ, 0, 3, 1));
    EMIT(STX(B, 2, 0, 1));
    EMIT(EXIT);
    p.count = count;
    assert_int_equal(native_compile(&native, &in, false, &entry, &out), GRAFT_JIT_DONE);
    uint32_t plain = out.bytes;
    in.options = GRAFT_JIT_MASK;
    assert_int_equal(native_compile(&native, &in, false, &entry, &out), GRAFT_JIT_DONE);
    /* push, pop and mov of the mask; and; mov 0, two cmov, a jump more; lea and `and` for the store
     */
    assert_in_range(out.bytes, plain + 11 + 3 + 16 + 6, plain + 11 + 3 + 16 + 12);
    uint8_t bytes[2] = {4, 0};
    uint64_t context = (uintptr_t)bytes;
    assert_int_equal(entry((uintptr_t)&context, 0, 0).r0, 4);
    assert_int_equal(bytes[1], 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_programs_are_small),    cmocka_unit_test(the_size_is_exact),
        cmocka_unit_test(jumps_have_the_right_length), cmocka_unit_test(jumps_over_jumps_settle),
        cmocka_unit_test(long_programs_work),          cmocka_unit_test(fuel_is_paid),
        cmocka_unit_test(bad_code_is_an_error),        cmocka_unit_test(masking_is_there),
    };

    if (!native_open(&native, CODE_BYTES, MAX_SLOTS)) {
        print_error("no memory that can be executed\n");
        return 1;
    }
    return cmocka_run_group_tests_name("grafts/jit", tests, NULL, NULL);
}
