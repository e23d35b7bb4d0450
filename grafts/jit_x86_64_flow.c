/* Jumps, calls, fuel, and the start and end of a program, as x86-64 code. */
#include "grafts/jit_x86_64.h"

#include "grafts/interp.h"

#define HOPS         4u /* gotos that lead to gotos are followed so far */
#define INLINE_LEAVE 8u /* an exit of so many bytes is better than a jump to one */
#define CALL_RANGE   (((int64_t)1 << 31) - ((int64_t)1 << 27))

static enum x86_condition opposite(enum x86_condition c)
{
    return (enum x86_condition)(c ^ 1u);
}

/* The jump of slot `from` to slot `to`; always when c is 0. In a walk, what lies behind is where it
 * was in the walk before, at least `shift` nearer by now. */
#define ALWAYS ((enum x86_condition)0)
static void jump_to(struct jit *j, uint32_t from, uint32_t to, enum x86_condition c)
{
    bool is_back = to <= from;
    struct jit_slot *s = &j->slots[from];
    uint32_t target = j->slots[to].at;

    jit_join(j, to);
    if (!is_back && !j->frozen)
        target -= j->shift;
    int64_t distance = (int64_t)target - (int64_t)(j->at + 2);
    bool fits = distance >= -128 && distance <= 127;
    if (fits && !j->frozen && !(s->flags & JIT_SHORT) && (is_back || !j->first)) {
        s->flags |= JIT_SHORT;
        j->changed = true;
    }
    if (s->flags & JIT_SHORT) {
        x86_byte(j, c == ALWAYS ? 0xeb : 0x70u | c);
        x86_byte(j, (uint8_t)distance);
        return;
    }
    if (c != ALWAYS)
        x86_byte(j, 0x0f);
    x86_byte(j, c == ALWAYS ? 0xe9 : 0x80u | c);
    x86_four(j, target - (j->at + 4));
}

/* Where a jump at `from` to `to` ends in the end. Facts are collected for what is ahead only, so a
 * way back is followed only to where nothing is taken for known. */
static uint32_t follow(const struct jit *j, uint32_t from, uint32_t to)
{
    for (unsigned hop = 0; hop < HOPS; hop++) {
        const struct insn *x = &j->code[to];
        if (insn_shapes[x->opcode].form != FORM_GOTO || (j->slots[to].flags & JIT_FUEL))
            return to;
        uint32_t next = (uint32_t)insn_target(x, to);
        if (next <= from && !(j->slots[next].flags & JIT_BACKWARD))
            return to;
        to = next;
    }
    return to;
}

/* With masking each way begins with a conditional move that clears the mask when the way is wrong.
 */
static void branch_masked(struct jit *j, uint32_t from, uint32_t to, enum x86_condition c)
{
    x86_byte(j, 0x41); /* mov r11d, 0: changes no flag */
    x86_byte(j, 0xb8 | (SCRATCH & 7));
    x86_four(j, 0);
    uint32_t skip = x86_skip_if(j, opposite(c));
    x86_cmov(j, opposite(c), MASK, SCRATCH);
    jump_to(j, from, to, ALWAYS);
    x86_here(j, skip);
    x86_cmov(j, c, MASK, SCRATCH);
}

uint32_t jit_branch(struct jit *j, uint32_t i, enum x86_condition c)
{
    const struct insn *next = jit_next(j, i);
    uint32_t to = (uint32_t)insn_target(&j->code[i], i), from = i, taken = 1;

    if (to == i + 1)
        return 1;
    if (next && insn_shapes[next->opcode].form == FORM_GOTO && to == i + 2) {
        jit_join(j, to); /* over a goto: the other condition, to where that leads */
        from = i + 1;
        to = (uint32_t)insn_target(next, i + 1);
        c = opposite(c);
        taken = 2;
        if (to == i + 2)
            return taken;
    }
    to = follow(j, from, to);
    if (j->in->options & GRAFT_JIT_MASK)
        branch_masked(j, from, to, c);
    else
        jump_to(j, from, to, c);
    return taken;
}

enum x86_condition jit_condition(const struct insn *x)
{
    static const uint8_t of[] = {
        [JUMP_JEQ] = CC_E,  [JUMP_JGT] = CC_A,  [JUMP_JGE] = CC_AE,  [JUMP_JSET] = CC_NE,
        [JUMP_JNE] = CC_NE, [JUMP_JSGT] = CC_G, [JUMP_JSGE] = CC_GE, [JUMP_JLT] = CC_B,
        [JUMP_JLE] = CC_BE, [JUMP_JSLT] = CC_L, [JUMP_JSLE] = CC_LE,
    };
    return (enum x86_condition)of[insn_shapes[x->opcode].op];
}

/* 32 bits are enough to compare numbers that are that small: as unsigned below 2^32, as signed
 * below 2^31. */
static unsigned compare_bytes(const struct jit *j, const struct insn *x, const struct insn_shape *s)
{
    bool is_signed =
        s->op == JUMP_JSGT || s->op == JUMP_JSGE || s->op == JUMP_JSLT || s->op == JUMP_JSLE;
    unsigned most = is_signed ? 31 : 32;

    if (s->bytes == 4 || j->width[insn_dst(x)] > most)
        return s->bytes;
    if (s->by_reg ? j->width[insn_src(x)] > most : x->imm < 0)
        return s->bytes;
    return 4;
}

/* Has the last arithmetic left the flags that `test` with itself would? */
static bool are_flags_there(const struct jit *j, const struct insn *x, const struct insn_shape *s)
{
    if (j->flags_of != insn_dst(x) || (s->op != JUMP_JEQ && s->op != JUMP_JNE && !j->flags_signed))
        return false;
    if (j->flags_bytes == s->bytes)
        return true;
    return (s->op == JUMP_JEQ || s->op == JUMP_JNE) && j->width[insn_dst(x)] <= 32;
}

static void compare(struct jit *j, const struct insn *x)
{
    const struct insn_shape *s = &insn_shapes[x->opcode];
    unsigned bytes = compare_bytes(j, x, s);

    if (!s->by_reg && x->imm == 0 && s->op != JUMP_JSET && are_flags_there(j, x, s))
        return;
    j->flags_of = NO_FLAGS;
    unsigned dst = jit_read(j, insn_dst(x));
    if (s->op == JUMP_JSET && s->by_reg)
        x86_test(j, bytes, dst, jit_read(j, insn_src(x)));
    else if (s->op == JUMP_JSET)
        x86_test_imm(j, bytes, dst, x->imm);
    else if (s->by_reg)
        x86_alu(j, X86_CMP, bytes, dst, jit_read(j, insn_src(x)));
    else if (x->imm == 0)
        x86_test(j, bytes, dst, dst);
    else
        x86_alu_imm(j, X86_CMP, bytes, dst, x->imm);
}

uint32_t jit_jump(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];
    const struct insn_shape *s = &insn_shapes[x->opcode];

    compare(j, x);
    uint32_t taken = jit_branch(j, i, jit_condition(x));
    if (s->op == JUMP_JEQ && !s->by_reg && x->imm == 0 && taken == 1) /* not taken */
        j->nonzero |= (uint16_t)(1u << insn_dst(x));
    return taken;
}

uint32_t jit_goto(struct jit *j, uint32_t i)
{
    uint32_t to = follow(j, i, (uint32_t)insn_target(&j->code[i], i));
    bool is_exit = insn_shapes[j->code[to].opcode].form == FORM_EXIT;

    if (is_exit && j->leave_bytes <= INLINE_LEAVE && !(j->slots[to].flags & JIT_FUEL))
        jit_exit(j);
    else if (to == i + 1)
        jit_join(j, to);
    else
        jump_to(j, i, to, ALWAYS);
    return 1;
}

static void call_address(struct jit *j, uint64_t address)
{
    int64_t distance = (int64_t)(address - j->in->base);

    if (j->in->base && distance > -CALL_RANGE && distance < CALL_RANGE) {
        x86_byte(j, 0xe8);
        x86_four(j, (uint32_t)(distance - (int64_t)j->at - 4));
        return;
    }
    x86_move_imm(j, SCRATCH, address);
    x86_byte(j, 0x41);
    x86_byte(j, 0xff);
    x86_byte(j, 0xd0 | (SCRATCH & 7));
}

static void forget_call(struct jit *j)
{
    for (unsigned r = 0; r <= 5; r++)
        jit_result(j, r, 64);
    j->flags_of = NO_FLAGS;
}

static void call_helper(struct jit *j, uint32_t i, int32_t number)
{
    static const uint8_t wanted[] = {RDI, RSI, RDX, RCX, R8};
    uint64_t address = graft_helper_find(j->in->outside, number);

    if (!address) {
        jit_fail(j, GRAFT_JIT_BAD_CALL, i);
        return;
    }
    for (unsigned k = 0; k < sizeof wanted; k++)
        if (j->map[1 + k] != wanted[k])
            x86_move(j, 8, wanted[k], j->map[1 + k]);
    call_address(j, address);
    if (j->map[0] != RAX)
        x86_move(j, 8, j->map[0], RAX);
    forget_call(j);
}

static bool is_kept(const struct jit *j, unsigned r)
{
    return j->sum.uses[r] != 0;
}

/* A frame of its own for the callee; too many of them end the run. */
static void call_local(struct jit *j, uint32_t i)
{
    int32_t pushed = 0;
    uint32_t to = (uint32_t)((int64_t)i + 1 + j->code[i].imm);

    for (unsigned r = 6; r < INSN_FRAME; r++)
        pushed += is_kept(j, r) ? 8 : 0;
    int32_t bytes = j->frame_top - 8;
    if ((pushed + bytes + 8) % 16 != 0)
        bytes += 8;
    int32_t level = pushed + bytes + 8;

    x86_lea(j, 8, SCRATCH,
            x86_at(RSP, j->frame_bytes + 8 + (int32_t)(INTERP_MAX_FRAMES - 1) * level));
    x86_alu(j, X86_CMP, 8, SCRATCH, ANCHOR);
    x86_byte(j, 0x0f);
    x86_byte(j, 0x80 | CC_BE);
    x86_four(j, j->abort_at - (j->at + 4));
    for (unsigned r = 6; r < INSN_FRAME; r++)
        if (is_kept(j, r))
            x86_push(j, j->map[r]);
    x86_alu_imm(j, X86_SUB, 8, RSP, bytes);
    x86_byte(j, 0xe8);
    uint32_t target = j->slots[to].at;
    x86_four(j, target - (j->at + 4));
    x86_alu_imm(j, X86_ADD, 8, RSP, bytes);
    for (unsigned r = INSN_FRAME; r-- > 6;)
        if (is_kept(j, r))
            x86_pop(j, j->map[r]);
    forget_call(j);
}

uint32_t jit_call(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];
    unsigned dst = insn_dst(x);

    if (insn_shapes[x->opcode].form == FORM_CALL_REG) {
        if (!jit_has(j->constants, dst) || j->value[dst] > INT32_MAX)
            jit_fail(j, GRAFT_JIT_BAD_CALL, i);
        else
            call_helper(j, i, (int32_t)j->value[dst]);
    } else if (insn_src(x) == 0) {
        call_helper(j, i, x->imm);
    } else if (insn_src(x) == 1) {
        call_local(j, i);
    } else {
        jit_fail(j, GRAFT_JIT_BAD_CALL, i);
    }
    return 1;
}

void jit_fuel(struct jit *j, uint32_t charge)
{
    x86_alu_memory_imm(j, X86_SUB, 8, x86_at(RSP, j->frame_bytes), (int32_t)charge);
    x86_byte(j, 0x0f);
    x86_byte(j, 0x80 | CC_S);
    x86_four(j, j->abort_at - (j->at + 4));
    j->flags_of = NO_FLAGS;
}

void jit_enter(struct jit *j)
{
    bool has_fuel = j->in->program->point_count != 0;

    for (unsigned k = 0; k < j->saved_count; k++)
        x86_push(j, j->saved[k]);
    if (has_fuel)
        x86_push(j, RDX);
    if (j->sum.has_local_calls)
        x86_move(j, 8, ANCHOR, RSP);
    if (j->frame_bytes)
        x86_alu_imm(j, X86_SUB, 8, RSP, j->frame_bytes);
    if (j->in->options & GRAFT_JIT_MASK)
        x86_move_imm(j, MASK, UINT64_MAX);
    if (j->in->options & GRAFT_JIT_ZERO)
        for (unsigned r = 0; r < INSN_FRAME; r++)
            if (r != 1 && r != 2 && (jit_has(j->slots[0].live, r)) && j->sum.uses[r])
                x86_move_imm(j, j->map[r], 0);
    if (!j->sum.has_local_calls)
        return;
    x86_byte(j, 0xe8); /* the body ends with plain returns */
    x86_four(j, j->leave_bytes);
    jit_leave(j);
}

/* From behind the outermost function, or from wherever an exit stands when there is only that one.
 */
void jit_leave(struct jit *j)
{
    if (j->sum.uses[0] && j->map[0] != RAX)
        x86_move(j, 8, RAX, j->map[0]);
    if (j->frame_bytes)
        x86_alu_imm(j, X86_ADD, 8, RSP, j->frame_bytes);
    if (j->in->program->point_count)
        x86_pop(j, RDX);
    if (j->sum.has_local_calls)
        x86_alu(j, X86_XOR, 4, RDX, RDX);
    for (unsigned k = j->saved_count; k-- > 0;)
        x86_pop(j, j->saved[k]);
    x86_byte(j, 0xc3);
}

void jit_exit(struct jit *j)
{
    if (j->sum.has_local_calls)
        x86_byte(j, 0xc3);
    else
        jit_leave(j);
}

void jit_abort(struct jit *j)
{
    if (!j->sum.has_local_calls) {
        jit_leave(j); /* the fuel below zero tells */
        return;
    }
    x86_move(j, 8, RSP, ANCHOR);
    x86_move_imm(j, RDX, UINT64_MAX);
    for (unsigned k = j->saved_count; k-- > 0;)
        x86_pop(j, j->saved[k]);
    x86_byte(j, 0xc3);
}
