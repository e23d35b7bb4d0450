/* The part of the key-value store that is in the kernel: handler_kv.c, and the table that it
 * shares. */
#pragma once

#include "libos-net/examples/kv.h"
#include "libos/archive.h"

/* Makes memory for a store, empty, in frames that a map shows to grafts. NO_MEM; errors of
 * exo_graft_map_create. */
enum err kv_kernel_table(struct kv **kv, slot_t *map);

/* Binds the handler to a ring: it answers GETs for `me`. BAD_ARG: the archive has no such graft.
 * BAD_GRAFT: the kernel refused it. Errors of exo_graft_bind. */
enum err kv_kernel_bind(struct kv *kv, slot_t map, const struct answer_host *me,
                        const struct archive *a, slot_t ring);
