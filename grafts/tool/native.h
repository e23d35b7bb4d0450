/* Compiled programs on this machine: memory that is written in one place and runs in another. */
#pragma once

#include "grafts/jit.h"

struct native {
    uint8_t *writable; /* the same memory: readable and writable here */
    uint8_t *runs;     /* and readable and executable here             */
    size_t bytes;
    void *work; /* of the compiler */
    size_t work_bytes;
};

/* Room for `bytes` of code of programs of at most `slots` slots. False: this machine gives none. */
bool native_open(struct native *n, size_t bytes, uint32_t slots);
void native_close(struct native *n);

/* GRAFT_JIT_* features of this CPU. */
uint32_t native_features(void);

/* Compiles; on GRAFT_JIT_DONE *entry runs it, until the next is compiled. `at_home`: the compiler
 * is told where the code will run. */
enum graft_jit_end native_compile(struct native *n, struct graft_jit_input *in, bool at_home,
                                  graft_jit_entry *entry, struct graft_jit_output *out);
