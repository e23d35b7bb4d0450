/*
 * Instructions: their encoding, what is well-formed, and what the arithmetic and comparing ones
 * compute. The interpreter and the checker's constant folding share these functions.
 */
#pragma once

#include "exo/abi/graft.h"
#include "exo/abi/types.h"

#define INSN_REGISTERS 11u
#define INSN_FRAME     10u /* r10 */

/* Sources of a 64-bit load whose imm is the number of a map; the others that RFC 9669 knows are
 * for loaders. */
#define INSN_MAP       5u /* the map */
#define INSN_MAP_VALUE 6u /* its value; the second imm is the offset in it */

/* One slot as it stands in the object. */
struct insn {
    uint8_t opcode;
    uint8_t registers; /* destination in bits 0-3, source in bits 4-7 */
    int16_t offset;
    int32_t imm;
};
_Static_assert(sizeof(struct insn) == 8, "a slot is 8 bytes");

enum insn_form {
    FORM_UNKNOWN,
    FORM_ALU,
    FORM_NEG,
    FORM_SWAP,
    FORM_WIDE, /* 64-bit immediate in two slots */
    FORM_LOAD,
    FORM_LOAD_SIGNED, /* those up to here write their destination register */
    FORM_STORE,
    FORM_STORE_IMM,
    FORM_ATOMIC,
    FORM_JUMP, /* conditional */
    FORM_GOTO,
    FORM_CALL,
    FORM_CALL_REG,
    FORM_EXIT,
};

enum alu_op {
#define ALU(code, name, sign) ALU_##name,
#include "grafts/insn.def"
};

enum jump_op {
#define JUMP(code, name, sign) JUMP_##name,
#include "grafts/insn.def"
};

enum atomic_op {
#define ATOMIC(imm, name, sign) ATOMIC_##name = (imm),
#include "grafts/insn.def"
};
#define ATOMIC_FETCHES 0x01 /* bit of the imm: a register gets the old value */

enum swap_op { SWAP_LITTLE, SWAP_BIG, SWAP_ALWAYS };

/* What the opcode byte alone says. */
struct insn_shape {
    uint8_t form;  /* enum insn_form                                                      */
    uint8_t op;    /* enum alu_op, jump_op or swap_op, by form                            */
    uint8_t bytes; /* operand width (4 or 8), bytes accessed, or where GOTO's distance is */
    bool by_reg;   /* ALU, JUMP, STORE: the operand is the source register and not imm    */
};
extern const struct insn_shape insn_shapes[256];

static inline unsigned insn_dst(const struct insn *i)
{
    return i->registers & 15u;
}

static inline unsigned insn_src(const struct insn *i)
{
    return i->registers >> 4;
}

/* Is this single slot well-formed: known opcode, existing registers, reserved fields 0, r10 not
 * written? Returns GRAFT_ACCEPTED, BAD_OPCODE, BAD_REGISTER, RESERVED_FIELD, MAP or FRAME_WRITE.
 * Jumps, calls, numbers of maps and the second half of a 64-bit load are the checker's to judge. */
enum graft_reason insn_check(const struct insn *i);

/* No instruction has opcode 0, so in a well-formed program these are the second halves of 64-bit
 * loads. */
static inline bool insn_is_half(const struct insn *i)
{
    return i->opcode == 0;
}

/* Is `second` a well-formed second half of a 64-bit load? */
bool insn_is_wide_half(const struct insn *second);

/* Where a FORM_JUMP or FORM_GOTO at slot `at` leads; may lie outside the program. */
int64_t insn_target(const struct insn *i, uint32_t at);

/* The result of FORM_ALU with operands a (destination) and b. `bytes` 4 or 8. */
uint64_t alu_compute(enum alu_op op, int16_t offset, unsigned bytes, uint64_t a, uint64_t b);

/* The result of FORM_SWAP of width `bits` (16, 32, 64). */
uint64_t alu_swap(enum swap_op op, int32_t bits, uint64_t a);

/* `a` read as a signed number of `bits` bits, 1 to 64. */
uint64_t alu_sign_extend(uint64_t a, unsigned bits);

/* Does a FORM_JUMP with these operands jump? */
bool jump_holds(enum jump_op op, unsigned bytes, uint64_t a, uint64_t b);
