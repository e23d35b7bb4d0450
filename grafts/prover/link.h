/*
 * The linker: makes one program of what clang -target bpf made. Functions that are called become
 * parts of their callers, maps get numbers, global data become maps of one entry.
 */
#pragma once

#include "grafts/prover/object.h"

/* One map of a linked program, as section .maps has it. */
struct linked_map {
    const char *name;
    uint32_t type, key_bytes, value_bytes, entries;
    const uint8_t *initial; /* [value_bytes], or NULL when it begins as zeros */
};

struct linked {
    struct insn *code;
    uint32_t count;            /* slots */
    struct object_line *lines; /* [count] */
    struct linked_map *maps;
    uint32_t map_count;
    const char *section; /* where the program stood: its hook, by name */
    const char *function;
    uint32_t inlined; /* calls that were replaced by what they call */
};

/* Links the program of `image` that stands in `section` and is called `function`; either may be
 * NULL when only one can be meant. Names and contents point into the image. Leaves through the
 * work's `out` when it cannot. */
void link_object(struct work *w, const void *image, size_t bytes, const char *section,
                 const char *function, struct linked *out);
