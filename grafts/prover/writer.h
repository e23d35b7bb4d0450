/* Linked objects: what the linker and the prover found, as the file that the kernel reads. */
#pragma once

#include "grafts/prover/link.h"

struct writer_object {
    const struct linked *program;
    const char *hook;     /* name in exo/abi/graft_hooks.def */
    const uint8_t *proof; /* [proof_bytes]; NULL when there is none */
    size_t proof_bytes;
};

/* The file's bytes, in the work's memory; how many in *bytes. */
const uint8_t *writer_make(struct work *w, const struct writer_object *o, size_t *bytes);
