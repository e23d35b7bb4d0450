/*
 * The just-in-time compiler: machine code for a program, that does what the interpreter does.
 *
 * No allocation, no recursion, time linear in the program (at most JIT_PASSES walks over it): the
 * caller lends work memory and a buffer for the code. The compiler trusts that the code was
 * checked; it tests no address. It copes with any bytes, though: code that is malformed is an error
 * and no crash.
 *
 * W^X is the caller's: the buffer is mapped readable and writable while it is filled, then readable
 * and executable. The code is position independent, except that helpers and maps are where they
 * are; with `base` told, helpers within 2 GiB are called relative to it, and the code may run there
 * only.
 *
 * Speculation (GRAFT_JIT_MASK): the proof holds for what a program does, not for what the CPU does
 * after it has guessed a branch wrongly. With the flag a register is all ones as long as each
 * branch since the start went as its condition says, and 0 from the first one that did not; it is
 * moved by conditional moves, which are not guessed. What is loaded from an address that was
 * computed is combined with it by `and`, and so is the address of each such store. Loads at fixed
 * distances from the frame or the context need none. A mask (and not lfence) because it costs two
 * instructions a branch and one or two an access, and leaves the CPU free to guess; and a mask of
 * branches (and not of indices) because it needs no bound, so it also holds for packets, whose
 * length no power of two bounds.
 */
#pragma once

#include "grafts/program.h"

#define JIT_PASSES 8u

/* What the CPU has; never needed, used when it pays. */
#define GRAFT_JIT_BMI2  (1u << 0)
#define GRAFT_JIT_MOVBE (1u << 1)

/* What the caller wants. */
#define GRAFT_JIT_MASK (1u << 0) /* mask against speculation, see above */
#define GRAFT_JIT_ZERO (1u << 1) /* unchecked code: a register read before it is written is 0 */
#define GRAFT_JIT_KEEP (1u << 2) /* see graft_jit_output.keeps */

/* What is known of one slot; bits that the checker may set. */
#define GRAFT_JIT_NONZERO (1u << 0) /* DIV, MOD: the divisor is not 0                           */
#define GRAFT_JIT_NARROW  (1u << 1) /* DIV, MOD, unsigned: both operands are below 2^32          */

struct graft_jit_input {
    const struct graft_program *program;
    uint32_t features; /* set of GRAFT_JIT_* above */
    uint32_t options;
    uint64_t base;                       /* address that the code will run at; 0: anywhere */
    const struct graft_outside *outside; /* NULL: no helpers, no maps */
    const uint8_t *facts;                /* [count] of the program, or NULL */
};

enum graft_jit_end {
    GRAFT_JIT_DONE,
    GRAFT_JIT_WORK, /* the work memory is too small */
    GRAFT_JIT_ROOM, /* the buffer is too small: `bytes` are needed; the buffer's content is void */
    GRAFT_JIT_BAD_CODE,  /* slot `at` is malformed or leads out of the program */
    GRAFT_JIT_BAD_CALL,  /* slot `at` calls what there is not, or by a register that is no constant
                          */
    GRAFT_JIT_BAD_MAP,   /* slot `at` names a map that there is not */
    GRAFT_JIT_REGISTERS, /* not enough are left, with local calls and fuel, or with them and masking
                          */
    GRAFT_JIT_TOO_LARGE, /* more instructions than JIT_MAX_SLOTS */
};
#define JIT_MAX_SLOTS (1u << 20)

struct graft_jit_output {
    uint32_t bytes; /* of code, exactly */
    uint32_t at;    /* slot at fault */
    bool may_abort; /* `rest` of the result tells something */
    bool keeps;     /* asked for it, and the program has neither calls nor fuel: all registers are
                       as they were but rax, rdi and r11 on x86-64 */
    bool is_blind;  /* it reads nothing of r1, its context */
};

/* What the compiler knows of one slot of the program. */
struct jit_slot {
    uint32_t at;     /* where its machine code begins */
    uint32_t widths; /* of a jump target: two bits for each register, enum jit_width */
    uint16_t live;   /* registers whose values may be read from here on */
    uint16_t flags;  /* JIT_TARGET ... */
};
#define GRAFT_JIT_WORK_BYTES(count) ((size_t)(count) * sizeof(struct jit_slot))

/* Compiles. `work` is aligned to 16 bytes and the caller's again on return. With capacity 0, `code`
 * may be NULL and the end is GRAFT_JIT_ROOM: that is how to ask for the size. *out is always
 * filled. */
enum graft_jit_end graft_jit(const struct graft_jit_input *in, void *work, size_t work_bytes,
                             uint8_t *code, size_t capacity, struct graft_jit_output *out);

/* What compiled code returns, and how it is called: r1, r2, and the fuel. When the program
 * may_abort, `rest` is the fuel that is left, or below zero when it was aborted; then `r0` is void.
 */
struct graft_jit_result {
    uint64_t r0;
    int64_t rest;
};
typedef struct graft_jit_result (*graft_jit_entry)(uint64_t r1, uint64_t r2, int64_t fuel);
