/*
 * What the parts of the x86-64 compiler share: its state, and one function per machine instruction.
 *
 * jit_analyse.c     what does not hang on the machine: jump targets, live registers
 * jit_x86_64.c      the driver: passes, registers, start and end of a program
 * jit_x86_64_emit.c bytes
 * jit_x86_64_alu.c  arithmetic; jit_x86_64_divide.c division
 * jit_x86_64_move.c moves, and what can be folded with one: addresses, shifts, tests
 * jit_x86_64_memory.c  loads, stores, atomics
 * jit_x86_64_flow.c jumps and calls
 *
 * A function that is given slot `i` returns how many instructions it has compiled: 0, when its
 * pattern is not there and nothing was emitted; more than 1, when it took those behind, too.
 * Instructions behind are taken only when nothing jumps to them (jit_next).
 */
#pragma once

#include "grafts/jit.h"

enum x86_register {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    NO_INDEX = 16,
};

/* Never holds an eBPF register: for what one instruction needs on its way. */
#define SCRATCH R11

/* Registers with a fixed meaning where the program needs that meaning. */
#define ANCHOR R13 /* stack pointer of the outermost function, when there are local calls */
#define MASK   R14 /* GRAFT_JIT_MASK: all ones, or 0 when this should not be happening */

/* Bits of jit_slot.flags. */
#define JIT_TARGET   (1u << 0) /* something jumps here, or it is a function's start             */
#define JIT_BACKWARD (1u << 1) /* something behind it jumps here                                */
#define JIT_HALF     (1u << 2) /* second half of a 64-bit load                                  */
#define JIT_SHORT    (1u << 3) /* the jump here reaches its target with 8 bits                  */
#define JIT_FUEL     (1u << 4) /* a fuel point                                                  */

/* jit_slot.widths: how wide each register's value is at a jump target at most, and from bit
 * WIDTH_MOVING on which registers are not at a fixed distance from frame or context. */
enum jit_width { WIDTH_8, WIDTH_16, WIDTH_32, WIDTH_64 };
#define WIDTH_MOVING 22u

/* x86 condition codes. */
enum x86_condition {
    CC_B = 2,
    CC_AE = 3,
    CC_E = 4,
    CC_NE = 5,
    CC_BE = 6,
    CC_A = 7,
    CC_S = 8,
    CC_L = 12,
    CC_GE = 13,
    CC_LE = 14,
    CC_G = 15,
};

/* x86's eight, by number of their opcodes. */
enum x86_alu { X86_ADD, X86_OR, X86_AND = 4, X86_SUB, X86_XOR, X86_CMP };
enum x86_shift { X86_ROL, X86_SHL = 4, X86_SHR = 5, X86_SAR = 7 };

/* A memory operand. */
struct x86_memory {
    uint8_t base, index; /* index: NO_INDEX when there is none */
    uint8_t scale;       /* power of two */
    int32_t disp;
};

/* What the analysis says of the whole program. */
struct jit_summary {
    uint32_t uses[INSN_REGISTERS]; /* instructions that name it */
    uint16_t written;              /* registers that are written anywhere */
    bool has_calls;                /* of helpers */
    bool has_local_calls;
    bool has_division; /* that needs rax and rdx */
    bool has_shifts;   /* by a register */
    bool frame_escapes;
    int32_t frame_depth; /* bytes below r10 that are accessed directly */
};

struct jit {
    const struct graft_jit_input *in;
    const struct insn *code; /* of the program */
    uint32_t count;
    struct jit_slot *slots;
    struct jit_summary sum;

    uint8_t *out;
    size_t capacity;
    uint32_t at;            /* bytes emitted in this pass, whether they fitted or not */
    uint32_t shift;         /* how much nearer to the start the code is than in the pass before */
    bool first;             /* no pass was before */
    bool frozen;            /* lengths of jumps stay as they are */
    bool changed;           /* this pass has found a jump that can be short */
    enum graft_jit_end end; /* first error */
    uint32_t end_at;

    uint8_t map[INSN_REGISTERS]; /* eBPF register to x86 register; that of r10 is not used */
    uint8_t saved[12];           /* registers that the prologue pushes */
    uint8_t saved_count;
    int32_t frame_bytes; /* stack between the return address or saved registers and rsp */
    int32_t frame_top;   /* r10 - rsp */
    int32_t call_bytes;  /* that a local call takes below the registers it pushes */
    bool may_abort;
    uint32_t abort_at;
    uint32_t leave_bytes; /* of the code of an exit */
    uint16_t entry_fixed; /* registers that hold what they hold at the start wherever one is */

    /* Known where the pass stands. */
    uint32_t point;                 /* next fuel point */
    uint8_t width[INSN_REGISTERS];  /* significant bits, 1 to 64 */
    uint16_t nonzero;               /* registers that are not 0 */
    uint16_t constants;             /* registers with a known value */
    uint64_t value[INSN_REGISTERS]; /* of those */
    uint16_t fixed;      /* registers at a fixed distance from the frame or the context */
    uint8_t flags_of;    /* eBPF register whose value ZF tells, or NO_FLAGS */
    uint8_t flags_bytes; /* of how many bytes of it */
    bool flags_signed;   /* SF tells its sign, and OF is 0 */
};
#define NO_FLAGS 255u

/* jit_analyse.c */

/* Judges form and targets, and fills slots and sum. False: j->end tells. */
bool jit_analyse(struct jit *j);
/* Registers that are read somewhere behind slot `i`, on any way. */
uint16_t jit_live_behind(const struct jit *j, uint32_t i);
/* The instruction behind the one at `i` when it is on the only way to it; else NULL. */
const struct insn *jit_next(const struct jit *j, uint32_t i);
void jit_fail(struct jit *j, enum graft_jit_end end, uint32_t at);

static inline uint32_t jit_slots_of(const struct insn *i)
{
    return insn_shapes[i->opcode].form == FORM_WIDE ? 2 : 1;
}

/* Is register `r` in the set? */
static inline bool jit_has(uint16_t set, unsigned r)
{
    return (set & 1u << r) != 0;
}

static inline bool jit_dies(const struct jit *j, uint32_t i, unsigned reg)
{
    return !jit_has(jit_live_behind(j, i), reg);
}

/* jit_x86_64_emit.c: bytes. `bytes` is the operand's width: 4 or 8, where not said otherwise. */

void x86_byte(struct jit *j, unsigned b);
void x86_four(struct jit *j, uint32_t w);
void x86_move(struct jit *j, unsigned bytes, unsigned dst, unsigned src);
void x86_move_imm(struct jit *j, unsigned dst, uint64_t imm); /* changes flags when imm is 0 */
void x86_alu(struct jit *j, enum x86_alu op, unsigned bytes, unsigned dst, unsigned src);
void x86_alu_imm(struct jit *j, enum x86_alu op, unsigned bytes, unsigned dst, int32_t imm);
void x86_alu_memory(struct jit *j, enum x86_alu op, unsigned bytes, unsigned dst,
                    struct x86_memory m);
/* Width 1, 2, 4 or 8. */
void x86_alu_memory_imm(struct jit *j, enum x86_alu op, unsigned bytes, struct x86_memory m,
                        int32_t imm);
void x86_test(struct jit *j, unsigned bytes, unsigned a, unsigned b);
void x86_test_imm(struct jit *j, unsigned bytes, unsigned a, int32_t imm);
void x86_lea(struct jit *j, unsigned bytes, unsigned dst, struct x86_memory m);
void x86_shift(struct jit *j, enum x86_shift op, unsigned bytes, unsigned dst, unsigned count);
void x86_shift_cl(struct jit *j, enum x86_shift op, unsigned bytes, unsigned dst);
void x86_shift_bmi2(struct jit *j, enum x86_shift op, unsigned bytes, unsigned dst, unsigned src,
                    unsigned count);
void x86_step(struct jit *j, bool down, unsigned bytes, unsigned reg); /* inc, dec */
void x86_fence(struct jit *j);                                         /* lfence */
/* F7 group: 2 not, 3 neg, 4 mul, 6 div, 7 idiv. */
void x86_unary(struct jit *j, unsigned which, unsigned bytes, unsigned reg);
void x86_imul(struct jit *j, unsigned bytes, unsigned dst, unsigned src);
void x86_imul_imm(struct jit *j, unsigned bytes, unsigned dst, unsigned src, int32_t imm);
/* Loads and moves that extend: from 1, 2, 4 bytes to 8. */
void x86_extend(struct jit *j, bool sign, unsigned from, unsigned to, unsigned dst, unsigned src);
void x86_load(struct jit *j, bool sign, unsigned bytes, unsigned dst, struct x86_memory m);
void x86_load_swapped(struct jit *j, unsigned bytes, unsigned dst, struct x86_memory m);
void x86_store(struct jit *j, unsigned bytes, struct x86_memory m, unsigned src);
void x86_store_imm(struct jit *j, unsigned bytes, struct x86_memory m, int32_t imm);
void x86_bswap(struct jit *j, unsigned bytes, unsigned reg);
void x86_rol16(struct jit *j, unsigned reg);
/* `lock` and an instruction of opcode byte `op`, behind 0F when `escape`. */
void x86_lock(struct jit *j, bool lock, bool escape, unsigned op, unsigned bytes, unsigned reg,
              struct x86_memory m);
void x86_cmov(struct jit *j, enum x86_condition c, unsigned dst, unsigned src);
void x86_push(struct jit *j, unsigned reg);
void x86_pop(struct jit *j, unsigned reg);
/* A jump forwards within one instruction's code: where its distance stands, for x86_here. */
uint32_t x86_skip_if(struct jit *j, enum x86_condition c);
uint32_t x86_skip(struct jit *j);
void x86_here(struct jit *j, uint32_t from);

static inline struct x86_memory x86_at(unsigned base, int32_t disp)
{
    return (struct x86_memory){(uint8_t)base, NO_INDEX, 0, disp};
}

/* jit_x86_64_alu.c */

uint32_t jit_alu(struct jit *j, uint32_t i);
uint32_t jit_swap(struct jit *j, uint32_t i);
uint32_t jit_wide(struct jit *j, uint32_t i);
void jit_result(struct jit *j, unsigned reg, unsigned width); /* `reg` has a new value */
void jit_flags(struct jit *j, unsigned reg, unsigned bytes, bool sign);
/* x86 register that holds eBPF register `r`; the frame pointer is put in SCRATCH. */
unsigned jit_read(struct jit *j, unsigned r);
/* The destination of `x`, a shift by a register, gets x86 register `from` shifted by `count`. */
void jit_shift(struct jit *j, const struct insn *x, unsigned from, unsigned count);
/* As many bits as `imm` has. */
unsigned jit_bits(uint64_t imm);
/* Do `x` and a second shift cut and extend what is in the destination? From how many bytes, or 0.
 */
unsigned jit_extends(const struct insn *x, const struct insn *second, bool *sign);
/* 1, 2, 3 when lea multiplies by that scale and 1: by 3, 5, 9; else 0. */
unsigned jit_lea_scale(int32_t factor);

/* jit_x86_64_divide.c */

/* dst = from op operand; `from` is an eBPF register, mostly dst itself. */
void jit_divide(struct jit *j, const struct insn *x, unsigned from, uint32_t i);
uint32_t jit_divide_idiom(struct jit *j, uint32_t i);

/* jit_x86_64_move.c */

/* Register `r` gets `value`, known from then on; nothing is made when nobody reads it. */
void jit_constant(struct jit *j, uint32_t i, unsigned r, uint64_t value);
uint32_t jit_move(struct jit *j, uint32_t i);
uint32_t jit_scaled(struct jit *j, uint32_t i); /* shift, and an address with it */

/* jit_x86_64_memory.c */

uint32_t jit_load(struct jit *j, uint32_t i);
uint32_t jit_store(struct jit *j, uint32_t i);
uint32_t jit_atomic(struct jit *j, uint32_t i);
/* The load at `i` from `m`; `fixed`: no address that was computed. Returns as the others. */
uint32_t jit_load_from(struct jit *j, uint32_t i, struct x86_memory m, bool fixed);
/* eBPF register `reg` is to hold address `m`, made by the instructions before slot `i`: when the
 * one at `i` accesses memory by it and nothing else needs it, compiles that and returns how many;
 * else emits lea and returns 0. */
uint32_t jit_address(struct jit *j, uint32_t i, unsigned reg, struct x86_memory m, bool fixed);
/* Operand of an access by eBPF register `reg`. */
struct x86_memory jit_operand(struct jit *j, unsigned reg, int32_t offset);

/* jit_x86_64_flow.c */

/* What is known here is known at `target`, too, as far as other ways there allow. */
void jit_join(struct jit *j, uint32_t target);
uint32_t jit_jump(struct jit *j, uint32_t i);
/* Emits the jump of the instruction at `i` on condition `c`. */
uint32_t jit_branch(struct jit *j, uint32_t i, enum x86_condition c);
enum x86_condition jit_condition(const struct insn *x);
uint32_t jit_goto(struct jit *j, uint32_t i);
uint32_t jit_call(struct jit *j, uint32_t i);
void jit_exit(struct jit *j);
void jit_fuel(struct jit *j, uint32_t charge);
void jit_enter(struct jit *j);
void jit_leave(struct jit *j);
void jit_abort(struct jit *j); /* what aborted runs go to, behind the program */
