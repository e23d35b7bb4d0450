/* Instructions as text, in the notation of clang and of the RFC. */
#pragma once

#include "grafts/insn.h"

#define DISASM_LINE 80u

/* Writes the instruction at `i` as one line without newline. `left` slots stand from `i` on: the
 * second half of a 64-bit load is read only when it is there. */
void disasm_print(const struct insn *i, uint32_t left, char text[DISASM_LINE]);
