/*
 * libFuzzer target: the compiler survives any code, writes nothing outside its buffer, and says the
 * same size each time; and what random_make makes of the bytes gives the same by interpreter and
 * machine code.
 */
#include <stdlib.h>
#include <string.h>

#include "grafts/interp.h"
#include "grafts/tool/native.h"
#include "tests/fuzz/graft_bytes.h"
#include "tests/host/graft_random.h"

#define MOST       512u
#define CODE_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static uint64_t add(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    return a + b + c + d + e;
}

static uint64_t find_helper(void *self, int32_t number)
{
    (void)self;
    return number >= 1 && number <= 16 ? (uintptr_t)add : 0;
}

static const uint64_t maps[] = {0x1000, 0x2000};
static uint8_t value[RANDOM_VALUE];
static uint64_t values[2];
static const struct graft_outside outside = {
    .helper = find_helper, .maps = maps, .values = values, .map_count = 2};

static void compile_bytes(const uint8_t *data, size_t bytes, uint8_t how)
{
    static struct insn code[MOST];
    static uint8_t work[GRAFT_JIT_WORK_BYTES(MOST)] __attribute__((aligned(16)));
    struct graft_fuel_point point = {how & 7u, 3};
    struct graft_program p = {.code = code, .points = &point};
    struct graft_jit_input in = {.program = &p,
                                 .features = how & 3u,
                                 .options = how >> 2 & 3u,
                                 .base = how & 32 ? (uintptr_t)add : 0,
                                 .outside = &outside};
    struct graft_jit_output size, out;

    p.count = bytes_to_code(data, bytes, how & 16, code, MOST);
    p.point_count = how & 64 ? 1 : 0;
    if (graft_jit(&in, work, sizeof work, NULL, 0, &size) != GRAFT_JIT_ROOM)
        return;
    uint8_t *to = malloc(size.bytes);
    if (!to || graft_jit(&in, work, sizeof work, to, size.bytes, &out) != GRAFT_JIT_DONE ||
        out.bytes != size.bytes)
        abort();
    free(to);
}

static void run_random(uint64_t seed, uint8_t how)
{
    static struct random_program program;
    static uint8_t memory[2][RANDOM_MEMORY];
    static _Alignas(16) uint8_t stack[INTERP_MAX_FRAMES * GRAFT_STACK_BYTES];
    static struct native native;

    if (!native.runs && !native_open(&native, CODE_BYTES, RANDOM_SLOTS))
        abort();
    random_make(&program, seed);
    struct graft_program p = {.code = program.code,
                              .count = program.count,
                              .points = program.points,
                              .point_count = program.point_count};
    struct graft_jit_input in = {.program = &p,
                                 .features = native_features() & how,
                                 .options = how >> 2 & 1u,
                                 .outside = &outside};
    struct graft_jit_output out;
    graft_jit_entry entry;
    if (native_compile(&native, &in, how & 32, &entry, &out) != GRAFT_JIT_DONE)
        return; /* too few registers: see GRAFT_JIT_REGISTERS */

    /* One place for both runs: programs may tell where the memory is. */
    struct interp m = {.code = program.code,
                       .count = program.count,
                       .steps_left = 1000000,
                       .max_depth = INTERP_MAX_FRAMES,
                       .outside = &outside,
                       .points = program.points,
                       .point_count = program.point_count,
                       .fuel = program.fuel};
    memset(memory[0], 0x5a, sizeof memory[0]);
    memset(value, 0xa5, sizeof value);
    m.reg[1] = (uintptr_t)memory[0];
    m.reg[INSN_FRAME] = (uintptr_t)stack + sizeof stack;
    bool ended = interp_run(&m) == INTERP_EXIT;
    memcpy(memory[1], memory[0], sizeof memory[0]);
    memset(memory[0], 0x5a, sizeof memory[0]);
    memset(value, 0xa5, sizeof value);
    struct graft_jit_result r = entry((uintptr_t)memory[0], 0, program.fuel);
    if (ended != (!out.may_abort || r.rest >= 0) || (ended && r.r0 != m.reg[0]) ||
        memcmp(memory[0], memory[1], sizeof memory[0]) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint64_t seed;

    values[0] = values[1] = (uintptr_t)value;
    if (bytes < 9)
        return 0;
    compile_bytes(data + 1, bytes - 1, data[0]);
    memcpy(&seed, data + 1, sizeof seed);
    run_random(seed, data[0]);
    return 0;
}
