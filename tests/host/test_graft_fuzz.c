/*
 * Host test of checker and interpreter together: whatever program the checker accepts, run on any
 * packet, touches only what it may, ends within the counted steps, and gives a result that depends
 * neither on addresses nor on what registers and stack held before. Programs are random, and
 * random changes of good ones.
 */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "grafts/checker.h"
#include "tests/host/graft_asm.h"
#include "tests/host/graft_world.h"

#define ROUNDS      120000u
#define RUNS        6u /* packets per accepted program */
#define MAX_CODE    64u
#define OPEN        24u
#define LEAST_YIELD 4u /* per cent of programs that must be accepted, or the test shows nothing */

#define NONE       0
#define LOAD_ENDS  SET(0, 0), LDX(DW, 2, 1, 0), LDX(DW, 3, 1, 8)
#define UNKNOWN(r) COPY(r, 3), ALU64_X(SUB, r, 2)

struct seed_row {
    struct insn code[48];
    uint32_t count;
};

/* Laid out by hand: rows of a table. */
/* clang-format off */
static const struct seed_row seed_rows[] = {
#define ROW(what, reason, at, reg, ...)                                                            \
    {{__VA_ARGS__}, sizeof((struct insn[]){__VA_ARGS__}) / sizeof(struct insn)},
#include "tests/vectors/bpf/checker.def"
#undef ROW
};
/* clang-format on */

struct code {
    struct insn at[MAX_CODE];
    uint32_t count;
};

static uint64_t seed = 0x2545f4914f6cdd1d;

static uint32_t pick(uint32_t below)
{
    return (uint32_t)((asm_random(&seed) >> 20) % below);
}

static int32_t pick_imm(void)
{
    static const int32_t some[] = {0,  1,  2,  7,  8,  14, 15,        16,       31,
                                   32, 60, 63, 64, -1, -8, INT32_MIN, INT32_MAX};
    return pick(4) ? some[pick(sizeof some / sizeof some[0])] : (int32_t)asm_random(&seed);
}

static struct insn pick_alu(void)
{
    static const uint8_t codes[] = {ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, MOD, XOR, MOV, ARSH};
    uint8_t op = codes[pick(sizeof codes)];
    uint8_t opcode = (uint8_t)(op | (pick(3) ? 0x07 : 0x04));
    int16_t offset = 0;

    if ((op == DIV || op == MOD) && pick(2))
        offset = 1;
    if (pick(2)) {
        if (op == MOV && pick(4) == 0)
            offset = (int16_t)(8 << pick(2));
        return (struct insn)INSN(opcode | 8, pick(8), pick(11), offset, 0);
    }
    return (struct insn)INSN(opcode, pick(8), 0, offset, pick_imm());
}

static struct insn pick_jump(void)
{
    static const uint8_t codes[] = {JEQ, JGT, JGE, JSET, JNE, JSGT, JSGE, JLT, JLE, JSLT, JSLE};
    uint8_t opcode = (uint8_t)(codes[pick(sizeof codes)] | (pick(3) ? 0x05 : 0x06));
    int16_t offset = (int16_t)(pick(5));

    if (pick(2))
        return (struct insn)INSN(opcode | 8, pick(8), pick(8), offset, 0);
    return (struct insn)INSN(opcode, pick(8), 0, offset, pick_imm());
}

static struct insn pick_memory(void)
{
    static const uint8_t sizes[] = {B, H, W, DW};
    static const uint8_t atomics[] = {0, 1, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1};
    uint8_t size = sizes[pick(4)];
    int32_t slot = -8 * (int32_t)(1 + pick(3)) + (pick(3) ? 0 : (int32_t)pick(8));

    switch (pick(8)) {
    case 0:
        return (struct insn)LDX(size, pick(8), 10, slot);
    case 1:
    case 2:
        return (struct insn)STX(size, 10, pick(8), slot);
    case 3:
        return (struct insn)ST(size, 10, slot, pick_imm());
    case 4:
        return (struct insn)LOCK(pick(2) ? DW : W, 10, pick(8), slot, atomics[pick(10)]);
    case 5:
        return (struct insn)LDX(size, pick(8), 1, pick(7) * 4);
    case 6:
        return (struct insn)LDX(size, pick(8), pick(8), (int32_t)pick(20) - 2);
    default:
        return (struct insn)LDSX(sizes[pick(3)], pick(8), pick(8), (int32_t)pick(16));
    }
}

static struct insn pick_insn(void)
{
    static const int32_t numbers[] = {5, 8, 28};

    switch (pick(11)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return pick_alu();
    case 4:
        return (struct insn)INSN(pick(2) ? 0x87 : 0x84, pick(8), 0, 0, 0);
    case 5:
        return (struct insn)INSN(pick(2) ? 0xdc : 0xd7, pick(8), 0, 0, 16 << pick(3));
    case 6:
        return pick_jump();
    case 7:
        return (struct insn)CALL(0, numbers[pick(3)]);
    default:
        return pick_memory();
    }
}

/* A start that proves some bytes, numbers in most registers, some random instructions. */
static void make_random(struct code *c)
{
    const struct insn start[] = {
        LOAD_ENDS,
        COPY(4, 2),
        ALU64_K(ADD, 4, pick(20)),
        JUMP64_X(JGT, 4, 3, 2),
        LDX(B, 5, 2, 0),
        GOTO(1),
        SET(5, 7),
        UNKNOWN(6),
        LDX(W, 7, 1, 16),
        ALU64_K(AND, 7, 31),
        ST(DW, 10, -8, 3),
    };
    uint32_t body = 1 + pick(8);

    memcpy(c->at, start, sizeof start);
    c->count = sizeof start / sizeof start[0];
    for (uint32_t i = 0; i < body; i++)
        c->at[c->count++] = pick_insn();
    for (uint32_t i = 0; i < 4; i++) /* where jumps of the body may end */
        c->at[c->count++] = (struct insn)ALU64_K(MOV, 8, i);
    c->at[c->count++] = (struct insn)EXIT;
}

static void make_changed(struct code *c)
{
    const struct seed_row *row = &seed_rows[pick(sizeof seed_rows / sizeof seed_rows[0])];

    memcpy(c->at, row->code, row->count * sizeof row->code[0]);
    c->count = row->count;
    for (uint32_t hits = pick(4); hits > 0; hits--) {
        struct insn *i = &c->at[pick(c->count)];
        switch (pick(4)) {
        case 0:
            *i = pick_insn();
            break;
        case 1:
            i->offset = (int16_t)(i->offset + (int16_t)pick(5) - 2);
            break;
        case 2:
            i->imm = pick_imm();
            break;
        default:
            i->registers = (uint8_t)(pick(11) | (i->registers & 0xf0));
            break;
        }
    }
}

static uint64_t run(const struct graft_program *p, struct world *w, const uint8_t *packet,
                    uint32_t length, uint8_t garbage, uint64_t calls)
{
    struct interp_guard guard = {.allows = world_allows, .helper = world_helper, .self = w};
    struct insn linked[MAX_CODE];
    struct interp m = {
        .code = linked, .count = p->count, .steps_left = p->steps, .max_depth = 1, .guard = &guard};

    memcpy(linked, p->code, p->count * sizeof linked[0]);
    world_link(w, linked, p->count);
    world_begin(w, &m, packet, length, garbage, calls);
    enum interp_end end = interp_run(&m);
    free(w->packet);
    if (end != INTERP_EXIT)
        fail_msg("an accepted program ended with %u at slot %u of %u", end, m.at, p->count);
    if (world_held(w) != 0)
        fail_msg("an accepted program ended and held a record");
    return m.reg[0];
}

static void run_in_two_worlds(const struct graft_program *p)
{
    static struct world one, two;
    uint8_t packet[WORLD_MAX_PACKET];

    for (unsigned n = 0; n < RUNS; n++) {
        uint32_t length = pick(WORLD_MAX_PACKET + 1);
        uint64_t calls = asm_random(&seed);
        for (uint32_t i = 0; i < length; i++)
            packet[i] = pick(3) ? (uint8_t)pick(256) : (uint8_t)(0 - pick(2));
        uint64_t a = run(p, &one, packet, length, 0x00, calls);
        uint64_t b = run(p, &two, packet, length, 0xff, calls);
        if (a != b)
            fail_msg("a result depends on addresses or on old contents: %#llx, %#llx",
                     (unsigned long long)a, (unsigned long long)b);
    }
}

static unsigned count_accepted(void (*make)(struct code *), unsigned rounds)
{
    static struct code c;
    size_t bytes = GRAFT_WORK_BYTES(MAX_CODE, OPEN);
    void *work = aligned_alloc(16, (bytes + 15) / 16 * 16);
    unsigned accepted = 0;

    assert_non_null(work);
    for (unsigned round = 0; round < rounds; round++) {
        struct graft_program p;
        struct graft_report r;
        make(&c);
        struct graft_input in = {.code = c.at,
                                 .count = c.count,
                                 .hook = GRAFT_HOOK_PACKET_FILTER,
                                 .map_count = WORLD_MAPS,
                                 .maps = world_maps};
        if (graft_check(&in, work, bytes, &p, &r) != GRAFT_ACCEPTED)
            continue;
        accepted++;
        run_in_two_worlds(&p);
    }
    free(work);
    return accepted;
}

static void random_programs_keep_the_promise(void **state)
{
    (void)state;
    assert_in_range(count_accepted(make_random, ROUNDS) * 100 / ROUNDS, LEAST_YIELD, 99);
}

static void changed_programs_keep_the_promise(void **state)
{
    (void)state;
    assert_in_range(count_accepted(make_changed, ROUNDS) * 100 / ROUNDS, LEAST_YIELD, 99);
}

/* Bytes that nobody meant as code: refused or accepted, but never a crash. */
static void make_noise(struct code *c)
{
    c->count = 1 + pick(MAX_CODE - 1);
    for (uint32_t i = 0; i < c->count; i++) {
        uint64_t r = asm_random(&seed);
        memcpy(&c->at[i], &r, sizeof r);
    }
}

static void noise_is_survived(void **state)
{
    (void)state;
    assert_in_range(count_accepted(make_noise, ROUNDS), 0, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs_keep_the_promise),
        cmocka_unit_test(changed_programs_keep_the_promise),
        cmocka_unit_test(noise_is_survived),
    };
    return cmocka_run_group_tests_name("grafts/fuzz", tests, NULL, NULL);
}
