/*
 * What a compiler made: sections, symbols, relocations and source lines of an eBPF object that is
 * not linked yet. The object may be anything; what is found here lies within it.
 */
#pragma once

#include "grafts/insn.h"
#include "grafts/prover/work.h"

/* ELF64, System V ABI, chapter 4 "Object Files". */
struct object_section {
    uint32_t name, type;
    uint64_t flags, address, offset, bytes;
    uint32_t link, info;
    uint64_t alignment, entry_bytes;
};
_Static_assert(sizeof(struct object_section) == 64, "as the ABI has it");

#define OBJECT_PROGBITS 1u
#define OBJECT_SYMTAB   2u
#define OBJECT_STRTAB   3u
#define OBJECT_RELA     4u
#define OBJECT_NOBITS   8u
#define OBJECT_REL      9u
#define OBJECT_WRITE    1u /* flags */
#define OBJECT_ALLOC    2u
#define OBJECT_EXEC     4u

struct object_symbol {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, bytes;
};
_Static_assert(sizeof(struct object_symbol) == 24, "as the ABI has it");

#define OBJECT_FUNCTION       2u /* low half of info */
#define OBJECT_SECTION_SYMBOL 3u
#define OBJECT_GLOBAL         1u /* high half of info; 2 is weak */

struct object_relocation {
    uint64_t offset;
    uint32_t type, symbol;
};
_Static_assert(sizeof(struct object_relocation) == 16, "as the ABI has it");

struct object {
    struct work *work;
    const uint8_t *image;
    size_t bytes;
    const struct object_section *sections;
    uint32_t section_count;
    const struct object_symbol *symbols;
    uint32_t symbol_count, symbol_strings; /* the latter a section */
};

/* Opens `image`, aligned to 8. Leaves through the work's `out` when it is malformed. */
void object_open(struct object *o, struct work *w, const void *image, size_t bytes);

/* The bytes of a section, which lie in the object; NULL for one without bytes. */
const uint8_t *object_bytes(const struct object *o, const struct object_section *s);

/* Names end within the object; "" when there is none. */
const char *object_section_name(const struct object *o, uint32_t section);
const char *object_symbol_name(const struct object *o, const struct object_symbol *s);

/* The symbol of a relocation. Leaves when there is no such. */
const struct object_symbol *object_symbol_at(const struct object *o, uint32_t number);

/* The section called `name`, or 0. */
uint32_t object_find(const struct object *o, const char *name);

/* The relocations of `section` in *out; how many. */
uint32_t object_relocations(const struct object *o, uint32_t section,
                            const struct object_relocation **out);

struct object_line {
    uint32_t line;
    const char *file; /* "" when unknown */
};

/* Fills lines[0 .. count) with the source lines of the slots of `section`. */
void object_lines(const struct object *o, uint32_t section, struct object_line *lines,
                  uint32_t count);

bool object_same(const char *a, const char *b);
bool object_begins(const char *a, const char *prefix);
