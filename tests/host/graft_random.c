/*
 * Random programs. A program is a row of groups; jumps lead to the start of a group behind, or of a
 * loop's body. One register points to the memory and is never written; others hold numbers.
 * Addresses that are computed are made and used within one group.
 */
#include "tests/host/graft_random_maker.h"

static void emit_jump(struct maker *m)
{
    static const uint8_t codes[] = {JEQ, JGT, JGE, JSET, JNE, JSGT, JSGE, JLT, JLE, JSLT, JSLE};
    uint8_t opcode =
        (uint8_t)(codes[random_pick(m, sizeof codes)] | (random_chance(m, 60) ? 0x05 : 0x06));
    unsigned a = random_read(m);

    if (m->jump_count == MAX_JUMPS)
        return;
    if (random_chance(m, 25) && !(m->fixed >> a & 1u)) {
        if (random_chance(m, 50))
            EMIT(COPY(a, random_read(m)));
        random_alu_to(m, a);
    }
    if (random_chance(m, 15))
        EMIT(LDX(random_chance(m, 50)   ? W
                 : random_chance(m, 50) ? B
                                        : DW,
                 a = random_written(m, 0), m->base, random_pick(m, 200)));
    m->jumps[m->jump_count++] = m->p->count;
    if (random_chance(m, 10))
        EMIT(GOTO(0));
    else if (random_chance(m, 5))
        EMIT(GOTOL(0));
    else if (random_chance(m, 50))
        EMIT(INSN(opcode | 8, a, random_read(m), 0, 0));
    else
        EMIT(INSN(opcode, a, 0, 0, random_chance(m, 30) ? 0 : random_imm(m)));
    if (random_chance(m, 25) && m->jump_count < MAX_JUMPS) { /* over a goto */
        m->p->code[m->p->count - 1].offset = m->p->code[m->p->count - 1].opcode == 0x06 ? 0 : 1;
        m->p->code[m->p->count - 1].imm += m->p->code[m->p->count - 1].opcode == 0x06;
        m->jumps[m->jump_count - 1] = m->p->count;
        EMIT(GOTO(0));
    }
}

static void emit_call(struct maker *m)
{
    if (m->has_locals && m->local_count < 4 && random_chance(m, 40)) {
        m->locals[m->local_count++] = m->p->count;
        EMIT(CALL(1, 0));
    } else if (random_chance(m, 30)) {
        unsigned r = 1 + random_pick(m, 5);
        EMIT(SET(r, 1 + random_pick(m, RANDOM_HELPERS)));
        EMIT(INSN(0x8d, r, 0, 0, 0));
    } else {
        EMIT(CALL(0, 1 + (int32_t)random_pick(m, RANDOM_HELPERS)));
    }
    for (unsigned r = 1; r <= 5; r++) /* a call leaves nothing in them */
        if (random_chance(m, 50))
            random_number(m, r);
        else
            EMIT(COPY(r, random_chance(m, 50) ? 0 : m->base));
}

/* Jumps that wait may lead here. */
static void land(struct maker *m, uint32_t percent)
{
    unsigned left = 0;

    for (unsigned k = 0; k < m->jump_count; k++) {
        struct insn *i = &m->p->code[m->jumps[k]];
        int32_t distance = (int32_t)(m->p->count - m->jumps[k] - 1);
        if (!random_chance(m, percent)) {
            m->jumps[left++] = m->jumps[k];
            continue;
        }
        if (i->opcode == 0x06)
            i->imm = distance;
        else
            i->offset = (int16_t)distance;
    }
    m->jump_count = left;
}

static void emit_group(struct maker *m)
{
    switch (random_pick(m, 16)) {
    case 0:
    case 1:
    case 2:
        random_memory(m);
        break;
    case 3:
        random_atomic(m);
        break;
    case 4:
    case 5:
        emit_jump(m);
        break;
    case 6:
        if (m->has_calls && m->depth < 2)
            emit_call(m);
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        random_idiom(m);
        break;
    default:
        random_alu(m);
        break;
    }
}

/* A loop that counts down, or one that only fuel ends. */
static void emit_loop(struct maker *m)
{
    unsigned counter = m->has_calls ? 6 + random_pick(m, 4) : random_pick(m, 10);
    bool has_fuel = random_chance(m, 15) && m->p->point_count < RANDOM_POINTS && !m->has_locals &&
                    m->depth == 0;

    if (m->fixed >> counter & 1u)
        return;
    land(m, 100);
    EMIT(SET(counter, 1 + random_pick(m, 5)));
    m->fixed |= 1u << counter;
    m->depth++;
    uint32_t head = m->p->count;
    if (has_fuel) {
        m->p->points[m->p->point_count++] = (struct graft_fuel_point){head, 1 + random_pick(m, 9)};
        m->p->fuel = random_pick(m, 60);
    }
    for (uint32_t n = 1 + random_pick(m, 6); n > 0; n--) {
        emit_group(m);
        land(m, 60);
    }
    land(m, 100);
    m->fixed &= ~(1u << counter);
    EMIT(INSN((random_chance(m, 50) ? 0x07 : 0x04) | (has_fuel && random_chance(m, 50) ? XOR : ADD),
              counter, 0, 0, -1));
    EMIT(JUMP64_K(JNE, counter, 0, (int32_t)head - (int32_t)m->p->count - 1));
    m->depth--;
}

static void emit_stack(struct maker *m)
{
    for (unsigned k = 1; k <= STACK_SLOTS && m->has_stack; k++)
        EMIT(ST(DW, 10, -8 * (int32_t)k, random_imm(m)));
}

/* The registers that count go into r0; those that do not, a compiler may forget. */
static void emit_end(struct maker *m)
{
    for (unsigned r = 1; r < 10; r++)
        if (random_chance(m, 50)) {
            EMIT(ALU64_K(MUL, 0, 31));
            EMIT(ALU64_X(XOR, 0, r));
        }
    EMIT(EXIT);
}

static void emit_function(struct maker *m, uint32_t slot)
{
    m->p->code[slot].imm = (int32_t)(m->p->count - slot - 1);
    m->fixed = 1u << m->base;
    emit_stack(m);
    for (uint32_t n = random_pick(m, 6); n > 0; n--) {
        emit_group(m);
        land(m, 50);
    }
    land(m, 100);
    EMIT(EXIT);
}

void random_make(struct random_program *p, uint64_t seed)
{
    struct maker maker = {.p = p, .seed = (seed + 1) * 0x9e3779b97f4a7c15}, *m = &maker;

    p->count = p->point_count = 0;
    p->fuel = 0;
    for (unsigned k = 0; k < 4; k++)
        asm_random(&m->seed);
    m->has_stack = random_chance(m, 60);
    m->has_calls = random_chance(m, 30);
    m->has_locals = m->has_calls && random_chance(m, 40);
    m->base = m->has_calls ? 6 + random_pick(m, 4) : random_pick(m, 10);
    EMIT(COPY(m->base, 1));
    for (unsigned r = 0; r < 10; r++)
        if (r != m->base && (r != 2 || m->base == 2))
            random_number(m, r);
    m->fixed = 1u << m->base;
    emit_stack(m);
    for (uint32_t n = random_pick(m, MAX_GROUPS); n > 0; n--) {
        if (random_chance(m, 8))
            emit_loop(m);
        else
            emit_group(m);
        land(m, 25);
    }
    land(m, 100);
    emit_end(m);
    for (unsigned k = 0; k < m->local_count; k++)
        emit_function(m, m->locals[k]);
}
