/* The plugin side of the public conformance suite's protocol. */
#pragma once

#include "exo/abi/types.h"

/* Reads a program as hexadecimal bytes, from standard input if `program` is NULL, and runs it,
 * unchecked but with every access bounded, on the memory given (hexadecimal, or NULL): r1 its
 * address, r2 its length.
 * Prints r0 in hexadecimal and returns 0, or prints a message to standard error and returns 1.
 * `jit`: as machine code, whose accesses nothing bounds but this machine. */
int conform(const char *memory, const char *program, bool jit);
