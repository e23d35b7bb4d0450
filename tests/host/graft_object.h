/* Objects as clang makes them, built in memory for tests: code, data, symbols, relocations. */
#pragma once

#include <string.h>

#include "grafts/prover/object.h"

#define GO_BYTES    65536u
#define GO_SECTIONS 16u
#define GO_SYMBOLS  32u

struct go {
    _Alignas(8) uint8_t image[GO_BYTES];
    uint32_t used, section_count, symbol_count;
    struct object_section sections[GO_SECTIONS];
    struct object_symbol symbols[GO_SYMBOLS];
    char names[512];
    uint32_t name_bytes;
};

static inline uint32_t go_name(struct go *g, const char *name)
{
    uint32_t at = g->name_bytes;
    memcpy(g->names + at, name, strlen(name) + 1);
    g->name_bytes += (uint32_t)strlen(name) + 1;
    return at;
}

static inline void go_begin(struct go *g)
{
    memset(g, 0, sizeof *g);
    g->used = 64;
    g->name_bytes = 1;
    g->section_count = 1;
    g->symbol_count = 1;
}

static inline uint32_t go_section(struct go *g, const char *name, uint32_t type, uint64_t flags,
                                  const void *from, uint64_t bytes)
{
    struct object_section *s = &g->sections[g->section_count];
    *s = (struct object_section){.name = go_name(g, name),
                                 .type = type,
                                 .flags = flags,
                                 .offset = g->used,
                                 .bytes = bytes,
                                 .alignment = 8};
    if (from) {
        memcpy(g->image + g->used, from, bytes);
        g->used += (uint32_t)(bytes + 7) / 8 * 8;
    }
    return g->section_count++;
}

static inline uint32_t go_symbol(struct go *g, const char *name, uint32_t section, uint32_t info,
                                 uint64_t value, uint64_t bytes)
{
    g->symbols[g->symbol_count] = (struct object_symbol){.name = go_name(g, name),
                                                         .info = (uint8_t)info,
                                                         .section = (uint16_t)section,
                                                         .value = value,
                                                         .bytes = bytes};
    return g->symbol_count++;
}

static inline void go_relocate(struct go *g, uint32_t section, const struct object_relocation *r,
                               uint32_t count)
{
    uint32_t s = go_section(g, ".rel", OBJECT_REL, 0, r, count * sizeof *r);
    g->sections[s].info = section;
}

/* Ends the object; its bytes are g->image, how many is returned. */
static inline size_t go_end(struct go *g)
{
    uint32_t symbols = go_section(g, ".symtab", OBJECT_SYMTAB, 0, g->symbols,
                                  g->symbol_count * sizeof g->symbols[0]);
    uint32_t own = go_name(g, ".strtab");
    uint32_t names = go_section(g, "", OBJECT_STRTAB, 0, g->names, g->name_bytes);
    static const uint8_t head[] = "\177ELF\2\1\1";
    uint16_t shorts[] = {64, 0, 0, 64, (uint16_t)g->section_count, (uint16_t)names};
    uint64_t table = g->used;

    g->sections[names].name = own;
    g->sections[symbols].link = names;
    memcpy(g->image, head, sizeof head - 1);
    memcpy(g->image + 16, (uint16_t[]){1, 247}, 4);
    memcpy(g->image + 20, &(uint32_t){1}, 4);
    memcpy(g->image + 40, &table, 8);
    memcpy(g->image + 52, shorts, sizeof shorts);
    memcpy(g->image + table, g->sections, g->section_count * sizeof g->sections[0]);
    return table + g->section_count * sizeof g->sections[0];
}
