/* Maps of a graft that is being loaded. */
#pragma once

#include "grafts/elf.h"
#include "libos-graft/loader.h"

/* Makes the maps of a linked object, or takes those of `old`, which may be NULL, that have the same
 * name and definition. On an error, too, maps_end() is to be called. BAD_ARG; NO_MEM; errors of
 * exo_graft_map_create. */
enum err maps_make(struct loader_graft *g, const struct graft_parts *parts,
                   struct loader_graft *old);

/* Ends the maps that are not another program's. */
void maps_end(struct loader_graft *g);

/* `g` has replaced `old`: maps that it took are its own now, and the others of `old` are ended. */
void maps_inherit(struct loader_graft *g, struct loader_graft *old);
