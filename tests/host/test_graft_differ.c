/*
 * Differential test: random programs give the same result and the same memory by the slow
 * reference, the interpreter, and as machine code however it is compiled.
 *
 *   test_graft_differ                  a few, as a test
 *   test_graft_differ SECONDS SEED     so long, from that seed on
 */
#include "tests/host/host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "grafts/interp.h"
#include "grafts/tool/native.h"
#include "tests/host/graft_random.h"
#include "tests/host/graft_reference.h"

#define ROUNDS      5000u
#define STEPS       2000000u
#define CODE_BYTES  (1u << 20)
#define STACK_BYTES (INTERP_MAX_FRAMES * GRAFT_STACK_BYTES)

static struct world {
    _Alignas(16) uint8_t memory[RANDOM_MEMORY];
    _Alignas(16) uint8_t value[RANDOM_VALUE];
} world;
static _Alignas(16) uint8_t stack[STACK_BYTES];

/* What a run leaves. */
struct outcome {
    bool ended; /* false: out of fuel, or of stack */
    uint64_t r0;
    struct world left;
};

static struct random_program program;
static uint32_t charges[RANDOM_SLOTS];
static struct native native;
static unsigned kept; /* programs whose code has kept registers */
static volatile uint64_t seed_now;

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    return ((((a * 31 + b) * 31 + c) * 31 + d) * 31 + e) ^ a >> 7;
}

static uint64_t first(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    (void)b, (void)c, (void)d, (void)e;
    return a;
}

static uint64_t low(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    return (uint32_t)mix(e, d, c, b, a);
}

typedef uint64_t (*helper_function)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
static const helper_function helpers[RANDOM_HELPERS] = {mix, first, low};

static uint64_t find_helper(void *self, int32_t number)
{
    (void)self;
    return number >= 1 && number <= RANDOM_HELPERS ? (uintptr_t)helpers[number - 1] : 0;
}

static uint64_t call_helper(uint32_t number, const uint64_t *r)
{
    return helpers[number - 1](r[1], r[2], r[3], r[4], r[5]);
}

static const uint64_t map_names[] = {0x1122334455667788};
static uint64_t map_values[1];
static struct graft_outside outside = {
    .helper = find_helper, .maps = map_names, .values = map_values, .map_count = 1};

static void prepare(uint64_t seed)
{
    uint64_t x = seed * 2654435761u + 12345;

    for (size_t k = 0; k < sizeof world; k++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)&world)[k] = (x >> 62) ? (uint8_t)(x >> 40) : (uint8_t)(0 - (x >> 50 & 1));
    }
}

static void keep(struct outcome *o, bool ended, uint64_t r0)
{
    o->ended = ended;
    o->r0 = ended ? r0 : 0;
    o->left = world;
}

/* The reference knows no maps: their loads are numbers to it. */
static void by_reference(uint64_t seed, struct outcome *o)
{
    static struct insn code[RANDOM_SLOTS];
    struct reference m = {.code = code,
                          .count = program.count,
                          .steps = STEPS,
                          .helper = call_helper,
                          .charges = program.point_count ? charges : NULL,
                          .fuel = program.fuel};

    memcpy(code, program.code, program.count * sizeof code[0]);
    for (uint32_t i = 0; i < program.count; i++)
        if (code[i].opcode == 0x18 && code[i].registers >> 4 == 6) {
            uint64_t at = map_values[0] + (uint32_t)code[i + 1].imm;
            code[i].imm = (int32_t)(uint32_t)at;
            code[i + 1].imm = (int32_t)(uint32_t)(at >> 32);
        }
    prepare(seed);
    m.r[1] = (uintptr_t)world.memory;
    m.r[2] = seed;
    m.r[10] = (uintptr_t)stack + sizeof stack;
    enum reference_end end = reference_run(&m);
    if (end == REFERENCE_STUCK)
        fail_msg("seed %llu: the reference got stuck", (unsigned long long)seed);
    keep(o, end == REFERENCE_DONE, m.r[0]);
}

static void by_interpreter(uint64_t seed, struct outcome *o)
{
    struct interp m = {.code = program.code,
                       .count = program.count,
                       .steps_left = STEPS,
                       .max_depth = INTERP_MAX_FRAMES,
                       .outside = &outside,
                       .points = program.points,
                       .point_count = program.point_count,
                       .fuel = program.fuel};

    prepare(seed);
    m.reg[1] = (uintptr_t)world.memory;
    m.reg[2] = seed;
    m.reg[INSN_FRAME] = (uintptr_t)stack + sizeof stack;
    enum interp_end end = interp_run(&m);
    if (end != INTERP_EXIT && end != INTERP_FUEL && end != INTERP_STACK)
        fail_msg("seed %llu: the interpreter ended with %u", (unsigned long long)seed, end);
    keep(o, end == INTERP_EXIT, m.reg[0]);
}

/* Code that keeps registers finds numbers in those that C does not keep, and leaves them. */
static struct graft_jit_result run_kept(uint64_t seed, graft_jit_entry entry)
{
    register uint64_t rsi __asm__("rsi") = seed, rdx __asm__("rdx") = 1, rcx __asm__("rcx") = 2,
                          r8 __asm__("r8") = 3, r9 __asm__("r9") = 4, r10 __asm__("r10") = 5;
    uint64_t result, context = (uintptr_t)world.memory;

    memcpy(&result, &entry, sizeof result); /* in rax: what lies on the stack moves with rsp */
    __asm__ volatile("sub $128, %%rsp; call *%%rax; add $128, %%rsp"
                     : "+a"(result), "+D"(context), "+r"(rsi), "+r"(rdx), "+r"(rcx), "+r"(r8),
                       "+r"(r9), "+r"(r10)
                     :
                     : "r11", "memory", "cc");
    if (rsi != seed || rdx != 1 || rcx != 2 || r8 != 3 || r9 != 4 || r10 != 5)
        fail_msg("seed %llu: a register is not kept", (unsigned long long)seed);
    kept++;
    return (struct graft_jit_result){.r0 = result};
}

static void by_machine(uint64_t seed, uint32_t features, uint32_t options, bool at_home,
                       struct outcome *o)
{
    struct graft_program p = {.code = program.code,
                              .count = program.count,
                              .points = program.points,
                              .point_count = program.point_count,
                              .fuel = program.fuel};
    struct graft_jit_input in = {
        .program = &p, .features = features, .options = options, .outside = &outside};
    struct graft_jit_output out;
    graft_jit_entry entry;
    enum graft_jit_end end = native_compile(&native, &in, at_home, &entry, &out);

    if (end == GRAFT_JIT_REGISTERS && options) { /* local calls, and masking */
        in.options = 0;
        end = native_compile(&native, &in, at_home, &entry, &out);
    }
    if (end != GRAFT_JIT_DONE)
        fail_msg("seed %llu: the compiler ended with %u at slot %u", (unsigned long long)seed, end,
                 out.at);
    prepare(seed);
    struct graft_jit_result r =
        out.keeps ? run_kept(seed, entry) : entry((uintptr_t)world.memory, seed, program.fuel);
    keep(o, !out.may_abort || r.rest >= 0, r.r0);
}

static void compare(uint64_t seed, const char *who, const struct outcome *want,
                    const struct outcome *got)
{
    if (want->ended == got->ended && want->r0 == got->r0 &&
        memcmp(&want->left, &got->left, sizeof want->left) == 0)
        return;
    fail_msg("seed %llu: %s differs from the reference: ended %d, %d; r0 %#llx, %#llx; memory %s",
             (unsigned long long)seed, who, want->ended, got->ended, (unsigned long long)want->r0,
             (unsigned long long)got->r0,
             memcmp(&want->left, &got->left, sizeof want->left) ? "differs" : "agrees");
}

static void try_one(uint64_t seed)
{
    static struct outcome want, got;
    uint32_t features = native_features() & (uint32_t)(seed % 7),
             options = (seed % 5 == 0 ? GRAFT_JIT_MASK : 0) | (seed % 4 == 1 ? GRAFT_JIT_KEEP : 0);

    seed_now = seed;
    random_make(&program, seed);
    for (uint32_t k = 0; k < program.point_count; k++)
        charges[program.points[k].at] = program.points[k].charge;
    by_reference(seed, &want);
    by_interpreter(seed, &got);
    compare(seed, "the interpreter", &want, &got);
    by_machine(seed, features, options, seed % 3 == 0, &got);
    compare(seed, "machine code", &want, &got);
    for (uint32_t k = 0; k < program.point_count; k++)
        charges[program.points[k].at] = 0;
}

static void engines_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        try_one(seed);
    assert_in_range(kept, ROUNDS / 50, ROUNDS / 4 + 1);
}

/* What a test that cannot fail would not see: one bit of one instruction makes a difference. */
static void a_wrong_instruction_is_seen(void **state)
{
    static struct outcome want, got;
    unsigned seen = 0;
    (void)state;

    for (uint64_t seed = 1; seed <= 200; seed++) {
        random_make(&program, seed);
        if (program.point_count)
            continue;
        by_reference(seed, &want);
        for (uint32_t i = 0; i < program.count; i++)
            if (program.code[i].opcode == 0xaf)
                program.code[i].opcode = 0x4f; /* XOR becomes OR */
        by_machine(seed, 0, 0, false, &got);
        seen += want.r0 != got.r0;
    }
    assert_in_range(seen, 50, 200);
}

static void on_signal(int number)
{
    char text[] = "crash at seed 00000000000000000000\n";
    uint64_t seed = seed_now;

    for (size_t k = sizeof text - 3; text[k] == '0'; k--, seed /= 10)
        text[k] = (char)('0' + seed % 10);
    if (write(2, text, sizeof text - 1) < 0)
        _exit(3);
    signal(number, SIG_DFL);
    raise(number);
}

static int fuzz(unsigned seconds, uint64_t seed)
{
    time_t end = time(NULL) + (time_t)seconds;
    uint64_t count = 0;

    for (; time(NULL) < end; count += 1000) {
        for (unsigned k = 0; k < 1000; k++)
            try_one(seed + count + k);
        if (count % 1000000 == 999000) {
            printf("%llu\n", (unsigned long long)count + 1000);
            fflush(stdout);
        }
    }
    printf("%llu programs from seed %llu: reference, interpreter and machine code agree\n",
           (unsigned long long)count, (unsigned long long)seed);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engines_agree),
        cmocka_unit_test(a_wrong_instruction_is_seen),
    };

    map_values[0] = (uintptr_t)world.value;
    signal(SIGSEGV, on_signal);
    signal(SIGFPE, on_signal);
    signal(SIGILL, on_signal);
    if (!native_open(&native, CODE_BYTES, RANDOM_SLOTS)) {
        fprintf(stderr, "no memory that can be executed\n");
        return 1;
    }
    if (argc > 1)
        return fuzz((unsigned)strtoul(argv[1], NULL, 0), argc > 2 ? strtoull(argv[2], NULL, 0) : 1);
    return cmocka_run_group_tests_name("grafts/differ", tests, NULL, NULL);
}
