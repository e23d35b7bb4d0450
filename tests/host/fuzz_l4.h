/* Random calls of X.2 on the host: who plays them, what there is to play with, and what the last
 * steps were. */
#pragma once

#include "tests/fuzz/x2_call.h"
#include "tests/host/kernel_ipc.h"

enum fuzz_what {
    FUZZ_CALL,
    FUZZ_CALL_SLOW,
    FUZZ_FAULT,
    FUZZ_EXCEPTION,
    FUZZ_PORT,
    FUZZ_LINE,
    FUZZ_TIME,
    FUZZ_BOSS
};

struct fuzz_event {
    enum fuzz_what what;
    unsigned step, cpu, state; /* of the thread, after it */
    word_t thread, a, b;
    struct x2_call call;
    word_t tag, result, error;
};

/* The first party is privileged; the idler runs when nobody else does. */
extern struct party fuzz_party[2], fuzz_idler;
extern struct x2_world fuzz;

/* A step of `t`, or of nobody, among the last ones. */
struct fuzz_event *fuzz_note(enum fuzz_what what, const struct thread *t);
void fuzz_print(uint64_t seed);

/* Two parties of two threads each, their memory, and what else they have. */
void fuzz_begin(void);

/* The party's threads begin anew, or when it has ended, a new one does. */
void fuzz_restart(unsigned n);

/* Something that the players have is taken from them, or given anew. */
void fuzz_boss(void);
