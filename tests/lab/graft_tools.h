/* Grafts and their maps for experiments; what fails ends the lab. */
#pragma once

#include "exo/abi/graft.h"
#include "exo/abi/graft_map.h"
#include "libos/archive.h"

/* A graft out of the boot archive, made for that hook; `map` is its only one, or SLOT_NONE. */
slot_t lab_graft(const struct archive *a, const char *name, uint32_t hook, slot_t map);

/* The same with `count` maps, in the order of the object. */
slot_t lab_graft_of(const struct archive *a, const char *name, uint32_t hook, const slot_t *maps,
                    uint32_t count);

/* The same out of memory; *report says why not. */
enum err lab_graft_create(slot_t slot, const void *at, size_t bytes, uint32_t hook,
                          const slot_t *maps, uint32_t count, struct graft_report *report);

/* A graft that returns a number. */
slot_t lab_constant(uint32_t hook, uint64_t number);

/* A map of one entry whose value is shown at `*at`, in so many pages. */
slot_t lab_map(uint32_t value_bytes, uint32_t pages, vaddr_t *at);

/* A ring buffer that tells nobody, likewise. */
slot_t lab_ring_buffer(uint32_t bytes, vaddr_t *at);

/* Binds a graft, and takes it away. */
void lab_bind(const char *key, slot_t graft, slot_t target, uint32_t hook);
