/* Loads, stores and atomics as x86-64 code, with what can be folded into them. */
#include "grafts/jit_x86_64.h"

struct x86_memory jit_operand(struct jit *j, unsigned reg, int32_t offset)
{
    if (reg == INSN_FRAME)
        return x86_at(RSP, j->frame_top + offset);
    return x86_at(j->map[reg], offset);
}

static bool is_masked(const struct jit *j, bool fixed)
{
    return (j->in->options & GRAFT_JIT_MASK) && !fixed;
}

static bool is_fixed(const struct jit *j, unsigned reg)
{
    return jit_has(j->fixed, reg);
}

/* x86's number of an operation that has a memory form, or -1. */
static int memory_op(const struct insn_shape *s)
{
    switch (s->op) {
    case ALU_ADD:
        return X86_ADD;
    case ALU_SUB:
        return X86_SUB;
    case ALU_OR:
        return X86_OR;
    case ALU_AND:
        return X86_AND;
    case ALU_XOR:
        return X86_XOR;
    default:
        return -1;
    }
}

/* X = load; D op= X; X dead: D op= memory. */
static uint32_t load_and_alu(struct jit *j, uint32_t i, struct x86_memory m)
{
    const struct insn *x = &j->code[i], *next = jit_next(j, i);
    const struct insn_shape *s = &insn_shapes[x->opcode], *n = &insn_shapes[next->opcode];
    unsigned d = insn_dst(next);

    if (n->form != FORM_ALU || !n->by_reg || n->bytes != s->bytes ||
        insn_src(next) != insn_dst(x) || d == insn_dst(x) || memory_op(n) < 0 ||
        !jit_dies(j, i + 1, insn_dst(x)) || jit_dies(j, i + 1, d))
        return 0;
    x86_alu_memory(j, (enum x86_alu)memory_op(n), n->bytes, j->map[d], m);
    jit_result(j, d, n->bytes * 8u);
    jit_flags(j, d, n->bytes, n->op != ALU_ADD && n->op != ALU_SUB);
    return 2;
}

/* What `condition` becomes when both sides are known not to be negative. */
static enum x86_condition as_unsigned(enum x86_condition c)
{
    return c == CC_G ? CC_A : c == CC_GE ? CC_AE : c == CC_L ? CC_B : c == CC_LE ? CC_BE : c;
}

/* X = load; if X op imm; X dead: a comparison with memory. Two bytes only where imm fits one: CPUs
 * are slow on others. */
static uint32_t load_and_compare(struct jit *j, uint32_t i, struct x86_memory m)
{
    const struct insn *x = &j->code[i], *next = jit_next(j, i);
    const struct insn_shape *s = &insn_shapes[x->opcode], *n = &insn_shapes[next->opcode];
    static const int32_t greatest[] = {[1] = 255, [2] = 127, [4] = INT32_MAX, [8] = INT32_MAX};

    if (n->form != FORM_JUMP || n->op == JUMP_JSET || insn_dst(next) != insn_dst(x) || n->by_reg ||
        !jit_dies(j, i + 1, insn_dst(x)) || (s->bytes == 8 && n->bytes == 4))
        return 0;
    enum x86_condition c = jit_condition(next);
    if (n->bytes != s->bytes) {
        if (next->imm < 0 || next->imm > greatest[s->bytes])
            return 0;
        c = as_unsigned(c);
    }
    x86_alu_memory_imm(j, X86_CMP, s->bytes, m, next->imm);
    j->flags_of = NO_FLAGS;
    return 1 + jit_branch(j, i + 1, c);
}

/* X = load; X op= Y; store X there again; X dead: memory op= Y. */
static uint32_t load_and_store(struct jit *j, uint32_t i, struct x86_memory m)
{
    const struct insn *x = &j->code[i], *next = jit_next(j, i), *third = jit_next(j, i + 1);
    const struct insn_shape *s = &insn_shapes[x->opcode], *n = &insn_shapes[next->opcode];
    unsigned r = insn_dst(x);

    if (!third || n->form != FORM_ALU || memory_op(n) < 0 || insn_dst(next) != r ||
        (n->by_reg && (insn_src(next) == r || insn_src(next) == INSN_FRAME)) ||
        n->bytes < s->bytes || (s->bytes != 4 && s->bytes != 8))
        return 0;
    const struct insn_shape *t = &insn_shapes[third->opcode];
    if (t->form != FORM_STORE || t->bytes != s->bytes || insn_src(third) != r ||
        insn_dst(third) != insn_src(x) || third->offset != x->offset || insn_src(x) == r ||
        !jit_dies(j, i + 2, r))
        return 0;
    enum x86_alu op = (enum x86_alu)memory_op(n);
    if (n->by_reg)
        x86_lock(j, false, false, (unsigned)op << 3 | 1, s->bytes, j->map[insn_src(next)], m);
    else
        x86_alu_memory_imm(j, op, s->bytes, m, next->imm);
    j->flags_of = NO_FLAGS;
    return 3;
}

/* X = load; X = swapped. */
static uint32_t load_and_swap(struct jit *j, uint32_t i, struct x86_memory m)
{
    const struct insn *x = &j->code[i], *next = jit_next(j, i);
    const struct insn_shape *s = &insn_shapes[x->opcode], *n = &insn_shapes[next->opcode];
    unsigned r = insn_dst(x);

    if (!(j->in->features & GRAFT_JIT_MOVBE) || n->form != FORM_SWAP || n->op == SWAP_LITTLE ||
        insn_dst(next) != r || next->imm != s->bytes * 8 || s->bytes < 4)
        return 0;
    x86_load_swapped(j, s->bytes, j->map[r], m);
    jit_result(j, r, s->bytes * 8u);
    return 2;
}

uint32_t jit_load_from(struct jit *j, uint32_t i, struct x86_memory m, bool fixed)
{
    const struct insn *x = &j->code[i];
    const struct insn_shape *s = &insn_shapes[x->opcode];
    bool sign = s->form == FORM_LOAD_SIGNED;
    unsigned r = insn_dst(x);
    uint32_t taken = 0;

    if (!sign && !is_masked(j, fixed) && jit_next(j, i)) {
        taken = load_and_alu(j, i, m);
        if (!taken)
            taken = load_and_compare(j, i, m);
        if (!taken && m.index == NO_INDEX)
            taken = load_and_store(j, i, m);
        if (!taken)
            taken = load_and_swap(j, i, m);
    }
    if (taken)
        return taken;
    x86_load(j, sign, s->bytes, j->map[r], m);
    if (is_masked(j, fixed)) {
        x86_alu(j, X86_AND, sign ? 8 : s->bytes == 8 ? 8 : 4, j->map[r], MASK);
        j->flags_of = NO_FLAGS;
    }
    jit_result(j, r, sign ? 64 : s->bytes * 8u);
    return 1;
}

uint32_t jit_load(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];

    if (jit_dies(j, i, insn_dst(x)))
        return 1; /* the checker has seen that it cannot fault: nobody misses it */
    return jit_load_from(j, i, jit_operand(j, insn_src(x), x->offset), is_fixed(j, insn_src(x)));
}

/* Leaves the masked address in SCRATCH; where that is in use, waits until all branches are known.
 */
static struct x86_memory mask_address(struct jit *j, struct x86_memory m, bool in_use)
{
    if (in_use) {
        x86_fence(j);
        return m;
    }
    x86_lea(j, 8, SCRATCH, m);
    x86_alu(j, X86_AND, 8, SCRATCH, MASK);
    j->flags_of = NO_FLAGS;
    return x86_at(SCRATCH, 0);
}

static void store_to(struct jit *j, const struct insn *x, struct x86_memory m, bool fixed)
{
    const struct insn_shape *s = &insn_shapes[x->opcode];
    bool is_imm = s->form == FORM_STORE_IMM;

    if (is_masked(j, fixed))
        m = mask_address(j, m, !is_imm && insn_src(x) == INSN_FRAME);
    if (is_imm)
        x86_store_imm(j, s->bytes, m, x->imm);
    else
        x86_store(j, s->bytes, m, jit_read(j, insn_src(x)));
}

uint32_t jit_store(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];
    unsigned base = insn_dst(x);

    store_to(j, x, jit_operand(j, base, x->offset), is_fixed(j, base));
    return 1;
}

uint32_t jit_address(struct jit *j, uint32_t i, unsigned reg, struct x86_memory m, bool fixed)
{
    const struct insn *x = i < j->count ? &j->code[i] : NULL;
    uint8_t form = x ? insn_shapes[x->opcode].form : FORM_UNKNOWN;
    bool is_load = form == FORM_LOAD || form == FORM_LOAD_SIGNED;
    struct x86_memory at = m;

    if (x && !(j->slots[i].flags & (JIT_TARGET | JIT_FUEL | JIT_HALF)) && m.disp >= -(1 << 24) &&
        m.disp <= 1 << 24) {
        at.disp += x->offset;
        if (is_load && insn_src(x) == reg && (insn_dst(x) == reg || jit_dies(j, i, reg)) &&
            !jit_dies(j, i, insn_dst(x)))
            return jit_load_from(j, i, at, fixed);
        if ((form == FORM_STORE || form == FORM_STORE_IMM) && insn_dst(x) == reg &&
            (form == FORM_STORE_IMM || insn_src(x) != reg) && jit_dies(j, i, reg)) {
            store_to(j, x, at, fixed);
            return 1;
        }
    }
    if (jit_dies(j, i - 1, reg))
        return 0;
    x86_lea(j, 8, j->map[reg], m);
    jit_result(j, reg, 64);
    if (fixed)
        j->fixed |= (uint16_t)(1u << reg);
    return 0;
}

static enum x86_alu atomic_op(const struct insn *x)
{
    switch (x->imm & ~ATOMIC_FETCHES) {
    case ATOMIC_ADD:
        return X86_ADD;
    case ATOMIC_OR:
        return X86_OR;
    case ATOMIC_AND:
        return X86_AND;
    default:
        return X86_XOR;
    }
}

/* Fetch forms that the machine lacks: a loop around cmpxchg. Whatever registers base and source
 * are, the address is taken first and all that is used on the way is put back. */
static void fetch_loop(struct jit *j, const struct insn *x, unsigned bytes, struct x86_memory m)
{
    unsigned src = j->map[insn_src(x)];
    enum x86_alu op = atomic_op(x);
    struct x86_memory at = x86_at(SCRATCH, 0);

    x86_lea(j, 8, SCRATCH, m);
    x86_push(j, RAX);
    x86_push(j, RCX);
    x86_push(j, RDX);
    x86_move(j, 8, RCX, src);
    x86_load(j, false, bytes, RAX, at);
    uint32_t again = j->at;
    x86_move(j, bytes, RDX, RAX);
    x86_alu(j, op, bytes, RDX, RCX);
    x86_lock(j, true, true, 0xb1, bytes, RDX, at);
    x86_byte(j, 0x70 | CC_NE);
    x86_byte(j, (uint8_t)(again - (j->at + 1)));
    x86_move(j, bytes, SCRATCH, RAX);
    x86_pop(j, RDX);
    x86_pop(j, RCX);
    x86_pop(j, RAX);
    x86_move(j, 8, src, SCRATCH);
}

/* r0 gets the old value in either case; the machine leaves the upper half of rax alone when they
 * were equal. */
static void compare_exchange(struct jit *j, const struct insn *x, unsigned bytes,
                             struct x86_memory m)
{
    unsigned src = jit_read(j, insn_src(x));

    if (j->map[0] != RAX)
        x86_move(j, 8, RAX, j->map[0]);
    x86_lock(j, true, true, 0xb1, bytes, src, m);
    if (j->map[0] != RAX || bytes == 4)
        x86_move(j, bytes, j->map[0], RAX);
    jit_result(j, 0, bytes * 8);
}

uint32_t jit_atomic(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];
    unsigned bytes = insn_shapes[x->opcode].bytes, s = insn_src(x);
    struct x86_memory m = jit_operand(j, insn_dst(x), x->offset);

    if (is_masked(j, is_fixed(j, insn_dst(x))))
        x86_fence(j);
    j->flags_of = NO_FLAGS;
    switch (x->imm) {
    case ATOMIC_CMPXCHG:
        compare_exchange(j, x, bytes, m);
        return 1;
    case ATOMIC_FETCH_ADD:
        x86_lock(j, true, true, 0xc1, bytes, j->map[s], m);
        break;
    case ATOMIC_XCHG:
        x86_lock(j, false, false, 0x87, bytes, j->map[s], m); /* locks by itself */
        break;
    case ATOMIC_FETCH_OR:
    case ATOMIC_FETCH_AND:
    case ATOMIC_FETCH_XOR:
        fetch_loop(j, x, bytes, m);
        break;
    default:
        x86_lock(j, true, false, (unsigned)atomic_op(x) << 3 | 1, bytes, jit_read(j, s), m);
        return 1;
    }
    jit_result(j, s, bytes * 8);
    return 1;
}
