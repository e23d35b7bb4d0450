/* How good the compiler's code is, beside clang's. */
#pragma once

#include "exo/abi/types.h"

/* For each program of bench.def: reads DIR/NAME.o (eBPF) and DIR/NAME.bin (what clang -O2 makes of
 * the same source for this machine, position independent), runs both and the interpreter, and
 * prints how many instructions were executed, counted one by one, and how many bytes they take.
 * `options` of graft_jit_input. 0: all gave the same results. */
int bench(const char *folder, uint32_t options);
