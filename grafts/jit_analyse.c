/* What a compiler asks of a program whatever the machine: jump targets, live registers, uses. */
#include "grafts/jit_x86_64.h"

#define SWEEPS      3u     /* walks from the end: a loop in a loop in a loop is seen exactly */
#define ALL         0x3ffu /* r0 to r9 */
#define ARGUMENTS   0x03eu /* r1 to r5 */
#define CLOBBERED   0x03fu /* r0 to r5 */
#define MAX_TARGETS 2u

void jit_fail(struct jit *j, enum graft_jit_end end, uint32_t at)
{
    if (j->end != GRAFT_JIT_DONE)
        return;
    j->end = end;
    j->end_at = at;
}

static bool is_place(const struct jit *j, int64_t target)
{
    return target >= 0 && target < j->count && !(j->slots[target].flags & JIT_HALF);
}

/* Slots that may come after the one at `i`. */
static unsigned successors(const struct jit *j, uint32_t i, uint32_t to[MAX_TARGETS])
{
    const struct insn *x = &j->code[i];
    unsigned n = 0;

    switch (insn_shapes[x->opcode].form) {
    case FORM_EXIT:
        return 0;
    case FORM_JUMP:
        to[n++] = i + 1;
        to[n++] = (uint32_t)insn_target(x, i);
        return n;
    case FORM_GOTO:
        to[n++] = (uint32_t)insn_target(x, i);
        return n;
    default:
        to[n++] = i + jit_slots_of(x);
        return n;
    }
}

uint16_t jit_live_behind(const struct jit *j, uint32_t i)
{
    uint32_t to[MAX_TARGETS];
    unsigned n = successors(j, i, to);
    uint16_t live = 0;

    for (unsigned k = 0; k < n; k++)
        live |= j->slots[to[k]].live;
    return live;
}

const struct insn *jit_next(const struct jit *j, uint32_t i)
{
    uint32_t next = i + jit_slots_of(&j->code[i]);

    if (next >= j->count || (j->slots[next].flags & (JIT_TARGET | JIT_FUEL)))
        return NULL;
    return &j->code[next];
}

/* Which registers an instruction reads and writes. */
static void find_uses(const struct insn *x, uint16_t *reads, uint16_t *writes)
{
    const struct insn_shape *s = &insn_shapes[x->opcode];
    uint16_t dst = (uint16_t)(1u << insn_dst(x)), src = (uint16_t)(1u << insn_src(x));

    *reads = *writes = 0;
    switch (s->form) {
    case FORM_ALU:
        *reads = (uint16_t)((s->op == ALU_MOV ? 0 : dst) | (s->by_reg ? src : 0));
        *writes = dst;
        break;
    case FORM_NEG:
    case FORM_SWAP:
        *reads = *writes = dst;
        break;
    case FORM_WIDE:
        *writes = dst;
        break;
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
        *reads = src;
        *writes = dst;
        break;
    case FORM_STORE:
        *reads = dst | src;
        break;
    case FORM_STORE_IMM:
        *reads = dst;
        break;
    case FORM_ATOMIC:
        *reads = (uint16_t)(dst | src | (x->imm == ATOMIC_CMPXCHG));
        if (x->imm & ATOMIC_FETCHES)
            *writes = x->imm == ATOMIC_CMPXCHG ? 1 : src;
        break;
    case FORM_JUMP:
        *reads = (uint16_t)(dst | (s->by_reg ? src : 0));
        break;
    case FORM_CALL:
        *reads = insn_src(x) == 1 ? ALL : ARGUMENTS;
        *writes = insn_src(x) == 1 ? 0 : CLOBBERED;
        break;
    case FORM_CALL_REG:
        *reads = ARGUMENTS | dst;
        *writes = CLOBBERED;
        break;
    case FORM_EXIT:
        *reads = 1;
        break;
    default:
        break;
    }
}

/* Starting from "all are live", each walk only takes away what is not: so whatever the number of
 * walks, what is left out is dead. */
static void find_live(struct jit *j)
{
    for (uint32_t i = 0; i < j->count; i++)
        j->slots[i].live = ALL;
    for (unsigned sweep = 0; sweep < SWEEPS; sweep++)
        for (uint32_t i = j->count; i-- > 0;) {
            uint16_t reads, writes;
            if (j->slots[i].flags & JIT_HALF)
                continue;
            find_uses(&j->code[i], &reads, &writes);
            if (j->sum.has_local_calls && insn_shapes[j->code[i].opcode].form == FORM_EXIT)
                reads = ALL; /* of a callee: its caller goes on with what it left */
            j->slots[i].live = (uint16_t)((jit_live_behind(j, i) & ~writes) | reads);
        }
}

static bool mark_target(struct jit *j, uint32_t i, int64_t target)
{
    if (!is_place(j, target)) {
        jit_fail(j, GRAFT_JIT_BAD_CODE, i);
        return false;
    }
    j->slots[target].flags |= JIT_TARGET;
    if (target <= i)
        j->slots[target].flags |= JIT_BACKWARD;
    return true;
}

/* Where control goes from slot `i` is a place, and is marked. */
static bool mark_targets(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];
    uint8_t form = insn_shapes[x->opcode].form;

    if ((form == FORM_JUMP || form == FORM_GOTO) && !mark_target(j, i, insn_target(x, i)))
        return false;
    if (form == FORM_CALL && insn_src(x) == 1) {
        if (!mark_target(j, i, (int64_t)i + 1 + x->imm))
            return false;
        j->sum.has_local_calls = true;
        j->slots[(uint32_t)((int64_t)i + 1 + x->imm)].flags |=
            JIT_BACKWARD; /* comes from anywhere */
    }
    if (form != FORM_GOTO && form != FORM_EXIT && !is_place(j, (int64_t)i + jit_slots_of(x))) {
        jit_fail(j, GRAFT_JIT_BAD_CODE, i);
        return false;
    }
    return true;
}

/* Each slot is well-formed or the second half of one that is. */
static bool check_forms(struct jit *j)
{
    for (uint32_t i = 0; i < j->count; i++)
        j->slots[i] = (struct jit_slot){0};
    for (uint32_t i = 0; i < j->count; i++) {
        const struct insn *x = &j->code[i];
        enum graft_reason reason = insn_check(x);
        bool is_wide = insn_shapes[x->opcode].form == FORM_WIDE;
        if (reason != GRAFT_ACCEPTED && !(reason == GRAFT_MAP && is_wide)) {
            jit_fail(j, GRAFT_JIT_BAD_CODE, i);
            return false;
        }
        if (!is_wide)
            continue;
        if (i + 1 >= j->count || !insn_is_wide_half(&j->code[i + 1])) {
            jit_fail(j, GRAFT_JIT_BAD_CODE, i);
            return false;
        }
        j->slots[++i].flags = JIT_HALF;
    }
    return true;
}

/* A division by these needs no register but its own. */
static bool is_easy_divisor(const struct insn *x, const struct insn_shape *s)
{
    uint32_t d = (uint32_t)x->imm;
    return !s->by_reg && x->offset == 0 && x->imm >= 0 && (d & (d - 1)) == 0;
}

static void note_frame(struct jit *j, const struct insn *x, uint8_t form)
{
    bool by_dst = insn_dst(x) == INSN_FRAME, by_src = insn_src(x) == INSN_FRAME;
    bool is_base =
        form == FORM_LOAD || form == FORM_LOAD_SIGNED
            ? by_src
            : by_dst && (form == FORM_STORE || form == FORM_STORE_IMM || form == FORM_ATOMIC);

    if (form == FORM_CALL || form == FORM_WIDE)
        return;
    if (is_base && -x->offset > j->sum.frame_depth)
        j->sum.frame_depth = -x->offset;
    if ((by_dst && !is_base) || (by_src && !(is_base && form != FORM_STORE && form != FORM_ATOMIC)))
        j->sum.frame_escapes = true;
}

static void summarise(struct jit *j)
{
    for (uint32_t i = 0; i < j->count; i++) {
        const struct insn *x = &j->code[i];
        const struct insn_shape *s = &insn_shapes[x->opcode];
        uint16_t reads, writes;

        if (j->slots[i].flags & JIT_HALF)
            continue;
        find_uses(x, &reads, &writes);
        for (unsigned r = 0; r < INSN_REGISTERS; r++)
            j->sum.uses[r] += jit_has((uint16_t)(reads | writes), r);
        j->sum.written |= writes;
        note_frame(j, x, s->form);
        if ((s->form == FORM_CALL && insn_src(x) != 1) || s->form == FORM_CALL_REG)
            j->sum.has_calls = true;
        if (s->form != FORM_ALU)
            continue;
        if ((s->op == ALU_DIV || s->op == ALU_MOD) && !is_easy_divisor(x, s))
            j->sum.has_division = true;
        if ((s->op == ALU_LSH || s->op == ALU_RSH || s->op == ALU_ARSH) && s->by_reg)
            j->sum.has_shifts = true;
    }
}

static bool mark_fuel(struct jit *j)
{
    const struct graft_program *p = j->in->program;

    for (uint32_t k = 0; k < p->point_count; k++) {
        uint32_t at = p->points[k].at;
        if (!is_place(j, at) || (k > 0 && at <= p->points[k - 1].at) ||
            p->points[k].charge > INT32_MAX) {
            jit_fail(j, GRAFT_JIT_BAD_CODE, at);
            return false;
        }
        j->slots[at].flags |= JIT_FUEL;
    }
    return true;
}

bool jit_analyse(struct jit *j)
{
    if (!check_forms(j))
        return false;
    for (uint32_t i = 0; i < j->count; i++)
        if (!(j->slots[i].flags & JIT_HALF) && !mark_targets(j, i))
            return false;
    if (!mark_fuel(j))
        return false;
    find_live(j);
    summarise(j);
    return true;
}
