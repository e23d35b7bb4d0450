/* What the two halves of the maker of random programs share. */
#pragma once

#include "tests/host/graft_asm.h"
#include "tests/host/graft_random.h"

#define MAX_JUMPS   64u
#define MAX_GROUPS  40u
#define STACK_SLOTS 6u

/* A program being made. */
struct maker {
    struct random_program *p;
    uint64_t seed;
    unsigned base;  /* register that points to the memory */
    uint32_t fixed; /* registers that groups may not write */
    bool has_stack, has_calls, has_locals;
    uint32_t jumps[MAX_JUMPS]; /* slots of jumps whose targets are not known yet */
    unsigned jump_count;
    uint32_t locals[4]; /* slots of local calls */
    unsigned local_count;
    unsigned depth; /* of loops */
};

uint32_t random_pick(struct maker *m, uint32_t below);
bool random_chance(struct maker *m, uint32_t percent);
int32_t random_imm(struct maker *m);
/* A register that may be written, but none of `not` (set); one that may be read. */
unsigned random_written(struct maker *m, uint32_t not );
unsigned random_read(struct maker *m);
void random_emit(struct maker *m, struct insn i);

/* Groups: each leaves the program at a place where a jump may lead. */
void random_number(struct maker *m, unsigned r);
void random_alu_to(struct maker *m, unsigned dst);
void random_alu(struct maker *m);
void random_idiom(struct maker *m);
void random_memory(struct maker *m);
void random_atomic(struct maker *m);

#define EMIT(...) random_emit(m, (struct insn)__VA_ARGS__)
