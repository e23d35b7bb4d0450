/*
 * Objects: finds the program in an eBPF ELF64 object made by clang -target bpf -c.
 *
 * The object is hostile until shown otherwise: every offset and count is checked against the
 * object's size before use, in arithmetic that cannot wrap, and nothing is written.
 */
#pragma once

#include "exo/abi/graft.h"
#include "exo/abi/graft_map.h"
#include "grafts/insn.h"

/* A program as it was found; not checked yet. Points into the object. */
struct graft_code {
    const struct insn *insns;
    uint32_t count; /* slots */
    uint32_t section;
};

/* The other parts of a linked object (exo/abi/graft_object.h); NULL and 0 where it has none.
 * Counted and aligned, but nothing in them is checked. They point into the object. */
struct graft_parts {
    const struct graft_map_def *maps;
    uint32_t map_count;
    const uint8_t *initial; /* records of struct graft_initial */
    uint32_t initial_bytes;
    const uint8_t *proof;
    uint32_t proof_bytes;
    const char *names; /* of the maps; map_count texts, each ended within the object */
    const char *hook;  /* a text ended within the object */
};

/* Finds the code in `image`, `bytes` long, aligned to 8, and a copy that no user can change: in
 * the section called `name`, or, when `name` is NULL, in the only executable section that is not
 * empty. Returns GRAFT_ACCEPTED and fills *out, or a GRAFT_ELF_* reason. */
enum graft_reason graft_elf_find(const void *image, size_t bytes, const char *name,
                                 struct graft_code *out);

/* Finds the other parts of an `image` in which graft_elf_find found code. Returns GRAFT_ACCEPTED
 * and fills *out, or GRAFT_ELF_TRUNCATED, ELF_ALIGNMENT or ELF_SECTION. */
enum graft_reason graft_elf_parts(const void *image, size_t bytes, struct graft_parts *out);

/* The source line of slot `at` of the code that graft_elf_find found in `image`, from the object's
 * section .graft.lines or .BTF.ext; 0 when the object does not tell. */
uint32_t graft_elf_line(const void *image, size_t bytes, const struct graft_code *code,
                        uint32_t at);
