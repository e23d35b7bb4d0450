/* Programs of the corpora (tests/vectors/bpf), proved and judged. */
#pragma once

#include "grafts/prover/prove.h"
#include "tests/host/graft_asm.h"

#define CORPUS_CODE 128u

/* Maps that rows may name: 0 an array of 64 bytes, 1 a hash of 8 to 16 bytes, 2 a ring buffer, 3 a
 * window, as in checker.def. */
extern const struct graft_map_def corpus_maps[4];

/* What was found out about one program. `out` lies in `w`. True: accepted by the checker. `always`:
 * with a proof, needed or not. */
bool corpus_prove(struct work *w, const struct insn *code, uint32_t count, bool always,
                  struct proved *out);
