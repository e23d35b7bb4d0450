/* The linker's inside: what its files ask of each other. */
#pragma once

#include "grafts/prover/link.h"
#include "grafts/prover/listing.h"

/* Sections whose data stand in one map, one behind the other. */
struct linker_data {
    uint32_t map;
    uint32_t section;
    uint32_t offset; /* in the map's value */
};

struct linker {
    struct work *work;
    struct object object;
    struct function *functions;
    uint32_t function_count, function_room;
    struct linker_data *data;
    uint32_t data_count, data_room;
    struct linked_map *maps;
    uint32_t map_count, map_room;
    uint32_t maps_section; /* .maps, or 0 */
    uint32_t inlined;
};

/* The number of the function that begins at slot `first` of `section`; new ones are not read yet.
 */
uint32_t linker_function(struct linker *l, uint32_t section, uint64_t first);

/* Reads its instructions. Functions that it calls join the list. */
void linker_read_function(struct linker *l, uint32_t number);

/* Puts newer instructions for what older ones say in several. */
void linker_simplify(struct linker *l, struct function *f);

/* Reads the maps of section .maps, and makes what holds global data. */
void linker_read_maps(struct linker *l);
void linker_fill_maps(struct linker *l);

/* Makes the 64-bit load `item` name what symbol `s` is. */
void linker_relocate_data(struct linker *l, struct item *item, const struct object_symbol *s);

/* Replaces every call in the function, and in those it calls. */
void linker_inline(struct linker *l, uint32_t function);

/* Lays the function out as slots; what no path leads to is left out. */
void linker_emit(struct work *w, const struct function *f, struct linked *out);
