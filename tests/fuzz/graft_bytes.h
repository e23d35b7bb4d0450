/* Instructions from a fuzzer's bytes. */
#pragma once

#include "grafts/insn.h"

/* Reads at most `most` instructions; with `mend`, those are made well-formed as far as one alone
 * can be, so that more of them get behind the first checks. Returns how many. */
uint32_t bytes_to_code(const uint8_t *data, size_t bytes, bool mend, struct insn *code,
                       uint32_t most);
