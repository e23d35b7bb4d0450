/* The plugin side of the public conformance suite's protocol: see conform.h. */
#include "grafts/tool/conform.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "grafts/checker.h"
#include "grafts/interp.h"
#include "grafts/tool/hex.h"
#include "grafts/tool/native.h"

#define MAX_MEMORY    65536u
#define MAX_STEPS     10000000u /* programs of the suite end long before */
#define MAX_SECONDS   10u       /* of machine code */
#define JIT_BYTES     (8u << 20)
#define HELPER_UNWIND 5 /* the suite's only helper: 0 ends the program */

static struct insn code[GRAFT_MAX_INSTRUCTIONS * 16];
static char text[sizeof code * 3 + 2];

/* The two places that a program may touch. */
struct sandbox {
    _Alignas(16) uint8_t memory[MAX_MEMORY];
    uint64_t memory_bytes;
    _Alignas(16) uint8_t stack[INTERP_MAX_FRAMES * GRAFT_STACK_BYTES];
};
static struct sandbox sandbox;

static bool lies_in(const uint8_t *base, uint64_t size, uint64_t address, uint32_t bytes)
{
    uint64_t offset = address - (uintptr_t)base;
    return offset < size && bytes <= size - offset;
}

static bool allows(void *self, uint64_t address, uint32_t bytes, bool write)
{
    const struct sandbox *s = self;
    (void)write; /* both places may be written */
    return lies_in(s->memory, s->memory_bytes, address, bytes) ||
           lies_in(s->stack, sizeof s->stack, address, bytes);
}

static bool helper(void *self, int32_t number, uint64_t *reg, bool *done)
{
    (void)self;
    if (number != HELPER_UNWIND)
        return false;
    reg[0] = reg[1];
    *done = reg[0] == 0;
    return true;
}

static const char *const end_texts[] = {
    [INTERP_EXIT] = "done",
    [INTERP_BAD_CODE] = "malformed instruction",
    [INTERP_BAD_ACCESS] = "access outside memory and stack, or unaligned atomic",
    [INTERP_BAD_CALL] = "no such helper function",
    [INTERP_STACK] = "calls nested too deeply",
    [INTERP_STEPS] = "too many instructions",
    [INTERP_FUEL] = "the fuel is used up",
};

static bool is_inside(int64_t target, uint32_t count, const bool *is_half)
{
    return target >= 0 && target < count && !is_half[target];
}

/* What any loader must refuse, whether or not the instruction is ever reached. The slot at fault
 * goes to *at. */
static enum graft_reason check_encoding(uint32_t count, uint32_t *at)
{
    static bool is_half[GRAFT_MAX_INSTRUCTIONS * 16 + 1];
    uint32_t i, last = 0;

    for (*at = 0; *at < count; last = *at, *at += is_half[*at + 1] ? 2 : 1) {
        enum graft_reason reason = insn_check(&code[*at]);
        if (reason != GRAFT_ACCEPTED)
            return reason;
        if (insn_shapes[code[*at].opcode].form != FORM_WIDE)
            continue;
        if (*at + 1 >= count || !insn_is_wide_half(&code[*at + 1]))
            return GRAFT_WIDE_CUT;
        is_half[*at + 1] = true;
    }
    for (i = 0; i < count; i++) {
        uint8_t form = is_half[i] ? FORM_UNKNOWN : insn_shapes[code[i].opcode].form;
        *at = i;
        if ((form == FORM_JUMP || form == FORM_GOTO) &&
            !is_inside(insn_target(&code[i], i), count, is_half))
            return GRAFT_JUMP_RANGE;
        if (form == FORM_CALL && insn_src(&code[i]) == 1 &&
            !is_inside((int64_t)i + 1 + code[i].imm, count, is_half))
            return GRAFT_JUMP_RANGE;
    }
    *at = last;
    uint8_t form = insn_shapes[code[last].opcode].form;
    return form == FORM_EXIT || form == FORM_GOTO ? GRAFT_ACCEPTED : GRAFT_FALLS_OFF;
}

static int complain(const char *what, uint32_t at)
{
    fprintf(stderr, "conform: instruction %u: %s\n", at, what);
    return 1;
}

static int run(uint32_t count)
{
    static const struct interp_guard guard = {allows, helper, &sandbox};
    struct interp m = {.code = code,
                       .count = count,
                       .steps_left = MAX_STEPS,
                       .max_depth = INTERP_MAX_FRAMES,
                       .guard = &guard};

    m.reg[1] = sandbox.memory_bytes ? (uintptr_t)sandbox.memory : 0;
    m.reg[2] = sandbox.memory_bytes;
    m.reg[INSN_FRAME] = (uintptr_t)sandbox.stack + sizeof sandbox.stack;
    enum interp_end end = interp_run(&m);
    if (end != INTERP_EXIT)
        return complain(end_texts[end], m.at);
    printf("%llx\n", (unsigned long long)m.reg[0]);
    return 0;
}

static sigjmp_buf unwind;

/* The suite's helper as machine code calls it: it may end the program. */
static uint64_t unwind_at_zero(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5)
{
    (void)r2, (void)r3, (void)r4, (void)r5;
    if (r1 == 0)
        siglongjmp(unwind, -1);
    return r1;
}

static uint64_t find_helper(void *self, int32_t number)
{
    (void)self;
    return number == HELPER_UNWIND ? (uintptr_t)unwind_at_zero : 0;
}

static void on_signal(int number)
{
    siglongjmp(unwind, number);
}

static int run_compiled(uint32_t count)
{
    static const struct graft_outside outside = {.helper = find_helper};
    struct graft_program p = {.code = code, .count = count};
    struct graft_jit_input in = {.program = &p,
                                 .features = native_features(),
                                 .options = GRAFT_JIT_ZERO,
                                 .outside = &outside};
    struct graft_jit_result r = {0, 0};
    struct graft_jit_output out;
    struct native n;
    graft_jit_entry entry;

    if (!native_open(&n, JIT_BYTES, count)) {
        fprintf(stderr, "conform: no memory that can be executed\n");
        return 1;
    }
    enum graft_jit_end end = native_compile(&n, &in, true, &entry, &out);
    if (end != GRAFT_JIT_DONE)
        return complain(end == GRAFT_JIT_BAD_CALL ? end_texts[INTERP_BAD_CALL]
                                                  : "the compiler refuses it",
                        out.at);
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    signal(SIGALRM, on_signal);
    alarm(MAX_SECONDS);
    int ended = sigsetjmp(unwind, 1);
    if (ended == 0)
        r = entry(sandbox.memory_bytes ? (uintptr_t)sandbox.memory : 0, sandbox.memory_bytes, 0);
    if (ended == SIGALRM)
        return complain(end_texts[INTERP_STEPS], 0);
    if (ended > 0)
        return complain(end_texts[INTERP_BAD_ACCESS], 0);
    if (out.may_abort && r.rest < 0)
        return complain(end_texts[INTERP_STACK], 0);
    printf("%llx\n", (unsigned long long)r.r0);
    return 0;
}

int conform(const char *memory, const char *program, bool jit)
{
    long bytes = memory ? hex_read(memory, sandbox.memory, MAX_MEMORY) : 0;
    if (bytes < 0) {
        fprintf(stderr, "conform: the memory is not hexadecimal, or more than %u bytes\n",
                MAX_MEMORY);
        return 1;
    }
    sandbox.memory_bytes = (uint64_t)bytes;

    if (!program)
        text[fread(text, 1, sizeof text - 1, stdin)] = '\0';
    bytes = hex_read(program ? program : text, (uint8_t *)code, sizeof code);
    if (bytes <= 0 || bytes % (long)sizeof code[0] != 0) {
        fprintf(stderr,
                "conform: what is given is not a program of 8-byte instructions in "
                "hexadecimal, or more than %zu of them\n",
                sizeof code / sizeof code[0]);
        return 1;
    }

    uint32_t count = (uint32_t)((size_t)bytes / sizeof code[0]), at;
    enum graft_reason reason = check_encoding(count, &at);
    if (reason != GRAFT_ACCEPTED)
        return complain(graft_reason_text(reason), at);
    return jit ? run_compiled(count) : run(count);
}
