/*
 * Grafts out of files: what `clang -target bpf -c` made, or `graft prove`, is linked, proved,
 * given maps and loaded, bound, and replaced while it is bound.
 *
 * For one thread at a time, as the heap. Pre: libos_setup().
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"
#include "exo/abi/graft.h"
#include "exo/abi/graft_map.h"

#define LOADER_MESSAGE 320u /* bytes of a message, its NUL included */
#define LOADER_NAME    32u  /* and of a map's name; longer ones are cut */

/* Which program is meant. NULL and 0 where the file has only one. */
struct loader_file {
    const char *name; /* of the file, for messages */
    const void *image;
    size_t bytes;
    const char *section, *function;
    uint32_t hook; /* enum graft_hook; 0: by the section's name */
    bool fresh;    /* loader_update: maps begin anew, none is kept */
};

struct loader_map {
    char name[LOADER_NAME];
    struct graft_map_def def;
    slot_t slot;
    slot_t frames; /* of its values or records; SLOT_NONE where the kernel keeps them */
    pfn_t first;
    uint32_t pages;
    vaddr_t at;   /* where they are mapped */
    bool is_kept; /* while a program replaces another: the map is that one's */
};

struct loader_graft {
    slot_t slot;
    uint32_t hook;
    uint32_t steps; /* of the longest path */
    uint32_t map_count;
    struct loader_map maps[GRAFT_MAX_MAPS];
};

/* Loads a program and makes its maps, with what they are to have at first. `message` tells about
 * what was refused; it is empty when all is well.
 *
 * BAD_GRAFT: it could not be linked or proved, or the kernel refused it. NO_MEM. BAD_ARG: no hook
 * is told, or a map cannot be made. */
enum err loader_load(struct loader_graft *g, const struct loader_file *f,
                     char message[LOADER_MESSAGE]);

/* Binds it to `target` (exo_graft_bind), in place of what is bound there. Errors of that call. */
enum err loader_bind(const struct loader_graft *g, slot_t target);

/* Puts another program into the place of a bound one, in one step: each event runs the old one with
 * the old maps or the new one with the new ones. Maps of the same name and definition are kept with
 * what they hold; global data are the new program's. On an error all is as it was. Errors of
 * loader_load and loader_bind. BAD_STATE: the program is for another hook. */
enum err loader_update(struct loader_graft *g, const struct loader_file *f, slot_t target,
                       char message[LOADER_MESSAGE]);

/* The map of that name; NULL: it has none. */
struct loader_map *loader_map_find(struct loader_graft *g, const char *name);

/* Ends it: what was bound to a place is not any more, and maps and memory are given back. */
void loader_end(struct loader_graft *g);
